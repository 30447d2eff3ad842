"""What several claims compare: means and differences over instances, with their bootstrap intervals.

As in `estimates`, the random stream of an interval is named by the statistic alone: a number has one interval everywhere.
"""

import numpy as np

from commonweight.paper.evidence import Randomness
from commonweight.paper.tables import Number
from commonweight.ranking import (
    difference_interval,
    mean_interval,
    paired_difference_interval,
    s_tau,
    s_tau_paired_difference_interval,
    tau,
)


def mean(randomness: Randomness, values: np.ndarray) -> Number:
    """Mean of values `[instance]`."""
    return Number(float(np.mean(values)), interval=mean_interval(values, randomness("mean")))


def difference(randomness: Randomness, a: np.ndarray, b: np.ndarray) -> Number:
    """mean(a) − mean(b) of different instances."""
    interval = difference_interval(a, b, randomness("difference"))
    return Number(float(np.mean(a) - np.mean(b)), interval=interval)


def paired(randomness: Randomness, a: np.ndarray, b: np.ndarray) -> Number:
    """mean(a − b) of the same instances under two conditions."""
    interval = paired_difference_interval(a, b, randomness("paired difference"))
    return Number(float(np.mean(a - b)), interval=interval)


def paired_s_tau(randomness: Randomness, a: np.ndarray, b: np.ndarray) -> Number:
    """S-Tau(a) − S-Tau(b) of the same instances under two conditions, both `[instance, child]`."""
    interval = s_tau_paired_difference_interval(a, b, randomness("paired difference of S-Tau"))
    return Number(s_tau(a).mean - s_tau(b).mean, interval=interval)


def trend(randomness: Randomness, values: np.ndarray) -> Number:
    """Mean over instances of `trends`."""
    return mean(randomness, trends(values))


def trends(values: np.ndarray) -> np.ndarray:
    """Kendall's tau `[instance]` between the steps 0, 1, 2 … and values `[step, instance]`.

    nan for an instance with an undefined value (a GT-Tau of children that all tie).
    """
    steps = np.arange(len(values))
    return np.array([tau(steps, of_one) if np.isfinite(of_one).all() else np.nan for of_one in values.T])
