"""Where the instability comes from, from made-up records, against plain Python."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from paper.making import made_up, mean, std, tau, tiny_setting, tnr, truth_of

from commonweight.net import DataShape, NetShape, SuperNet, unit_names
from commonweight.paper.experiments import OWN_NORM
from commonweight.paper.instability import instability
from commonweight.seeds import Stream
from commonweight.space import SearchSpace
from commonweight.study.jobs import FinalAccuracy, SharingSpec

AS_TRAINED = "as trained"
HOW = (AS_TRAINED, "of the validation batch", "recalibrated per child", "kept per child")
REGIMES = {  # of the tiny study: (epochs, batch, updates of each of 8 children), and the experiments with BN shared or not
    (2, 64, 0.5): ("epochs-2", "epochs-2-unshared-norm"),
    (4, 64, 1): ("epochs-4", "epochs-4-unshared-norm"),
    (8, 64, 2): ("seeds", "unshared-norm"),
    (8, 32, 4): ("batch-32", "batch-32-unshared-norm"),
    (8, 128, 1): ("batch-128", "batch-128-unshared-norm"),
}


def make(seed=0, setting=None, **overrides):
    setting = setting or tiny_setting(experiments__instances=5, experiments__ground_truth_seeds=4, **overrides)
    return made_up(setting, *instability.experiments(setting), seed=seed)


def read(made, shared, apart):
    """Accuracies of each kind of statistics, in the order of `HOW`."""
    final = made.measured[shared].final
    under = (FinalAccuracy.UNDER_BATCH_STATISTICS, FinalAccuracy.RECALIBRATED)
    return [made.measured[shared].accuracy[:, -1], *(final[one] for one in under), made.measured[apart].accuracy[:, -1]]


def s_tau(accuracies):
    return mean(tau(a, b) for a, b in combinations(accuracies, 2))


def of_truth(made):
    return s_tau(made.measured["ground-truth"].accuracy[:, -1])


@pytest.mark.parametrize("seed", range(4))
def test_the_same_super_nets_under_four_kinds_of_statistics_in_every_regime(seed):
    made = make(seed)
    table, *_ = instability(made)
    assert [row.name for row in table.rows] == [
        *(f"{epochs} epochs, batch {batch}, statistics {how}" for epochs, batch, _ in REGIMES for how in HOW),
        "Ground truth",
    ]
    rows, truth, best = iter(table.rows), truth_of(made), of_truth(made)
    for (_, _, updates), names in REGIMES.items():
        everything = read(made, *names)
        trained = s_tau(everything[0])
        for how, accuracies in zip(HOW, everything, strict=True):
            row = next(rows)
            found, stable, closed, gt, t1r = row.numbers
            assert (row.ranks, found.value) == (5, updates)
            assert stable.value == pytest.approx(s_tau(accuracies))
            taus, tops = [tau(one, truth) for one in accuracies], [tnr(list(one), truth, 1) for one in accuracies]
            assert (gt.value, gt.std) == pytest.approx((mean(taus), std(taus)))
            assert (t1r.value, t1r.std) == pytest.approx((mean(tops), std(tops)))
            for number in (stable, gt, t1r):
                assert number.interval.low <= number.value <= number.interval.high
            if how == AS_TRAINED:
                assert closed is None
            elif best <= trained:
                assert math.isnan(closed.value)
            else:
                assert closed.value == pytest.approx((stable.value - trained) / (best - trained))
    (last,) = rows
    assert last.ranks == 4
    assert last.numbers[1].value == pytest.approx(best)
    assert [number for number in last.numbers if number is not None] == [last.numbers[1]]


def test_a_sure_gap_has_a_share_with_an_interval_and_no_gap_none():
    made, rng = make(), np.random.default_rng(0)
    quality = np.linspace(0.2, 0.8, 8)
    for name, noise in (("ground-truth", 0.05), ("seeds", 0.6), ("epochs-2", 0.01)):
        accuracy = made.measured[name].accuracy
        accuracy[:] = quality + noise * rng.normal(size=accuracy.shape)
    made.measured["seeds"].final[FinalAccuracy.RECALIBRATED][:] = made.measured["seeds"].accuracy[:, -1]
    table, *_ = instability(made)
    closed = {row.name: row.numbers[2] for row in table.rows}
    same = closed["8 epochs, batch 64, statistics recalibrated per child"]
    assert (same.value, same.interval.low, same.interval.high) == (0, 0, 0)
    other = closed["8 epochs, batch 64, statistics of the validation batch"]
    assert other.interval.low < other.value < other.interval.high
    none = closed["2 epochs, batch 64, statistics recalibrated per child"]
    assert math.isnan(none.value)
    assert none.interval is None


def test_curves_are_the_rows_with_ground_truth_above():
    made = make(1)
    table, length, batch = instability(made)
    rows = {row.name: row.numbers[1] for row in table.rows}
    for curves, name, x, regimes in (
        (length, "instability-length", "updates per child", [(2, 64, 0.5), (4, 64, 1), (8, 64, 2)]),
        (batch, "instability-batch", "images in a mini-batch", [(8, 32, 32), (8, 64, 64), (8, 128, 128)]),
    ):
        assert (curves.name, curves.x, curves.y, curves.log_x) == (name, x, "S-Tau between instances", True)
        *statistics, truth = curves.series
        assert [one.name for one in statistics] == [f"statistics {how}" for how in HOW]
        assert truth.name == "ground truth: children trained alone"
        for series, how in zip(curves.series, (*HOW, None), strict=True):
            taus = [rows[f"{e} epochs, batch {b}, statistics {how}" if how else "Ground truth"] for e, b, _ in regimes]
            assert series.at.tolist() == [at for _, _, at in regimes]
            assert series.values.tolist() == [tau.value for tau in taus]
            assert series.low.tolist() == [tau.interval.low for tau in taus]
            assert series.high.tolist() == [tau.interval.high for tau in taus]
    assert "batches of 64" in length.title
    assert "8 epochs" in batch.title


def names(setting):
    return set(instability.experiments(setting)) - {"seeds", "unshared-norm", "ground-truth"}


def with_unshared(*some):
    return {*some, *(f"{name}-unshared-norm" for name in some)}


def test_lengths_and_batches_that_are_no_others_are_left_out():
    few = {"experiments__last_epochs": 2}
    assert names(tiny_setting(training__epochs=3, **few)) == with_unshared("epochs-1", "batch-32", "batch-128")
    assert names(tiny_setting(training__epochs=2, **few)) == with_unshared("epochs-1", "batch-32", "batch-128")
    setting = tiny_setting(training__batch=3)
    assert names(setting) == with_unshared("epochs-2", "epochs-4", "batch-6")  # a batch of 1 has no statistics
    whole = replace(tiny_setting(), train_images=64)  # all images are one mini-batch, as they would be in one of 128
    assert names(whole) == with_unshared("epochs-2", "epochs-4", "batch-32")
    larger = replace(tiny_setting(), train_images=20)
    assert names(larger) == with_unshared("epochs-2", "epochs-4")
    _, length, batch = instability(make(setting=larger))
    assert [len(series.at) for series in batch.series] == [1] * 5
    assert [len(series.at) for series in length.series] == [3] * 5


def test_two_instances_have_no_intervals():
    _, *figures = instability(make(experiments={"instances": 2, "ground_truth_seeds": 2, "last_epochs": 2}))
    assert {series.low for curves in figures for series in curves.series} == {None}


def test_notes_tell_what_the_statistics_are_and_what_the_rows_have_in_common():
    table, *figures = instability(make(experiments={"instances": 3, "last_epochs": 2, "calibration_batches": 7}))
    notes = " ".join(table.notes)
    for words in (
        "running ones never touch the weights",
        "the stem's scale and shift",
        "(S-Tau − S-Tau as trained) / (S-Tau of ground truth − S-Tau as trained)",
        "that of 8 epochs in batches of 64 everywhere",
        "the same 20 validation images",
        "the 7 batches of recalibration",
    ):
        assert words in notes
    assert all("the rest in the weights" in curves.notes[0] for curves in figures)


def test_only_the_stems_scale_and_shift_are_weights_of_each_childs_own_where_norm_is_not_shared():
    """What the notes say: all else that is trained is what full sharing trains."""
    space = SearchSpace()
    children = tuple(space.child(name) for name in ("111", "234", "432", "434"))
    shared, apart = (
        SuperNet(spec.plan(children, 2), NetShape(2, 4, 1), DataShape(1, 10), [Stream(1)])
        for spec in (SharingSpec(), OWN_NORM)
    )
    stems = [[id(one) for one in apart.path(child).stem.parameters()] for child in children]
    assert len({one for stem in stems for one in stem}) == 2 + 4 * len(
        children
    )  # two convolutions, two scales and shifts
    weights = [sum(1 for _ in net.parameters()) for net in (shared, apart)]  # each once
    assert weights[1] - weights[0] == 4 * (len(children) - 1)
    for net, common in ((shared, True), (apart, False)):
        units = [
            [net.units[name] for name in unit_names(net.plan, child)] for child in children[2:]
        ]  # two digits alike
        one, other = ({id(statistic) for unit in of_child for statistic in unit.buffers()} for of_child in units)
        assert bool(one & other) == common
