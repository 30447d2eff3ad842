"""Numbers over instances with their intervals: one way for all tables and figures, and for ranks from elsewhere.

The random stream of an interval is named by the statistic alone, so the same ranks have the same interval wherever they
are shown.
"""

import numpy as np

from commonweight.paper.evidence import Randomness
from commonweight.paper.tables import Number, mean_std
from commonweight.ranking import mean_interval, s_tau, s_tau_interval, s_tau_share_interval


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


def estimated_share(a: np.ndarray, b: np.ndarray, ceiling: np.ndarray, randomness: Randomness) -> Number:
    """(S-Tau(a) − S-Tau(b)) / (S-Tau(ceiling) − S-Tau(b)): how much of a gap is closed by a, with its bootstrap interval.

    a and b are the same instances under two conditions, all three `[instance, child]`. nan where there is no gap:
    S-Tau(ceiling) ≤ S-Tau(b). The interval is that of `s_tau_share_interval`. Raises `UsageError` for one instance.
    """
    of_a, of_b, of_ceiling = (s_tau(accuracies).mean for accuracies in (a, b, ceiling))
    if not of_ceiling > of_b:
        return Number(np.nan)
    interval = s_tau_share_interval(a, b, ceiling, randomness("share of a gap"))
    return Number((of_a - of_b) / (of_ceiling - of_b), interval=interval)
