"""Readings: ways to read the record of one super-net over its last moments as one rank (not in the paper).

A single sweep ranks the children by what the last few mini-batches happened to leave (paper section 4.1). A reading
makes one accuracy per child out of a window of sweeps, and costs validation passes: one pass validates one child once.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from commonweight.errors import UsageError
from commonweight.ranking.curves import curves_of, record_of
from commonweight.values import brief

Accuracies = NDArray[np.float64]


@dataclass(frozen=True)
class Reading:
    """A way to read a record: called with accuracies and trained, both [..., moment, child], it gives [..., child].

    `passes` is how often it validates each child; readings of one `family` differ in nothing else. One that
    `needs_trained` is the only one to look at which child was trained. Two are equal when their names and passes are.
    """

    __repr__ = brief

    name: str
    function: Callable[[ArrayLike, ArrayLike], Accuracies] = field(compare=False, repr=False)
    passes: int
    family: str = field(default="", compare=False)
    needs_trained: bool = field(default=False, compare=False)

    def __call__(self, accuracies: ArrayLike, trained: ArrayLike) -> Accuracies:
        """The accuracy that each child is ranked by; raises `UsageError` as its function does."""
        return self.function(accuracies, trained)

    def cost(self, children: int) -> int:
        """Validation passes that a search of so many children pays for this reading: `passes` × children."""
        return self.passes * children


def last(accuracies: ArrayLike) -> Accuracies:
    """Accuracies of the last moment: [..., moment, child] → [..., child]. What the paper ranks by (section 3.2)."""
    return curves_of(accuracies)[..., -1, :]


def mean_of_last(accuracies: ArrayLike, k: int) -> Accuracies:
    """Mean of each child's accuracies over the last k moments: [..., moment, child] → [..., child].

    Not GT-Tau-Mean-k, which averages the taus of k ranks: this averages first and ranks once. Raises `UsageError`
    unless 1 ≤ k ≤ moments.
    """
    return _last_moments(accuracies, k).mean(axis=-2)


def median_of_last(accuracies: ArrayLike, k: int) -> Accuracies:
    """Median over the last k moments, the mean of the middle two for an even k; shapes and errors of `mean_of_last`."""
    return np.median(_last_moments(accuracies, k), axis=-2)


def max_of_last(accuracies: ArrayLike, k: int) -> Accuracies:
    """Maximum over the last k moments; shapes and errors of `mean_of_last`."""
    return _last_moments(accuracies, k).max(axis=-2)


def just_trained(accuracies: ArrayLike, trained: ArrayLike) -> Accuracies:
    """Accuracy of each child at the latest moment whose mini-batch trained it: both [..., moment, child] → [..., child].

    The child just trained tends to be the best (section 4.1, Figure 5), so this reads every child at its own best, but
    each at another state of the weights. One validation per child pays for it: the order says which training of a child
    is its last. `trained` may leave out leading axes. Raises `UsageError` when a child was never trained in the window,
    as nothing can rank it.
    """
    curves, mask = record_of(accuracies, trained)
    moments, children = curves.shape[-2:]
    missing = np.count_nonzero((~mask.any(axis=-2)).reshape(-1, children).any(axis=0))
    if missing:
        raise UsageError(
            f"{missing} of {children} children were never trained in a window of {moments} moment(s); "
            "expected every child at least once: record more moments, or use another reading"
        )
    latest = moments - 1 - np.argmax(mask[..., ::-1, :], axis=-2)
    return np.take_along_axis(curves, latest[..., None, :], axis=-2)[..., 0, :]


def readings(moments: int, children: int) -> list[Reading]:
    """The standard readings of a window of so many moments, the cheapest of each kind first.

    Last moment; mean, then median, then maximum of the last k for k = 4, 8, 16 … below the window, and of the whole
    window; just after training. The last needs a window in which every child can be trained, so it is left out when
    there are fewer moments than children (a uniform order may miss a child even in a longer one). Raises `UsageError`
    unless moments and children are at least 1.
    """
    if moments < 1 or children < 1:
        raise UsageError(f"got {moments} moment(s) of {children} child(ren); expected at least 1 of each: record more")
    found = [Reading("last moment", lambda accuracies, _: last(accuracies), 1, "last moment")]
    for statistic in (_mean_reading, _median_reading, _max_reading):
        found += [statistic(k) for k in _window_lengths(moments)]
    if moments >= children:
        found.append(Reading("just after training", just_trained, 1, "just after training", needs_trained=True))
    return found


def _mean_reading(k: int) -> Reading:
    return Reading(f"mean of last {k}", lambda accuracies, _: mean_of_last(accuracies, k), k, "mean")


def _median_reading(k: int) -> Reading:
    return Reading(f"median of last {k}", lambda accuracies, _: median_of_last(accuracies, k), k, "median")


def _max_reading(k: int) -> Reading:
    return Reading(f"maximum of last {k}", lambda accuracies, _: max_of_last(accuracies, k), k, "maximum")


def _window_lengths(moments: int) -> list[int]:
    """4, 8, 16 … below moments, and moments itself; none for a single moment, which is the last one."""
    doubled = [2**power for power in range(2, moments.bit_length()) if 2**power < moments]
    return [*doubled, moments] if moments > 1 else []


def _last_moments(accuracies: ArrayLike, k: int) -> Accuracies:
    """The last k moments: [..., moment, child] → [..., k, child]."""
    curves = curves_of(accuracies)
    if not 1 <= k <= curves.shape[-2]:
        raise UsageError(
            f"k is {k} and the window has {curves.shape[-2]} moment(s); expected 1 ≤ k ≤ moments: lower k or record more"
        )
    return curves[..., -k:, :]
