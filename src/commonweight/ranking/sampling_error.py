"""What a tau on a sample of the children says of the tau on all of them."""

import math

import numpy as np
from numpy.typing import ArrayLike

from commonweight.errors import UsageError
from commonweight.ranking.arrays import finite


def tau_sampling_deviation(a: ArrayLike, b: ArrayLike, population: int | None = None) -> float:
    """Standard deviation of tau-b of a and b, both [child], over samples of so many children, estimated from this sample.

    The jackknife: √((n − 1) / n · Σ (τ₍ᵢ₎ − mean)²), τ₍ᵢ₎ the tau without child i; it needs no resampling and assumes no
    distribution (Arvesen, 1969, for U-statistics). Drawn without replacement from a `population` of so many it is smaller by
    √(1 − n / population), and 0 for all of them. nan where leaving out a child makes an accuracy constant. Raises
    `UsageError` for less than 3 children, two lengths, and a population smaller than the sample.
    """
    x, y = (finite(values, name, "child", child=3) for values, name in ((a, "a"), (b, "b")))
    n = len(x)
    if len(y) != n:
        raise UsageError(f"a has {n} children and b {len(y)}; give the same children")
    if population is not None and population < n:
        raise UsageError(f"a population of {population} for a sample of {n}; expected at least as many")
    first, second = (np.sign(values[:, None] - values) for values in (x, y))
    agree, apart_a, apart_b = ((pairs).sum(axis=1) for pairs in (first * second, first**2, second**2))
    # Of ordered pairs; without child i those are gone that it stands in, first or second.
    with np.errstate(invalid="ignore", divide="ignore"):
        without = (agree.sum() - 2 * agree) / np.sqrt((apart_a.sum() - 2 * apart_a) * (apart_b.sum() - 2 * apart_b))
    left = 1.0 if population is None else 1 - n / population
    return math.sqrt((n - 1) * without.var() * left)
