"""The statistics of the claims against SciPy and plain loops."""

from itertools import combinations

import numpy as np
import pytest
from paper.making import mean as plain_mean
from paper.making import tau

from commonweight.paper.claims.comparisons import difference, mean, paired, paired_s_tau, trend
from commonweight.ranking import (
    difference_interval,
    mean_interval,
    paired_difference_interval,
    s_tau_paired_difference_interval,
)

A, B = np.array([1.0, 2, 4, 8]), np.array([0.5, 3, 3, 4])


class Stream:
    """Random numbers by purpose, each asked for written down."""

    def __init__(self):
        self.asked = []

    def __call__(self, *purpose):
        self.asked.append(purpose)
        return np.random.default_rng(sum(map(ord, "".join(purpose))))


def test_means_and_differences_with_their_intervals():
    stream = Stream()
    results = [
        mean(stream, A),
        difference(stream, A, B[:3]),
        paired(stream, A, B),
        difference(stream, B[:3], A),
    ]
    assert [one.value for one in results] == [3.75, 3.75 - 6.5 / 3, 3.75 - 2.625, 6.5 / 3 - 3.75]
    again = Stream()
    assert [one.interval for one in results[:3]] == [
        mean_interval(A, again("mean")),
        difference_interval(A, B[:3], again("difference")),
        paired_difference_interval(A, B, again("paired difference")),
    ]
    assert stream.asked == [("mean",), ("difference",), ("paired difference",), ("difference",)]
    assert all(one.interval.low < one.value < one.interval.high for one in results)


def test_a_paired_difference_of_s_taus_with_its_interval():
    stream, rng = Stream(), np.random.default_rng(0)
    a, b = rng.random((4, 6)), rng.random((4, 6))
    found = paired_s_tau(stream, a, b)
    s_taus = [plain_mean(tau(x, y) for x, y in combinations(ranks, 2)) for ranks in (a, b)]
    assert found.value == pytest.approx(s_taus[0] - s_taus[1])
    assert stream.asked == [("paired difference of S-Tau",)]
    assert found.interval == s_tau_paired_difference_interval(a, b, Stream()("paired difference of S-Tau"))


@pytest.mark.parametrize("seed", range(5))
def test_a_trend_is_the_mean_of_taus_with_the_steps(seed):
    values = np.round(np.random.default_rng(seed).random((5, 4)), 1)  # [step, instance], some ties
    expected = plain_mean(tau(range(5), [values[step, i] for step in range(5)]) for i in range(4))
    assert trend(Stream(), values).value == pytest.approx(expected)


def test_rising_is_above_and_falling_below():
    rising = np.arange(15.0).reshape(5, 3)
    assert trend(Stream(), rising).value == 1
    assert trend(Stream(), -rising).value == -1


def test_what_is_undefined_has_no_interval():
    flat = np.ones((4, 3))
    found = trend(Stream(), flat)
    assert np.isnan(found.value)
    assert found.interval is None
    holed = np.arange(15.0).reshape(5, 3)
    holed[2, 1] = np.nan  # the GT-Tau of children that all tie
    assert np.isnan(trend(Stream(), holed).value)
    assert trend(Stream(), holed).interval is None
    assert mean(Stream(), A[:2]).interval is None
    assert paired(Stream(), A[:2], B[:2]).interval is None
    assert difference(Stream(), A, B[:2]).interval is None
