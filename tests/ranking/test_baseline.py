"""Random ranks: permutations, uniform, independent, and tau as its theory says."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest

from commonweight.errors import UsageError
from commonweight.ranking import random_ranks, ranks, s_tau, tau_matrix


def test_each_row_is_a_permutation_in_the_unit_interval():
    result = random_ranks(50, 64, np.random.default_rng(0))
    assert result.shape == (50, 64)
    assert result.dtype == np.float64
    np.testing.assert_array_equal(np.sort(result, axis=1), np.tile(np.arange(64) / 64, (50, 1)))
    assert len(np.unique(result, axis=0)) == 50  # every row has its own


def test_all_orders_are_equally_likely():
    draws = Counter(map(tuple, ranks(random_ranks(24000, 4, np.random.default_rng(1))).tolist()))
    assert set(draws) == set(permutations(range(1, 5)))
    chi_square = sum((count - 1000) ** 2 / 1000 for count in draws.values())
    assert chi_square < 49.7  # the 0.1% point of 23 degrees of freedom


def test_taus_have_the_mean_and_variance_of_independent_ranks():
    n = 64
    taus = tau_matrix(random_ranks(400, n, np.random.default_rng(2)))[np.triu_indices(400, 1)]
    assert taus.mean() == pytest.approx(0, abs=0.002)
    assert taus.var() == pytest.approx(2 * (2 * n + 5) / (9 * n * (n - 1)), rel=0.03)


def test_the_generator_alone_decides():
    first = random_ranks(3, 8, np.random.default_rng(3))
    np.testing.assert_array_equal(first, random_ranks(3, 8, np.random.default_rng(3)))
    assert s_tau(first) != s_tau(random_ranks(3, 8, np.random.default_rng(4)))


@pytest.mark.parametrize(("instances", "children"), [(0, 4), (-1, 4), (3, 1), (3, 0)])
def test_impossible_numbers_are_refused(instances, children):
    with pytest.raises(UsageError, match=rf"got {instances} instance\(s\) of {children} child\(ren\); expected"):
        random_ranks(instances, children, np.random.default_rng(0))
