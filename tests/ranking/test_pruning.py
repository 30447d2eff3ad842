"""Pruning against a loop that drops one child after the other, and against chance."""

from fractions import Fraction
from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from commonweight.errors import UsageError
from commonweight.ranking import keep, mean_rank, random_ranks, ranks, survival, survival_intervals

VALUES = st.sampled_from([0.0, 0.25, 0.5, 1.0])
several = st.tuples(st.integers(1, 5), st.integers(1, 9)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=VALUES)
)


def brute_mean_ranks(accuracies):
    """Exact mean rank of each child; a child's rank is one more than how many are better or tied with a lower index."""
    rows = accuracies.tolist()
    return [
        Fraction(sum(1 + sum((-row[x], x) < (-row[child], child) for x in range(len(row))) for row in rows), len(rows))
        for child in range(len(rows[0]))
    ]


def brute_kept(accuracies, count):
    """Drop the worst of those left, of tied ones the highest index, until so many are left."""
    means, left = brute_mean_ranks(accuracies), list(range(accuracies.shape[1]))
    while len(left) > count:
        left.remove(max(left, key=lambda child: (means[child], child)))
    return left


@given(several)
def test_mean_rank_is_brute_force(accuracies):
    np.testing.assert_allclose(mean_rank(accuracies), [float(mean) for mean in brute_mean_ranks(accuracies)])


@given(several, st.integers(1, 100))
def test_keep_is_dropping_the_worst_again_and_again(accuracies, percent):
    result = keep(accuracies, percent / 100)
    assert result.dtype == np.bool_
    assert np.flatnonzero(result).tolist() == brute_kept(accuracies, ceil(Fraction(percent * accuracies.shape[1], 100)))


def test_keep_by_hand():
    # Ranks 1 2 3 4, 2 1 3 4 and 4 3 1 2: means 7/3, 2, 7/3, 10/3; children 0 and 2 are tied.
    accuracies = [[4, 3, 2, 1], [3, 4, 2, 1], [1, 2, 4, 3]]
    assert keep(accuracies, 0.25).tolist() == [False, True, False, False]
    assert keep(accuracies, 0.26).tolist() == [True, True, False, False]
    assert keep(accuracies, 0.75).tolist() == [True, True, True, False]
    assert keep(accuracies, 1).all()


def test_a_product_that_misses_a_whole_number_by_rounding_is_that_number():
    assert 0.07 * 100 > 7
    assert keep(random_ranks(2, 100, np.random.default_rng(0)), 0.07).sum() == 7
    for percent in range(1, 101):
        assert keep(random_ranks(2, 100, np.random.default_rng(0)), percent / 100).sum() == percent


@given(several, st.data())
def test_survival_is_brute_force(accuracies, data):
    children = accuracies.shape[1]
    truth = data.draw(arrays(np.float64, children, elements=VALUES))
    counts = st.lists(st.integers(1, children), max_size=4)
    tops, kept = data.draw(counts), data.draw(st.none() | counts)
    result = survival(accuracies, truth, tops, kept)
    true_order = sorted(range(children), key=lambda child: (-truth[child], child))
    kept = list(range(1, children + 1)) if kept is None else kept
    assert result.shape == (len(kept), len(tops))
    for row, count in zip(result, kept, strict=True):
        left = brute_kept(accuracies, count)
        expected = [len(set(left) & set(true_order[:n])) / n for n in tops]
        np.testing.assert_allclose(row, expected)


@given(st.integers(0, 2**32 - 1))
def test_a_stack_is_each_instance_alone(seed):
    rng = np.random.default_rng(seed)
    stack, truth = rng.integers(0, 4, (2, 3, 4, 12)), rng.integers(0, 4, 12)
    results = mean_rank(stack), keep(stack, 0.4), survival(stack, truth)
    assert [result.shape for result in results] == [(2, 3, 12), (2, 3, 12), (2, 3, 12, 4)]
    for index in np.ndindex(2, 3):
        np.testing.assert_array_equal(results[0][index], mean_rank(stack[index]))
        np.testing.assert_array_equal(results[1][index], keep(stack[index], 0.4))
        np.testing.assert_array_equal(results[2][index], survival(stack[index], truth))


def test_survival_grows_with_the_number_kept_and_ends_at_one():
    rng = np.random.default_rng(1)
    result = survival(rng.random((6, 5, 20)), rng.random(20))
    assert (np.diff(result, axis=-2) >= 0).all()
    assert (result[..., -1, :] == 1).all()


def test_ranks_that_know_nothing_prune_at_chance():
    rng = np.random.default_rng(2)
    result = survival(rng.random((4000, 3, 16)), rng.random(16)).mean(axis=0)
    np.testing.assert_allclose(result, np.tile(np.arange(1, 17)[:, None] / 16, 4), atol=0.035)


def test_the_true_rank_keeps_the_best():
    truth = np.random.default_rng(3).random(20)
    result = survival(truth[None], truth)
    np.testing.assert_allclose(result, np.minimum(1, np.arange(1, 21)[:, None] / np.array([1, 3, 5, 10])))
    assert keep(truth[None], 0.25).tolist() == (ranks(truth) <= 5).tolist()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: keep([[1, 2]], 0), r"share is 0; expected above 0 and at most 1"),
        (lambda: keep([[1, 2]], 1.5), r"share is 1.5; expected above 0"),
        (lambda: keep([[1, 2]], np.nan), r"share is nan"),
        (lambda: mean_rank([1, 2]), r"accuracies has shape \(2,\); expected \[\.\.\., rank, child\]"),
        (lambda: mean_rank(np.ones((0, 2))), r"with at least 1 rank\(s\) and 1 child\(ren\)"),
        (lambda: survival([[1, 2]], [1, 2]), r"tops is \[1, 3, 5, 10\]; expected numbers of children from 1 to 2"),
        (lambda: survival([[1, 2]], [1, 2], [0]), r"tops is \[0\]"),
        (lambda: survival([[1, 2]], [1, 2], [1], [3]), r"kept is \[3\]; expected numbers of children from 1 to 2"),
        (lambda: survival([[1, 2]], [1, 2, 3]), r"accuracies have 2 children and ground_truth has 3"),
        (lambda: survival([1, 2], [1, 2], [1]), r"accuracies has shape \(2,\); expected \[\.\.\., rank, child\]"),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()


# the interval


def test_survival_intervals_are_the_loop_over_draws():
    rng = np.random.default_rng(4)
    truth = rng.random(12)
    accuracies = np.round(truth + rng.normal(0, 0.8, (5, 12)), 1)  # some ties
    draws = np.random.default_rng(6).integers(0, 5, size=(300, 5))
    best = sorted(range(12), key=lambda child: (-truth[child], child))
    result = survival_intervals(
        accuracies, truth, np.random.default_rng(6), (1, 3), (4, 7, 12), resamples=300, level=0.8
    )
    assert result is not None
    assert [len(row) for row in result] == [2, 2, 2]
    for row, kept in zip(result, (4, 7, 12), strict=True):
        for interval, top in zip(row, (1, 3), strict=True):
            shares = [len(set(brute_kept(accuracies[drawn], kept)) & set(best[:top])) / top for drawn in draws]
            np.testing.assert_allclose([interval.low, interval.high], np.percentile(shares, [10, 90]))
            assert interval.level == 0.8
    assert result[0][1].low < result[0][1].high


def test_survival_intervals_hold_what_is_sure_and_what_is_not():
    rng = np.random.default_rng(5)
    truth = np.arange(12.0)
    ((sure,),) = survival_intervals(np.tile(truth, (3, 1)), truth, rng, [3], [3])
    assert (sure.low, sure.high) == (1, 1)
    ((wrong,),) = survival_intervals(np.tile(-truth, (3, 1)), truth, rng, [3], [3])
    assert (wrong.low, wrong.high) == (0, 0)
    ((noise,),) = survival_intervals(rng.random((6, 12)), truth, rng, [5], [6])
    assert 0 <= noise.low < noise.high <= 1
    assert len(survival_intervals(rng.random((6, 12)), truth, rng)) == 12  # every number kept


def test_two_instances_have_no_survival_intervals():
    rng = np.random.default_rng(0)
    assert survival_intervals(rng.random((2, 4)), np.arange(4), rng, [1]) is None
    assert survival_intervals(rng.random((3, 4)), np.arange(4), rng, [1]) is not None


@pytest.mark.parametrize(
    ("top", "kept", "message"),
    [
        (0, 2, r"tops is \[0\]; expected numbers of children from 1 to 4"),
        (1, 5, r"kept is \[5\]; expected numbers of children from 1 to 4"),
    ],
)
def test_impossible_survival_intervals_are_refused(top, kept, message):
    with pytest.raises(UsageError, match=message):
        survival_intervals(np.ones((3, 4)), np.arange(4), np.random.default_rng(0), [top], [kept])


def test_survival_intervals_are_of_one_set_of_instances():
    with pytest.raises(UsageError, match=r"expected \[instance, child\]"):
        survival_intervals(np.ones((2, 3, 4)), np.arange(4), np.random.default_rng(0), [1])
