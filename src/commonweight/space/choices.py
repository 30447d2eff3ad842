"""A space of a user's own: options for each site, and children that choose one at each."""

import itertools
import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType

import numpy as np

from commonweight.errors import UsageError, nearest

Option = str | int | float

MOST_COUNTED = 2**22
"""Combinations of options that are looked at one by one to tell which children are valid; about 10 s of Python."""

TRIES = 1000
"""Draws for each child that a sample needs, before valid children are called too rare to be drawn."""

_WORD = re.compile(r"[^\s/,;\"'=#]+")


@dataclass(frozen=True)
class Choices:
    """Sites by name, each with its options; a child chooses one option at every site.

    `valid` says of a child whether it belongs to the space; without it every combination does. Children stand in
    lexicographic order, by the places of their options; the last site changes fastest.

    Raises `UsageError` without sites, for a site without options, for options that are equal or read alike, and for words
    that break a child's name.

    >>> space = cw.Choices({"edge0": ["conv3", "skip"], "edge1": ["conv3", "skip"]}, valid=lambda c: c["edge0"] != "skip")
    >>> [child.name for child in space.children()]
    ['conv3/conv3', 'conv3/skip']
    """

    sites: Mapping[str, Sequence[Option]] = field(compare=False)
    valid: "Callable[[Chosen], bool] | None" = None
    _table: tuple[tuple[str, tuple[Option, ...]], ...] = field(
        init=False, repr=False
    )  # a mapping has no order, a name has

    def __post_init__(self) -> None:
        if not self.sites:
            raise UsageError("a space without sites; give at least one, with its options: {'edge0': ['conv3', 'skip']}")
        table = []
        for site, options in self.sites.items():
            _require_word(site, "site")
            if isinstance(options, str) or not options:
                raise UsageError(f"site {site!r} has options {options!r}; expected a list of at least one")
            for option in options:
                if not isinstance(option, str | int | float) or (
                    isinstance(option, float) and not math.isfinite(option)
                ):
                    raise UsageError(f"site {site!r}: option {option!r}; expected a word or a finite number")
                _require_word(str(option), f"option of site {site!r}")
            for same in (tuple(options), tuple(map(str, options))):
                if twice := [option for option in same if same.count(option) > 1]:
                    raise UsageError(f"site {site!r} has option {twice[0]!r} twice; each may stand once")
            table.append((str(site), tuple(options)))
        object.__setattr__(self, "_table", tuple(table))
        object.__setattr__(self, "sites", MappingProxyType(dict(table)))

    @property
    def combinations(self) -> int:
        """Children if all were valid, however many."""
        return math.prod(len(options) for _, options in self._table)

    @cached_property
    def size(self) -> int:
        """Number of children. Raises `UsageError` when that needs a look at more than `MOST_COUNTED` combinations."""
        return self.combinations if self.valid is None else sum(1 for _ in self.children())

    def children(self) -> Iterator["Chosen"]:
        """Every valid child in lexicographic order. Raises `UsageError` as `size` does."""
        if self.valid is not None and self.combinations > MOST_COUNTED:
            raise UsageError(
                f"which of {self.combinations} combinations are valid would need a look at each; "
                f"expected at most {MOST_COUNTED}: draw children with sample"
            )
        every = itertools.product(*(range(len(options)) for _, options in self._table))
        return (child for child in self._valid(every))

    def child(self, name: str) -> "Chosen":
        """The child of this name: its options joined by `/`, in the order of the sites; raises `UsageError` for another."""
        words = name.removeprefix(self._prefix).split("/")
        if len(words) != len(self._table) or not name.startswith(self._prefix):
            example = self._name(tuple(0 for _ in self._table))
            raise UsageError(
                f"{name!r} names no child of this space: expected an option for each of {len(self._table)} sites, "
                f"like {example!r}"
            )
        places = []
        for word, (site, options) in zip(words, self._table, strict=True):
            texts = [str(option) for option in options]
            if word not in texts:
                raise UsageError(
                    f"{name!r} names no child of this space: site {site!r} has no option {word!r}{nearest(word, texts)}; "
                    f"expected one of {', '.join(texts)}"
                )
            places.append(texts.index(word))
        return Chosen(self, tuple(places))

    def sample(self, count: int, rng: np.random.Generator) -> tuple["Chosen", ...]:
        """`count` different valid children, drawn uniformly, in lexicographic order.

        Where all combinations can be counted (2^20) they are; in larger spaces children are drawn, and thrown away when
        they are not valid. Raises `UsageError` for more children than there are, and when valid ones are too rare.
        """
        if self.combinations <= 2**20:
            if not 0 <= count <= self.size:
                raise UsageError(f"cannot draw {count} different children from a space of {self.size}")
            places = set(rng.choice(self.size, size=count, replace=False).tolist())
            return tuple(child for place, child in enumerate(self.children()) if place in places)
        found: set[tuple[int, ...]] = set()
        sizes = [len(options) for _, options in self._table]
        for _ in range(TRIES * max(1, count)):
            if len(found) >= count:
                return tuple(Chosen(self, places) for places in sorted(found))
            found |= {child.places for child in self._valid([tuple(rng.integers(sizes).tolist())])}
        raise UsageError(
            f"{len(found)} different valid children in {TRIES * max(1, count)} draws, and {count} were asked for; valid "
            "ones are too rare to draw: leave out of the sites what is never valid"
        )

    def _valid(self, every: Iterator[tuple[int, ...]] | Sequence[tuple[int, ...]]) -> Iterator["Chosen"]:
        for places in every:
            child = _unchecked(self, places)
            if self.valid is None or self.valid(child):
                yield child

    @property
    def _prefix(self) -> str:
        """Of a name in a space of one site, where an option alone may be a number: `kernel=3`."""
        return f"{self._table[0][0]}=" if len(self._table) == 1 else ""

    def _name(self, places: tuple[int, ...]) -> str:
        chosen = (str(options[place]) for place, (_, options) in zip(places, self._table, strict=True))
        return self._prefix + "/".join(chosen)


@dataclass(frozen=True, order=True)
class Chosen:
    """A child of `Choices`: for each site, in order, the place of the chosen option among the site's, from 0.

    `child["edge0"]` is the chosen option itself. Raises `UsageError` for places that are no child of the space.
    """

    space: Choices = field(repr=False)
    places: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "places", tuple(self.places))
        sizes = [len(options) for _, options in self.space._table]
        if len(self.places) != len(sizes) or not all(0 <= p < n for p, n in zip(self.places, sizes, strict=True)):
            raise UsageError(f"places {self.places} are no child of this space: expected one below each of {sizes}")
        if self.space.valid is not None and not self.space.valid(self):
            raise UsageError(f"child {self.name} is not valid in this space; choose one of its `children()`")

    def __hash__(self) -> int:
        return hash(self.places)  # the space's table would be hashed at every look-up

    def __getitem__(self, site: str) -> Option:
        for place, (name, options) in zip(self.places, self.space._table, strict=True):
            if name == site:
                return options[place]
        raise UsageError(
            f"no site {site!r}{nearest(str(site), self.space.sites)}; this space has {_listed(self.space)}"
        )

    @property
    def name(self) -> str:
        """The options joined by `/`, in the order of the sites: `conv3/skip`; with one site alone, `kernel=3`."""
        return self.space._name(self.places)

    @property
    def options(self) -> dict[str, Option]:
        """The chosen option of every site, by the site's name."""
        return {site: options[place] for place, (site, options) in zip(self.places, self.space._table, strict=True)}

    def with_option(self, site: str, option: Option) -> "Chosen":
        """The child that differs at this site alone; raises `UsageError` when that is no child of the space."""
        here = {name: number for number, name in enumerate(self.space.sites)}
        if option not in self.space.sites[site]:
            raise UsageError(f"site {site!r} has no option {option!r}; expected one of {self.space.sites[site]}")
        places = list(self.places)
        places[here[site]] = self.space.sites[site].index(option)
        return Chosen(self.space, tuple(places))

    def __str__(self) -> str:
        return self.name


def _unchecked(space: Choices, places: tuple[int, ...]) -> Chosen:
    """A child before it is known to be valid: what `valid` is asked about."""
    child = object.__new__(Chosen)
    object.__setattr__(child, "space", space)
    object.__setattr__(child, "places", places)
    return child


def _require_word(word: object, what: str) -> None:
    if not isinstance(word, str) or not word.isprintable() or not _WORD.fullmatch(word):
        raise UsageError(
            f"{what} {word!r}; expected a word without blanks and / , ; = # or quotation marks, which would break the names "
            "of children and the header of a table"
        )


def _listed(space: Choices) -> str:
    return ", ".join(space.sites)
