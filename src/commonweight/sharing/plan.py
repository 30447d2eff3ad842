"""Who shares which weights: a plan maps (child, site) to the slot whose weights the child uses there."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property

from commonweight.errors import UsageError
from commonweight.space import Child, SearchSpace


class Place(Enum):
    """What kind of place a site is; a cell's input preprocessing is `PRE`."""

    STEM = "stem"
    PRE = "pre"
    EDGE = "edge"
    HEAD = "head"


@dataclass(frozen=True)
class Site:
    """A place in the network that holds weights. `cell` counts from 0, `edge` is a place in `SearchSpace.edges`."""

    place: Place
    cell: int | None = None
    edge: int | None = None

    @property
    def name(self) -> str:
        """`stem`, `cell0.pre`, `cell0.edge2`, `head`: also the name of its random stream."""
        if self.cell is None:
            return self.place.value
        return f"cell{self.cell}.{self.place.value}{'' if self.edge is None else self.edge}"


STEM = Site(Place.STEM)
HEAD = Site(Place.HEAD)


def sites(space: SearchSpace, cells: int) -> tuple[Site, ...]:
    """All sites of a network of `cells` cells, from the image to the logits."""
    inside = [
        site
        for cell in range(cells)
        for site in (Site(Place.PRE, cell), *(Site(Place.EDGE, cell, edge) for edge in range(len(space.edges))))
    ]
    return (STEM, *inside, HEAD)


@dataclass(frozen=True)
class SharingPlan:
    """Children that are trained together and, for every site, the slot of each of them.

    At a shared site all children use slot 0 (children with different primitives on an edge never share that edge's
    weights: a slot holds one set of weights per primitive). At a `private` site child number i of `children` uses slot i.
    This is all that the network knows of sharing. Raises `UsageError` when `children` is empty or repeats one.
    """

    children: tuple[Child, ...]
    cells: int
    private: frozenset[Site]

    def __post_init__(self) -> None:
        if not self.children:
            raise UsageError("a sharing plan has no children; give it at least one")
        if len(set(self.children)) != len(self.children):
            raise UsageError("a sharing plan names a child twice; each child is trained once")
        if len({child.space for child in self.children}) != 1:
            raise UsageError("the children of a sharing plan come from different search spaces; they must share one")
        if self.cells < 1:
            raise UsageError(f"a network has {self.cells} cells; it needs at least 1")
        unknown = self.private - set(self.sites)
        if unknown:
            raise UsageError(f"site {min(site.name for site in unknown)} is not in a network of {self.cells} cells")

    @property
    def space(self) -> SearchSpace:
        return self.children[0].space

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """All sites of the network, from the image to the logits."""
        return sites(self.children[0].space, self.cells)

    @cached_property
    def _position(self) -> dict[Child, int]:
        return {child: position for position, child in enumerate(self.children)}

    def position(self, child: Child) -> int:
        """Place of the child in `children`; raises `UsageError` for a child that is not trained here."""
        try:
            return self._position[child]
        except KeyError:
            raise UsageError(f"child {child} is not one of the {len(self.children)} children of this plan") from None

    def slot(self, child: Child, site: Site) -> int:
        """The slot, from 0, whose weights this child uses at this site."""
        position = self.position(child)
        return position if site in self.private else 0


def share_all(children: Iterable[Child], cells: int) -> SharingPlan:
    """Full weight sharing: one copy of everything (paper §3)."""
    return SharingPlan(tuple(children), cells, frozenset())


def share_prefix(children: Iterable[Child], cells: int, k: int) -> SharingPlan:
    """Prefix sharing: stem and the first `k` cells shared, the rest, head included, one copy per child (paper §4.3)."""
    if not 0 <= k <= cells:
        raise UsageError(f"prefix sharing of k = {k} cells; a network of {cells} cells allows 0 … {cells}")
    everything = share_all(children, cells)
    later = [site for site in everything.sites if site.cell is not None and site.cell >= k]
    return replace(everything, private=frozenset([*later, HEAD]))


def share_none(children: Iterable[Child], cells: int) -> SharingPlan:
    """No sharing: every child has its own copy of everything."""
    everything = share_all(children, cells)
    return replace(everything, private=frozenset(everything.sites))
