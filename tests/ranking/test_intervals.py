"""Bootstrap intervals against a loop over the same draws, and against data whose truth is known."""

from itertools import combinations

import numpy as np
import pytest

from commonweight.errors import UsageError
from commonweight.ranking import Interval, mean_interval, s_tau, s_tau_interval, tau

INTERVALS = pytest.mark.parametrize(
    ("interval", "data"),
    [
        (mean_interval, np.random.default_rng(1).normal(size=8)),
        (s_tau_interval, np.random.default_rng(1).normal(size=(8, 12)) + np.linspace(0, 2, 12)),
    ],
)


def drawn_instances(n, rng, resamples):
    """The instances of each draw, written out: the same draws as the library makes from a generator in this state."""
    return [np.repeat(np.arange(n), counts) for counts in rng.multinomial(n, [1 / n] * n, size=resamples)]


def test_mean_interval_is_the_loop_over_draws():
    values = np.random.default_rng(0).normal(size=7)
    means = [values[drawn].mean() for drawn in drawn_instances(7, np.random.default_rng(5), 400)]
    result = mean_interval(values, np.random.default_rng(5), resamples=400, level=0.9)
    assert result == Interval(
        pytest.approx(np.percentile(means, 5)), pytest.approx(np.percentile(means, 95)), level=0.9
    )


@pytest.mark.parametrize("n", [3, 4, 9])
def test_s_tau_interval_is_the_loop_over_draws_without_copies(n):
    accuracies = np.round(np.random.default_rng(n).normal(size=(n, 10)) + np.linspace(0, 2, 10), 1)  # some ties
    statistics, dropped = [], 0
    for drawn in drawn_instances(n, np.random.default_rng(6), 400):
        taus = [tau(accuracies[i], accuracies[j]) for i, j in combinations(drawn, 2) if i != j]
        statistics += [np.mean(taus)] if taus else []
        dropped += not taus
    assert n > 3 or dropped  # the case of a draw of one instance alone does come up
    result = s_tau_interval(accuracies, np.random.default_rng(6), resamples=400, level=0.8)
    assert result is not None
    np.testing.assert_allclose([result.low, result.high], np.percentile(statistics, [10, 90]), atol=1e-12)
    assert result.level == 0.8


@INTERVALS
def test_the_seed_alone_decides(interval, data):
    first = interval(data, np.random.default_rng(2))
    assert first == interval(data, np.random.default_rng(2))
    assert first != interval(data, np.random.default_rng(3))


@INTERVALS
def test_the_default_is_2000_draws_at_95_percent(interval, data):
    explicit = interval(data, np.random.default_rng(2), resamples=2000, level=0.95)
    assert interval(data, np.random.default_rng(2)) == explicit


@INTERVALS
def test_a_higher_level_gives_a_wider_interval(interval, data):
    narrow, wide = (interval(data, np.random.default_rng(2), level=level) for level in (0.5, 0.99))
    assert wide.low < narrow.low < narrow.high < wide.high


def test_intervals_lie_around_the_estimate_and_within_its_extremes():
    accuracies = np.random.default_rng(1).normal(size=(10, 12)) + np.linspace(0, 2, 12)
    estimate, interval = s_tau(accuracies), s_tau_interval(accuracies, np.random.default_rng(0))
    assert interval is not None
    assert estimate.min <= interval.low < estimate.mean < interval.high <= estimate.max


def test_equal_ranks_leave_no_doubt():
    accuracies = np.tile(np.arange(6), (3, 1))  # one draw in nine has no pair; it must not count as 0
    assert s_tau_interval(accuracies, np.random.default_rng(0)) == Interval(1, 1, 0.95)
    assert mean_interval([0.5] * 4, np.random.default_rng(0)) == Interval(0.5, 0.5, 0.95)


def test_mean_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(7)
    intervals = [mean_interval(rng.normal(3, 2, size=40), rng, resamples=500, level=0.8) for _ in range(400)]
    share = np.mean([interval.low <= 3 <= interval.high for interval in intervals])
    assert 0.72 < share < 0.86


def test_s_tau_interval_holds_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(8)

    def study(instances):
        noise = rng.normal(size=(instances, 16)) * rng.gamma(2, 0.5, size=(instances, 1))
        return np.linspace(0, 2, 16) + noise

    truth = s_tau(study(2000)).mean
    intervals = [s_tau_interval(study(30), rng, resamples=500, level=0.8) for _ in range(400)]
    share = np.mean([interval.low <= truth <= interval.high for interval in intervals])
    assert 0.7 < share < 0.86


def test_too_few_instances_or_an_undefined_tau_give_no_interval():
    rng = np.random.default_rng(0)
    assert mean_interval([], rng) is None
    assert mean_interval([0.5], rng) is None
    assert mean_interval([0.5, 0.6], rng) is None
    assert mean_interval([0.5, 0.6, 0.7], rng) is not None
    assert mean_interval([0.5, np.nan, 0.6], rng) is None
    assert s_tau_interval([[1, 2, 3], [1, 3, 2]], rng) is None
    assert s_tau_interval([[1, 2, 3], [1, 3, 2], [3, 2, 1]], rng) is not None
    assert s_tau_interval([[1, 2, 3], [1, 3, 2], [1, 1, 1]], rng) is None


def test_draws_of_one_instance_alone_give_no_interval():
    results = [
        s_tau_interval([[1, 2, 3], [1, 3, 2], [3, 2, 1]], np.random.default_rng(seed), resamples=1)
        for seed in range(60)
    ]
    assert None in results  # one draw in nine
    assert any(result is not None for result in results)


@INTERVALS
def test_impossible_settings_are_refused(interval, data):
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match="resamples is 0; expected at least 1"):
        interval(data, rng, resamples=0)
    for level in (0, 1, 95, np.nan):
        with pytest.raises(UsageError, match=f"level is {level}; expected a share between 0 and 1"):
            interval(data, rng, level=level)


def test_impossible_values_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match=r"values have shape \(1, 2\); expected \[instance\]"):
        mean_interval([[0.1, 0.2]], rng)
    with pytest.raises(UsageError, match=r"values have shape \(2,\); .*none infinite"):
        mean_interval([0.1, np.inf], rng)
    with pytest.raises(UsageError, match=r"expected \[rank, child\]"):
        s_tau_interval([0.1, 0.2, 0.3], rng)
