"""Readings of super-nets from made-up records, against plain Python."""

from itertools import combinations
from statistics import median

import numpy as np
import pytest
from paper.making import PER_EPOCH, after, made_up, mean, std, tau, tiny_setting, tnr, truth_of

from commonweight.paper.reading_costs import readings_artefact

EPOCHS, LAST = 8, 5


def make(seed=0, instances=3):
    experiments = {"instances": instances, "ground_truth_seeds": 3, "last_epochs": LAST}
    setting = tiny_setting(experiments=experiments)
    made = made_up(setting, "seeds", "orders-shuffled", "ground-truth", seed=seed)
    for name in ("seeds", "orders-shuffled"):  # two rounds in which everyone is trained, in some order
        rng = np.random.default_rng(seed)
        measured = made.measured[name]
        measured.trained[:] = False
        for trained in measured.trained:
            order = [*rng.permutation(8), *rng.permutation(8)]
            trained[np.arange(len(measured.step))[-16:], order] = True
    return made


def column(rows, child):
    return [row[child] for row in rows]


def read(made, name, how, k, epochs=False):
    """What a reading makes of each instance: one accuracy for each child."""
    measured, results = made.measured[name], []
    for i in range(len(measured.accuracy)):
        moments = [epoch * PER_EPOCH for epoch in range(1, EPOCHS + 1)] if epochs else list(range(1, 17))
        rows = [after(measured, i, step) for step in moments[-k:]]
        if how == "just":
            trained = {step: measured.trained[i, measured.step.tolist().index(step)] for step in range(1, 17)}
            latest = [max(step for step in trained if trained[step][child]) for child in range(8)]
            results.append([after(measured, i, step)[child] for child, step in enumerate(latest)])
        else:
            results.append([{"mean": mean, "median": median, "maximum": max}[how](column(rows, c)) for c in range(8)])
    return results


STATISTICS = ("mean", "median", "maximum")
EXPECTED = {  # name of the row: (statistic, moments, of epochs), in the order of the table
    "last moment": ("mean", 1, False),
    **{f"{s} of last {k} mini-batches": (s, k, False) for s in STATISTICS for k in (4, 8, 16)},
    "just after training": ("just", 1, False),
    **{f"{s} of last {k} epochs": (s, k, True) for s in STATISTICS for k in (4, 5)},
}


@pytest.mark.parametrize("seed", range(3))
def test_readings_against_scipy(seed):
    made = make(seed)
    truth = truth_of(made)
    fixed, shuffled, _ = readings_artefact(made)
    assert (fixed.name, shuffled.name) == ("readings", "readings-shuffled")
    for table, name in ((fixed, "seeds"), (shuffled, "orders-shuffled")):
        assert [row.name for row in table.rows] == list(EXPECTED)
        assert [column.key for column in table.columns] == ["passes", "gt_tau", "s_tau", "t1r", "t3r"]
        for row, (how, k, epochs) in zip(table.rows, EXPECTED.values(), strict=True):
            ranks = read(made, name, how, k, epochs)
            passes, gt_tau, s_tau, t1r, t3r = row.numbers
            assert (row.ranks, passes.value) == (3, k)  # each child is validated k times
            for number, values in (
                (gt_tau, [tau(one, truth) for one in ranks]),
                (t1r, [tnr(one, truth, 1) for one in ranks]),
                (t3r, [tnr(one, truth, 3) for one in ranks]),
            ):
                assert (number.value, number.std) == pytest.approx((mean(values), std(values)))
                assert number.interval.low <= number.value + 1e-12
                assert number.value - 1e-12 <= number.interval.high
            assert s_tau.value == pytest.approx(mean(tau(a, b) for a, b in combinations(ranks, 2)))


def test_curves_are_the_rows_over_their_passes():
    fixed, shuffled, curves = readings_artefact(make())
    names = ("mean", "median", "maximum", "last moment", "just after training")
    assert [series.name for series in curves.series] == [f"{n} ({o})" for o in ("fixed", "shuffled") for n in names]
    assert [series.family for series in curves.series] == [*names, *names]
    assert curves.log_x
    for table, drawn in ((fixed, curves.series[:5]), (shuffled, curves.series[5:])):
        value = {row.name: row.numbers[1].value for row in table.rows}
        for series, statistic in zip(drawn, STATISTICS, strict=False):
            assert series.at.tolist() == [4, 8, 16]
            assert series.values.tolist() == [value[f"{statistic} of last {k} mini-batches"] for k in (4, 8, 16)]
            assert (series.low <= series.values).all()
            assert (series.values <= series.high).all()
        for series, name in zip(drawn[3:], names[3:], strict=True):
            assert (series.at.tolist(), series.values.tolist()) == ([1], [value[name]])


def test_two_instances_have_no_intervals():
    fixed, _, curves = readings_artefact(make(instances=2))
    assert all(number.interval is None for row in fixed.rows for number in row.numbers)
    assert all(series.low is None for series in curves.series)
