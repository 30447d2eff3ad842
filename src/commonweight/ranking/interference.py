"""Interference between children: whom a mini-batch of child i helps, and whom it harms (claim 8; paper section 4.2.1).

Four views of a dense record, one sweep after every mini-batch. `interference` asks what training i does to j,
`help_and_harm` how sure that is under shuffled orders, and `mutual_help` what two children do to each other under any order;
`curve_correlation` asks whose curves go up and down together, as Figure 6 does by eye.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from commonweight.errors import UsageError
from commonweight.ranking.curves import curves_of, deviations, record_of
from commonweight.values import brief


def interference(accuracies: ArrayLike, trained: ArrayLike) -> NDArray[np.float64]:
    """What training child i does to child j: accuracies and trained, both [..., moment, child] → effects [..., i, j].

    effect[i, j] = mean of (accuracy of j after − before) over the mini-batches that trained i, less the same mean over
    all mini-batches of the window. So it is in units of accuracy, positive where i helps j more than the average child
    does, and for each j the effects weighted by how often i was trained sum to 0 (one child per mini-batch). Example: two
    children are trained equally often; child 0 gains 0.2 by its own mini-batches and loses 0.1 by those of child 1. Its mean
    change is 0.05, so effect[0, 0] = 0.15 and effect[1, 0] = −0.15.

    The window's first moment has no before: it is only the before of the second. A row is nan when i was trained at no
    later moment. With a fixed order each child is always trained after the same other one, so a row also holds the
    recovery from that one; a shuffled order separates them. `trained` may leave out leading axes. Raises `UsageError`
    for fewer than 2 moments.
    """
    curves, mask = record_of(accuracies, trained, moments=2)
    change = np.diff(curves, axis=-2)
    return mean_after(change, mask[..., 1:, :]) - change.mean(axis=-2)[..., None, :]


def mean_after(changes: ArrayLike, trained: ArrayLike) -> NDArray[np.float64]:
    """Mean change of j over the mini-batches that trained i: both [..., mini-batch, child] → [..., i, j].

    A row is nan when i was never trained. `trained` may leave out leading axes.
    """
    change, mask = record_of(changes, trained)
    after = np.swapaxes(mask, -1, -2).astype(np.float64)  # [..., i, mini-batch]
    times = after.sum(axis=-1, keepdims=True)
    means = np.full((*change.shape[:-2], *[change.shape[-1]] * 2), np.nan)
    return np.divide(after @ change, times, out=means, where=times > 0)


def mutual_help(accuracies: ArrayLike, trained: ArrayLike) -> NDArray[np.float64]:
    """What training i does to j and j to i: accuracies and trained, both [..., moment, child] → symmetric [..., i, j].

    The mean change of j's accuracy over the mini-batches that trained i, each less what the change is of all children that
    were last trained as many mini-batches ago as j was (`since_trained`; those not yet trained in the window are one more
    kind). So it can be asked of a fixed order too, where j falls back from its own training at the same distance from i in
    every round: `interference` then takes j's falling back for i's harm. What remains is that a child may fall back faster
    than most.

    The diagonal is nan. Where only one of the two was trained after the window's first moment its effect stands alone, and
    where neither was the pair is nan. `trained` may leave out leading axes. Raises `UsageError` for fewer than 2 moments.
    """
    curves, mask = record_of(accuracies, trained, moments=2)
    change, since = np.diff(curves, axis=-2), since_trained(mask)[..., 1:, :]
    for lag in np.unique(since):
        alike = since == lag
        total = np.where(alike, change, 0).sum(axis=(-2, -1), keepdims=True)
        change = np.where(alike, change - total / np.maximum(alike.sum(axis=(-2, -1), keepdims=True), 1), change)
    after = mean_after(change, mask[..., 1:, :])
    both = np.stack([after, np.swapaxes(after, -1, -2)])
    seen = ~np.isnan(both)
    means = np.full(after.shape, np.nan)
    np.divide(np.where(seen, both, 0).sum(axis=0), seen.sum(axis=0), out=means, where=seen.any(axis=0))
    means[..., np.eye(change.shape[-1], dtype=np.bool_)] = np.nan
    return means


def since_trained(trained: ArrayLike) -> NDArray[np.int64]:
    """Mini-batches since each child was last trained, bool → int [..., moment, child]; 0 just now, -1 never so far."""
    mask = np.asarray(trained, dtype=np.bool_)
    moments = np.arange(mask.shape[-2])[:, None]
    latest = np.maximum.accumulate(np.where(mask, moments, -1), axis=-2)
    return np.where(latest >= 0, moments - latest, -1)


@dataclass(frozen=True, eq=False)
class HelpAndHarm:
    """What training child i does to child j ≠ i of its group: arrays [i, j], nan where there is no test.

    `mean` is the mean change of j's accuracy over the mini-batches that trained i. `p_helps` and `p_harms` are one-sided:
    small where j surely rises (falls) after i, and by more than after most of its other companions.
    """

    __repr__ = brief

    mean: NDArray[np.float64]
    p_helps: NDArray[np.float64]
    p_harms: NDArray[np.float64]


def help_and_harm(accuracies: ArrayLike, trained: ArrayLike, rounds: ArrayLike) -> HelpAndHarm:
    """Which children of one group help and harm which, under shuffled orders: accuracies and trained, both
    [instance, moment, child], and the number of the round of all children that each moment belongs to, rounds [moment].

    i helps j when j's accuracy rises after i's mini-batches, and by more than after most of j's other companions; harming
    is the reverse. The p is the larger of two, as both must hold:

    - That the mean change is 0: a t-test over all mini-batches that trained i, of all instances.
    - That it makes no difference whether i or another companion k was trained. From each change of j its baseline is taken
      off: j's mean change as many mini-batches after j's own training. In each round let d be what is left of j's change
      after i, less what is left after k. A shuffled order deals i and k to their mini-batches at random, whatever j does by
      itself (fall back, swing widely, drift), so d is as likely as −d, and z = Σ d / √(Σ d²) over the rounds of all
      instances is taken as normal. So each of the c other companions k gives a p. That i is beyond at least r of them has
      the p (c − r + 1) · (the r-th smallest), with r the smallest majority (Benjamini and Heller, 2008). In a group of five,
      c = 3 and r = 2: twice the second smallest.

    Example: j gains 0.1 by its own training and loses 0.1 in the next mini-batch. If that happens whoever is next, nobody
    harms j; if it happens only when i is next, i harms j. Another: k helps j, and the two other companions do nothing. These
    two do not harm j, though j rises less after them than on average.

    Both tests speak of the instances given. They need shuffled orders: in a fixed one i is always equally far from j's own
    training, so what i does cannot be told from what time does. Many pairs are to be corrected for their number (Benjamini
    and Hochberg, 1995). No test for an i trained once or not at all, and none in a group of two. Raises `UsageError` for
    fewer than 2 moments or other shapes.
    """
    curves, mask = record_of(accuracies, trained, moments=2)
    number = np.asarray(rounds)
    if curves.ndim != 3 or number.shape != curves.shape[1:2]:
        raise UsageError(
            f"accuracies have shape {curves.shape} and rounds {number.shape}; expected [instance, moment, child] and "
            "[moment]: give each moment the number of its round"
        )
    changes, since = np.diff(curves, axis=1), since_trained(mask)[:, 1:]
    beyond, mask, number = _less_own_baseline(changes, since), mask[:, 1:], number[1:]
    of_rounds = (number == one for one in np.unique(number))
    after = np.concatenate([mean_after(beyond[:, of_round], mask[:, of_round]) for of_round in of_rounds])
    t, mean, times = _t_over_mini_batches(changes, mask)
    tests = [_beyond_most(sign * after, stats.t.sf(sign * t, np.maximum(times - 1, 1))) for sign in (1, -1)]
    return HelpAndHarm(mean, *tests)


def _beyond_most(after: NDArray[np.float64], p_of_mean: NDArray[np.float64]) -> NDArray[np.float64]:
    """The p [i, j] that i lifts j and does so more than most others: the larger of `p_of_mean` [i, j], that i lifts j, and
    that of the second test. `after` [round, i, j] is j's mean change after i, less j's baseline; nan without i.
    """
    children = after.shape[1]
    result = np.full((children, children), np.nan)
    majority = (children - 2) // 2 + 1
    for i, j in np.argwhere(~np.isnan(p_of_mean) & ~np.eye(children, dtype=np.bool_)):
        others = [k for k in range(children) if k not in (i, j)]
        if others:
            less = after[:, [i], j] - after[:, others, j]  # [round, k]
            z = _ratio(np.nansum(less, axis=0), np.sqrt(np.nansum(less**2, axis=0)))
            p = np.sort(stats.norm.sf(z))[majority - 1] * (len(others) - majority + 1)
            result[i, j] = max(min(p, 1.0), p_of_mean[i, j])
    return result


def _less_own_baseline(changes: NDArray[np.float64], since: NDArray[np.int64]) -> NDArray[np.float64]:
    """Changes [instance, mini-batch, child] less each child's mean as many mini-batches after its own training."""
    beyond = changes.copy()
    for child, lag in np.ndindex(changes.shape[2], int(since.max()) + 2):
        alike = since[..., child] == lag - 1  # -1: never trained so far
        if alike.any():
            beyond[..., child][alike] -= changes[..., child][alike].mean()
    return beyond


def _t_over_mini_batches(
    changes: NDArray[np.float64], mask: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Student's t [i, j] of the changes of j over the mini-batches of all instances that trained i, their mean [i, j], and
    their number [i, 1]; nan for fewer than two."""
    change, after = np.concatenate(list(changes)), np.concatenate(list(mask)).T.astype(np.float64)
    times = after.sum(axis=1, keepdims=True)
    mean = np.divide(after @ change, times, out=np.full((len(after),) * 2, np.nan), where=times > 1)
    squares = np.stack([after[i] @ (change - mean[i]) ** 2 for i in range(len(after))])
    return _ratio(mean, np.sqrt(squares / np.maximum(times * (times - 1), 1))), mean, times


def _ratio(value: NDArray[np.float64], error: NDArray[np.float64]) -> NDArray[np.float64]:
    """value / error; ±infinite where only the error is 0, 0 where both are, nan where the value is."""
    result = np.where(value == 0, 0.0, np.copysign(np.inf, value))
    np.divide(value, error, out=result, where=error > 0)
    return np.where(np.isnan(value), np.nan, result)


def curve_correlation(accuracies: ArrayLike, *, keep_common: bool = False) -> NDArray[np.float64]:
    """Which children go up and down together: accuracies [..., moment, child] → [..., child, child] (section 4.2.1).

    Pearson correlation, over the moments, of every two children's curves after taking from each moment the mean of all
    children, unless `keep_common`. With the mean gone, n unrelated children have an expected correlation of −1/(n − 1),
    and two children always −1; with it kept, the numbers are what the eye sees in Figure 6, where a swing of all
    children makes all of them alike. Diagonal 1; nan in row and column of a child whose curve does not move. Raises
    `UsageError` for fewer than 2 moments or 2 children.
    """
    moved = deviations(curves_of(accuracies, moments=2, children=2), keep_common=keep_common)
    lengths = np.linalg.norm(moved, axis=-2, keepdims=True)
    unit = np.divide(moved, lengths, out=np.full_like(moved, np.nan), where=lengths > 0)
    result = np.clip(np.swapaxes(unit, -1, -2) @ unit, -1, 1)
    diagonal = np.einsum("...ii->...i", result)  # a view
    diagonal[~np.isnan(diagonal)] = 1
    return result
