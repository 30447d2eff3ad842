"""Child orders: what the three words of the paper (§3.2) mean, visit by visit."""

import numpy as np
import pytest

from commonweight.seeds import Stream
from commonweight.training import ChildOrder

STREAM = Stream(0, ("order",))
orders = pytest.mark.parametrize("order", ChildOrder)


def test_fixed_repeats_one_permutation():
    visits = ChildOrder.FIXED.visits(64, 64 * 3 + 10, STREAM)
    assert sorted(visits[:64].tolist()) == list(range(64))
    assert all(visits[step] == visits[step % 64] for step in range(len(visits)))
    assert visits[:64].tolist() != list(range(64))  # a random one


def test_shuffled_has_a_new_permutation_every_round():
    visits = ChildOrder.SHUFFLED.visits(64, 64 * 20, STREAM).reshape(20, 64)
    assert all(sorted(row.tolist()) == list(range(64)) for row in visits)
    assert len({tuple(row.tolist()) for row in visits}) == 20


@pytest.mark.parametrize("order", [ChildOrder.FIXED, ChildOrder.SHUFFLED])
def test_permutations_are_uniform(order):
    firsts = [order.visits(8, 1, STREAM.fork(seed))[0] for seed in range(1600)]
    counts = np.bincount(firsts, minlength=8)
    assert ((counts - 200) ** 2 / 200).sum() < 24.3  # the 0.1% point of 7 degrees of freedom


def test_uniform_draws_are_uniform_and_independent():
    visits = ChildOrder.UNIFORM.visits(8, 12_800, STREAM)
    pairs = np.bincount(visits[::2] * 8 + visits[1::2], minlength=64)
    assert len(visits) == 12_800
    assert ((pairs - 100) ** 2 / 100).sum() < 103.4  # the 0.1% point of 63 degrees of freedom


@orders
@pytest.mark.parametrize("children", [1, 3, 64])
def test_a_longer_run_begins_like_a_shorter_one(order, children):
    longest = order.visits(children, 300, STREAM)
    for steps in (1, 2, 63, 64, 65, 127, 200):
        visits = order.visits(children, steps, STREAM)
        assert visits.shape == (steps,)
        assert visits.dtype == np.int64
        np.testing.assert_array_equal(visits, longest[:steps])


@orders
def test_one_child_is_always_the_one(order):
    assert order.visits(1, 5, STREAM).tolist() == [0] * 5


@orders
def test_the_stream_decides(order):
    first = order.visits(64, 200, STREAM)
    np.testing.assert_array_equal(first, order.visits(64, 200, Stream(0, ("order",))))
    assert not np.array_equal(first, order.visits(64, 200, Stream(1, ("order",))))
