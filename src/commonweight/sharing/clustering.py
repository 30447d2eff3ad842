"""Groups of equal size from a table of how well every two children go together; plain arrays."""

from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.cluster.hierarchy import leaves_list, linkage
from scipy.spatial.distance import squareform

from commonweight.errors import UsageError

SMALLEST_GAIN = 1e-9  # of the largest affinity: an exchange that gains less is rounding


def run_bounds(n: int, m: int) -> list[tuple[int, int]]:
    """Where `m` consecutive runs of `n` begin and end, in sizes that differ by at most one.

    Raises `UsageError` unless `m` is in 1 … `n`.
    """
    if not 1 <= m <= n:
        raise UsageError(f"m = {m} groups of {n} children; expected 1 … {n}")
    return list(pairwise(n * group // m for group in range(m + 1)))


def balanced_groups(affinity: ArrayLike, m: int) -> tuple[tuple[int, ...], ...]:
    """`m` groups of equal size of children that go well together: affinity [child, child] → places of the children.

    Affinity is higher for children that belong together, in any unit; [i, j] and [j, i] count alike, the diagonal not at
    all. A pair that is nan counts as the mean of the others: nothing is known of it. What a child brings to all others alike
    tells no groups apart, and is taken off first (`beyond_own`).

    Hierarchical clustering (average linkage, which no change of unit moves) puts like children side by side, but in clusters
    of any size. So its order of the leaves is cut into `m` runs, of sizes that differ by at most one, and then, as long as
    that raises the sum of the affinities within groups, the two children change places that raise it most (among equals
    the first). The result is the best to within any exchange of two, not always the best of all. (An optimal order of the
    leaves to begin with makes it no better.) Time grows with the cube of the number of children: 64 take a millisecond,
    2,048 more than a minute.

    Children of a group rise; smaller groups stand before larger ones, and those of one size by their first child. Raises
    `UsageError` unless affinity is square and some pair of it finite, and `m` in 1 … the number of children.
    """
    table = np.asarray(affinity, dtype=np.float64)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or not len(table):
        raise UsageError(
            f"affinity has shape {table.shape}; expected [child, child]: one number for every two children"
        )
    bounds = run_bounds(len(table), m)
    if m in (1, len(table)):
        return tuple(tuple(range(low, high)) for low, high in bounds)
    between = beyond_own(table)
    distance = squareform(between.max() - between, checks=False)
    order = leaves_list(linkage(distance, method="average"))
    groups = np.empty(len(table), dtype=np.int64)
    for group, (low, high) in enumerate(bounds):
        groups[order[low:high]] = group
    _exchange(groups, between, m)
    found = (tuple(np.flatnonzero(groups == group).tolist()) for group in range(m))
    return tuple(sorted(found, key=lambda group: (len(group), group)))


def beyond_own(affinity: NDArray[np.float64]) -> NDArray[np.float64]:
    """Affinity [child, child], symmetric, less what each child has with all others alike; the diagonal is 0.

    What a child has with all is the least-squares fit of a number for every child to the pairs, each the sum of two. Example:
    child 1 helps everyone by 0.1; that is no reason to be in one group rather than another. nan counts as the mean of the
    others. Raises `UsageError` when no pair is finite.
    """
    n, apart = len(affinity), ~np.eye(len(affinity), dtype=np.bool_)
    both = (affinity + affinity.T) / 2
    known = apart & np.isfinite(both)
    if not known.any():
        raise UsageError(
            "affinity has no finite number for any two children; give children that were measured together"
        )
    both = np.where(known, both, both[known].mean())
    both[~apart] = 0
    sums = both.sum(axis=1)
    own = (sums - sums.sum() / (2 * (n - 1))) / (n - 2) if n > 2 else sums / 2
    return np.where(apart, both - (own[:, None] + own), 0)


def _exchange(groups: NDArray[np.int64], affinity: NDArray[np.float64], m: int) -> None:
    """Exchange two children of different groups as long as the affinities within groups rise; groups [child], in place."""
    least = SMALLEST_GAIN * np.abs(affinity).max()
    while True:
        to = affinity @ np.eye(m)[groups]  # [child, group]: the sum of the affinities with those in it
        gain = to[:, groups] - to[np.arange(len(groups)), groups][:, None]  # of the first, in the other's group
        gain = gain + gain.T - 2 * affinity
        gain[groups[:, None] == groups] = 0
        first, second = np.unravel_index(np.argmax(gain), gain.shape)
        if gain[first, second] <= least:
            return
        groups[[first, second]] = groups[[second, first]]
