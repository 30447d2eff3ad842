"""Hidden choices from made-up records, against plain Python."""

from itertools import combinations

import pytest
from paper.making import made_up, mean, only, std, tau, tiny_setting, truth_of

from commonweight.paper.hidden import hidden_choices
from commonweight.study.jobs import FinalAccuracy

HOW = ("as trained", "of the validation batch", "recalibrated per child")


def make(seed=0, **overrides):
    setting = tiny_setting(experiments__instances=3, **overrides)
    return made_up(setting, "seeds", "other-inactive", "other-data-order", "ground-truth", seed=seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("own", "other"), [("freeze", "coast"), ("coast", "freeze")])
@pytest.mark.parametrize(("order", "other_order"), [("common", "own"), ("own", "common")])
def test_kinds_of_inactive_weights_under_three_statistics_and_the_other_data_order(
    seed, own, other, order, other_order
):
    made = make(seed, training__inactive=own, experiments__data_order=order)
    rows, truth = only(hidden_choices(made)).rows, truth_of(made)
    assert [row.name for row in rows] == [
        *(f"{kind}, statistics {how}" for kind in (own, other) for how in HOW),
        f"{own}, statistics as trained, data order {other_order}",
    ]
    read = []
    for name in ("seeds", "other-inactive"):
        measured = made.measured[name]
        under = (FinalAccuracy.UNDER_BATCH_STATISTICS, FinalAccuracy.RECALIBRATED)
        read += [measured.accuracy[:, -1], *(measured.final[which] for which in under)]
    read.append(made.measured["other-data-order"].accuracy[:, -1])
    for row, accuracies in zip(rows, read, strict=True):
        s_tau, gt_tau, accuracy = row.numbers
        assert row.ranks == 3
        assert s_tau.value == pytest.approx(mean(tau(a, b) for a, b in combinations(accuracies, 2)))
        taus = [tau(one, truth) for one in accuracies]
        assert (gt_tau.value, gt_tau.std) == pytest.approx((mean(taus), std(taus)))
        assert gt_tau.interval.low <= gt_tau.value <= gt_tau.interval.high
        means = [mean(one) for one in accuracies]
        assert (accuracy.value, accuracy.std) == pytest.approx((mean(means), std(means)))


def test_notes_tell_on_how_many_images_statistics_are_read():
    notes = " ".join(only(hidden_choices(make(experiments__calibration_batches=5))).notes)
    assert "each 64 validation images" in notes
    assert "anew on 5 training batches" in notes


def test_notes_tell_what_a_ground_truth_of_another_length_costs():
    notes = " ".join(only(hidden_choices(make(experiments__alone_epochs=5))).notes)
    assert "it would take 40 child-epochs more" in notes  # 8 children, 5 epochs, the second of 2 seeds


@pytest.mark.parametrize("inactive", ["freeze", "coast"])
def test_notes_tell_which_choice_made_the_papers_numbers(inactive):
    notes = " ".join(only(hidden_choices(make(training__inactive=inactive))).notes)
    assert "The paper's numbers were made under coast, with statistics as trained" in notes
    assert f"Other tables of this study are made under {inactive}." in notes


@pytest.mark.parametrize(("order", "other"), [("common", "own"), ("own", "common")])
def test_notes_tell_whose_data_order_is_whose(order, other):
    notes = " ".join(only(hidden_choices(make(experiments__data_order=order))).notes)
    assert f"Rows that say neither are {order}, and so is the ground truth of every row" in notes
    assert f"under {other} it would take 64 child-epochs more" in notes  # 8 children, 8 epochs, the second of 2 seeds
    assert "fine-tuning, which is always common" in notes
