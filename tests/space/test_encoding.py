"""Children as numbers, against counting by hand and by plain loops."""

import itertools

import numpy as np
import pytest

from commonweight.errors import UsageError
from commonweight.space import SearchSpace
from commonweight.space.encoding import choices_in_names, encoded, features, path_counts


def test_one_hot_and_counts_by_hand():
    one_hot, counts = encoded(["ab", "bb", "bc"])
    assert one_hot.tolist() == [[1, 0, 1, 0], [0, 1, 1, 0], [0, 1, 0, 1]]  # a, b; b, c
    assert counts.tolist() == [[1], [2], [1]]  # b alone stands at both sites


def test_no_counts_where_no_option_stands_twice():
    (one_hot,) = encoded([("3", "relu"), ("5", "gelu")])
    assert one_hot.tolist() == [[1, 0, 0, 1], [0, 1, 1, 0]]


def brute_force_paths(space, child):
    """Every sequence of nodes that rises from 0, as the primitives of its edges."""
    edge = dict(zip(space.edges, child.primitives, strict=True))
    nodes = range(1, space.nodes + 1)
    walks = [(0, *inner) for size in nodes for inner in itertools.combinations(nodes, size)]
    return sorted(tuple(edge[step] for step in itertools.pairwise(walk)) for walk in walks)


@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_paths_are_those_of_every_walk(nodes):
    space = SearchSpace(nodes=nodes, primitives=("a", "b"))
    children = list(space.children())
    counts = path_counts(children)
    walked = [brute_force_paths(space, child) for child in children]
    known = sorted({path for paths in walked for path in paths})
    assert counts.tolist() == [[paths.count(path) for path in known] for paths in walked]
    assert len(features(children)) == (2 if nodes == 1 else 3)  # no counts where there is one edge


def test_the_blocks_of_the_papers_children():
    children = list(SearchSpace().children())
    one_hot, counts, paths = features(children)
    assert (one_hot.shape, counts.shape, paths.shape) == ((64, 12), (64, 4), (64, 20))
    assert set(one_hot.sum(axis=1)) == set(counts.sum(axis=1)) == set(paths.sum(axis=1)) == {3}


def test_a_large_cell_has_no_paths():
    space = SearchSpace(nodes=7, primitives=("a", "b"))
    children = space.sample(5, np.random.default_rng(0))
    assert path_counts(children) is None
    assert len(features(children)) == 2


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["11", "12", "21", "22"], [("1", "1"), ("1", "2"), ("2", "1"), ("2", "2")]),
        (["a/x", "a/y", "b/x", "b/y"], [("a", "x"), ("a", "y"), ("b", "x"), ("b", "y")]),
        (["|conv_3~0|+|a~0|b~1|", "|conv_3~0|+|b~0|b~1|"], None),  # two names tell too little
        (["1", "2", "3", "4"], None),
        (["one", "two", "three", "four"], None),
        (["ab", "ab", "ba", "bb"], None),
        (["conv_10", "conv_11", "pool_10"], None),
    ],
)
def test_what_names_say(names, expected):
    assert choices_in_names(names) == expected


def test_names_of_nas_bench_201():
    names = [f"|{a}~0|+|{b}~0|{c}~1|" for a, b, c in itertools.product(("none", "nor_conv_3x3"), repeat=3)]
    assert choices_in_names(names)[1] == ("none", "0", "none", "0", "nor_conv_3x3", "1")


def test_children_of_different_numbers_of_sites():
    with pytest.raises(UsageError, match=r"children choose at \[1, 2\] sites"):
        encoded(["ab", "a"])
