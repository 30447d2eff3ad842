"""Readings against loops over moments and children, and against a search that is simulated validation by validation."""

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from commonweight.errors import UsageError
from commonweight.ranking import (
    Reading,
    just_trained,
    last,
    max_of_last,
    mean_of_last,
    median_of_last,
    readings,
    trained_mask,
)

records = st.tuples(array_shapes(min_dims=0, max_dims=2, max_side=3), st.integers(1, 7), st.integers(1, 4)).flatmap(
    lambda shape: arrays(np.float64, (*shape[0], *shape[1:]), elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]))
)


@given(records, st.data())
def test_statistics_of_the_last_moments_are_loops(accuracies, data):
    k = data.draw(st.integers(1, accuracies.shape[-2]))
    means, medians, maxima, lasts = (
        read(accuracies, *arguments)
        for read, arguments in ((mean_of_last, (k,)), (median_of_last, (k,)), (max_of_last, (k,)), (last, ()))
    )
    assert means.shape == (*accuracies.shape[:-2], accuracies.shape[-1])
    for *record, child in np.ndindex(means.shape):
        curve = accuracies[tuple(record)][:, child].tolist()
        index = (*record, child)
        assert means[index] == pytest.approx(statistics.fmean(curve[-k:]))
        assert medians[index] == statistics.median(curve[-k:])
        assert maxima[index] == max(curve[-k:])
        assert lasts[index] == curve[-1]


@given(records)
def test_one_moment_has_only_one_reading(accuracies):
    for read in (mean_of_last, median_of_last, max_of_last):
        np.testing.assert_array_equal(read(accuracies, 1), last(accuracies))


@given(st.integers(1, 5), st.integers(0, 6), st.booleans(), st.randoms(use_true_random=False))
def test_just_trained_is_the_search_validated_as_it_goes(children, more, own_orders, random):
    moments = children + more
    orders = []
    for _ in range(3):
        order = [*range(children), *random.choices(range(children), k=more)]
        random.shuffle(order)
        orders.append(order)
    accuracies = np.array([[[random.random() for _ in range(children)] for _ in range(moments)] for _ in orders])
    positions = np.array(orders if own_orders else orders[0])
    result = just_trained(accuracies, trained_mask(positions, children))
    for record, order in zip(range(3), orders if own_orders else [orders[0]] * 3, strict=True):
        expected = {}
        for moment, child in enumerate(order):
            expected[child] = accuracies[record, moment, child]  # a later validation replaces an earlier one
        assert result[record].tolist() == [expected[child] for child in range(children)]


def test_just_trained_needs_every_child():
    accuracies = np.ones((2, 4, 5))
    with pytest.raises(
        UsageError, match=r"2 of 5 children were never trained in a window of 4 moment\(s\).*record more"
    ):
        just_trained(accuracies, trained_mask(np.array([0, 1, 0, 4]), 5))
    one_each = trained_mask(np.array([[0, 1, 2, 3], [0, 1, 2, 4]]), 5)  # each record misses one child, another one
    with pytest.raises(UsageError, match=r"2 of 5 children"):
        just_trained(accuracies, one_each)


@pytest.mark.parametrize(
    ("moments", "lengths"),
    [(1, []), (2, [2]), (3, [3]), (4, [4]), (5, [4, 5]), (8, [4, 8]), (100, [4, 8, 16, 32, 64, 100])],
)
def test_the_standard_set_doubles_up_to_the_window(moments, lengths):
    kinds = ("mean", "median", "maximum")
    expected = ["last moment", *(f"{kind} of last {k}" for kind in kinds for k in lengths)]
    assert [reading.name for reading in readings(moments, moments + 1)] == expected
    assert [reading.name for reading in readings(moments, moments)] == [*expected, "just after training"]


def test_readings_read_what_their_names_say():
    rng = np.random.default_rng(0)
    accuracies, trained = rng.random((3, 64, 64)), trained_mask(rng.permuted([range(64)] * 3, axis=1), 64)
    found = {reading.name: reading for reading in readings(64, 64)}
    expected = {"last moment": (last(accuracies), 64), "just after training": (just_trained(accuracies, trained), 64)}
    for k in (4, 8, 16, 32, 64):
        for name, read in (("mean", mean_of_last), ("median", median_of_last), ("maximum", max_of_last)):
            expected[f"{name} of last {k}"] = read(accuracies, k), k * 64
    assert found.keys() == expected.keys()
    for name, (values, cost) in expected.items():
        np.testing.assert_array_equal(found[name](accuracies, trained), values)
        assert found[name].cost(64) == cost


def test_the_cost_is_the_validations_that_a_reading_looks_at():
    """Changing an accuracy changes the reading only if it is among those paid for."""
    rng = np.random.default_rng(1)
    accuracies, trained = rng.random((8, 4)), trained_mask(np.array([3, 1, 0, 2, 1, 3, 0, 2]), 4)
    for reading in readings(8, 4):
        before = reading(accuracies, trained)
        looked_at = 0
        for place in np.ndindex(accuracies.shape):
            seen = False
            for value in (-100, 100):
                changed = accuracies.copy()
                changed[place] = value
                seen |= bool((reading(changed, trained) != before).any())
            looked_at += seen
        assert looked_at == reading.cost(4), reading.name


def test_a_reading_is_a_value():
    assert readings(64, 64) == readings(64, 64)
    assert len(set(readings(64, 64))) == 17
    with pytest.raises(AttributeError):
        readings(1, 1)[0].name = "other"
    mine = Reading("first moment", lambda accuracies, _: np.asarray(accuracies)[..., 0, :], 1)
    assert mine([[1, 2], [3, 4]], [[True, False], [False, True]]).tolist() == [1, 2]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: mean_of_last(np.ones((3, 2)), 4), r"k is 4 and the window has 3 moment\(s\); expected 1 ≤ k"),
        (lambda: median_of_last(np.ones((3, 2)), 0), r"k is 0 and the window has 3"),
        (lambda: max_of_last(np.ones((3, 2)), -1), r"k is -1 and the window has 3"),
        (lambda: mean_of_last([0.1, 0.2], 1), r"accuracies has shape \(2,\); expected \[\.\.\., moment, child\]"),
        (lambda: readings(0, 4), r"got 0 moment\(s\) of 4 child\(ren\); expected at least 1"),
        (lambda: readings(4, 0), r"got 4 moment\(s\) of 0 child\(ren\)"),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
