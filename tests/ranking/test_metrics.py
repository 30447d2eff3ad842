"""Metrics against SciPy, brute force over pairs, and numbers worked out by hand."""

from itertools import chain, combinations, permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import kendalltau

from commonweight.errors import UsageError
from commonweight.ranking import gt_tau, last_k, metrics, ranks, s_tau, tau, tau_between, tau_matrix, top_n_rank


def tied(shape):
    """Accuracy arrays with very many ties: four values."""
    return arrays(np.float64, shape, elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))


def matrices(ranks=(1, 5), children=(2, 12)):
    return st.tuples(st.integers(*ranks), st.integers(*children)).flatmap(tied)


pairs_of_vectors = st.integers(2, 15).flatmap(lambda n: st.tuples(tied(n), tied(n)))
distinct = st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=20, unique=True).map(np.array)


def brute_tau(a, b):
    """tau-b by its definition, one pair of children after the other."""
    concordant = discordant = untied_a = untied_b = 0
    for i, j in combinations(range(len(a)), 2):
        product = np.sign(a[i] - a[j]) * np.sign(b[i] - b[j])
        concordant += product > 0
        discordant += product < 0
        untied_a += a[i] != a[j]
        untied_b += b[i] != b[j]
    if not untied_a or not untied_b:
        return np.nan
    return (concordant - discordant) / (untied_a**0.5 * untied_b**0.5)


def brute_order(accuracies):
    """Child indexes, best first, ties to the lower index."""
    return sorted(range(len(accuracies)), key=lambda child: (-accuracies[child], child))


# tau


def test_tau_by_hand():
    # Signs for the pairs 01 02 03 12 13 23, a: 0 − − − − −. With b: − − + 0 + + the products are 0 + − 0 − −, so
    # C = 1, D = 3; of the P = 6 pairs one is tied in a and one in b.
    assert tau([1, 1, 2, 3], [1, 2, 2, 0]) == pytest.approx((1 - 3) / 5)
    # b: 0 − + − + + is tied where a is: products 0 + − + − −, C = 2, D = 3.
    assert tau([1, 1, 2, 3], [1, 1, 2, 0]) == pytest.approx((2 - 3) / 5)
    # b: − − − − + + has no tie: products 0 + + + − −, C = 3, D = 2, and the two factors of the root differ.
    assert tau([1, 1, 2, 3], [1, 2, 4, 1.5]) == pytest.approx((3 - 2) / (5 * 6) ** 0.5)


@given(pairs_of_vectors)
def test_tau_is_scipys_and_brute_force(vectors):
    a, b = vectors
    result = tau(a, b)
    assert isinstance(result, float)
    assert result == pytest.approx(kendalltau(a, b, variant="b").statistic, abs=1e-12, nan_ok=True)
    assert result == pytest.approx(brute_tau(a, b), abs=1e-12, nan_ok=True)


@given(pairs_of_vectors, st.randoms(use_true_random=False))
def test_tau_is_symmetric_bounded_and_blind_to_the_order_of_children(vectors, random):
    a, b = vectors
    shuffled = random.sample(range(len(a)), len(a))
    expected = tau(a, b)
    assert tau(b, a) == pytest.approx(expected, nan_ok=True)
    assert tau(a[shuffled], b[shuffled]) == pytest.approx(expected, nan_ok=True)
    assert tau(-a, b) == pytest.approx(-expected, nan_ok=True)
    assert np.isnan(expected) or -1 <= expected <= 1


@given(pairs_of_vectors)
def test_tau_sees_only_the_order_of_accuracies(vectors):
    a, b = vectors
    assert tau(np.exp(3 * a), b**3 - 7) == pytest.approx(tau(a, b), nan_ok=True)


@given(distinct)
def test_tau_without_ties_is_exactly_one_with_itself_and_minus_one_reversed(a):
    assert tau(a, a) == 1
    assert tau(a, -a) == -1


def test_tau_of_a_constant_vector_is_nan_as_in_scipy():
    assert np.isnan(kendalltau([1, 1, 1], [1, 2, 3]).statistic)
    assert np.isnan(tau([1, 1, 1], [1, 2, 3]))
    assert np.isnan(tau([1, 2, 3], [1, 1, 1]))
    assert np.isnan(tau([1, 1], [1, 1]))


def test_tau_compares_where_a_difference_would_overflow_or_vanish():
    huge, tiny = np.finfo(float).max, np.finfo(float).smallest_subnormal
    assert tau([-huge, 0, tiny, huge], [1, 2, 3, 4]) == 1


def test_tau_counts_more_pairs_than_float32_holds():
    rng = np.random.default_rng(0)
    n = 6000
    assert n * (n - 1) / 2 > 2**24
    a = rng.integers(0, 500, n)
    b = a + rng.integers(0, 50, n)
    assert tau(a, b) == pytest.approx(kendalltau(a, b).statistic, abs=1e-13)
    assert tau(np.arange(n), np.arange(n)) == 1
    a, b = a[None].astype(float), b[None].astype(float)
    assert metrics._by_signs(a, b)[0] == metrics._by_sorting(a, b)[0] > 2**22


@given(matrices(children=(2, 90)), st.integers(1, 3), st.randoms(use_true_random=False))
def test_sorting_counts_the_same_pairs_as_signs(a, rows, random):
    b = np.array([random.sample(list(range(a.shape[1])), a.shape[1]) for _ in range(rows)]) // 3.0
    for left, right in ((a, b), (b, a), (a, a)):
        for sorting, signs in zip(metrics._by_sorting(left, right), metrics._by_signs(left, right), strict=True):
            np.testing.assert_array_equal(sorting, signs)


@pytest.mark.parametrize("distinct", [12, 10_000])
def test_few_ranks_of_many_children_are_scipys(monkeypatch, distinct):
    monkeypatch.setattr(metrics, "_signs", None)  # which would take the square of the children
    rng = np.random.default_rng(6)
    a, truth = rng.integers(0, distinct, (3, 1500)), rng.integers(0, distinct, 1500)
    expected = [kendalltau(rank, truth).statistic for rank in a]
    np.testing.assert_allclose(gt_tau(a, truth), expected, rtol=0, atol=1e-13)
    np.testing.assert_array_equal(np.diag(tau_matrix(a)), 1)
    assert tau_matrix(a)[0, 2] == pytest.approx(kendalltau(a[0], a[2]).statistic, abs=1e-13)
    assert np.isnan(gt_tau(np.ones((1, 1500)), truth)).all()


# tau_matrix and tau_between


@given(matrices(children=(7, 7)), matrices(children=(7, 7)))
def test_tau_between_is_every_tau(a, b):
    expected = [[brute_tau(x, y) for y in b] for x in a]
    np.testing.assert_allclose(tau_between(a, b), expected, atol=1e-12)


@given(matrices())
def test_tau_matrix_is_tau_between_a_set_and_itself(a):
    result = tau_matrix(a)
    np.testing.assert_array_equal(result, tau_between(a, a.copy()))
    np.testing.assert_array_equal(result, result.T)
    constant = (a == a[:, :1]).all(axis=1)
    np.testing.assert_array_equal(np.diag(result), np.where(constant, np.nan, 1))


def test_tau_matrix_of_a_study_is_scipys():
    rng = np.random.default_rng(3)
    a = np.round(rng.normal(size=(20, 64)), 1)
    result = tau_matrix(a)
    assert result.dtype == np.float64
    for i, j in combinations(range(20), 2):
        assert result[i, j] == pytest.approx(kendalltau(a[i], a[j]).statistic, abs=1e-12)


@pytest.mark.parametrize("budget", [1, 100, 1000])
def test_chunks_do_not_change_the_result(monkeypatch, budget):
    rng = np.random.default_rng(4)
    a, b = rng.integers(0, 9, (5, 30)), rng.integers(0, 9, (8, 30))
    whole = tau_matrix(a), tau_between(a, b)
    monkeypatch.setattr(metrics, "SIGNS_AT_ONCE", budget)
    assert len(list(metrics._chunks(30, 5))) > 1
    np.testing.assert_array_equal(tau_matrix(a), whole[0])
    np.testing.assert_array_equal(tau_between(a, b), whole[1])


def test_chunks_hold_every_lag_once_and_stay_small():
    chunks = list(metrics._chunks(4096, 100))
    assert [lag for chunk in chunks for lag in chunk] == list(range(1, 4096))
    assert max(100 * sum(4096 - lag for lag in chunk) for chunk in chunks) <= metrics.SIGNS_AT_ONCE


@pytest.mark.parametrize(("few", "many"), [(1, 40), (40, 1), (20, 20)])
def test_no_array_of_signs_exceeds_the_budget(monkeypatch, few, many):
    sizes, signs = [], metrics._signs
    monkeypatch.setattr(metrics, "SIGNS_AT_ONCE", 4000)
    monkeypatch.setattr(metrics, "_signs", lambda *args: sizes.append(signs(*args).size) or signs(*args))
    rng = np.random.default_rng(5)
    tau_between(rng.normal(size=(few, 50)), rng.normal(size=(many, 50)))
    assert max(sizes) <= 4000
    assert sum(sizes) == (few + many) * 50 * 49 / 2


def test_no_ranks_give_no_taus():
    assert tau_matrix(np.empty((0, 4))).shape == (0, 0)
    assert tau_between(np.empty((0, 4)), np.ones((2, 4))).shape == (0, 2)
    assert gt_tau(np.empty((3, 0, 4)), [1, 2, 3, 4]).shape == (3, 0)


# s_tau


def test_s_tau_by_hand():
    # 123 with 132 differ in one of three pairs: 1/3; 123 with 321 in all: −1; 132 with 321 in two: −1/3.
    result = s_tau([[1, 2, 3], [1, 3, 2], [3, 2, 1]])
    assert result == metrics.STau(pytest.approx(-1 / 3), pytest.approx(1 / 3), pytest.approx(-1), 3)


@given(matrices(ranks=(2, 6)))
def test_s_tau_is_the_mean_of_all_pairs(a):
    taus = [brute_tau(x, y) for x, y in combinations(a, 2)]
    result = s_tau(a)
    assert result.pairs == len(taus) == len(a) * (len(a) - 1) // 2
    expected = [np.nan] * 3 if np.isnan(taus).any() else [np.mean(taus), max(taus), min(taus)]
    np.testing.assert_allclose([result.mean, result.max, result.min], expected, atol=1e-12)


def test_s_tau_with_a_constant_rank_is_nan_throughout():
    result = s_tau([[1, 2, 3], [1, 3, 2], [5, 5, 5]])
    assert np.isnan([result.mean, result.max, result.min]).all()
    assert result.pairs == 3


# gt_tau


@given(st.data(), array_shapes(min_dims=0, max_dims=3, max_side=3))
def test_gt_tau_is_tau_of_each_rank(data, shape):
    accuracies, truth = data.draw(tied((*shape, 6))), data.draw(tied(6))
    result = gt_tau(accuracies, truth)
    assert result.shape == shape
    for index in np.ndindex(shape):
        assert result[index] == pytest.approx(brute_tau(accuracies[index], truth), abs=1e-12, nan_ok=True)


# ranks and top_n_rank


def test_ranks_by_hand_give_ties_to_the_lower_child():
    result = ranks([[0.5, 0.9, 0.5, 0.9, 0.1], [1, 1, 1, 1, 1]])
    assert result.dtype == np.int64
    np.testing.assert_array_equal(result, [[3, 1, 4, 2, 5], [1, 2, 3, 4, 5]])


@given(matrices(children=(1, 40)))
def test_ranks_are_brute_force(accuracies):
    result = ranks(accuracies)
    for row, accuracy in zip(result, accuracies, strict=True):
        order = brute_order(accuracy)
        assert [order.index(child) + 1 for child in range(len(accuracy))] == row.tolist()
    np.testing.assert_array_equal(ranks(accuracies[0]), result[0])


def test_top_n_rank_by_hand():
    truth = [0.9, 0.75, 0.8, 0.7]  # ground-truth ranks 1 3 2 4
    found = [0.2, 0.65, 0.5, 0.6]  # best first: 1, 3, 2, 0
    assert [top_n_rank(found, truth, n) for n in (1, 2, 3, 4)] == [3, 3, 2, 1]


def orders_of(accuracies):
    """Every order of the children from best to worst: the orders of tied ones."""
    levels = [[i for i, x in enumerate(accuracies) if x == value] for value in sorted(set(accuracies), reverse=True)]
    return [[*chain.from_iterable(parts)] for parts in product(*map(permutations, levels))]


def brute_top_n_rank(accuracies, truth, n):
    """Its mean over all orders of both; no order says anything where all children tie."""
    if len(set(accuracies)) == 1 or len(set(truth)) == 1:
        return np.nan
    found = [
        min(true.index(child) + 1 for child in order[:n])
        for order in orders_of(accuracies)
        for true in orders_of(truth)
    ]
    return sum(found) / len(found)


@given(st.data(), array_shapes(min_dims=0, max_dims=2, max_side=3), st.integers(1, 5))
def test_top_n_rank_is_brute_force_over_all_orders_of_tied_children(data, shape, n):
    accuracies, truth = data.draw(tied((*shape, 5))), data.draw(tied(5))
    result = top_n_rank(accuracies, truth, n)
    assert result.shape == shape
    assert result.dtype == np.float64
    for index in np.ndindex(shape):
        expected = brute_top_n_rank(accuracies[index].tolist(), truth.tolist(), n)
        assert result[index] == pytest.approx(expected, abs=1e-12, nan_ok=True)


@given(distinct, st.data())
def test_top_n_rank_without_ties_is_a_whole_number(accuracies, data):
    truth = np.array(data.draw(st.permutations(range(len(accuracies)))))
    n = data.draw(st.integers(1, len(accuracies)))
    true_order = brute_order(truth)
    best = [true_order.index(child) + 1 for child in brute_order(accuracies)[:n]]
    assert float(top_n_rank(accuracies, truth, n)) == min(best)


def test_top_n_rank_does_not_favour_the_children_that_come_first():
    truth = [0.9, 0.8, 0.7, 0.6]  # in the order of the children, as in many a search space
    # Any of the first three: mean of 1, 2, 3. Two of them: 1, 1, 2.
    assert top_n_rank([0.5, 0.5, 0.5, 0.4], truth, 1) == pytest.approx(2)
    assert top_n_rank([0.5, 0.5, 0.5, 0.4], truth, 2) == pytest.approx(4 / 3)
    # The last is sure, and one of the other three: 1, 2, 3.
    assert top_n_rank([0.5, 0.5, 0.5, 0.6], truth, 2) == pytest.approx(2)
    # A tie in ground truth is one rank or the other.
    assert top_n_rank([1, 2, 3, 4], [0.9, 0.8, 0.6, 0.6], 1) == pytest.approx(3.5)


@pytest.mark.parametrize("n", [1, 3, 4])
def test_top_n_rank_of_a_constant_rank_or_ground_truth_is_undefined(n):
    found = top_n_rank([[1, 2, 3, 4], [0.1] * 4], [4, 3, 2, 1], n)
    np.testing.assert_array_equal(found, [5 - n, np.nan])
    assert np.isnan(top_n_rank([[1, 2, 3, 4], [0.1] * 4], [0.1] * 4, n)).all()


# last_k


def test_last_k_takes_the_last_moments_and_divides_by_k():
    result = last_k([9, 9, 1, 2, 3, 6], 4)
    assert result.mean == pytest.approx(3)
    assert result.std == pytest.approx((14 / 4) ** 0.5)


@given(arrays(np.float64, (2, 3, 7), elements=st.floats(-1, 1)), st.integers(1, 7))
def test_last_k_of_many_curves(curves, k):
    result = last_k(curves, k)
    assert result.mean.shape == result.std.shape == (2, 3)
    for index in np.ndindex(2, 3):
        tail = curves[index].tolist()[-k:]
        mean = sum(tail) / k
        assert result.mean[index] == pytest.approx(mean, abs=1e-12)
        assert result.std[index] == pytest.approx((sum((x - mean) ** 2 for x in tail) / k) ** 0.5, abs=1e-9)


def test_last_k_is_nan_only_for_curves_with_an_undefined_tau_at_the_end():
    result = last_k([[np.nan, 0.5, 0.5], [0.5, np.nan, 0.5]], 2)
    np.testing.assert_array_equal(result.mean, [0.5, np.nan])
    np.testing.assert_array_equal(result.std, [0, np.nan])


# errors


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: tau([1, 2], [1, 2, 3]), r"a has 2 children and b has 3; give both"),
        (lambda: tau([[1, 2]], [1, 2]), r"a has shape \(1, 2\); expected \[child\]"),
        (lambda: tau([1, 2], [[1, 2]]), r"b has shape \(1, 2\); expected \[child\]"),
        (lambda: tau([1], [1]), r"a has shape \(1,\); expected \[child\] with at least 2"),
        (lambda: tau([1, np.nan], [1, 2]), r"a has 1 nan or infinite of 2 values"),
        (lambda: tau([1, 2], [np.inf, -np.inf]), r"b has 2 nan or infinite of 2 values"),
        (lambda: tau(["x", "y"], [1, 2]), r"a is not an array of numbers"),
        (lambda: tau_matrix([[1, 2], [1]]), r"accuracies is not an array of numbers .*equal length"),
        (lambda: tau_matrix([1, 2]), r"accuracies has shape \(2,\); expected \[rank, child\]"),
        (lambda: tau_between([[1, 2]], [[1, 2, 3]]), r"a has 2 children and b has 3"),
        (lambda: s_tau([[1, 2]]), r"accuracies hold 1 instance\(s\).*at least 2 instances"),
        (lambda: gt_tau([[1, 2]], [1, 2, 3]), r"accuracies have 2 children and ground_truth has 3"),
        (lambda: gt_tau([[1, 2]], [[1, 2]]), r"ground_truth has shape \(1, 2\); expected \[child\]"),
        (lambda: gt_tau([[1], [2]], [1]), r"accuracies has shape \(2, 1\).*at least 2"),
        (lambda: ranks(0.5), r"accuracies has shape \(\); expected \[\.\.\., child\]"),
        (lambda: ranks([]), r"accuracies has shape \(0,\).*at least 1"),
        (lambda: ranks([0.5, np.nan]), r"accuracies has 1 nan or infinite"),
        (lambda: top_n_rank([1, 2], [1, 2], 0), r"n is 0; TnR takes the n best of 2 children"),
        (lambda: top_n_rank([1, 2], [1, 2], 3), r"n is 3; TnR takes the n best of 2 children"),
        (lambda: top_n_rank([1, 2], [1, 2, 3], 1), r"accuracies have 2 children and ground_truth has 3"),
        (lambda: last_k([0.1, 0.2], 3), r"k is 3 and the curve has 2 moment\(s\).*lower k"),
        (lambda: last_k([0.1, 0.2], 0), r"k is 0 and the curve has 2"),
        (lambda: last_k(0.5, 1), r"curve has shape \(\); expected \[\.\.\., moment\]"),
        (lambda: last_k([0.1, np.inf], 1), r"curve has shape \(2,\).*without infinities"),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
