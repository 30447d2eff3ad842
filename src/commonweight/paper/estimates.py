"""Numbers over instances with their intervals: one way for all tables and figures, and for ranks from elsewhere.

The random stream of an interval is named by the statistic alone, so the same ranks have the same interval wherever they
are shown.
"""

import numpy as np

from commonweight.paper.evidence import Randomness
from commonweight.paper.tables import Number, mean_std
from commonweight.ranking import mean_interval, s_tau, s_tau_interval


def estimated_mean(values: np.ndarray, randomness: Randomness) -> Number:
    """Mean and population standard deviation of `values` `[instance]`, with the bootstrap interval of the mean.

    There is no interval with fewer than 3 instances, nor when a value is nan.
    """
    return mean_std(values, mean_interval(values, randomness("mean")))


def estimated_s_tau(accuracies: np.ndarray, randomness: Randomness) -> Number:
    """S-Tau of accuracies `[instance, child]` (paper §3.2, equation 2), with its bootstrap interval.

    There is no interval with fewer than 3 instances, nor when a rank is constant. Raises `UsageError` for one instance.
    """
    return Number(s_tau(accuracies).mean, interval=s_tau_interval(accuracies, randomness("S-Tau")))
