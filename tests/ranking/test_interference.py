"""Interference against loops, records made from known effects, and SciPy's test and correlation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from commonweight.errors import UsageError
from commonweight.ranking import (
    HelpAndHarm,
    curve_correlation,
    help_and_harm,
    interference,
    mean_after,
    since_trained,
    trained_mask,
)

VALUES = st.sampled_from([0.0, 0.25, 0.5, 0.625, 1.0])


def brute_interference(accuracies, order):
    moments, children = accuracies.shape
    effects = np.full((children, children), np.nan)
    for i in range(children):
        after = [t for t in range(1, moments) if order[t] == i]
        for j in range(children):
            changes = [accuracies[t, j] - accuracies[t - 1, j] for t in range(1, moments)]
            if after:
                effects[i, j] = np.mean([changes[t - 1] for t in after]) - np.mean(changes)
    return effects


@given(st.data(), st.integers(2, 7), st.integers(1, 4), st.booleans())
def test_interference_is_the_loop(data, moments, children, own_orders):
    accuracies = data.draw(arrays(np.float64, (2, moments, children), elements=VALUES))
    shape = (2, moments) if own_orders else (moments,)
    orders = data.draw(arrays(np.int64, shape, elements=st.integers(0, children - 1)))
    result = interference(accuracies, trained_mask(orders, children))
    assert result.shape == (2, children, children)
    for record, order in enumerate(np.broadcast_to(orders, (2, moments))):
        np.testing.assert_allclose(result[record], brute_interference(accuracies[record], order), atol=1e-12)
        alone = interference(accuracies[record], trained_mask(order, children))
        np.testing.assert_allclose(alone, result[record], atol=1e-12)


def test_interference_recovers_the_effects_that_made_the_record():
    rng = np.random.default_rng(0)
    effects = rng.normal(size=(5, 5))
    order = rng.permuted([range(5)] * 3, axis=1).ravel()  # 15 moments; each child is trained 3 times
    order = np.concatenate([[0], order])  # the first moment is only a before
    accuracies = np.concatenate([np.zeros((1, 5)), np.cumsum(effects[order[1:]], axis=0)])
    result = interference(accuracies, trained_mask(order, 5))
    np.testing.assert_allclose(result, effects - effects.mean(axis=0), atol=1e-12)


@given(st.integers(0, 2**32 - 1))
def test_effects_weighted_by_how_often_a_child_was_trained_sum_to_zero(seed):
    rng = np.random.default_rng(seed)
    order = rng.integers(0, 4, 12)
    result = interference(rng.random((12, 4)), trained_mask(order, 4))
    times = np.bincount(order[1:], minlength=4)
    np.testing.assert_array_equal(np.isnan(result).all(axis=1), times == 0)
    np.testing.assert_allclose(times @ np.nan_to_num(result), 0, atol=1e-12)


def test_a_trend_of_the_window_is_no_effect():
    rng = np.random.default_rng(1)
    accuracies, mask = rng.random((20, 4)), trained_mask(np.arange(20) % 4, 4)
    drift = np.arange(20)[:, None] * rng.normal(size=4)
    np.testing.assert_allclose(interference(accuracies + drift, mask), interference(accuracies, mask), atol=1e-12)


# help_and_harm


def brute_rejections(p, q):
    """Benjamini and Hochberg's steps: the largest k whose k-th smallest p is at most q k / m; reject these k."""
    order = sorted(range(len(p)), key=lambda test: p[test])
    count = max((k for k in range(1, len(p) + 1) if p[order[k - 1]] <= q * k / len(p)), default=0)
    return {order[place] for place in range(count)}


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.01, 0.05, 0.3]))
def test_help_and_harm_is_scipys_test_and_the_steps_of_benjamini_and_hochberg(seed, q):
    rng = np.random.default_rng(seed)
    effects = rng.normal(size=(6, 5, 5)) + rng.choice([-2, 0, 0, 2], size=(5, 5))
    effects[rng.random((6, 5)) < 0.1] = np.nan  # a child never trained in an instance
    result = help_and_harm(effects, q=q)
    pairs, p = [], []
    for i, j in np.ndindex(5, 5):
        there = effects[~np.isnan(effects[:, i, j]), i, j]
        if i == j or len(there) < 2:
            assert np.isnan(result.mean[i, j])
            assert np.isnan(result.standard_error[i, j])
            continue
        assert result.mean[i, j] == pytest.approx(there.mean())
        assert result.standard_error[i, j] == pytest.approx(stats.sem(there))
        pairs.append((i, j))
        p.append(stats.ttest_1samp(there, 0).pvalue)
    rejected = {pairs[test] for test in brute_rejections(p, q)}
    assert {tuple(pair) for pair in np.argwhere(result.helps)} == {x for x in rejected if result.mean[x] > 0}
    assert {tuple(pair) for pair in np.argwhere(result.harms)} == {x for x in rejected if result.mean[x] < 0}
    assert (result.positive, result.negative) == (result.helps.sum(), result.harms.sum())
    assert result.tested == len(pairs)
    assert result.q == q


def test_clear_effects_are_found_and_signed():
    rng = np.random.default_rng(2)
    true = np.zeros((8, 8))
    true[0, 1:4], true[5, 6] = 1, -1
    np.fill_diagonal(true, 5)  # what training does to the child itself is no pair
    result = help_and_harm(true + 0.05 * rng.normal(size=(10, 8, 8)), q=0.01)
    np.testing.assert_array_equal(result.helps, true == 1)
    np.testing.assert_array_equal(result.harms, true == -1)
    assert (result.positive, result.negative, result.tested) == (3, 1, 56)
    assert np.isnan(np.diag(result.mean)).all()
    np.testing.assert_allclose(result.mean[0, 1:4], 1, atol=0.1)


def test_effects_without_spread_are_certain_or_nothing():
    effects = np.zeros((3, 3, 3))
    effects[:, 0, 1], effects[:, 2, 1] = 0.25, -0.25
    result = help_and_harm(effects)
    assert np.argwhere(result.helps).tolist() == [[0, 1]]
    assert np.argwhere(result.harms).tolist() == [[2, 1]]
    assert result.standard_error[0, 1] == 0


def test_pairs_without_two_instances_are_not_tested():
    effects = np.full((3, 2, 2), np.nan)
    result = help_and_harm(effects)
    assert (result.tested, result.positive, result.negative, result.expected) == (0, 0, 0, 0)
    effects[:, 0] = 0.5
    effects[0, 1] = 0.5
    assert help_and_harm(effects).tested == 1


@pytest.mark.parametrize(("tests", "q"), [(1, 0.05), (2, 0.2), (12, 0.05), (12, 0.3), (90, 0.5)])
def test_expected_is_the_mean_number_of_rejections_of_independent_true_hypotheses(tests, q):
    empty = np.empty((0, 0))
    expected = HelpAndHarm(empty, empty, empty, empty, tests, q).expected
    p = np.sort(np.random.default_rng(3).random((100_000, tests)), axis=1)
    below = p <= q * np.arange(1, tests + 1) / tests
    rejected = np.where(below.any(axis=1), tests - np.argmax(below[:, ::-1], axis=1), 0)
    assert 2 * expected == pytest.approx(rejected.mean(), abs=4 * rejected.std() / 100_000**0.5)


def test_expected_nears_its_limit():
    empty = np.empty((0, 0))
    assert HelpAndHarm(empty, empty, empty, empty, 4032, 0.05).expected == pytest.approx(0.025 / 0.95**2, rel=1e-3)


def test_no_effect_is_found_about_as_often_as_expected():
    """Whole studies without any effect: 10 instances of 6 children whose accuracies are noise."""
    rng = np.random.default_rng(4)
    order = rng.permuted([range(6)] * 4, axis=1).ravel()
    mask = trained_mask(order, 6)
    studies = [help_and_harm(interference(rng.random((10, 24, 6)), mask), q=0.2) for _ in range(600)]
    assert studies[0].tested == 30
    found = np.array([[study.positive, study.negative] for study in studies]).mean(axis=0)
    np.testing.assert_allclose(found, studies[0].expected, rtol=0.5)


# curve_correlation


@given(st.data(), st.integers(2, 7), st.integers(2, 5), st.booleans())
def test_curve_correlation_is_pearsons(data, moments, children, keep_common):
    accuracies = data.draw(arrays(np.float64, (2, moments, children), elements=VALUES))
    result = curve_correlation(accuracies, keep_common=keep_common)
    assert result.shape == (2, children, children)
    for curves, found in zip(accuracies, result, strict=True):
        exact = 8 * children * curves  # whole numbers, so that a curve that does not move is exactly constant
        left = exact if keep_common else exact - exact.mean(axis=1, keepdims=True).round()
        for i, j in np.ndindex(children, children):
            if np.ptp(left[:, i]) == 0 or np.ptp(left[:, j]) == 0:
                assert np.isnan(found[i, j])
            elif i == j:
                assert found[i, j] == 1
            else:
                expected = stats.pearsonr(left[:, i], left[:, j]).statistic
                assert found[i, j] == pytest.approx(expected, abs=1e-9)
                assert found[i, j] == pytest.approx(found[j, i], abs=1e-12)
                assert -1 <= found[i, j] <= 1
        np.testing.assert_allclose(curve_correlation(curves, keep_common=keep_common), found, atol=1e-12)


def test_two_children_are_opposites_and_unrelated_ones_slightly_so():
    rng = np.random.default_rng(5)
    np.testing.assert_allclose(curve_correlation(rng.random((16, 2))), [[1, -1], [-1, 1]])
    between = curve_correlation(rng.random((400, 64, 5)))[..., ~np.eye(5, dtype=bool)]
    assert between.mean() == pytest.approx(-1 / 4, abs=0.01)


def test_a_swing_of_all_children_counts_only_when_kept():
    rng = np.random.default_rng(6)
    own, swing = rng.random((64, 6)), 20 * rng.random((64, 1))
    np.testing.assert_allclose(curve_correlation(own + swing), curve_correlation(own), atol=1e-9)
    assert curve_correlation(own + swing, keep_common=True).min() > 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: interference(np.ones((1, 2)), np.ones((1, 2), bool)), r"with at least 2 moment\(s\)"),
        (lambda: curve_correlation(np.ones((1, 2))), r"with at least 2 moment\(s\) and 2 child\(ren\)"),
        (lambda: curve_correlation(np.ones((2, 1))), r"with at least 2 moment\(s\) and 2 child\(ren\)"),
        (lambda: help_and_harm(np.ones((2, 2))), r"effects have shape \(2, 2\); expected \[instance, child, child\]"),
        (lambda: help_and_harm(np.ones((3, 2, 4))), r"effects have shape \(3, 2, 4\)"),
        (lambda: help_and_harm(np.ones((1, 2, 2))), r"at least 2 instances"),
        (lambda: help_and_harm(np.full((2, 2, 2), np.inf)), r"none infinite"),
        (lambda: help_and_harm(np.ones((2, 2, 2)), q=0), r"q is 0; expected a share between 0 and 1"),
        (lambda: help_and_harm(np.ones((2, 2, 2)), q=5), r"q is 5"),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()


@given(st.integers(1, 12), st.integers(1, 5), st.integers(0, 99))
def test_since_trained_by_looking_back(moments, children, seed):
    trained = np.random.default_rng(seed).random((moments, children)) < 0.3
    for t, c in np.ndindex(moments, children):
        ago = [lag for lag in range(t + 1) if trained[t - lag, c]]
        assert since_trained(trained)[t, c] == (ago[0] if ago else -1)


def test_mean_after_by_loops():
    rng = np.random.default_rng(0)
    changes, trained = rng.normal(size=(2, 7, 4)), rng.random((2, 7, 4)) < 0.4
    trained[:, :, 3] = False
    found = mean_after(changes, trained)
    for n, i, j in np.ndindex(2, 4, 4):
        moved = [changes[n, t, j] for t in range(7) if trained[n, t, i]]
        assert found[n, i, j] == pytest.approx(np.mean(moved)) if moved else np.isnan(found[n, i, j])
