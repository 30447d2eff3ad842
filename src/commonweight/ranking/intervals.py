"""Percentile-bootstrap intervals over instances: how sure a mean or an S-Tau of N instances is (not in the paper).

Each function draws N of the N instances with replacement, `resamples` times, computes the statistic of each draw, and
returns the (1 − level) / 2 and (1 + level) / 2 quantiles of these.

What such an interval is not:

- With few instances it is too narrow: a draw knows only the instances there are. At level 0.95 the true value was
  inside for 3, 5, 10 and 30 instances in 74, 85, 91 and 94% of 2000 simulated studies (mean of normal values), and in
  52, 82, 86 and 92% (S-Tau of 64 children under noise that differs between instances). Read it as a lower bound on
  the doubt below some 30 instances.
- It speaks of new instances of the same children. The children are fixed: it does not say what other children,
  another search space or another ground truth would give.
"""

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from commonweight.errors import UsageError
from commonweight.ranking.metrics import tau_matrix


@dataclass(frozen=True)
class Interval:
    """The interval [low, high] meant to hold the true value in a share `level` (in (0, 1)) of repeated studies."""

    low: float
    high: float
    level: float


def mean_interval(values: ArrayLike, rng: Generator, *, resamples: int = 2000, level: float = 0.95) -> Interval | None:
    """Bootstrap interval of the mean of values [instance], one number (say, GT-Tau) per instance.

    None with fewer than 3 instances (two say nothing of a spread), or when a value is nan (an undefined tau). Raises
    `UsageError` for values that are not [instance] or are infinite, and for an impossible `resamples` or `level`.
    """
    _check(resamples, level)
    values = np.asarray(values, dtype=np.float64)
    if values.ndim != 1 or np.isinf(values).any():
        raise UsageError(f"values have shape {values.shape}; expected [instance], none infinite: give one per instance")
    if len(values) < 3 or np.isnan(values).any():
        return None
    return _percentiles(_draws(len(values), rng, resamples) @ values / len(values), level)


def s_tau_interval(
    accuracies: ArrayLike, rng: Generator, *, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Bootstrap interval of S-Tau (equation 2) of accuracies [instance, child].

    S-Tau of a draw that takes instance i c_i times = sum over i < j of c_i c_j tau_ij / sum over i < j of c_i c_j.
    A pair of one instance with its own copy is left out: its tau is 1 whatever the ranks, and would lift the interval.
    Draws of a single instance alone have no pair and are dropped.

    None with fewer than 3 instances (a single pair has no spread), when a tau is undefined (a constant rank), and when
    every draw was dropped. Raises `UsageError` as `tau_matrix` does, and for an impossible `resamples` or `level`.
    """
    _check(resamples, level)
    taus = tau_matrix(accuracies)
    n = len(taus)
    if n < 3 or np.isnan(taus).any():
        return None
    np.fill_diagonal(taus, 0)
    draws = _draws(n, rng, resamples)
    pairs = n * n - (draws * draws).sum(axis=1)  # ordered pairs of different instances, as in the next line
    sums = ((draws @ taus) * draws).sum(axis=1)
    valid = pairs > 0
    return _percentiles(sums[valid] / pairs[valid], level) if valid.any() else None


def _draws(n: int, rng: Generator, resamples: int) -> NDArray[np.int64]:
    """How often each instance comes up when n of n are drawn with replacement: [resample, instance], rows sum to n."""
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples)


def _percentiles(statistics: NDArray[np.float64], level: float) -> Interval:
    low, high = np.quantile(statistics, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)


def _check(resamples: int, level: float) -> None:
    if resamples < 1:
        raise UsageError(f"resamples is {resamples}; expected at least 1: give a few thousand for a 95% interval")
    if not 0 < level < 1:
        raise UsageError(f"level is {level}; expected a share between 0 and 1, for example 0.95")
