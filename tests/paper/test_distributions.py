"""Figures 3a and 3b and Insight 1 from made-up records, against plain Python."""

import numpy as np
import pytest
from paper.making import PER_EPOCH, after, made_up, mean, only, places, std, tau, tiny_setting, truth_of

from commonweight.paper.distributions import figure_3a, figure_3b, insight_1
from commonweight.paper.truth import GROUND_TRUTH

LAST, EPOCHS = 3, 8
SEEDS = range(4)


def make(seed=0, instances=4, **overrides):
    experiments = {"instances": instances, "ground_truth_seeds": 3, "last_epochs": LAST}
    return made_up(tiny_setting(experiments=experiments, **overrides), "orders-shuffled", "ground-truth", seed=seed)


def last_epochs(made, instance):
    """Accuracies of all children after each of the last epochs of one instance."""
    shuffled = made.measured["orders-shuffled"]
    return [after(shuffled, instance, epoch * PER_EPOCH) for epoch in range(EPOCHS - LAST + 1, EPOCHS + 1)]


def at_the_end(made):
    shuffled = made.measured["orders-shuffled"]
    return [after(shuffled, i, EPOCHS * PER_EPOCH) for i in range(len(shuffled.accuracy))]


def median_instance(made):
    """The lower median of the instances by the mean tau of all pairs of their last epochs."""
    spread = []
    for instance in range(len(made.measured["orders-shuffled"].accuracy)):
        epochs = last_epochs(made, instance)
        spread.append(mean(tau(a, b) for i, a in enumerate(epochs) for b in epochs[i + 1 :]))
    return spread.index(sorted(spread)[(len(spread) - 1) // 2])


@pytest.mark.parametrize("seed", SEEDS)
def test_boxes_hold_the_ranks_of_each_child_the_truly_best_first(seed):
    made = make(seed)
    truth = truth_of(made)
    best_first = sorted(range(8), key=lambda child: (-truth[child], child))
    for figure, rows in (
        (only(figure_3a(made)), at_the_end(made)),
        (only(figure_3b(made)), last_epochs(made, median_instance(made))),
    ):
        given = [places(row) for row in rows]
        assert [box.identity.rank for box in figure.boxes] == [1, 2, 3, 4, 5, 6, 7, 8]
        for box, child in zip(figure.boxes, best_first, strict=True):
            assert box.identity.child == made.setting.children[child].name
            assert box.identity.primitives == made.setting.children[child].primitives
            assert box.identity.accuracy == pytest.approx(truth[child])
            assert box.values.tolist() == [ranks[child] for ranks in given]
    assert f"instance {median_instance(made)} " in figure.notes[0]


def survivors(rows, truth, kept, top):
    """Share of the truly best `top` children among the `kept` of the best mean rank; ties to the lower index."""
    mean_ranks = [mean(ranks) for ranks in zip(*map(places, rows), strict=True)]
    order = sorted(range(len(truth)), key=lambda child: (mean_ranks[child], child))
    true_order = sorted(range(len(truth)), key=lambda child: (-truth[child], child))
    return len(set(order[:kept]) & set(true_order[:top])) / top


@pytest.mark.parametrize("seed", SEEDS)
def test_who_survives_pruning(seed):
    made = make(seed)
    truth = truth_of(made)
    table, inside_curves, across_curves = insight_1(made)
    assert [column.key for column in table.columns] == ["top_1", "top_3", "top_5"]  # 10 are more than there are
    expected = []
    for kept in (6, 4, 2, 1):  # 3/4, 1/2, 1/4 and 1/8 of 8
        inside = [[survivors(last_epochs(made, i), truth, kept, top) for i in range(4)] for top in (1, 3, 5)]
        expected += [
            (4, [mean(one) for one in inside], [std(one) for one in inside]),
            (1, [survivors(at_the_end(made), truth, kept, top) for top in (1, 3, 5)], None),
            (0, [kept / 8] * 3, None),
        ]
    for row, (ranks, values, stds) in zip(table.rows, expected, strict=True):
        assert row.ranks == ranks
        assert [number.value for number in row.numbers] == pytest.approx(values)
        if stds:
            assert [number.std for number in row.numbers] == pytest.approx(stds)
    assert [row.name.partition(",")[0] for row in table.rows[::3]] == [f"keep {k} of 8" for k in (6, 4, 2, 1)]
    assert all(row.name.endswith("by chance") for row in table.rows[2::3])

    assert (inside_curves.name, across_curves.name) == ("insight-1-epochs", "insight-1-instances")
    of_one = [
        [survivors(last_epochs(made, i), truth, kept, top) for i in range(4)]
        for top in (1, 3, 5)
        for kept in range(1, 9)
    ]
    of_all = [survivors(at_the_end(made), truth, kept, top) for top in (1, 3, 5) for kept in range(1, 9)]
    for curves, expected in ((inside_curves, list(map(mean, of_one))), (across_curves, of_all)):
        assert [series.name for series in curves.series] == ["top 1", "top 3", "top 5", "by chance"]
        assert np.concatenate([series.values for series in curves.series[:3]]) == pytest.approx(expected)
        for series in curves.series:
            assert series.at == pytest.approx([1 - kept / 8 for kept in range(1, 9)])
        assert curves.series[-1].values == pytest.approx([kept / 8 for kept in range(1, 9)])
        assert all((series.low >= 0).all() and (series.high <= 1).all() for series in curves.series[:3])
    for series in inside_curves.series[:3]:
        assert (series.low <= series.values + 1e-12).all()
        assert (series.high >= series.values - 1e-12).all()
    for series, place in zip(across_curves.series[:3], range(3), strict=True):  # the table's intervals are the curve's
        for row, kept in zip(table.rows[1::3], (6, 4, 2, 1), strict=True):
            interval = row.numbers[place].interval
            assert (interval.low, interval.high) == (series.low[kept - 1], series.high[kept - 1])


def test_a_perfect_record_keeps_the_best_to_the_end():
    made = make()
    made.measured["orders-shuffled"].accuracy[:] = GROUND_TRUTH.read(made)
    for row in insight_1(made)[0].rows:
        if not row.name.endswith("by chance"):
            kept = int(row.name.split()[1])
            assert [number.value for number in row.numbers] == [min(1, kept / top) for top in (1, 3, 5)]


def test_two_instances_have_no_bands():
    table, *figures = insight_1(make(instances=2))
    assert all(number.interval is None for row in table.rows for number in row.numbers)
    assert all(series.low is None and series.high is None for curves in figures for series in curves.series)


def test_three_children_have_two_tops():
    made = make(space={"nodes": 1, "primitives": ["max_pool_3x3", "avg_pool_3x3", "skip_connect"]}, instances=3)
    table, *_ = insight_1(made)
    assert [column.title for column in table.columns] == ["top 1", "top 3"]
    assert [row.name.split()[1] for row in table.rows[::3]] == ["2", "1"]
    assert np.isfinite([number.value for row in table.rows for number in row.numbers]).all()
