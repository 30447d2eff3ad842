"""Bootstrap intervals against a loop over the same draws, and against data whose truth is known."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from ranking.drawing import drawn_instances
from scipy import stats
from scipy.stats import binomtest

from commonweight.errors import UsageError
from commonweight.ranking import (
    Interval,
    difference_interval,
    jackknife_interval,
    mean_interval,
    paired_difference_interval,
    s_tau,
    s_tau_difference_interval,
    s_tau_interval,
    s_tau_paired_difference_interval,
    s_tau_share_interval,
    share_interval,
    tau,
    within_between_interval,
)

VALUES = np.random.default_rng(1).normal(size=8)
RANKS = np.random.default_rng(1).normal(size=(8, 12)) + np.linspace(0, 2, 12)
NOISY = RANKS + 4 * np.random.default_rng(2).normal(size=RANKS.shape)
SURE = np.linspace(0, 2, 12) + np.random.default_rng(3).normal(size=(5, 12)) / 4


def between(interval, first):
    """A function of two sets as one of the second."""

    def of_second(second, rng, **settings):
        return interval(first, second, rng, **settings)

    return of_second


INTERVALS = pytest.mark.parametrize(
    ("interval", "data"),
    [
        (mean_interval, VALUES),
        (s_tau_interval, RANKS),
        (between(difference_interval, [1, 2, 2, 4]), VALUES),
        (between(paired_difference_interval, range(8)), VALUES),
        (between(s_tau_difference_interval, RANKS[:5, ::-1] + RANKS[1:6]), RANKS),
        (between(s_tau_paired_difference_interval, NOISY), RANKS),
        (
            between(lambda noisy, clean, *rest, **more: s_tau_share_interval(clean, noisy, SURE, *rest, **more), NOISY),
            RANKS,
        ),
        (between(within_between_interval, VALUES), RANKS),
    ],
)


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


# inside instances against between them


def test_within_between_interval_is_the_loop_over_the_same_draws():
    rng = np.random.default_rng(3)
    ranks = np.round(rng.normal(size=(4, 10)) + np.linspace(0, 2, 10), 1)  # some ties
    within, differences = rng.random(4), []
    for drawn in drawn_instances(4, np.random.default_rng(6), 400):
        taus = [tau(ranks[i], ranks[j]) for i, j in combinations(drawn, 2) if i != j]
        differences += [within[drawn].mean() - np.mean(taus)] if taus else []
    assert len(differences) < 400  # a draw of one instance alone does come up
    result = within_between_interval(within, ranks, np.random.default_rng(6), resamples=400, level=0.8)
    assert result is not None
    np.testing.assert_allclose([result.low, result.high], np.percentile(differences, [10, 90]), atol=1e-12)
    assert result.level == 0.8


def test_within_between_interval_holds_the_truth_about_as_often_as_it_says():
    """Epochs of one instance that agree more than instances do: the true difference from very many of them."""
    rng = np.random.default_rng(9)

    def study(instances):
        own = np.linspace(0, 2, 16) + 0.6 * rng.normal(size=(instances, 1, 16))
        epochs = own + 0.4 * rng.normal(size=(instances, 3, 16))
        return np.array([s_tau(one).mean for one in epochs]), epochs[:, -1]

    inside, final = study(1500)
    truth = inside.mean() - s_tau(final).mean
    assert truth > 0.1
    held = 0
    for _ in range(200):
        interval = within_between_interval(*study(30), rng, resamples=400, level=0.8)
        assert interval is not None
        held += interval.low <= truth <= interval.high
    assert 0.7 < held / 200 < 0.87


def test_within_between_needs_three_instances_and_defined_taus():
    rng = np.random.default_rng(0)
    ranks = [[1, 2, 3], [1, 3, 2], [3, 2, 1]]
    assert within_between_interval([0.1, 0.2, 0.3], ranks, rng) is not None
    assert within_between_interval([0.1, 0.2], ranks[:2], rng) is None
    assert within_between_interval([0.1, np.nan, 0.2], ranks, rng) is None
    assert within_between_interval([0.1, 0.2, 0.3, 0.4], [*ranks, [1, 1, 1]], rng) is None
    with pytest.raises(UsageError, match=r"within has 2 instance\(s\) and accuracies 3; give the same instances"):
        within_between_interval([0.1, 0.2], ranks, rng)
    with pytest.raises(UsageError, match=r"level is 95; expected a share"):
        within_between_interval([0.1, 0.2, 0.3], ranks, rng, level=95)


# shares


@given(st.integers(1, 500), st.data(), st.sampled_from([0.5, 0.8, 0.95, 0.999]))
def test_share_interval_is_scipys(trials, data, level):
    successes = data.draw(st.integers(0, trials))
    result = share_interval(successes, trials, level)
    expected = binomtest(successes, trials).proportion_ci(level, method="wilson")
    np.testing.assert_allclose([result.low, result.high], [expected.low, expected.high], atol=1e-12)
    assert 0 <= result.low <= successes / trials <= result.high <= 1
    assert result.level == level
    mirror = share_interval(trials - successes, trials, level)
    np.testing.assert_allclose([1 - mirror.high, 1 - mirror.low], [result.low, result.high], atol=1e-12)


def test_share_interval_takes_the_half_successes_of_ties():
    lower, half, upper = (share_interval(successes, 10) for successes in (3, 3.5, 4))
    assert lower.low < half.low < upper.low
    assert lower.high < half.high < upper.high


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (-1, 3), (4, 3), (np.nan, 3)])
def test_impossible_shares_are_refused(successes, trials):
    with pytest.raises(UsageError, match=rf"got {successes} success\(es\) of {trials} trial\(s\); expected"):
        share_interval(successes, trials)


def test_impossible_levels_of_shares_are_refused():
    with pytest.raises(UsageError, match="level is 95; expected a share"):
        share_interval(1, 2, 95)


# jackknife_interval


def test_the_jackknife_of_a_mean_is_the_standard_error_of_the_mean():
    rng = np.random.default_rng(0)
    values, means = rng.normal(size=7), rng.normal(size=5)
    without = [np.delete(values, place).mean() for place in range(7)]
    found = jackknife_interval(values.mean() - means.mean(), without, means)
    error = np.sqrt(stats.sem(values) ** 2 + stats.sem(means) ** 2)
    middle = values.mean() - means.mean()
    assert (found.low, found.high) == pytest.approx(stats.norm.interval(0.95, middle, error))
    narrower = jackknife_interval(middle, without, means, level=0.5)
    assert (narrower.low, narrower.high) == pytest.approx(stats.norm.interval(0.5, middle, error))


@pytest.mark.parametrize(
    ("without", "means"),
    [([1, 2], [1, 2, 3]), ([1, 2, 3], [1, 2]), ([1, 2, np.nan], [1, 2, 3]), ([1, 2, 3], [1, 2, np.nan])],
)
def test_few_or_undefined_values_have_no_jackknife(without, means):
    assert jackknife_interval(0.5, without, means) is None


def test_an_impossible_jackknife_is_refused():
    with pytest.raises(UsageError, match="without have shape"):
        jackknife_interval(0.5, [[1, 2, 3]], [1, 2, 3])
    with pytest.raises(UsageError, match="level is 1"):
        jackknife_interval(0.5, [1, 2, 3], [1, 2, 3], level=1)
