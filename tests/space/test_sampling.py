"""Stratified samples of children: equal shares of every stratum, as far as it has children."""

from collections import Counter
from math import comb

import numpy as np
import pytest

from commonweight.errors import UsageError
from commonweight.space import NAS_BENCH_201, SearchSpace, convolutions, stratified


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_convolutions_of_the_benchmarks_children():
    """Two of five primitives: a binomial count over six edges."""
    found = Counter(map(convolutions, NAS_BENCH_201.children()))
    assert found == {count: comb(6, count) * 2**count * 3 ** (6 - count) for count in range(7)}


def test_as_many_of_each_stratum():
    drawn = stratified(NAS_BENCH_201.children(), 70, rng(), convolutions)
    assert Counter(map(convolutions, drawn)) == dict.fromkeys(range(7), 10)
    assert drawn == tuple(sorted(set(drawn)))
    assert drawn == stratified(NAS_BENCH_201.children(), 70, rng(), convolutions)
    assert drawn != stratified(NAS_BENCH_201.children(), 70, rng(1), convolutions)


@pytest.mark.parametrize("count", [0, 1, 5, 17, 30, 63, 64])
def test_a_stratum_that_is_too_small_gives_all_it_has(count):
    """64 children in strata of 1, 9, 27 and 27: sizes differ by at most one but where a stratum is used up."""
    children = tuple(SearchSpace(2, ("a", "b", "c", "conv")).children())
    drawn = Counter(map(convolutions, stratified(children, count, rng(), convolutions)))
    have = Counter(map(convolutions, children))
    assert sum(drawn.values()) == count
    open_ones = [drawn[stratum] for stratum in have if drawn[stratum] < have[stratum]]
    assert not open_ones or max(drawn.values(), default=0) <= min(open_ones) + 1


def test_each_child_of_a_stratum_is_as_likely():
    children = tuple(SearchSpace(1, ("a", "b", "conv1", "conv2", "conv3")).children())
    drawn = Counter(child.name for seed in range(3000) for child in stratified(children, 2, rng(seed), convolutions))
    assert [drawn[name] / 3000 for name in "12345"] == pytest.approx([1 / 2, 1 / 2, 1 / 3, 1 / 3, 1 / 3], abs=0.05)


def test_more_than_there_are():
    with pytest.raises(UsageError, match="cannot draw 65 different children from 64"):
        stratified(SearchSpace().children(), 65, rng(), convolutions)
