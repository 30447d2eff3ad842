"""Partitions: they cover the children once, in the sizes asked for, and as the paper's example says."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonweight.errors import UsageError
from commonweight.sharing import at_random, similar, singletons
from commonweight.space import SearchSpace

PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())
PAPERS_M = (1, 2, 4, 8, 16, 32, 64)


def names(partition):
    return [[child.name for child in group] for group in partition]


def assert_partition(partition, children, m):
    assert len(partition) == m
    assert Counter(child for group in partition for child in group) == Counter(children)
    assert all(list(group) == sorted(group) for group in partition)
    sizes = {len(group) for group in partition}
    assert max(sizes) - min(sizes) <= 1


@given(st.sets(st.integers(0, 63), min_size=1), st.data())
def test_any_number_of_groups_of_any_children(indexes, data):
    children = [PAPER.child_at(index) for index in indexes]
    m = data.draw(st.integers(1, len(children)))
    assert_partition(similar(children, m), children, m)
    assert_partition(at_random(children, m, np.random.default_rng(0)), children, m)
    assert_partition(singletons(children), children, len(children))


@pytest.mark.parametrize("m", PAPERS_M)
def test_the_papers_groups_have_equal_size(m):
    for partition in (similar(CHILDREN, m), at_random(CHILDREN, m, np.random.default_rng(0))):
        assert {len(group) for group in partition} == {64 // m}


def test_the_papers_example_of_similar_groups():
    """§4.2.2: when m = 8, group 1 has 111 to 124, group 2 is from 131 to 144, group 3 from 211 to 224, and so on."""
    groups = names(similar(CHILDREN, 8))
    assert groups[0] == ["111", "112", "113", "114", "121", "122", "123", "124"]
    assert [(group[0], group[-1]) for group in groups] == [
        ("111", "124"),
        ("131", "144"),
        ("211", "224"),
        ("231", "244"),
        ("311", "324"),
        ("331", "344"),
        ("411", "424"),
        ("431", "444"),
    ]


def test_one_group_is_everything_and_64_are_singletons():
    assert similar(CHILDREN, 1) == at_random(CHILDREN, 1, np.random.default_rng(3)) == (CHILDREN,)
    assert similar(CHILDREN, 64) == singletons(CHILDREN) == tuple((child,) for child in CHILDREN)


@pytest.mark.parametrize(
    "cut", [lambda c: similar(c, 8), lambda c: at_random(c, 8, np.random.default_rng(5)), singletons]
)
def test_the_order_of_the_children_given_does_not_matter(cut):
    mixed = random.Random(0).sample(CHILDREN, k=64)
    assert cut(mixed) == cut(CHILDREN)


def test_the_generator_alone_decides_random_groups():
    first = at_random(CHILDREN, 16, np.random.default_rng(0))
    assert first == at_random(CHILDREN, 16, np.random.default_rng(0))
    assert first != at_random(CHILDREN, 16, np.random.default_rng(1))
    assert first != similar(CHILDREN, 16)


def test_random_groups_are_uniform():
    """Any two children are together with chance 3 / 63 when the groups have 4."""
    rng, together = np.random.default_rng(0), Counter()
    for _ in range(3000):
        groups = at_random(CHILDREN, 16, rng)
        group = next(group for group in groups if CHILDREN[0] in group)
        together.update(child for child in group if child != CHILDREN[0])
    expected = 3000 * 3 / 63
    assert sum((together[child] - expected) ** 2 / expected for child in CHILDREN[1:]) < 102.2  # 0.1%, 62 degrees


@pytest.mark.parametrize("m", [0, -1, 65])
def test_impossible_numbers_of_groups(m):
    for cut in (lambda: similar(CHILDREN, m), lambda: at_random(CHILDREN, m, np.random.default_rng(0))):
        with pytest.raises(UsageError, match=rf"m = {m} groups of 64 children; expected 1 … 64"):
            cut()
