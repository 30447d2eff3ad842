"""Hidden choices from made-up records, against plain Python."""

from itertools import combinations

import pytest
from paper.making import made_up, mean, only, std, tau, tiny_setting, truth_of

from commonweight.paper.hidden import hidden_choices

HOW = ("as trained", "of the validation batch", "recalibrated per child")


def make(seed=0, **overrides):
    setting = tiny_setting(experiments__instances=3, **overrides)
    return made_up(setting, "seeds", "other-inactive", "ground-truth", seed=seed)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("own", "other"), [("freeze", "coast"), ("coast", "freeze")])
def test_two_kinds_of_inactive_weights_under_three_statistics(seed, own, other):
    made = make(seed, training__inactive=own)
    rows, truth = only(hidden_choices(made)).rows, truth_of(made)
    assert [row.name for row in rows] == [f"{kind}, statistics {how}" for kind in (own, other) for how in HOW]
    read = []
    for name in ("seeds", "other-inactive"):
        measured = made.measured[name]
        read += [measured.accuracy[:, -1], measured.batch, measured.recalibrated]
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
