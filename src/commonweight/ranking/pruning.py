"""Pruning: drop the children that rank badly again and again, and see who of the truly best survives (paper Insight 1).

The ranks may be those of the last epochs of one instance or of several instances; their mean rank is the judgement.
"""

from collections.abc import Sequence
from math import ceil

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from commonweight.errors import UsageError
from commonweight.ranking.arrays import finite, with_ground_truth
from commonweight.ranking.intervals import Interval
from commonweight.ranking.metrics import ranks

RANKS_AT_ONCE = 2**24  # of bootstrap draws held at a time: 128 MiB


def mean_rank(accuracies: ArrayLike) -> NDArray[np.float64]:
    """Mean over several ranks of each child's rank, 1 = best: accuracies [..., rank, child] → [..., child].

    Within a rank, ties go to the lower child index, as in `ranks`. Raises `UsageError` without a rank or a child.
    """
    return ranks(finite(accuracies, "accuracies", "...", "rank", "child", rank=1, child=1)).mean(axis=-2)


def keep(accuracies: ArrayLike, share: float) -> NDArray[np.bool_]:
    """Who is kept: True for the ⌈share · children⌉ children of the best mean rank; [..., rank, child] → [..., child].

    Children of the same mean rank: the lower index is kept first. A product that misses a whole number by rounding
    (0.1 · 30) is that number. Raises `UsageError` unless 0 < share ≤ 1, and as `mean_rank` does.
    """
    if not 0 < share <= 1:
        raise UsageError(f"share is {share}; expected above 0 and at most 1, for example 0.5 to keep one half")
    places = _places(accuracies)
    return places <= ceil(round(share * places.shape[-1], 9))


def survival(
    accuracies: ArrayLike,
    ground_truth: ArrayLike,
    tops: Sequence[int] = (1, 3, 5, 10),
    kept: Sequence[int] | None = None,
) -> NDArray[np.float64]:
    """Share of the true top n that is among the children kept: [..., rank, child], [child] → [..., kept, top].

    `kept` holds how many children are kept by mean rank, 1 … children when it is None, and `tops` the n, in the order
    of the result's last two axes. Ties, of mean ranks and of the ground truth, go to the lower index. Keeping k of the
    children blindly lets each survive with chance k / children, whatever the n. Raises `UsageError` for an n or k that
    is not in 1 … children, and for ranks and ground truth that do not fit each other.
    """
    rows, truth = with_ground_truth(accuracies, ground_truth, "...", "rank", "child", rank=1, child=1)
    return _survival(mean_rank(rows), truth, tops, kept)


def survival_intervals(
    accuracies: ArrayLike,
    ground_truth: ArrayLike,
    rng: Generator,
    tops: Sequence[int] = (1, 3, 5, 10),
    kept: Sequence[int] | None = None,
    *,
    resamples: int = 2000,
    level: float = 0.95,
) -> list[list[Interval]] | None:
    """Bootstrap intervals of `survival` of one verdict from several instances: accuracies [instance, child] → [kept][top].

    Instances are drawn with replacement, and each draw gives its own mean ranks. None with fewer than 3 instances.
    Raises `UsageError` as `survival` does.
    """
    rows, truth = with_ground_truth(accuracies, ground_truth, "instance", "child", instance=1, child=1)
    if len(rows) < 3:
        return None
    given = ranks(rows)
    drawn = rng.integers(0, len(rows), size=(resamples, len(rows)))
    parts = np.array_split(drawn, ceil(drawn.size * len(truth) / RANKS_AT_ONCE))
    survives = np.concatenate([_survival(given[part].mean(axis=1), truth, tops, kept) for part in parts])
    pairs = np.moveaxis(np.quantile(survives, [(1 - level) / 2, (1 + level) / 2], axis=0), 0, -1).tolist()
    return [[Interval(low, high, level) for low, high in row] for row in pairs]


def _survival(
    mean_ranks: NDArray[np.float64], truth: NDArray[np.float64], tops: Sequence[int], kept: Sequence[int] | None
) -> NDArray[np.float64]:
    """`survival` by these mean ranks: [..., child], [child] → [..., kept, top]."""
    children = len(truth)
    kept = range(1, children + 1) if kept is None else kept
    for name, counts in (("tops", tops), ("kept", kept)):
        if not all(1 <= count <= children for count in counts):
            raise UsageError(
                f"{name} is {list(counts)}; expected numbers of children from 1 to {children}: leave out the others"
            )
    best = np.argsort(ranks(truth))[: max(tops, default=0)]  # the truly best child first
    survives = ranks(-mean_ranks)[..., None, best] <= np.asarray(kept, dtype=np.int64)[:, None]  # [..., kept, best]
    among_best = np.cumsum(survives, axis=-1) / np.arange(1, len(best) + 1)
    return among_best[..., np.asarray(tops, dtype=np.int64) - 1]


def _places(accuracies: ArrayLike) -> NDArray[np.int64]:
    """Place of each child by mean rank, 1 = kept longest: [..., rank, child] → [..., child]."""
    return ranks(-mean_rank(accuracies))
