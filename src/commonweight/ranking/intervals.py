"""Intervals: how sure a mean, an S-Tau, a difference of two of them, or a share is (not in the paper).

All but `jackknife_interval` and `share_interval` are percentile bootstraps over instances: draw N of the N instances
with replacement, `resamples` times, compute the statistic of each draw, and return the (1 − level) / 2 and
(1 + level) / 2 quantiles of these. For a difference of two sets of instances both are drawn, each on its own. An interval
of a difference that does not hold 0 says that the two differ; two separate intervals that overlap do not say that they
are the same.

What such an interval is not:

- With few instances it is too narrow: a draw knows only the instances there are. At level 0.95 the true value was
  inside for 3, 5, 10 and 30 instances in 74, 85, 91 and 94% of 2000 simulated studies (mean of normal values), and in
  52, 82, 86 and 92% (S-Tau of 64 children under noise that differs between instances). Read it as a lower bound on
  the doubt below some 30 instances.
- It speaks of new instances of the same children. The children are fixed: it does not say what other children,
  another search space or another ground truth would give.
"""

from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray

from commonweight.errors import UsageError
from commonweight.ranking.arrays import numbers
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
    _require(resamples, level)
    values = _per_instance(values, "values")
    if not _enough(values):
        return None
    return _percentiles(_means(values, rng, resamples), level)


def difference_interval(
    a: ArrayLike, b: ArrayLike, rng: Generator, *, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Bootstrap interval of mean(a) − mean(b) of two independent samples a [instance], b [instance'].

    The instances of a are drawn first, then those of b. None with fewer than 3 instances or a nan in either. Raises as
    `mean_interval` does. For the same instances under two conditions `paired_difference_interval` is narrower.
    """
    _require(resamples, level)
    a, b = _per_instance(a, "a"), _per_instance(b, "b")
    if not (_enough(a) and _enough(b)):
        return None
    return _percentiles(_means(a, rng, resamples) - _means(b, rng, resamples), level)


def paired_difference_interval(
    a: ArrayLike, b: ArrayLike, rng: Generator, *, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Bootstrap interval of mean(a − b) of the same instances under two conditions: a and b, both [instance].

    `mean_interval` of the differences, so what makes an instance good under both conditions cancels. Raises
    `UsageError` also for a and b of different lengths.
    """
    a, b = _per_instance(a, "a"), _per_instance(b, "b")
    if len(a) != len(b):
        raise UsageError(
            f"a has {len(a)} instance(s) and b has {len(b)}; expected the same instances in both: "
            "give them in pairs, or use difference_interval"
        )
    return mean_interval(a - b, rng, resamples=resamples, level=level)


def s_tau_interval(
    accuracies: ArrayLike, rng: Generator, *, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Bootstrap interval of S-Tau (equation 2) of accuracies [instance, child].

    S-Tau of a draw that takes instance i c_i times = sum over i < j of c_i c_j tau_ij / sum over i < j of c_i c_j.
    A pair of one instance with its own copy is left out: its tau is 1 whatever the ranks, and would lift the interval.
    Draws of a single instance alone have no pair and are dropped. Example: of three instances, the draw 0, 0, 2 has
    c = (2, 0, 1), and its S-Tau is the tau of 0 and 2.

    None with fewer than 3 instances (a single pair has no spread), when a tau is undefined (a constant rank), and when
    every draw was dropped. Raises `UsageError` as `tau_matrix` does, and for an impossible `resamples` or `level`.
    """
    _require(resamples, level)
    taus = tau_matrix(accuracies)
    return _percentiles(_s_taus(taus, _draws(len(taus), rng, resamples)), level) if _enough(taus) else None


def s_tau_difference_interval(
    a: ArrayLike, b: ArrayLike, rng: Generator, *, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Bootstrap interval of S-Tau(a) − S-Tau(b) of a [instance, child] and b [instance', child'].

    Each is drawn as in `s_tau_interval`, a first, independently of the other; a draw without a pair in either is
    dropped. The children may differ (S-Tau compares only within a set). None with fewer than 3 instances or an
    undefined tau in either, and when every draw was dropped; raises as `s_tau_interval` does.
    """
    _require(resamples, level)
    taus_a, taus_b = tau_matrix(a), tau_matrix(b)
    if not (_enough(taus_a) and _enough(taus_b)):
        return None
    draws_a, draws_b = (_draws(len(taus), rng, resamples) for taus in (taus_a, taus_b))
    return _percentiles(_s_taus(taus_a, draws_a) - _s_taus(taus_b, draws_b), level)


def s_tau_paired_difference_interval(
    a: ArrayLike, b: ArrayLike, rng: Generator, *, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Bootstrap interval of S-Tau(a) − S-Tau(b) of the same instances under two conditions: a and b [instance, child].

    Each draw takes the same instances of both, so what makes an instance agree with the others under both conditions
    cancels; else as `s_tau_difference_interval`. Raises `UsageError` also for a and b of different numbers of instances.
    """
    _require(resamples, level)
    taus_a, taus_b = _paired_taus(a, b)
    if not (_enough(taus_a) and _enough(taus_b)):
        return None
    draws = _draws(len(taus_a), rng, resamples)
    return _percentiles(_s_taus(taus_a, draws) - _s_taus(taus_b, draws), level)


def s_tau_share_interval(
    a: ArrayLike, b: ArrayLike, ceiling: ArrayLike, rng: Generator, *, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Bootstrap interval of (S-Tau(a) − S-Tau(b)) / (S-Tau(ceiling) − S-Tau(b)): how much of a gap is closed by a.

    a and b [instance, child] are the same instances under two conditions and are drawn together, as in
    `s_tau_paired_difference_interval`; then ceiling [instance', child'], independently. A draw without a pair is dropped.
    A draw without a gap (S-Tau(ceiling) ≤ S-Tau(b)) has no share: it counts below all others for the lower end, and above
    all others for the upper one. None when such draws reach an end, that is where the gap itself is not sure, and where
    `s_tau_difference_interval` has none; raises as `s_tau_paired_difference_interval` does.
    """
    _require(resamples, level)
    (taus_a, taus_b), taus_c = _paired_taus(a, b), tau_matrix(ceiling)
    if not (_enough(taus_a) and _enough(taus_b) and _enough(taus_c)):
        return None
    draws, draws_c = (_draws(len(taus), rng, resamples) for taus in (taus_a, taus_c))
    base = _s_taus(taus_b, draws)
    closed, gap = _s_taus(taus_a, draws) - base, _s_taus(taus_c, draws_c) - base
    known = ~np.isnan(gap)
    closed, gap = closed[known], gap[known]
    share = np.divide(closed, gap, out=np.full(len(gap), np.inf), where=gap > 0)
    if not len(share):
        return None
    low = np.quantile(np.where(gap > 0, share, -np.inf), (1 - level) / 2, method="lower")
    high = np.quantile(share, (1 + level) / 2, method="higher")
    return Interval(float(low), float(high), level) if np.isfinite([low, high]).all() else None


def within_between_interval(
    within: ArrayLike, accuracies: ArrayLike, rng: Generator, *, resamples: int = 2000, level: float = 0.95
) -> Interval | None:
    """Bootstrap interval of mean(within) − S-Tau(accuracies), of the same instances in each draw.

    `within` [instance] is a tau inside each instance (between its epochs), S-Tau the one between the instances of
    accuracies [instance, child]. A draw without a pair is dropped. None with fewer than 3 instances or an undefined tau;
    raises as `s_tau_interval` does, and for a `within` of another length.
    """
    _require(resamples, level)
    within, taus = _per_instance(within, "within"), tau_matrix(accuracies)
    if len(within) != len(taus):
        raise UsageError(f"within has {len(within)} instance(s) and accuracies {len(taus)}; give the same instances")
    if not (_enough(within) and _enough(taus)):
        return None
    draws = _draws(len(taus), rng, resamples)
    return _percentiles(draws @ within / len(within) - _s_taus(taus, draws), level)


def jackknife_interval(value: float, without: ArrayLike, means: ArrayLike, level: float = 0.95) -> Interval | None:
    """Interval of a value that rests on n initialisations, on all of them together, and on the mean over N instances.

    `without` [initialisation] is the value computed without each initialisation, and `means` [instance] is what each
    instance adds to the mean. The interval is value ± z √(Σ (without − their mean)² (n − 1)/n + s²/N), with z the normal
    quantile of (1 + level) / 2 and s² the variance of `means` (N − 1 in its divisor). Example: a value that is 0.4, 0.5, 0.6
    without each of three initialisations, and `means` that do not differ, give ± 1.96 √(0.02 · 2/3) = ± 0.23.

    Why no bootstrap: where each initialisation is compared with the mean of the others, the comparisons are not independent,
    and drawing them as if they were would show too little doubt. None with fewer than 3 initialisations or instances, or a
    nan. Raises `UsageError` as `mean_interval` does.
    """
    _require_level(level)
    without, means = _per_instance(without, "without"), _per_instance(means, "means")
    if not (_enough(without) and _enough(means)):
        return None
    variance = without.var() * (len(without) - 1) + means.var(ddof=1) / len(means)
    reach = NormalDist().inv_cdf((1 + level) / 2) * sqrt(variance)
    return Interval(value - reach, value + reach, level)


def share_interval(successes: float, trials: int, level: float = 0.95) -> Interval:
    """Wilson's score interval (1927) of a share: `successes` of `trials` independent trials.

    (p + z²/2n ± z √(p (1 − p)/n + z²/4n²)) / (1 + z²/n), with n trials, p = successes/n and z the normal quantile of
    (1 + level) / 2. It lies in [0, 1], also for 0 or n successes. Ties may make successes fractional (see
    `trained_is_best`). Neighbouring moments of one record are not independent trials. Raises `UsageError` for fewer
    than 1 trial, successes outside [0, trials], and an impossible level.
    """
    _require_level(level)
    if trials < 1 or not 0 <= successes <= trials:
        raise UsageError(
            f"got {successes} success(es) of {trials} trial(s); expected at least 1 trial and 0 ≤ successes ≤ trials: "
            "count both over the same trials"
        )
    z2 = NormalDist().inv_cdf((1 + level) / 2) ** 2
    return Interval(_wilson_low(successes, trials, z2), 1 - _wilson_low(trials - successes, trials, z2), level)


def _wilson_low(successes: float, trials: int, z2: float) -> float:
    """Lower end, as the product of both ends, p² / (1 + z²/n), over the upper one: exactly 0 without a success."""
    half = sqrt(z2 * (successes * (1 - successes / trials) + z2 / 4))
    return successes**2 / trials / (successes + z2 / 2 + half)


def _per_instance(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """values as [instance], nan allowed: an undefined tau."""
    array = numbers(values, name)
    if array.ndim != 1 or np.isinf(array).any():
        raise UsageError(f"{name} have shape {array.shape}; expected [instance], none infinite: give one per instance")
    return array


def _paired_taus(a: ArrayLike, b: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """`tau_matrix` of both; they hold the same instances."""
    taus_a, taus_b = tau_matrix(a), tau_matrix(b)
    if len(taus_a) != len(taus_b):
        raise UsageError(
            f"a has {len(taus_a)} instance(s) and b has {len(taus_b)}; expected the same instances in both: "
            "give them in pairs, or use s_tau_difference_interval"
        )
    return taus_a, taus_b


def _enough(values: NDArray[np.float64]) -> bool:
    """Whether [instance] or [instance, instance'] has a spread to resample: 3 instances, nothing undefined."""
    return len(values) >= 3 and not np.isnan(values).any()


def _means(values: NDArray[np.float64], rng: Generator, resamples: int) -> NDArray[np.float64]:
    """Mean of each draw: [instance] → [resample]."""
    return _draws(len(values), rng, resamples) @ values / len(values)


def _s_taus(taus: NDArray[np.float64], draws: NDArray[np.int64]) -> NDArray[np.float64]:
    """S-Tau of each draw: taus [instance, instance'] → [resample], nan for a draw of one instance alone."""
    others = taus - np.diag(np.diag(taus))
    pairs = len(taus) ** 2 - (draws * draws).sum(axis=1)  # ordered pairs of different instances, as in the next line
    sums = ((draws @ others) * draws).sum(axis=1)
    return np.divide(sums, pairs, out=np.full(len(draws), np.nan), where=pairs > 0)


def _draws(n: int, rng: Generator, resamples: int) -> NDArray[np.int64]:
    """How often each instance comes up when n of n are drawn with replacement: [resample, instance], rows sum to n."""
    return rng.multinomial(n, np.full(n, 1 / n), size=resamples)


def _percentiles(draws: NDArray[np.float64], level: float) -> Interval | None:
    """Interval of the draws of a statistic that are not nan; None when none has."""
    draws = draws[~np.isnan(draws)]
    if not len(draws):
        return None
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high), level)


def _require(resamples: int, level: float) -> None:
    if resamples < 1:
        raise UsageError(f"resamples is {resamples}; expected at least 1: give a few thousand for a 95% interval")
    _require_level(level)


def _require_level(level: float) -> None:
    if not 0 < level < 1:
        raise UsageError(f"level is {level}; expected a share between 0 and 1, for example 0.95")
