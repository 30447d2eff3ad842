"""The search space: a densely connected cell and a list of primitives; one choice per edge is a child (paper §3.1)."""

import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, Field

from commonweight.errors import UsageError
from commonweight.values import Count, brief, value

Edge = tuple[int, int]

PAPER_PRIMITIVES = ("max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_5x5")
"""The paper's four, in the order of the digits of a child's name.

Figure 1 of the paper prints a 3×3 dilated convolution; the reference implementation, which made the paper's numbers, has
the 5×5 one. We follow the numbers; `dil_conv_3x3` in its place gives the figure's space.
"""


def _each_once(primitives: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(primitives)) < len(primitives):
        raise ValueError("names one twice; each may stand once")
    return primitives


@value
class SearchSpace:
    """`nodes` nodes x1..xn behind the cell's input x0, each fed by all earlier ones; one of `primitives` on each edge.

    Edges stand in the order (0,1), (0,2), (1,2), (0,3), …: by target, then by source. There are
    `len(primitives) ** len(edges)` children. Raises `UsageError` for an impossible space.
    """

    nodes: Annotated[Count, Field(le=100)] = 2
    primitives: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_each_once)] = PAPER_PRIMITIVES

    @cached_property
    def edges(self) -> tuple[Edge, ...]:
        """All (source, target) pairs with source < target, in the order of a child's digits."""
        return tuple((source, target) for target in range(1, self.nodes + 1) for source in range(target))

    @property
    def size(self) -> int:
        """Number of children, however many; `len` raises `OverflowError` above `sys.maxsize`."""
        return len(self.primitives) ** len(self.edges)

    def __len__(self) -> int:
        return self.size

    def children(self) -> Iterator["Child"]:
        """Every child in lexicographic order, 111 … 444 in the paper's space; a child's place here is its index."""
        for digits in itertools.product(range(1, len(self.primitives) + 1), repeat=len(self.edges)):
            yield Child(self, digits)

    def child(self, name: str) -> "Child":
        """The child of this name: one digit per edge, `143`; in spaces of ten or more primitives `1-4-10`."""
        parts = name.split("-") if self._long_names else list(name)
        example = self._name((1,) * len(self.edges))
        if len(parts) != len(self.edges) or not all(re.fullmatch("[1-9][0-9]*", part) for part in parts):
            raise UsageError(
                f"{name!r} names no child of this space: expected {len(self.edges)} digits like {example!r}"
            )
        return Child(self, tuple(int(part) for part in parts))

    def child_at(self, index: int) -> "Child":
        """The child at this place of the lexicographic order, 0 … len − 1."""
        if not 0 <= index < self.size:
            raise UsageError(f"child index {index} is outside 0 … {self.size - 1}")
        digits = []
        for _ in self.edges:
            index, digit = divmod(index, len(self.primitives))
            digits.append(digit + 1)
        return Child(self, tuple(reversed(digits)))

    def sample(self, count: int, rng: np.random.Generator) -> tuple["Child", ...]:
        """`count` different children, drawn uniformly, in lexicographic order. Spaces of any size are fine."""
        if not 0 <= count <= self.size:
            raise UsageError(f"cannot draw {count} different children from a space of {self.size}")
        if self.size <= 2**20:
            indexes = set(rng.choice(self.size, size=count, replace=False).tolist())
        else:
            indexes = set()
            while len(indexes) < count:
                digits = rng.integers(0, len(self.primitives), size=len(self.edges)).tolist()
                indexes.add(sum(d * len(self.primitives) ** k for k, d in enumerate(reversed(digits))))
        return tuple(self.child_at(index) for index in sorted(indexes))

    @property
    def _long_names(self) -> bool:
        return len(self.primitives) > 9

    def _name(self, digits: tuple[int, ...]) -> str:
        return ("-" if self._long_names else "").join(map(str, digits))


@dataclass(frozen=True, order=True)
class Child:
    """One choice of a primitive for every edge of `space`: one digit for each edge, in order, counting primitives from 1.

    Example: `143` of the paper's space is `max_pool_3x3` on edge (0,1), `dil_conv_5x5` on (0,2) and `sep_conv_5x5` on
    (1,2). Raises `UsageError` for digits that are no child of the space.
    """

    __repr__ = brief

    space: SearchSpace
    digits: tuple[int, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "digits", tuple(self.digits))
        top = len(self.space.primitives)
        if len(self.digits) != len(self.space.edges) or not all(1 <= digit <= top for digit in self.digits):
            raise UsageError(
                f"{'-'.join(map(str, self.digits))} is no child of this space: "
                f"expected {len(self.space.edges)} digits from 1 to {top}"
            )

    def __hash__(self) -> int:
        return hash(self.digits)  # not of the space too: children are looked up millions of times, in one space

    @property
    def name(self) -> str:
        """The digits as the paper writes them, `143`."""
        return self.space._name(self.digits)

    @property
    def index(self) -> int:
        """Place in the lexicographic order of the whole space, from 0."""
        index = 0
        for digit in self.digits:
            index = index * len(self.space.primitives) + digit - 1
        return index

    @property
    def primitives(self) -> tuple[str, ...]:
        """The chosen primitive of each edge, in the order of `space.edges`."""
        return tuple(self.space.primitives[digit - 1] for digit in self.digits)

    def __str__(self) -> str:
        return self.name
