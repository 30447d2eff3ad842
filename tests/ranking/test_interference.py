"""Interference against loops, records made from known effects, and SciPy's test and correlation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from commonweight.errors import UsageError
from commonweight.ranking import (
    curve_correlation,
    help_and_harm,
    interference,
    mean_after,
    mutual_help,
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


def shuffled(rng, instances, rounds, children):
    """Orders `[instance, moment]`, each round a permutation, and the number of each moment's round."""
    orders = [np.concatenate([rng.permutation(children) for _ in range(rounds)]) for _ in range(instances)]
    return np.array(orders), np.arange(rounds * children) // children


def brute_p(accuracies, order, rounds, i, j):
    """(mean change, p of helping, p of harming) by loops over instances, rounds and mini-batches."""
    instances, moments, children = accuracies.shape
    baseline, changes = {}, {}
    for n in range(instances):
        for t in range(1, moments):
            lag = next((ago for ago in range(t + 1) if order[n][t - ago] == j), None)
            changes[n, t] = (accuracies[n, t, j] - accuracies[n, t - 1, j], lag)
            baseline.setdefault(lag, []).append(changes[n, t][0])

    def left(n, one, child):
        slots = [t for t in range(1, moments) if rounds[t] == one and order[n][t] == child]
        return np.mean([changes[n, t][0] - np.mean(baseline[changes[n, t][1]]) for t in slots]) if slots else None

    after = [changes[n, t][0] for n in range(instances) for t in range(1, moments) if order[n][t] == i]
    found = [np.mean(after)]
    for sign, side in ((1, "greater"), (-1, "less")):
        ps = []
        for k in set(range(children)) - {i, j}:
            pairs = [(left(n, one, i), left(n, one, k)) for n in range(instances) for one in sorted(set(rounds[1:]))]
            d = [mine - other for mine, other in pairs if mine is not None and other is not None]
            ps.append(stats.norm.sf(sign * sum(d) / np.sqrt(sum(one * one for one in d))))
        c, r = len(ps), len(ps) // 2 + 1
        beyond_most = min(1, (c - r + 1) * sorted(ps)[r - 1])
        found.append(max(beyond_most, stats.ttest_1samp(after, 0, alternative=side).pvalue))
    return found


@pytest.mark.parametrize("children", [3, 4, 5])
@pytest.mark.parametrize("seed", range(4))
def test_help_and_harm_by_loops(seed, children):
    """Windows that begin within a round and, of the last two seeds, orders that draw children several times a round."""
    rng = np.random.default_rng(seed)
    order, rounds = shuffled(rng, 3, 4, children)
    if seed > 1:
        order = rng.integers(0, children, order.shape)
    order, rounds = order[:, seed % 2 :], rounds[seed % 2 :]
    accuracies = rng.random((*order.shape, children))
    found = help_and_harm(accuracies, trained_mask(order, children), rounds)
    for i, j in np.ndindex(children, children):
        if i == j:
            assert np.isnan([found.p_helps[i, j], found.p_harms[i, j]]).all()
        else:
            here = [found.mean[i, j], found.p_helps[i, j], found.p_harms[i, j]]
            assert here == pytest.approx(brute_p(accuracies, order, rounds, i, j))


def curves_without_interference(rng, order, amplitudes):
    """What each child's own training leaves of its amplitude, by mini-batches since, and a drift and noise of its own."""
    instances, moments = order.shape
    left, since = np.array([1, 0.4, 0.1, 0]), np.full((instances, len(amplitudes)), 3)
    drift = 0.01 * np.arange(moments)[:, None] * rng.normal(size=len(amplitudes))
    accuracies = drift + 0.01 * rng.normal(size=(instances, moments, len(amplitudes)))
    for moment in range(moments):
        since = np.where(order[:, [moment]] == np.arange(len(amplitudes)), 0, np.minimum(since + 1, 3))
        accuracies[:, moment] += amplitudes * left[since]
    return accuracies


def test_nobody_is_named_too_often_where_children_differ_only_in_their_own_curves():
    """Each of the two tests alone would be right in 5 %; both must agree, so it is less."""
    rng = np.random.default_rng(1)
    ps = []
    for _ in range(150):
        order, rounds = shuffled(rng, 4, 6, 4)
        accuracies = curves_without_interference(rng, order, np.array([0.02, 0.2, 0.1, -0.1]))
        found = help_and_harm(accuracies, trained_mask(order, 4), rounds)
        ps += [found.p_helps[~np.eye(4, dtype=bool)], found.p_harms[~np.eye(4, dtype=bool)]]
    assert np.mean(np.array(ps) <= 0.05) <= 0.05
    assert np.mean(np.array(ps) <= 0.005) <= 0.008


def test_clear_effects_are_found_and_signed():
    rng = np.random.default_rng(2)
    true = np.zeros((5, 5))
    true[0, 1], true[4, 2], true[2, 4] = 0.1, 0.1, -0.1
    order, rounds = shuffled(rng, 5, 8, 5)
    accuracies = curves_without_interference(rng, order, np.array([0.05, 0.2, 0.1, 0, 0.1]))
    accuracies += np.cumsum(true[order], axis=1)
    found = help_and_harm(accuracies, trained_mask(order, 5), rounds)
    np.testing.assert_array_equal(found.p_helps < 1e-4, true > 0)
    np.testing.assert_array_equal(found.p_harms < 1e-4, true < 0)
    assert found.mean[0, 1] > 0 > found.mean[2, 4]


def test_what_everybody_does_to_a_child_is_nobodys_doing():
    """Child 1 falls after each of its companions alike: the mean is surely negative, the surplus nothing."""
    rng = np.random.default_rng(3)
    order, rounds = shuffled(rng, 5, 8, 4)
    accuracies = np.cumsum(np.where(order[..., None] == 1, 0.3, -0.1) * (np.arange(4) == 1), axis=1)
    accuracies = accuracies + 0.01 * rng.normal(size=accuracies.shape)
    found = help_and_harm(accuracies, trained_mask(order, 4), rounds)
    assert (found.mean[[0, 2, 3], 1] < -0.09).all()
    assert (found.p_harms[[0, 2, 3], 1] > 0.01).all()


@pytest.mark.parametrize("sign", [1, -1])
def test_who_does_nothing_does_not_harm_because_another_helps(sign):
    """Child 1 falls back after its own training, and rises after child 0: it falls after the others as it always does."""
    rng = np.random.default_rng(6)
    order, rounds = shuffled(rng, 5, 12, 4)
    accuracies = sign * curves_without_interference(rng, order, np.array([0, 0.1, 0, 0]))
    accuracies[..., 1] += np.cumsum(np.where(order == 0, 0.1 * sign, 0), axis=1)
    found = help_and_harm(accuracies, trained_mask(order, 4), rounds)
    named, other = (found.p_helps, found.p_harms) if sign > 0 else (found.p_harms, found.p_helps)
    assert named[0, 1] < 1e-6
    assert (other[[2, 3], 1] > 0.01).all()


def test_curves_that_do_not_move_name_nobody():
    order, rounds = shuffled(np.random.default_rng(4), 3, 3, 4)
    found = help_and_harm(np.full((3, 12, 4), 0.5), trained_mask(order, 4), rounds)
    others = ~np.eye(4, dtype=bool)
    assert (found.p_helps[others] == 0.5).all()
    assert (found.p_harms[others] == 0.5).all()


def test_a_child_hardly_trained_is_not_tested():
    order = np.array([[0, 1, 2, 0, 1, 0], [1, 0, 1, 0, 1, 0]])
    found = help_and_harm(np.random.default_rng(5).random((2, 6, 3)), trained_mask(order, 3), np.arange(6) // 3)
    assert np.isnan(found.p_helps[2]).all()
    assert not np.isnan(found.p_helps[[0, 1], 2]).any()
    two = help_and_harm(np.random.default_rng(6).random((3, 6, 2)), trained_mask([0, 1] * 3, 2), np.arange(6) // 2)
    assert np.isnan([two.p_helps, two.p_harms]).all()


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
        (
            lambda: help_and_harm(np.ones((5, 2)), np.ones((5, 2), bool), np.ones(5)),
            r"accuracies have shape \(5, 2\) and rounds \(5,\); expected \[instance, moment, child\] and \[moment\]",
        ),
        (
            lambda: help_and_harm(np.ones((3, 5, 2)), np.ones((3, 5, 2), bool), np.ones(4)),
            r"shape \(3, 5, 2\) and rounds \(4,\)",
        ),
        (
            lambda: help_and_harm(np.ones((3, 1, 2)), np.ones((3, 1, 2), bool), np.ones(1)),
            r"with at least 2 moment\(s\)",
        ),
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


# Mutual help


def brute_mutual_help(accuracies, order):
    """One change after the other: what it is of, and how long ago that child was trained."""
    moments, children = accuracies.shape
    since = [
        [min((t - s for s in range(t + 1) if order[s] == j), default=-1) for j in range(children)]
        for t in range(moments)
    ]
    changes = {(t, j): accuracies[t, j] - accuracies[t - 1, j] for t in range(1, moments) for j in range(children)}
    alike = {
        lag: np.mean([change for (t, j), change in changes.items() if since[t][j] == lag])
        for lag in {since[t][j] for t, j in changes}
    }
    effects = {}
    for i in range(children):
        for j in range(children):
            after = [changes[t, j] - alike[since[t][j]] for t in range(1, moments) if order[t] == i]
            effects[i, j] = np.mean(after) if after else None
    result = np.full((children, children), np.nan)
    for (i, j), effect in effects.items():
        known = [one for one in (effect, effects[j, i]) if one is not None]
        if i != j and known:
            result[i, j] = np.mean(known)
    return result


@given(st.data(), st.integers(2, 8), st.integers(2, 4), st.booleans())
def test_mutual_help_is_the_loop(data, moments, children, own_orders):
    accuracies = data.draw(arrays(np.float64, (2, moments, children), elements=VALUES))
    shape = (2, moments) if own_orders else (moments,)
    orders = data.draw(arrays(np.int64, shape, elements=st.integers(0, children - 1)))
    result = mutual_help(accuracies, trained_mask(orders, children))
    for record, order in enumerate(np.broadcast_to(orders, (2, moments))):
        np.testing.assert_allclose(result[record], brute_mutual_help(accuracies[record], order), atol=1e-12)


def falling_back(order, children, effects):
    """A record in which a child gains 0.5 by its own training, loses 0.4 in the next mini-batch and 0.1 in the one after.

    Beside that it changes by effects[i, j] when child i is trained.
    """
    since = since_trained(trained_mask(order, children))
    own = np.select([since == 0, since == 1, since == 2], [0.5, -0.4, -0.1], 0.0)
    return np.cumsum(own + effects[order], axis=0)


def test_mutual_help_is_not_a_childs_falling_back_though_the_order_is_fixed():
    """Two pairs of six children help each other; every child follows the same other one in all rounds."""
    effects = np.zeros((6, 6))
    for i, j in ((0, 3), (1, 5)):
        effects[i, j] = effects[j, i] = 0.05
    order = np.tile(np.arange(6), 4)
    record, mask = falling_back(order, 6, effects), trained_mask(order, 6)
    found = mutual_help(record, mask)
    best = sorted(zip(*np.triu_indices(6, 1), strict=True), key=lambda pair: found[pair])[-2:]
    assert {tuple(map(int, pair)) for pair in best} == {(0, 3), (1, 5)}
    others = [found[pair] for pair in zip(*np.triu_indices(6, 1), strict=True) if pair not in {(0, 3), (1, 5)}]
    assert np.abs(others).max() < 0.025 < min(found[0, 3], found[1, 5])  # though all lose 0.4 after their own training
    naive = interference(record, mask)
    worst = min(zip(*np.triu_indices(6, 1), strict=True), key=lambda pair: naive[pair] + naive[pair[::-1]])
    assert worst[1] - worst[0] in (1, 5)  # neighbours in the order, who do each other no harm


def test_mutual_help_of_a_child_that_was_not_trained():
    rng, order = np.random.default_rng(0), np.array([0, 1, 2, 1, 2])  # 0 only at the first moment, 3 never
    found = mutual_help(rng.random((5, 4)), trained_mask(order, 4))
    assert np.isnan(found.diagonal()).all()
    assert np.isnan(found[0, 3])
    assert np.isfinite(found[[0, 1, 2, 1], [1, 2, 3, 3]]).all()
    np.testing.assert_array_equal(found, found.T)
    with pytest.raises(UsageError, match="at least 2 moment"):
        mutual_help(np.zeros((1, 4)), np.zeros((1, 4), dtype=bool))
