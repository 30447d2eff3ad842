"""Interference between children: whom a mini-batch of child i helps, and whom it harms (claim 8; paper section 4.2.1).

Two views of a dense record, one sweep after every mini-batch. `interference` asks what training i does to j;
`curve_correlation` asks whose curves go up and down together, as Figure 6 does by eye.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from commonweight.errors import UsageError
from commonweight.ranking.checked import numbers
from commonweight.ranking.curves import curves_of, deviations, record_of


def interference(accuracies: ArrayLike, trained: ArrayLike) -> NDArray[np.float64]:
    """What training child i does to child j: accuracies and trained, both [..., moment, child] → effects [..., i, j].

    effect[i, j] = mean of (accuracy of j after − before) over the mini-batches that trained i, less the same mean over
    all mini-batches of the window. So it is in units of accuracy, positive where i helps j more than the average child
    does, and for each j the effects weighted by how often i was trained sum to 0 (one child per mini-batch).

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


def since_trained(trained: ArrayLike) -> NDArray[np.int64]:
    """Mini-batches since each child was last trained, bool → int [..., moment, child]; 0 just now, -1 never so far."""
    mask = np.asarray(trained, dtype=np.bool_)
    moments = np.arange(mask.shape[-2])[:, None]
    latest = np.maximum.accumulate(np.where(mask, moments, -1), axis=-2)
    return np.where(latest >= 0, moments - latest, -1)


@dataclass(frozen=True, eq=False)
class HelpAndHarm:
    """Which ordered pairs i ≠ j of children help and harm: arrays [i, j], what training i does to j.

    `mean` and `standard_error` are over the instances (nan on the diagonal and where fewer than 2 instances have an
    effect); `helps` and `harms` mark the significant pairs; `tested` is the number of pairs with a test, `q` the level.
    """

    mean: NDArray[np.float64]
    standard_error: NDArray[np.float64]
    helps: NDArray[np.bool_]
    harms: NDArray[np.bool_]
    tested: int
    q: float

    @property
    def positive(self) -> int:
        """Number of ordered pairs that significantly help."""
        return int(np.count_nonzero(self.helps))

    @property
    def negative(self) -> int:
        """Number of ordered pairs that significantly harm."""
        return int(np.count_nonzero(self.harms))

    @property
    def expected(self) -> float:
        """What to expect of `positive`, and as much of `negative`, if no child had an effect on another.

        Half of E(tests, q) = Σ_{j=0}^{tests−1} C(tests − 1, j) (j + 1)! q^{j+1} / tests^j, which nears q / (1 − q)² for
        many tests: the mean number of Benjamini-Hochberg rejections of independent true hypotheses (Finner and
        Roters, 2002). The effects on one child are not quite independent of each other, as they sum to 0.
        """
        j = np.arange(1, self.tested)
        terms = np.cumprod([self.q, *((self.tested - j) / self.tested * (j + 1) / j * self.q)])
        return float(terms.sum()) / 2 if self.tested else 0.0


def help_and_harm(effects: ArrayLike, *, q: float = 0.05) -> HelpAndHarm:
    """Which pairs help and harm beyond chance, from effects [instance, i, j] as `interference` gives them.

    For every ordered pair i ≠ j a two-sided t-test, over instances, that the mean effect is 0; a pair counts as helping
    (harming) when its mean is positive (negative) and Benjamini and Hochberg's procedure (1995) over all pairs rejects
    at level q, so that at most a share q of the pairs named is expected to be false. nan effects (child never trained
    in that instance) are left out; a pair needs 2 instances. Equal effects in all instances have p = 0, or 1 if all are
    0. The instances must be independent: copies of one fixed order share the order's part of the effect (see
    `interference`), and a significant pair then says "in this order".

    Raises `UsageError` unless effects are [instance, child, child] of at least 2 instances and 2 children and none
    infinite, and for a q outside (0, 1).
    """
    values = numbers(effects, "effects")
    if values.ndim != 3 or values.shape[1] != values.shape[2] or min(values.shape) < 2 or np.isinf(values).any():
        raise UsageError(
            f"effects have shape {values.shape}; expected [instance, child, child] of at least 2 instances and 2 "
            "children, none infinite: stack the interference of several instances"
        )
    if not 0 < q < 1:
        raise UsageError(f"q is {q}; expected a share between 0 and 1, for example 0.05")
    there = ~np.isnan(values)
    count = there.sum(axis=0)
    testable = (count >= 2) & ~np.eye(values.shape[1], dtype=np.bool_)
    mean, error, t = (np.full(testable.shape, np.nan) for _ in range(3))
    np.divide(np.where(there, values, 0).sum(axis=0), count, out=mean, where=testable)
    squares = np.where(there, (values - mean) ** 2, 0).sum(axis=0)
    np.sqrt(np.divide(squares, count * (count - 1), out=error, where=testable), out=error, where=testable)
    t[testable & (mean == 0)] = 0
    with np.errstate(divide="ignore"):
        np.divide(mean, error, out=t, where=testable & (mean != 0))
    p = 2 * stats.t.sf(np.abs(t[testable]), count[testable] - 1)
    significant = np.zeros(testable.shape, dtype=np.bool_)
    if p.size:
        significant[testable] = stats.false_discovery_control(p) <= q
    return HelpAndHarm(mean, error, significant & (mean > 0), significant & (mean < 0), int(p.size), q)


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
