"""Intervals of differences, paired or not, against a loop over the same draws, and against data whose truth is known."""

from itertools import combinations

import numpy as np
import pytest
from ranking.drawing import drawn_instances

from commonweight.errors import UsageError
from commonweight.ranking import (
    Interval,
    difference_interval,
    paired_difference_interval,
    s_tau,
    s_tau_difference_interval,
    s_tau_paired_difference_interval,
    s_tau_share_interval,
    tau,
)


def test_difference_interval_is_the_loop_over_two_sets_of_draws():
    a, b = np.random.default_rng(0).normal(1, size=7), np.random.default_rng(1).normal(size=4)
    rng = np.random.default_rng(5)
    draws_a, draws_b = drawn_instances(7, rng, 400), drawn_instances(4, rng, 400)
    differences = [a[i].mean() - b[j].mean() for i, j in zip(draws_a, draws_b, strict=True)]
    result = difference_interval(a, b, np.random.default_rng(5), resamples=400, level=0.9)
    assert result is not None
    np.testing.assert_allclose([result.low, result.high], np.percentile(differences, [5, 95]))
    assert result.level == 0.9


def test_paired_difference_interval_is_the_loop_over_the_same_draws():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=7), rng.normal(size=7)
    differences = [a[drawn].mean() - b[drawn].mean() for drawn in drawn_instances(7, np.random.default_rng(5), 400)]
    result = paired_difference_interval(a, b, np.random.default_rng(5), resamples=400, level=0.9)
    assert result is not None
    np.testing.assert_allclose([result.low, result.high], np.percentile(differences, [5, 95]))


def test_pairs_cancel_what_instances_have_in_common():
    rng = np.random.default_rng(0)
    common = 10 * rng.normal(size=12)
    a, b = common + 1 + 0.1 * rng.normal(size=12), common + 0.1 * rng.normal(size=12)
    paired, independent = paired_difference_interval(a, b, rng), difference_interval(a, b, rng)
    assert 0.8 < paired.low < paired.high < 1.2
    assert independent.low < -2 < 4 < independent.high


def test_s_tau_difference_interval_is_the_loop_over_two_sets_of_draws():
    rng = np.random.default_rng(3)
    a = np.round(rng.normal(size=(3, 10)) + np.linspace(0, 2, 10), 1)
    b = np.round(rng.normal(size=(4, 6)), 1)  # other children

    def loop(accuracies, draws):
        for drawn in draws:
            taus = [tau(accuracies[i], accuracies[j]) for i, j in combinations(drawn, 2) if i != j]
            yield np.mean(taus) if taus else np.nan

    rng = np.random.default_rng(6)
    draws_a, draws_b = drawn_instances(3, rng, 300), drawn_instances(4, rng, 300)
    pairs = zip(loop(a, draws_a), loop(b, draws_b), strict=True)
    differences = np.array([s_tau_a - s_tau_b for s_tau_a, s_tau_b in pairs])
    assert np.isnan(differences).any()  # a draw of one instance alone does come up
    result = s_tau_difference_interval(a, b, np.random.default_rng(6), resamples=300, level=0.8)
    assert result is not None
    np.testing.assert_allclose([result.low, result.high], np.nanpercentile(differences, [10, 90]), atol=1e-12)


def s_taus_of(accuracies, draws):
    """S-Tau of each draw without copies, nan where it has no pair."""
    for drawn in draws:
        taus = [tau(accuracies[i], accuracies[j]) for i, j in combinations(drawn, 2) if i != j]
        yield np.mean(taus) if taus else np.nan


def test_s_tau_paired_difference_interval_is_the_loop_over_the_same_draws():
    rng = np.random.default_rng(3)
    a = np.round(rng.normal(size=(4, 10)) + np.linspace(0, 2, 10), 1)
    b = np.round(rng.normal(size=(4, 6)), 1)  # other children
    draws = drawn_instances(4, np.random.default_rng(6), 300)
    differences = np.array(list(s_taus_of(a, draws))) - list(s_taus_of(b, draws))
    assert np.isnan(differences).any()
    result = s_tau_paired_difference_interval(a, b, np.random.default_rng(6), resamples=300, level=0.8)
    assert result is not None
    np.testing.assert_allclose([result.low, result.high], np.nanpercentile(differences, [10, 90]), atol=1e-12)


def test_pairs_cancel_what_instances_agree_in_under_both_conditions():
    rng = np.random.default_rng(0)
    a = np.linspace(0, 1, 16) + rng.gamma(1, 1, size=(12, 1)) * rng.normal(size=(12, 16))
    b = a + 0.05 * rng.normal(size=a.shape)
    paired, independent = s_tau_paired_difference_interval(a, b, rng), s_tau_difference_interval(a, b, rng)
    assert paired.high - paired.low < (independent.high - independent.low) / 3


def studies_of_a_gap(seed, spread_of_truth=0.3):
    """Accuracies under two conditions, the second of which adds noise to the first, and those of a ceiling.

    The ceiling has other children, so that no S-Tau of its draws is one of the others' by chance, but for rounding.
    """
    rng = np.random.default_rng(seed)
    a = np.round(np.linspace(0, 2, 10) + 0.8 * rng.normal(size=(5, 10)), 1)
    b = a + rng.normal(size=a.shape)
    return a, b, np.linspace(0, 2, 11) + spread_of_truth * rng.normal(size=(4, 11))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("level", [0.5, 0.8])
def test_s_tau_share_interval_is_the_loop_over_draws(seed, level):
    a, b, ceiling = studies_of_a_gap(seed, 0.9)
    rng = np.random.default_rng(6)
    draws, draws_c = drawn_instances(5, rng, 300), drawn_instances(4, rng, 300)
    shares, gapless = [], 0
    for of_a, of_b, of_c in zip(s_taus_of(a, draws), s_taus_of(b, draws), s_taus_of(ceiling, draws_c), strict=True):
        if np.isnan([of_b, of_c]).any():
            continue
        if of_c > of_b:
            shares.append((of_a - of_b) / (of_c - of_b))
        else:
            gapless += 1
    last = len(shares) + gapless - 1
    lowest = sorted([-np.inf] * gapless + shares)[int(np.floor(last * (1 - level) / 2))]
    highest = sorted(shares + [np.inf] * gapless)[int(np.ceil(last * (1 + level) / 2 - 1e-9))]
    result = s_tau_share_interval(a, b, ceiling, np.random.default_rng(6), resamples=300, level=level)
    if np.isinf([lowest, highest]).any():
        assert result is None
    else:
        assert (result.low, result.high, result.level) == pytest.approx((lowest, highest, level))


def test_a_gap_that_is_not_sure_has_no_share():
    a, b, ceiling = studies_of_a_gap(0)
    assert s_tau_share_interval(a, b, ceiling, np.random.default_rng(0)) is not None
    for other in (b[:4], b[:, ::-1]):  # as little agreement as at the base: some draws have no gap
        assert s_tau_share_interval(a, b, other, np.random.default_rng(0)) is None
    noise = np.random.default_rng(1).normal(size=(4, 10))  # and hardly any draw has one
    assert s_tau_share_interval(b, a, noise, np.random.default_rng(0)) is None


def test_intervals_of_differences_hold_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(9)

    def study(instances, spread):
        return np.linspace(0, 2, 16) + spread * rng.normal(size=(instances, 16))

    def noisier(accuracies):
        return accuracies + rng.normal(size=accuracies.shape)

    low, high, best = (s_tau(one).mean for one in (noisier(study(1500, 0.5)), study(1500, 0.5), study(1500, 0.2)))
    truth = s_tau(study(1500, 0.5)).mean - s_tau(study(1500, 1)).mean
    settings = {"resamples": 400, "level": 0.8}
    held = {"independent": 0, "paired": 0, "s_tau": 0, "s_tau paired": 0, "share": 0}
    for _ in range(300):
        a, b = rng.normal(3, 2, size=40), rng.normal(1, 1, size=25)
        interval = difference_interval(a, b, rng, **settings)
        held["independent"] += interval.low <= 2 <= interval.high
        interval = paired_difference_interval(a, a - rng.normal(2, 1, size=40), rng, **settings)
        held["paired"] += interval.low <= 2 <= interval.high
        interval = s_tau_difference_interval(study(30, 0.5), study(20, 1), rng, **settings)
        held["s_tau"] += interval.low <= truth <= interval.high
        clean = study(30, 0.5)
        noisy = noisier(clean)
        interval = s_tau_paired_difference_interval(clean, noisy, rng, **settings)
        held["s_tau paired"] += interval.low <= high - low <= interval.high
        interval = s_tau_share_interval(clean, noisy, study(20, 0.2), rng, **settings)
        held["share"] += interval.low <= (high - low) / (best - low) <= interval.high
    assert all(0.7 < count / 300 < 0.87 for count in held.values()), held


def test_too_few_instances_in_either_give_no_difference():
    rng = np.random.default_rng(0)
    three, two, undefined = [1, 2, 3], [1, 2], [1, np.nan, 2]
    for other in (two, undefined):
        assert difference_interval(three, other, rng) is None
        assert difference_interval(other, three, rng) is None
    assert difference_interval(three, three, rng) is not None
    assert paired_difference_interval(two, two, rng) is None
    assert paired_difference_interval(three, undefined, rng) is None
    ranks = [[1, 2, 3], [1, 3, 2], [3, 2, 1]]
    for other in (ranks[:2], [*ranks, [1, 1, 1]]):
        assert s_tau_difference_interval(ranks, other, rng) is None
        assert s_tau_difference_interval(other, ranks, rng) is None
        assert s_tau_paired_difference_interval(other, other, rng) is None
    assert s_tau_difference_interval(ranks, ranks, rng) is not None
    assert s_tau_paired_difference_interval(ranks, ranks, rng) is not None
    two, constant = ranks[:2], [[1, 2, 3], [1, 2, 3], [1, 1, 1]]
    sure = [[1, 2, 3]] * 3
    assert s_tau_share_interval(sure, ranks, sure, rng) == Interval(1, 1, 0.95)
    assert s_tau_paired_difference_interval(ranks, constant, rng) is None
    assert s_tau_share_interval(two, two, sure, rng) is None
    assert s_tau_share_interval(sure, ranks, two, rng) is None
    for place in range(3):
        three = [sure, ranks, sure]
        three[place] = constant
        assert s_tau_share_interval(*three, rng) is None


def test_impossible_differences_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(UsageError, match=r"a has 3 instance\(s\) and b has 4; expected the same instances"):
        paired_difference_interval([1, 2, 3], [1, 2, 3, 4], rng)
    ranks = [[1, 2, 3], [1, 3, 2], [3, 2, 1]]
    told = (
        r"a has 3 instance\(s\) and b has 2; expected the same instances in both: give them in pairs, or use s_tau_diff"
    )
    with pytest.raises(UsageError, match=told):
        s_tau_paired_difference_interval(ranks, ranks[:2], rng)
    with pytest.raises(UsageError, match=told):
        s_tau_share_interval(ranks, ranks[:2], ranks, rng)
    with pytest.raises(UsageError, match=r"b have shape \(1, 3\); expected \[instance\]"):
        difference_interval([1, 2, 3], [[1, 2, 3]], rng)
    with pytest.raises(UsageError, match=r"a have shape \(3,\); .*none infinite"):
        paired_difference_interval([1, 2, np.inf], [1, 2, 3], rng)
