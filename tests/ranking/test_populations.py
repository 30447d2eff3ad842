"""Populations against brute force and SciPy, and what choosing the best by a seed's own luck would do."""

from math import ceil

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import kendalltau

from commonweight.errors import UsageError
from commonweight.ranking import gt_tau_of_best, mean_of_others, own_gt_tau, s_tau, sampling_deviation, truly_best

FOUR = st.sampled_from([0.0, 0.25, 0.5, 1.0])  # so that very many tie
ranks_and_truth = st.integers(2, 14).flatmap(
    lambda n: st.tuples(
        arrays(float, st.tuples(st.integers(1, 4), st.just(n)), elements=FOUR), arrays(float, n, elements=FOUR)
    )
)
seeds = st.tuples(st.integers(2, 4), st.integers(2, 14)).flatmap(lambda shape: arrays(float, shape, elements=FOUR))
percents = st.integers(1, 100)


def brute_best(truth, percent):
    """Children of which fewer than the whole share are better; percent in whole numbers, so that nothing is rounded."""
    most = -(-percent * len(truth) // 100)
    return [child for child, value in enumerate(truth) if sum(other > value for other in truth) < most]


def brute_tau(rank, truth, percent):
    best = brute_best(truth, percent)
    if len(best) < 3:
        return np.nan
    return kendalltau([rank[child] for child in best], [truth[child] for child in best]).statistic


@given(ranks_and_truth, percents)
def test_the_truly_best_and_their_gt_tau(both, percent):
    ranks, truth = both
    best = truly_best(truth, percent / 100)
    assert np.flatnonzero(best).tolist() == brute_best(truth.tolist(), percent)
    assert best.sum() >= ceil(round(percent * len(truth) / 100, 9))
    expected = [brute_tau(rank, truth, percent) for rank in ranks.tolist()]
    np.testing.assert_allclose(gt_tau_of_best(ranks, truth, percent / 100), expected, rtol=0, atol=1e-12)
    assert gt_tau_of_best(ranks[0], truth, percent / 100).shape == ()


@given(seeds, percents)
def test_ground_truths_own(truths, percent):
    others = [[np.mean([row[c] for j, row in enumerate(truths) if j != i]) for c in range(truths.shape[1])]
              for i in range(len(truths))]  # fmt: skip
    np.testing.assert_allclose(mean_of_others(truths), others)
    expected = [brute_tau(seed, rest, percent) for seed, rest in zip(truths, mean_of_others(truths), strict=True)]
    np.testing.assert_allclose(own_gt_tau(truths, percent / 100), expected, rtol=0, atol=1e-12)


@given(ranks_and_truth, percents, st.randoms())
def test_the_order_of_children_says_nothing(both, percent, random):
    ranks, truth = both
    order = list(range(len(truth)))
    random.shuffle(order)
    np.testing.assert_array_equal(truly_best(truth[order], percent / 100), truly_best(truth, percent / 100)[order])
    np.testing.assert_allclose(
        gt_tau_of_best(ranks[:, order], truth[order], percent / 100), gt_tau_of_best(ranks, truth, percent / 100)
    )


def test_by_hand():
    assert truly_best([0.9, 0.8, 0.8, 0.1], 0.5).tolist() == [True, True, True, False]
    assert truly_best([0.9, 0.8, 0.8, 0.1], 0.25).tolist() == [True, False, False, False]
    assert truly_best(np.arange(100), 0.07).sum() == 7  # and 0.07 * 100 is more than 7
    assert truly_best(np.zeros(5), 0.05).all()
    assert gt_tau_of_best([3, 1, 2, 9], [0.9, 0.8, 0.7, 0.1], 0.75) == pytest.approx(1 / 3)  # 31 and 32 agree, 12 not
    assert np.isnan(gt_tau_of_best([3, 1, 2, 9], [0.9, 0.8, 0.7, 0.1], 0.5))  # of two children
    assert np.isnan(gt_tau_of_best([1, 1, 1, 9], [0.9, 0.8, 0.7, 0.1], 0.75))  # all three tie


def test_two_seeds_have_their_s_tau():
    truths = np.random.default_rng(0).random((2, 40))
    assert own_gt_tau(truths).mean() == pytest.approx(s_tau(truths).mean)


def test_a_seeds_own_luck_does_not_choose_the_best():
    """Of noise, tau is 0 by chance; among the best by the mean of both it is −1/3."""
    taus, biased = [], []
    for seed in range(40):
        truths = np.random.default_rng(seed).random((2, 400))
        taus.append(own_gt_tau(truths, 0.1).mean())
        best = truly_best(truths.mean(axis=0), 0.1)
        biased.append(kendalltau(truths[0][best], truths[1][best]).statistic)
    assert abs(np.mean(taus)) < 0.06
    assert np.mean(biased) == pytest.approx(-1 / 3, abs=0.05)


@pytest.mark.parametrize(("n", "of"), [(100, 15_625), (1000, 1500)])
def test_taus_of_samples_deviate_so(n, of):
    rng = np.random.default_rng(0)
    a, b = rng.random((2, of))
    drawn = [kendalltau(a[some], b[some]).statistic for some in (rng.choice(of, n, replace=False) for _ in range(400))]
    assert np.std(drawn) == pytest.approx(sampling_deviation(n, of), rel=0.15)
    assert sampling_deviation(of, of) == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: truly_best([1, 2], 0), r"share is 0; expected above 0 and at most 1, for example 0\.05"),
        (lambda: truly_best([1, 2], 1.1), r"share is 1\.1; expected"),
        (lambda: truly_best([], 0.5), r"ground_truth has shape \(0,\)"),
        (lambda: gt_tau_of_best([1, 2], [1, 2, 3], 0.5), "accuracies have 2 children and ground_truth has 3"),
        (lambda: own_gt_tau([[1, 2, 3]]), r"truths hold 1 seed\(s\); .* give at least 2"),
        (lambda: own_gt_tau([1, 2, 3]), r"truths has shape \(3,\); expected \[seed, child\]"),
        (lambda: sampling_deviation(3, 2), "a sample of 3 of 2 children; expected 1 … 2"),
    ],
)
def test_mistakes(call, message):
    with pytest.raises(UsageError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
