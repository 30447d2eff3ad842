"""How surely an interval excludes a border, and how many instances would decide a check (normal approximations)."""

from collections.abc import Sequence
from math import ceil, inf
from statistics import NormalDist

from commonweight.ranking import Interval

LEVEL = 0.05
"""A check is decided when chance decides it in no more of many studies, both sides counted; and of false discoveries."""
POWER = 0.8  # of many studies with the number of instances that a power calculation gives, so many decide
NORMAL = NormalDist()
SURE = NORMAL.inv_cdf(1 - LEVEL / 2)
LIKELY = NORMAL.inv_cdf(POWER)


def exceeded(z: float) -> float:
    """Two-sided p of so many standard errors."""
    return 2 * NORMAL.cdf(-abs(z))


def excluded(distance: float, interval: Interval) -> float:
    """p of a value that lies so far beyond a border which its interval excludes; at most `LEVEL`."""
    error = _standard_error(interval)
    return min(LEVEL, exceeded(distance / error)) if error else 0.0


def enough_for(interval: Interval, instances: int, borders: Sequence[float], reached: float = inf) -> int | None:
    """How many instances decide with 80 % power, from the interval of `instances`, if the truth is the value found.

    n (z₀.₉₇₅ + z₀.₈)² e² / d² for an interval that must exclude borders at distance d, with e the standard error of n
    instances; and n z₀.₈² e² / d² for a value that must stay on its side of one at distance `reached`: the largest of them,
    more than there are. None where a distance is 0: no number would. Intervals of few instances are too narrow, so the
    number is then too small.
    """
    if min(*borders, reached) <= 0:
        return None
    error = _standard_error(interval)
    needed = [((SURE + LIKELY) * error / distance) ** 2 for distance in borders] + [(LIKELY * error / reached) ** 2]
    return max(instances + 1, ceil(instances * max(needed)))


def enough_to_name(p: float, place: int, tests: int, instances: int) -> int | None:
    """How many instances let Benjamini and Hochberg's procedure name so many of the `tests`, with 80 % power.

    From the two-sided p of the test that is in this place, 1 = the surest, as if its z grew with the root of the number of
    instances: n (z₀.₈ + z)² / z², where the second z is what the procedure asks of this place. The surest of many tests has
    had luck, so the number is too small; where nothing is true there is no right one. None for a p of 1.
    """
    if p >= 1:
        return None
    found, asked = (-NORMAL.inv_cdf(max(one, 1e-300) / 2) for one in (p, LEVEL * place / tests))
    return max(instances + 1, ceil(instances * ((LIKELY + asked) / found) ** 2))


def _standard_error(interval: Interval) -> float:
    return (interval.high - interval.low) / (2 * NORMAL.inv_cdf((1 + interval.level) / 2))
