"""Partitions of the children into groups; each group is trained alone with its own super-net (paper §4.2)."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from commonweight.errors import UsageError
from commonweight.sharing.clustering import balanced_groups, run_bounds
from commonweight.space import AnyChild, Child

C = TypeVar("C", bound=AnyChild)

Partition = tuple[tuple[Child, ...], ...]
"""Disjoint groups that cover the children; within a group the children stand in lexicographic order."""


def singletons(children: Sequence[Child]) -> Partition:
    """Every child alone: ground truth, and m = n of Table 3a."""
    return tuple((child,) for child in sorted(children))


def similar(children: Sequence[C], m: int) -> tuple[tuple[C, ...], ...]:
    """Grouping by similarity: the lexicographic sequence cut into `m` runs of equal length (paper §4.2.2).

    Example: of the paper's 64 children in 16 groups the first is `111`, `112`, `113`, `114`. Where `m` does not divide the
    number of children, sizes differ by at most one. Raises `UsageError` unless `m` is in 1 … the number of children.
    """
    return _cut(sorted(children), m)


def at_random(children: Sequence[C], m: int, rng: np.random.Generator) -> tuple[tuple[C, ...], ...]:
    """Grouping by random: a uniform permutation cut into `m` groups of equal size (paper §4.2.1).

    Sizes, and what is raised, are those of `similar`.
    """
    ordered = sorted(children)
    groups = _cut([ordered[index] for index in rng.permutation(len(ordered))], m)
    return tuple(tuple(sorted(group)) for group in groups)


def by_affinity(children: Sequence[Child], affinity: ArrayLike, m: int) -> Partition:
    """Grouping found from data: `m` groups of equal size of children that go well together (the paper's future work).

    Affinity [child, child] is higher for children that belong together, in the order of `children`; see `balanced_groups`.
    Sizes are those of `similar`, smaller groups first. Raises what `balanced_groups` raises, and `UsageError` for another
    number of children.
    """
    if len(affinity := np.asarray(affinity)) != len(children):
        raise UsageError(
            f"affinity has shape {affinity.shape} for {len(children)} children; give one row for each child"
        )
    groups = (tuple(sorted(children[place] for place in group)) for group in balanced_groups(affinity, m))
    return tuple(sorted(groups, key=lambda group: (len(group), group)))


def _cut(children: Sequence[C], m: int) -> tuple[tuple[C, ...], ...]:
    """`m` consecutive runs, of sizes that differ by at most one."""
    return tuple(tuple(children[low:high]) for low, high in run_bounds(len(children), m))
