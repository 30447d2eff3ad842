"""Periodicity against sums written out, curves that do and do not repeat, and chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import pearsonr

from commonweight.errors import UsageError
from commonweight.ranking import autocorrelation, autocorrelations, trained_is_best, trained_mask, trained_rank

VALUES = st.sampled_from([0.0, 0.25, 0.5, 0.625, 1.0])


def brute_autocorrelation(curves, lag, keep_common):
    """The sums of the docstring, one moment and one child after the other, on integers until the last division."""
    moments, children = curves.shape
    x = [[int(value * 8) for value in row] for row in curves]
    child_sum = [sum(row[c] for row in x) for c in range(children)]
    moment_sum = [sum(row) for row in x]
    total = sum(moment_sum)

    def d(t, c):  # moments × children × deviation
        if keep_common:
            return children * (moments * x[t][c] - child_sum[c])
        return moments * children * x[t][c] - children * child_sum[c] - moments * moment_sum[t] + total

    together = first = second = 0
    for t in range(moments - lag):
        for c in range(children):
            together += d(t, c) * d(t + lag, c)
            first += d(t, c) ** 2
            second += d(t + lag, c) ** 2
    return together / (first * second) ** 0.5 if first and second else np.nan


@given(st.data(), st.integers(2, 6), st.integers(1, 4), st.booleans())
def test_autocorrelations_are_the_sums_written_out(data, moments, children, keep_common):
    curves = data.draw(arrays(np.float64, (2, moments, children), elements=VALUES))
    lags = range(1, moments)
    result = autocorrelations(curves, lags, keep_common=keep_common)
    assert result.shape == (2, moments - 1)
    for record, values in zip(curves, result, strict=True):
        expected = [brute_autocorrelation(record, lag, keep_common) for lag in lags]
        np.testing.assert_allclose(values, expected, atol=1e-12)
        for lag in lags:
            one = autocorrelation(record, lag, keep_common=keep_common)
            assert one.shape == ()
            np.testing.assert_array_equal(one, values[lag - 1])


def test_autocorrelation_is_pearsons_when_both_parts_have_the_windows_means():
    """Two equal-length halves with the same mean per child: then nothing is left for Pearson to centre."""
    rng = np.random.default_rng(0)
    first = rng.normal(size=(32, 5))
    second = 0.4 * first + rng.normal(size=(32, 5))
    second += first.mean(axis=0) - second.mean(axis=0)
    curves = np.concatenate([first, second])
    expected = pearsonr((first - first.mean(0)).ravel(), (second - second.mean(0)).ravel()).statistic
    assert float(autocorrelation(curves, 32, keep_common=True)) == pytest.approx(expected)


@pytest.mark.parametrize("keep_common", [False, True])
@pytest.mark.parametrize("window", [16, 24, 37])
def test_any_repeating_curves_give_exactly_one_at_their_period(window, keep_common):
    period = np.random.default_rng(1).normal(size=(8, 6))
    curves = np.tile(period, (5, 1))[:window]
    assert autocorrelation(curves, 8, keep_common=keep_common) == 1
    assert autocorrelations(curves, range(1, 8), keep_common=keep_common).max() < 0.9


def test_sinusoids_follow_the_cosine_of_the_lag():
    moment, phase = np.arange(128)[:, None], np.random.default_rng(2).uniform(0, 2 * np.pi, 500)
    curves = 0.5 + 0.1 * np.sin(2 * np.pi * moment / 32 + phase)
    lags = [4, 8, 16, 24, 32, 64]
    expected = np.cos(2 * np.pi * np.array(lags) / 32)
    np.testing.assert_allclose(autocorrelations(curves, lags), expected, atol=0.06)
    np.testing.assert_allclose(autocorrelations(curves, [32, 64]), 1)


def test_noise_gives_minus_one_over_moments():
    curves = np.random.default_rng(3).normal(size=(300, 64, 16))
    for keep_common in (False, True):
        result = autocorrelations(curves, [1, 16, 32], keep_common=keep_common).mean(axis=0)
        np.testing.assert_allclose(result, -1 / 64, atol=0.006)


def test_a_trend_of_all_children_counts_only_when_the_common_mean_is_kept():
    rng = np.random.default_rng(4)
    trend = np.linspace(0, 30, 64)[:, None]
    noise = rng.normal(size=(64, 16))
    np.testing.assert_allclose(autocorrelation(noise + trend, 4), autocorrelation(noise, 4))
    assert abs(autocorrelation(noise + trend, 4)) < 0.15
    assert autocorrelation(noise + trend, 4, keep_common=True) > 0.9


def test_a_drift_of_each_child_does_not_feign_a_repetition_beyond_half_of_the_window():
    drift = np.linspace(0, 1, 64)[:, None] * np.random.default_rng(5).normal(size=16)
    assert autocorrelation(drift, 32) < 0
    assert autocorrelation(drift, 32, keep_common=True) < 0


@given(st.integers(0, 2**32 - 1), st.floats(-5, 5), st.floats(0.1, 10))
def test_autocorrelation_ignores_level_unit_and_order_of_the_children(seed, level, unit):
    rng = np.random.default_rng(seed)
    curves = rng.normal(size=(12, 4))
    other = unit * curves[:, rng.permutation(4)] + level + rng.normal(size=4)[rng.permutation(4)]
    np.testing.assert_allclose(autocorrelation(other, 3), autocorrelation(curves, 3), atol=1e-9)


def test_curves_that_do_not_move_have_no_autocorrelation():
    still = np.full((128, 4), 0.1) + np.arange(4) / 10
    assert np.isnan(autocorrelation(still, 64, keep_common=True))
    assert np.isnan(autocorrelation(still + np.random.default_rng(0).random((128, 1)), 64))
    assert np.isnan(autocorrelation(np.random.default_rng(0).random((128, 1)), 64))  # a single child


# the child just trained


@given(st.data(), st.integers(1, 6), st.integers(1, 5))
def test_trained_is_best_and_trained_rank_are_loops(data, moments, children):
    accuracies = data.draw(arrays(np.float64, (2, moments, children), elements=VALUES))
    orders = data.draw(arrays(np.int64, (2, moments), elements=st.integers(0, children - 1)))
    mask = trained_mask(orders, children)
    best, rank = trained_is_best(accuracies, mask), trained_rank(accuracies, mask)
    assert best.shape == rank.shape == (2,)
    for record in range(2):
        wins, places = [], []
        for row, child in zip(accuracies[record].tolist(), orders[record].tolist(), strict=True):
            tied = [x for x in range(children) if row[x] == row[child]]
            better = sum(value > row[child] for value in row)
            wins.append(0 if better else 1 / len(tied))
            places.append(better + (len(tied) + 1) / 2)
        assert best[record] == pytest.approx(np.mean(wins))
        assert rank[record] == pytest.approx(np.mean(places))
        assert trained_is_best(accuracies[record], mask[record]) == best[record]
        assert trained_rank(accuracies[record], mask[record]) == rank[record]


def test_accuracies_that_know_nothing_of_training_are_at_chance():
    rng = np.random.default_rng(6)
    accuracies = rng.integers(0, 20, (20000, 8)) / 20  # some ties
    mask = trained_mask(np.arange(20000) % 8, 8)
    assert trained_is_best(accuracies, mask) == pytest.approx(1 / 8, abs=0.01)
    assert trained_rank(accuracies, mask) == pytest.approx(4.5, abs=0.06)
    equal = np.full((16, 8), 0.1)
    assert trained_is_best(equal, mask[:16]) == pytest.approx(1 / 8)
    assert trained_rank(equal, mask[:16]) == 4.5


def test_a_child_that_shines_when_trained_is_always_best():
    mask = trained_mask(np.arange(24) % 8, 8)
    accuracies = np.random.default_rng(7).random((3, 24, 8)) + 2 * mask
    np.testing.assert_array_equal(trained_is_best(accuracies, mask), [1, 1, 1])
    np.testing.assert_array_equal(trained_rank(accuracies, mask), [1, 1, 1])
    np.testing.assert_array_equal(trained_rank(-accuracies, mask), [8, 8, 8])


def test_moments_without_training_do_not_count_and_those_of_several_count_for_each():
    accuracies = [[0.9, 0.1, 0.2], [0.3, 0.8, 0.5], [0.1, 0.2, 0.3]]
    mask = np.array([[True, False, False], [False, False, False], [False, True, True]])
    assert trained_is_best(accuracies, mask) == pytest.approx((1 + 0 + 1) / 3)
    assert trained_rank(accuracies, mask) == pytest.approx((1 + 2 + 1) / 3)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: autocorrelation(np.ones((4, 2)), 4), r"lags are \[4\] and the window has 4 moment\(s\); expected 1 ≤"),
        (lambda: autocorrelation(np.ones((4, 2)), 0), r"lags are \[0\]"),
        (lambda: autocorrelations(np.ones((4, 2)), [1, -1]), r"lags are \[1, -1\]"),
        (lambda: autocorrelation([1, 2], 1), r"accuracies has shape \(2,\); expected \[\.\.\., moment, child\]"),
        (lambda: trained_is_best(np.ones((2, 2)), np.zeros((2, 2), bool)), r"no child was trained in a window of 2"),
        (lambda: trained_rank(np.ones((2, 2)), np.zeros((2, 2), bool)), r"no child was trained in a window of 2"),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
