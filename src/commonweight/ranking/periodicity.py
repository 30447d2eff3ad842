"""Periodicity: do the children's curves repeat, and is the child that was just trained the best (claim 6; Figure 5)?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import rankdata

from commonweight.errors import UsageError
from commonweight.ranking.curves import curves_of, deviations, record_of


def autocorrelation(accuracies: ArrayLike, lag: int, *, keep_common: bool = False) -> NDArray[np.float64]:
    """Correlation in [−1, 1] of the curves with themselves `lag` moments later, all children pooled; [..., moment, child]
    → [...].

    With d the accuracies less each child's mean over the window and, unless `keep_common`, less the mean of all
    children at each moment:
    r(lag) = Σ d[t, c] d[t + lag, c] / sqrt(Σ d[t, c]² · Σ d[t + lag, c]²), sums over all children and all t that have
    both. Curves that repeat every `lag` moments give exactly 1; independent noise gives about −1/moments.

    Why the common mean goes by default: the claim is that the children's curves repeat, but a trend that all children
    share (the falling learning rate) correlates neighbouring moments in any order of the children, and it reorders
    nobody. `keep_common` reads the curves as Figure 5 draws them; a swing of all children at once then counts.

    Why the child's mean is that of the whole window, not of the two parts compared: a drift then lowers r at lags
    beyond half of the window instead of lifting it, so it can hide a repetition but not feign one there.

    nan where either part does not move at all (always with a single child, unless `keep_common`). Raises `UsageError`
    unless 1 ≤ lag < moments.
    """
    return autocorrelations(accuracies, [lag], keep_common=keep_common)[..., 0]


def autocorrelations(accuracies: ArrayLike, lags: Sequence[int], *, keep_common: bool = False) -> NDArray[np.float64]:
    """`autocorrelation` at each of the lags: [..., moment, child] → [..., lag]."""
    curves = curves_of(accuracies)
    moments = curves.shape[-2]
    if not all(1 <= lag < moments for lag in lags):
        raise UsageError(
            f"lags are {list(lags)} and the window has {moments} moment(s); expected 1 ≤ lag < moments: "
            "lower the lag or record more"
        )
    moved = deviations(curves, keep_common=keep_common)
    result = np.full((*curves.shape[:-2], len(lags)), np.nan)
    for place, lag in enumerate(lags):
        before, after = moved[..., :-lag, :], moved[..., lag:, :]
        together, first, second = _inner(before, after), _inner(before, before), _inner(after, after)
        scale = np.sqrt(first * second)  # one root: exactly `first` when the parts are equal
        np.divide(together, scale, out=result[..., place], where=scale > 0)
    return np.clip(result, -1, 1)


def _inner(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """Inner product over moments and children: both [..., moment, child] → [...]."""
    return (a * b).sum(axis=(-2, -1))


def trained_is_best(accuracies: ArrayLike, trained: ArrayLike) -> NDArray[np.float64]:
    """How often the child just trained is the best of all: accuracies and trained, both [..., moment, child] → [...].

    The mean over moments of 1 if it has the highest accuracy alone, 1/m if m children share the highest, else 0. A
    rank that knows nothing of training gives 1/children. Moments that trained none count not at all, those that trained
    several once for each; `trained` may leave out leading axes. Raises `UsageError` when no moment trained a child.
    """
    curves, mask = record_of(accuracies, trained)
    best = curves == curves.max(axis=-1, keepdims=True)
    return _mean_where(best / best.sum(axis=-1, keepdims=True), mask)


def trained_rank(accuracies: ArrayLike, trained: ArrayLike) -> NDArray[np.float64]:
    """Mean rank of the child just trained, 1 = best: accuracies and trained, both [..., moment, child] → [...].

    Tied children share the mean of their ranks, unlike in `ranks`, so that a low index is no merit. A rank that knows
    nothing of training gives (children + 1) / 2. What counts, and what is raised, as in `trained_is_best`.
    """
    curves, mask = record_of(accuracies, trained)
    return _mean_where(rankdata(-curves, axis=-1), mask)


def _mean_where(values: NDArray[np.float64], mask: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Mean of the values [..., moment, child] where mask is True → [...]."""
    counts = mask.sum(axis=(-2, -1))
    if not counts.all():
        raise UsageError(
            f"no child was trained in a window of {mask.shape[-2]} moment(s); "
            "expected at least one moment after training: record the sweep after each mini-batch"
        )
    return np.asarray(np.where(mask, values, 0).sum(axis=(-2, -1)) / counts)
