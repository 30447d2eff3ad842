"""Balanced groups against every partition there is, and against groups that were planted."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from commonweight.errors import UsageError
from commonweight.sharing import balanced_groups, by_affinity
from commonweight.sharing.clustering import beyond_own
from commonweight.space import SearchSpace

CHILDREN = tuple(SearchSpace().children())


def every_partition(places, m):
    """All ways to divide the places into `m` groups of one size."""
    if not places:
        yield ()
        return
    first, *rest = places
    for others in combinations(rest, len(places) // m - 1):
        left = [place for place in rest if place not in others]
        yield from (((first, *others), *more) for more in every_partition(left, m - 1))


def within(affinity, groups):
    """Sum over the pairs of each group, one after the other, of what i has with j and j with i."""
    return sum(affinity[i, j] + affinity[j, i] for group in groups for i, j in combinations(group, 2)) / 2


def planted(n, m, rng, noise):
    """Affinities that are higher by 1 within hidden groups, and those groups."""
    labels = rng.permutation(np.arange(n) % m)
    affinity = 1.0 * (labels[:, None] == labels) + rng.normal(0, noise, (n, n))
    return affinity, sorted(tuple(np.flatnonzero(labels == label).tolist()) for label in range(m))


@pytest.mark.parametrize(("n", "m"), [(4, 2), (6, 3), (8, 2), (8, 4), (9, 3)])
def test_groups_that_were_planted_are_found_and_no_partition_is_better(n, m):
    rng = np.random.default_rng(0)
    for _ in range(20):
        affinity, groups = planted(n, m, rng, 0.1)
        assert list(balanced_groups(affinity, m)) == groups
        assert within(affinity, groups) == pytest.approx(
            max(within(affinity, one) for one in every_partition(range(n), m))
        )


@pytest.mark.parametrize(("n", "m", "least"), [(8, 2, 0.9), (8, 4, 0.8), (9, 3, 0.8)])
def test_in_noise_the_best_of_all_partitions_is_mostly_found(n, m, least):
    """Nothing is planted: measured are 0.945, 0.855 and 0.87 of 200 tables."""
    rng, partitions = np.random.default_rng(0), list(every_partition(range(n), m))
    best = 0
    for _ in range(100):
        affinity = rng.normal(size=(n, n))
        found, most = within(affinity, balanced_groups(affinity, m)), max(within(affinity, one) for one in partitions)
        assert found <= most + 1e-9
        best += found > most - 1e-9
    assert best >= 100 * least


@pytest.mark.parametrize("m", [4, 16])
def test_the_papers_64_children_in_noise_as_strong_as_the_groups(m):
    affinity, groups = planted(64, m, np.random.default_rng(1), 0.5)
    assert list(balanced_groups(affinity, m)) == groups


@given(st.integers(2, 12), st.data())
def test_sizes_and_that_no_exchange_of_two_is_better(n, data):
    m = data.draw(st.integers(1, n))
    affinity = data.draw(arrays(np.float64, (n, n), elements=st.integers(-4, 4)))
    groups = balanced_groups(affinity, m)
    assert len(groups) == m
    assert sorted(place for group in groups for place in group) == list(range(n))
    assert all(list(group) == sorted(group) for group in groups)
    assert list(groups) == sorted(groups, key=lambda group: (len(group), group))  # smaller ones first
    assert max(map(len, groups)) - min(map(len, groups)) <= 1
    beyond = beyond_own(affinity)
    for g, h in combinations(range(m), 2):
        for i in groups[g]:
            for j in groups[h]:
                other = [set(group) for group in groups]
                other[g] ^= {i, j}
                other[h] ^= {i, j}
                assert within(beyond, other) <= within(beyond, groups) + 1e-6


@given(st.integers(3, 9), st.integers(0, 2**32 - 1))
def test_what_a_child_has_with_all_others_alike_is_the_least_squares_fit(n, seed):
    affinity = np.random.default_rng(seed).normal(size=(n, n))
    pairs = list(combinations(range(n), 2))
    design = np.array([[place in pair for place in range(n)] for pair in pairs], dtype=float)
    both = np.array([(affinity[i, j] + affinity[j, i]) / 2 for i, j in pairs])
    own = np.linalg.lstsq(design, both, rcond=None)[0]
    beyond = beyond_own(affinity)
    assert [beyond[pair] for pair in pairs] == pytest.approx(both - design @ own)
    assert (beyond == beyond.T).all()
    assert not beyond.diagonal().any()


def test_neither_unit_nor_diagonal_nor_direction_nor_what_is_alike_for_all_others_matters():
    rng = np.random.default_rng(2)
    affinity, groups = planted(12, 3, rng, 0.2)
    own = rng.normal(0, 10, 12)
    for same in (
        affinity * 1e-6 - 5,
        affinity + np.diag(rng.normal(0, 100, 12)),
        affinity + np.diag([np.nan] * 12),
        affinity.T,
        2 * np.triu(affinity, 1),
        affinity + own[:, None],
        affinity + own[:, None] - own * 3,
    ):
        assert list(balanced_groups(same, 3)) == groups


def test_a_pair_of_which_nothing_is_known_counts_as_the_mean():
    affinity, groups = planted(12, 3, np.random.default_rng(3), 0.05)
    affinity[groups[0][0], :] = np.nan  # a child that was never trained goes where there is room
    found = balanced_groups(affinity, 3)
    assert list(found) == groups
    affinity = np.full((4, 4), np.nan)
    affinity[0, 3] = affinity[3, 0] = 1.0
    assert balanced_groups(affinity, 2) == ((0, 1), (2, 3))  # one number is its own mean


def test_every_child_alike_is_a_partition_too():
    assert balanced_groups(np.ones((6, 6)), 4) == ((2,), (5,), (0, 1), (3, 4))
    assert balanced_groups(np.zeros((3, 3)), 1) == ((0, 1, 2),)
    assert balanced_groups([[0.0]], 1) == ((0,),)
    assert balanced_groups([[0.0, 1.0], [1.0, 0.0]], 2) == ((0,), (1,))


def test_children_in_any_order():
    places = np.random.default_rng(4).permutation(64)
    affinity, groups = planted(64, 16, np.random.default_rng(5), 0.2)
    expected = tuple(tuple(CHILDREN[place] for place in group) for group in groups)
    assert by_affinity(CHILDREN, affinity, 16) == expected
    assert by_affinity([CHILDREN[place] for place in places], affinity[np.ix_(places, places)], 16) == expected


@pytest.mark.parametrize(
    ("affinity", "m", "message"),
    [
        (np.ones((4, 4)), 0, r"m = 0 groups of 4 children; expected 1 … 4"),
        (np.ones((4, 4)), 5, r"m = 5 groups of 4 children; expected 1 … 4"),
        (np.ones((4, 3)), 2, r"affinity has shape \(4, 3\); expected \[child, child\]"),
        (np.ones(4), 2, r"affinity has shape \(4,\); expected"),
        (np.ones((0, 0)), 1, r"affinity has shape \(0, 0\); expected"),
        (np.full((4, 4), np.nan), 2, r"affinity has no finite number for any two children; give"),
        (np.diag([1.0] * 4) + np.nan, 2, r"no finite number for any two"),
    ],
)  # fmt: skip
def test_mistakes(affinity, m, message):
    with pytest.raises(UsageError, match=message):
        balanced_groups(affinity, m)


def test_an_affinity_of_other_children():
    with pytest.raises(UsageError, match=r"affinity has shape \(4, 4\) for 64 children; give one row for each child"):
        by_affinity(CHILDREN, np.ones((4, 4)), 2)
