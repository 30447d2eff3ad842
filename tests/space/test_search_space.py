"""Search spaces: the paper's 64 children exactly, the rules for any other space, and what is refused."""

import itertools
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonweight.errors import UsageError
from commonweight.space import PAPER_PRIMITIVES, Child, SearchSpace

PAPER = SearchSpace()
TEN = SearchSpace(nodes=2, primitives=tuple(f"p{i}" for i in range(1, 11)))

spaces = st.builds(
    SearchSpace, st.integers(1, 4), st.integers(1, 12).map(lambda count: tuple(f"p{i}" for i in range(count)))
)


@st.composite
def children(draw) -> Child:
    space = draw(spaces)
    digits = st.integers(1, len(space.primitives))
    return Child(space, tuple(draw(st.lists(digits, min_size=len(space.edges), max_size=len(space.edges)))))


@pytest.mark.parametrize(
    ("nodes", "edges"),
    [
        (1, [(0, 1)]),
        (2, [(0, 1), (0, 2), (1, 2)]),
        (3, [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]),
        (4, [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3), (0, 4), (1, 4), (2, 4), (3, 4)]),
    ],
)
def test_edges_stand_by_target_then_source(nodes, edges):
    assert SearchSpace(nodes).edges == tuple(edges)
    assert len(SearchSpace(nodes)) == 4 ** len(edges)


def test_the_papers_space():
    assert PAPER.nodes == 2
    assert PAPER.primitives == ("max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_5x5") == PAPER_PRIMITIVES
    assert len(PAPER) == 64
    names = [f"{a}{b}{c}" for a in range(1, 5) for b in range(1, 5) for c in range(1, 5)]
    assert [child.name for child in PAPER.children()] == names


def test_all_64_go_round_by_name_digits_and_index():
    for index, child in enumerate(PAPER.children()):
        assert child.index == index
        assert PAPER.child_at(index) == PAPER.child(child.name) == PAPER.child(str(child)) == child
        assert child.name == "".join(map(str, child.digits))
        assert child.primitives == tuple(PAPER_PRIMITIVES[int(digit) - 1] for digit in child.name)
    assert PAPER.child("143").primitives == ("max_pool_3x3", "dil_conv_5x5", "sep_conv_5x5")


@given(children())
def test_any_child_goes_round(child):
    space = child.space
    assert space.child(child.name) == space.child_at(child.index) == child
    assert 0 <= child.index < len(space)


@given(st.data())
def test_index_order_is_the_order_of_children(data):
    space = data.draw(spaces)
    some = data.draw(st.lists(st.integers(0, len(space) - 1), max_size=5).map(sorted))
    picked = [space.child_at(index) for index in some]
    assert [child.index for child in picked] == some
    assert picked == sorted(picked)


def test_a_small_space_is_enumerated_in_lexicographic_order():
    space = SearchSpace(2, ("a", "b", "c"))
    everything = list(space.children())
    assert [child.digits for child in everything] == sorted(itertools.product((1, 2, 3), repeat=3))
    assert [child.index for child in everything] == list(range(len(space)))


def test_ten_primitives_and_more_have_dashes_in_their_names():
    child = Child(TEN, (1, 4, 10))
    assert child.name == "1-4-10"
    assert TEN.child("1-4-10") == child
    assert len({child.name for child in TEN.children()}) == len(TEN) == 1000
    assert SearchSpace(2, TEN.primitives[:9]).child("999").digits == (9, 9, 9)


def test_children_are_values():
    other = SearchSpace(2, list(PAPER_PRIMITIVES))
    assert PAPER.child("143") == other.child("143")
    assert hash(PAPER.child("143")) == hash(other.child("143"))
    assert PAPER.child("143") != SearchSpace(2, ("a", "b", "c", "d")).child("143")
    with pytest.raises(AttributeError):
        PAPER.child("143").digits = (1, 1, 1)


@pytest.mark.parametrize("name", ["14", "1433", "", "14x", "1-4-3", "1.4", " 143", "1４3", "-14", "14³"])
def test_words_that_name_no_child(name):
    with pytest.raises(UsageError, match=r"names no child of this space: expected 3 digits like '111'"):
        PAPER.child(name)


@pytest.mark.parametrize("name", ["143", "1-4", "1-4-", "1--4-3", "1-4-10-1"])
def test_words_that_name_no_child_of_ten_primitives(name):
    with pytest.raises(UsageError, match=r"names no child of this space: expected 3 digits like '1-1-1'"):
        TEN.child(name)


@pytest.mark.parametrize("digits", [(0, 1, 1), (1, 5, 1), (1, 1), (1, 1, 1, 1), (), (1, 1, -1)])
def test_no_child_outside_its_space(digits):
    with pytest.raises(UsageError, match="is no child of this space: expected 3 digits from 1 to 4"):
        Child(PAPER, digits)


def test_a_name_with_digits_outside_the_space():
    with pytest.raises(UsageError, match="1-5-1 is no child of this space: expected 3 digits from 1 to 4"):
        PAPER.child("151")


@pytest.mark.parametrize("index", [-1, 64, 1000])
def test_indexes_outside_the_space(index):
    with pytest.raises(UsageError, match=rf"child index {index} is outside 0 … 63"):
        PAPER.child_at(index)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, ("a",)), r"SearchSpace\.nodes: got 0; input should be greater than or equal to 1$"),
        ((-2, ("a",)), r"SearchSpace\.nodes: got -2; input should be greater than or equal to 1$"),
        ((1, ()), r"SearchSpace\.primitives: got \(\); .*should have at least 1 item"),
        (
            (1, ("b", "a", "b", "a")),
            r"SearchSpace\.primitives: got \('b', 'a', 'b', 'a'\); .*twice; each may stand once$",
        ),
    ],
)
def test_impossible_spaces(arguments, message):
    with pytest.raises(UsageError, match=message):
        SearchSpace(*arguments)


@pytest.mark.parametrize("count", [0, 1, 5, 63, 64])
def test_a_sample_is_distinct_ordered_and_decided_by_the_generator(count):
    sample = PAPER.sample(count, np.random.default_rng(1))
    assert len(set(sample)) == count
    assert sample == tuple(sorted(sample))
    assert sample == PAPER.sample(count, np.random.default_rng(1))
    if 0 < count < 64:
        assert sample != PAPER.sample(count, np.random.default_rng(2))


def test_samples_are_uniform():
    rng = np.random.default_rng(0)
    counts = Counter(child.index for _ in range(2000) for child in PAPER.sample(8, rng))
    chi_square = sum((counts[index] - 250) ** 2 / 250 for index in range(64))
    assert chi_square < 103.4  # the 0.1% point of 63 degrees of freedom


BIG = SearchSpace(4, tuple(f"p{i}" for i in range(8)))  # 2**30 children: never listed


def test_samples_of_a_big_space_are_distinct_ordered_uniform_and_decided_by_the_generator():
    assert len(BIG) == 2**30
    sample = BIG.sample(2000, np.random.default_rng(0))
    assert len(set(sample)) == 2000
    assert sample == tuple(sorted(sample)) == BIG.sample(2000, np.random.default_rng(0))
    for edge in range(10):
        counts = Counter(child.digits[edge] for child in sample)
        assert sum((counts[digit] - 250) ** 2 / 250 for digit in range(1, 9)) < 24.3  # 0.1% point, 7 degrees


HUGE = SearchSpace(7, tuple(f"p{i}" for i in range(8)))  # 8**28 children: more than fit in 64 bits


def test_children_of_a_huge_space_go_round():
    child = Child(HUGE, tuple(1 + edge % 8 for edge in range(28)))
    assert child.index == int("".join(str(digit - 1) for digit in child.digits), 8)
    assert HUGE.child(child.name) == child


def test_samples_of_a_huge_space():
    sample = HUGE.sample(5, np.random.default_rng(0))
    assert len(set(sample)) == 5
    assert [HUGE.child_at(child.index) for child in sample] == list(sample)


@pytest.mark.parametrize("count", [-1, 65])
def test_impossible_samples(count):
    with pytest.raises(UsageError, match=rf"cannot draw {count} different children from a space of 64"):
        PAPER.sample(count, np.random.default_rng(0))
