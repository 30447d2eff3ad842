"""Who shares which weights: a plan maps (child, site, kind) to the slot whose weights the child uses there."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from enum import Enum
from functools import cached_property
from typing import NoReturn

from commonweight.errors import UsageError
from commonweight.space import Child, SearchSpace


class Place(Enum):
    """What kind of place a site is; what is in front of a cell is `PRE`, and of the head, in some networks, `TAIL`."""

    STEM = "stem"
    PRE = "pre"
    EDGE = "edge"
    TAIL = "tail"
    HEAD = "head"


class Kind(Enum):
    """What kind of weights: convolutions, batch normalisation (running statistics included), the linear classifier.

    In a primitive of your own every layer that is not a `Norm` counts as `CONV`.
    """

    CONV = "conv"
    NORM = "norm"
    LINEAR = "linear"


@dataclass(frozen=True)
class Site:
    """A place in the network that holds weights. `cell` counts from 0, `edge` is an index of `SearchSpace.edges`."""

    place: Place
    cell: int | None = None
    edge: int | None = None

    @property
    def name(self) -> str:
        """`stem`, `cell0.pre`, `cell0.edge2`, `head`: also the name of the random stream that initialises the site."""
        if self.cell is None:
            return self.place.value
        return f"cell{self.cell}.{self.place.value}{'' if self.edge is None else self.edge}"

    @property
    def kinds(self) -> tuple[Kind, ...]:
        """The kinds of weights that this site holds."""
        match self.place:
            case Place.HEAD:
                return (Kind.LINEAR,)
            case Place.TAIL:
                return (Kind.NORM,)
            case _:
                return (Kind.CONV, Kind.NORM)


STEM = Site(Place.STEM)
TAIL = Site(Place.TAIL)
HEAD = Site(Place.HEAD)


def sites(space: SearchSpace, cells: int, tail: bool = False) -> tuple[Site, ...]:
    """All sites of a network of `cells` cells, and perhaps a `tail`, from the image to the logits."""
    inside = [
        site
        for cell in range(cells)
        for site in (Site(Place.PRE, cell), *(Site(Place.EDGE, cell, edge) for edge in range(len(space.edges))))
    ]
    return (STEM, *inside, *((TAIL,) if tail else ()), HEAD)


@dataclass(frozen=True)
class SharingPlan:
    """Children that are trained together and, for every kind of weight at every site, the slot of each child.

    Where weights are shared, all children use slot 0. Where they are `private`, child number i of `children` uses slot i.
    A slot on an edge holds one set of weights for each primitive, so children with different primitives on an edge never
    share that edge's weights. Children, cells and slots are all that the network knows of sharing.

    Example: `143` and `144`, with the head's weights `private`. In every cell both children use slot 0 of edge (0,2), where
    both have primitive 4, and so the same weights. Both use slot 0 of edge (1,2) too, but not the same weights in it:
    `143` those of primitive 3, `144` those of primitive 4. At the head `143` uses slot 0 and `144` slot 1.

    Raises `UsageError` when `children` is empty, repeats a child or mixes search spaces, for less than one cell, and for a
    private site or kind of weight that the network does not have.
    """

    children: tuple[Child, ...]
    cells: int
    private: frozenset[tuple[Site, Kind]]
    tail: bool = False

    def __post_init__(self) -> None:
        if not self.children:
            raise UsageError("a sharing plan has no children; give it at least one")
        if len(set(self.children)) != len(self.children):
            raise UsageError("a sharing plan names a child twice; each child is trained once")
        if len({child.space for child in self.children}) != 1:
            raise UsageError("the children of a sharing plan come from different search spaces; they must share one")
        if self.cells < 1:
            raise UsageError(f"a network has {self.cells} cells; it needs at least 1")
        for site, kind in sorted(self.private - set(self.weights), key=lambda unknown: unknown[0].name):
            self._refuse(site, kind)

    @property
    def space(self) -> SearchSpace:
        return self.children[0].space

    @cached_property
    def sites(self) -> tuple[Site, ...]:
        """All sites of the network, from the image to the logits."""
        return sites(self.children[0].space, self.cells, self.tail)

    @cached_property
    def weights(self) -> frozenset[tuple[Site, Kind]]:
        """All sites of the network with each kind of weight that they hold: what can be private."""
        return frozenset((site, kind) for site in self.sites for kind in site.kinds)

    @cached_property
    def _position(self) -> dict[Child, int]:
        return {child: position for position, child in enumerate(self.children)}

    def position(self, child: Child) -> int:
        """Place of the child in `children`; raises `UsageError` for a child that is not trained here."""
        try:
            return self._position[child]
        except KeyError:
            raise UsageError(f"child {child} is not one of the {len(self.children)} children of this plan") from None

    def slot(self, child: Child, site: Site, kind: Kind) -> int:
        """The slot, from 0, whose weights of this kind the child uses at this site.

        Raises `UsageError` for a child, a site or a kind of weight that is not in this network.
        """
        position = self.position(child)
        if (site, kind) not in self.weights:
            self._refuse(site, kind)
        return position if (site, kind) in self.private else 0

    def _refuse(self, site: Site, kind: Kind) -> NoReturn:
        if site not in self.sites:
            raise UsageError(f"site {site.name} is not in a network of {self.cells} cells")
        held = " and ".join(held.value for held in site.kinds)
        raise UsageError(f"site {site.name} holds no weights of kind {kind.value}; it holds {held}")


def share_all(children: Iterable[Child], cells: int, *, tail: bool = False) -> SharingPlan:
    """Full weight sharing: one slot everywhere (paper §3). Here and below, `tail` is whether the network has one."""
    return SharingPlan(tuple(children), cells, frozenset(), tail)


def share_prefix(children: Iterable[Child], cells: int, k: int, *, tail: bool = False) -> SharingPlan:
    """Prefix sharing: stem and the first `k` cells shared, the rest, head included, one slot per child (paper §4.3).

    Raises `UsageError` unless `k` is in 0 … `cells`.
    """
    if not 0 <= k <= cells:
        raise UsageError(f"prefix sharing of k = {k} cells; a network of {cells} cells allows 0 … {cells}")
    return _private(
        share_all(children, cells, tail=tail),
        lambda site, _: site in (TAIL, HEAD) or (site.cell is not None and site.cell >= k),
    )


def share_none(children: Iterable[Child], cells: int, *, tail: bool = False) -> SharingPlan:
    """No sharing: one slot per child everywhere."""
    return _private(share_all(children, cells, tail=tail), lambda *_: True)


def share_all_but(
    children: Iterable[Child],
    cells: int,
    kinds: Collection[Kind] = (),
    edges: Collection[int] = (),
    *,
    tail: bool = False,
) -> SharingPlan:
    """Everything shared but the weights of `kinds`, at every site, and all weights on `edges`, in every cell.

    Edges are indexes of `SearchSpace.edges`. Examples, which are what the reference implementation explored:
    `kinds={NORM}` shares all but batch normalisation, `kinds={CONV}` all but convolutions, `kinds={NORM, LINEAR}` only
    convolutions, `edges={2}` all but what stands on edge (1,2). Raises `UsageError` for an edge that the cell does not have.
    """
    everything = share_all(children, cells, tail=tail)
    count = len(everything.space.edges)
    for edge in edges:
        if edge not in range(count):
            raise UsageError(f"edge {edge} is not in a cell of {count} edges; expected 0 … {count - 1}")
    return _private(everything, lambda site, kind: kind in kinds or (site.edge is not None and site.edge in edges))


def _private(everything: SharingPlan, chosen: Callable[[Site, Kind], bool]) -> SharingPlan:
    return replace(everything, private=frozenset(weight for weight in everything.weights if chosen(*weight)))
