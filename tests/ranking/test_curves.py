"""The trained mask, and what a record must be."""

import numpy as np
import pytest

from commonweight.errors import UsageError
from commonweight.ranking import just_trained, last, trained_mask
from commonweight.ranking.curves import deviations, record_of


def test_trained_mask_is_true_at_the_position_alone():
    positions = np.array([[2, 0], [1, 1]])
    mask = trained_mask(positions, 3)
    assert mask.dtype == np.bool_
    assert mask.shape == (2, 2, 3)
    for index in np.ndindex(2, 2):
        assert np.flatnonzero(mask[index]).tolist() == [positions[index]]
    assert trained_mask(np.empty(0, dtype=np.int64), 3).shape == (0, 3)


def test_trained_may_leave_out_leading_axes():
    accuracies = np.random.default_rng(0).normal(size=(2, 5, 3))
    trained = trained_mask(np.array([0, 1, 2, 0, 1]), 3)
    curves, mask = record_of(accuracies, trained)
    assert curves.shape == mask.shape == (2, 5, 3)
    np.testing.assert_array_equal(mask, [trained, trained])


@pytest.mark.parametrize("keep_common", [False, True])
def test_deviations_have_no_means_left(keep_common):
    curves = np.random.default_rng(1).normal(size=(2, 6, 4))
    moved = deviations(curves, keep_common=keep_common)
    np.testing.assert_allclose(moved.mean(axis=1), 0, atol=1e-15)
    if not keep_common:
        np.testing.assert_allclose(moved.mean(axis=2), 0, atol=1e-15)
    taken = curves - moved  # depends on the child, and on the moment, alone
    np.testing.assert_allclose(taken - taken[:, :1] - taken[:, :, :1] + taken[:, :1, :1], 0, atol=1e-14)
    if keep_common:
        np.testing.assert_allclose(np.ptp(taken, axis=1), 0, atol=1e-15)


def test_deviations_of_curves_that_stand_still_are_exactly_zero():
    still = np.full((128, 5), 0.1) + np.linspace(0, 0.7, 5)
    assert not deviations(still, keep_common=True).any()
    together = still + np.random.default_rng(2).random((128, 1))
    assert not deviations(together, keep_common=False).any()
    assert deviations(together, keep_common=True).any()
    one_image = still.copy()
    one_image[3, 2] += 1e-6
    assert deviations(one_image, keep_common=False).all()


def test_deviations_of_a_record_do_not_depend_on_the_others_of_its_stack():
    curves = np.random.default_rng(3).random((2, 8, 3)) * np.array([1, 1e-15])[:, None, None]
    for record, moved in zip(curves, deviations(curves, keep_common=False), strict=True):
        np.testing.assert_array_equal(moved, deviations(record, keep_common=False))
        assert moved.all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: trained_mask([0, 3], 3), r"positions hold 3; expected 0 to 2"),
        (lambda: trained_mask([-1], 3), r"positions hold -1; expected 0 to 2"),
        (lambda: trained_mask([0.0], 3), r"positions are float64; expected whole numbers"),
        (lambda: last([0.1, 0.2]), r"accuracies has shape \(2,\); expected \[\.\.\., moment, child\]"),
        (lambda: last(np.ones((0, 2))), r"\(0, 2\); .* with at least 1 moment\(s\) and 1 child\(ren\)"),
        (lambda: last([[0.1, np.nan]]), r"accuracies has 1 nan or infinite of 2 values"),
        (lambda: just_trained([[0.1]], [[1]]), r"trained is int64; expected bool.*trained_mask"),
        (lambda: just_trained(np.ones((2, 3)), np.ones((2, 2), bool)), r"trained has shape \(2, 2\) and .* \(2, 3\)"),
        (lambda: just_trained(np.ones((2, 3)), np.ones(3, bool)), r"trained has shape \(3,\)"),
        (lambda: just_trained(np.ones((2, 3)), np.ones((1, 2, 3), bool)), r"trained has shape \(1, 2, 3\)"),
        (lambda: just_trained(np.ones((3, 2, 3)), np.ones((2, 2, 3), bool)), r"expected the same leading axes"),
    ],
)
def test_impossible_input_is_refused(call, message):
    with pytest.raises(UsageError, match=message):
        call()
