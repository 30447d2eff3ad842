"""The null of S-Tau against all ways to deal ranks, Kendall's formula, and simulation."""

from itertools import combinations, permutations, product

import numpy as np
import pytest
from scipy.stats import kendalltau

from commonweight.errors import UsageError
from commonweight.ranking import STauNull, random_ranks, s_tau, s_tau_null


def dealt(*ranks):
    """S-Tau of every way to deal the accuracies of all ranks but the first to the children."""
    first, *others = ranks
    ways = [sorted(set(permutations(rank))) for rank in others]
    found = []
    for deal in product(*ways):
        taus = [kendalltau(a, b).statistic for a, b in combinations((first, *deal), 2)]
        found.append(sum(taus) / len(taus))
    return np.array(found)


@pytest.mark.parametrize(
    "ranks",
    [
        ((1, 2, 3, 4), (1, 2, 3, 4)),
        ((1, 2, 3, 4), (1, 2, 3, 4), (1, 2, 3, 4)),
        ((1, 2, 2, 3), (1, 1, 2, 2), (1, 2, 3, 4)),  # with ties
        ((1, 1, 2, 2), (1, 2, 2, 3), (1, 1, 2, 2), (1, 2, 3, 4)),
    ],
)
def test_all_ways_to_deal_have_these_moments(ranks):
    every, null = dealt(*ranks), s_tau_null(ranks)
    assert every.mean() == pytest.approx(0, abs=1e-12)
    assert null.deviation == pytest.approx(every.std())
    assert null.skewness == pytest.approx((every**3).mean() / every.std() ** 3, abs=1e-9)


@pytest.mark.parametrize(("instances", "children"), [(2, 64), (5, 64), (10, 64), (4, 8), (3, 27)])
def test_the_deviation_without_ties_is_kendalls(instances, children):
    ranks = random_ranks(instances, children, np.random.default_rng(0))
    variance = 2 * (2 * children + 5) / (9 * children * (children - 1))
    assert s_tau_null(ranks).deviation == pytest.approx(np.sqrt(variance / (instances * (instances - 1) / 2)))
    if (instances, children) == (5, 64):
        assert s_tau_null(ranks).deviation == pytest.approx(0.027, abs=5e-4)


@pytest.mark.parametrize(("instances", "children", "levels"), [(5, 64, 64), (10, 8, 8), (5, 27, 6)])
def test_p_is_the_share_of_random_ranks_that_lie_higher(instances, children, levels):
    rng = np.random.default_rng(1)
    draws = [np.floor(random_ranks(instances, children, rng) * levels) for _ in range(3000)]
    found, null = np.array([s_tau(ranks).mean for ranks in draws]), s_tau_null(draws[0])
    for share in (0.5, 0.1, 0.025, 0.005):
        assert null.p(np.quantile(found, 1 - share)) == pytest.approx(share, rel=0.35)


def test_p_falls_with_s_tau():
    null = STauNull(0.027, 0.24)
    assert null.p(0) > null.p(0.05) > null.p(0.155) > 0
    assert null.p(0.155) < 1e-5


def test_a_constant_rank_has_no_null():
    null = s_tau_null([[1, 2, 3], [2, 2, 2], [3, 1, 2]])
    assert np.isnan([null.deviation, null.skewness]).all()


@pytest.mark.parametrize(
    ("accuracies", "message"),
    [
        ([[1, 2, 3]], r"accuracies hold 1 instance\(s\); S-Tau compares pairs, so give at least 2 instances"),
        ([[1, 2], [2, 1]], r"expected \[instance, child\] with at least 3 child\(ren\)"),
        ([1, 2, 3], r"expected \[instance, child\]"),
    ],
)
def test_impossible_input_is_refused(accuracies, message):
    with pytest.raises(UsageError, match=message):
        s_tau_null(accuracies)
