"""What every search space offers, whatever its children are made of."""

from collections.abc import Iterator
from typing import Any, Protocol, TypeVar

import numpy as np


class AnyChild(Protocol):
    """A child of any space: a value, hashable, and ordered as its space orders its children."""

    @property
    def name(self) -> str:
        """Unique in its space, without blanks, commas and semicolons: the header of a table."""
        ...

    def __lt__(self, other: Any, /) -> bool: ...

    def __hash__(self) -> int: ...


C_co = TypeVar("C_co", bound=AnyChild, covariant=True)


class Space(Protocol[C_co]):
    """A set of children. `SearchSpace` is one (a cell and primitives), `Choices` another (options for each site).

    `child` raises `UsageError` for a name of no child, `sample` for more children than there are.
    """

    @property
    def size(self) -> int:
        """Number of children."""
        ...

    def children(self) -> Iterator[C_co]:
        """Every child, in their order."""
        ...

    def child(self, name: str) -> C_co:
        """The child of this name."""
        ...

    def sample(self, count: int, rng: np.random.Generator) -> tuple[C_co, ...]:
        """`count` different children, drawn uniformly, in their order."""
        ...
