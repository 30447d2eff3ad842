"""Figures 5 to 9 from made-up records, against plain Python."""

import numpy as np
import pytest
from paper.making import after, last_taus, made_up, mean, only, places, tau, tiny_setting, truth_of

from commonweight.paper.artefacts import catalogue
from commonweight.paper.lastbatches import (
    figure_5a,
    figure_5b,
    figure_6a,
    figure_6b,
    figure_7,
    figure_8,
    figure_9,
)
from commonweight.study.jobs import FinalAccuracy

SEEDS = range(3)
ALL = {  # figure: (name, experiment, mini-batches of its run)
    figure_5a: ("figure-5a", "seeds", 16),
    figure_5b: ("figure-5b", "orders-shuffled", 16),
    figure_7: ("figure-7", "seeds-long", 32),
    figure_9: ("figure-9", "sgd-0", 16),
}


def check_curves(made, curves, experiment, children, *, end, moments):
    """Every child's curve and diamonds are those of instance 0 at these moments; the best is drawn last."""
    measured, ranks = made.measured[experiment], places(truth_of(made))
    steps = list(range(end - moments + 1, end + 1))
    assert curves.children == 8  # colours are ranks among all
    assert sorted(series.name for series in curves.series) == sorted(made.setting.children[c].name for c in children)
    drawn = [series.identity.rank for series in curves.series]
    assert drawn == sorted((ranks[child] for child in children), reverse=True)
    for series in curves.series:
        child = made.setting.study.space.child(series.name).index
        assert series.identity.child == series.name
        assert series.identity.primitives == made.setting.children[child].primitives
        assert series.identity.rank == ranks[child]
        assert series.at.tolist() == steps
        assert series.values.tolist() == [after(measured, 0, step)[child] for step in steps]
        marked = [bool(measured.trained[0, measured.step.tolist().index(step), child]) for step in steps]
        assert series.marked.tolist() == marked
        assert not series.dotted


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("figure", ALL, ids=lambda figure: ALL[figure][0])
def test_accuracy_of_all_children_after_each_of_the_last_two_rounds(figure, seed):
    name, experiment, end = ALL[figure]
    made = made_up(tiny_setting(), experiment, "ground-truth", seed=seed)
    curves = only(figure(made))
    assert curves.name == name
    check_curves(made, curves, experiment, range(8), end=end, moments=16)
    # Exactly one child is marked at each moment: the one just trained.
    assert np.sum([series.marked for series in curves.series], axis=0).tolist() == [1] * 16
    taus = last_taus(made.measured[experiment], 0, truth_of(made), 16)
    assert f"{min(taus):.2f} … {max(taus):.2f}, mean {mean(taus):.2f}" in " ".join(curves.notes)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("study_seed", [1, 2, 3])
def test_the_group_with_the_truly_best_child_alone_and_among_all(seed, study_seed):
    setting = tiny_setting(seed=study_seed)
    made = made_up(setting, "seeds", "random-2", "ground-truth", seed=seed)
    truth = truth_of(made)
    best = setting.children[max(range(8), key=lambda child: (truth[child], -child))].name
    groups = [part.job.children for part in catalogue(setting)["random-2"]().instances[0]]
    group = [setting.study.space.child(name).index for name in only(g for g in groups if best in g)]
    alone, together = only(figure_6a(made)), only(figure_6b(made))
    assert (alone.name, together.name) == ("figure-6a", "figure-6b")
    check_curves(made, alone, "random-2", group, end=16, moments=8)
    check_curves(made, together, "seeds", group, end=16, moments=8)  # the same four
    assert np.sum([series.marked for series in alone.series], axis=0).tolist() == [1] * 8  # one of its own each time
    for curves, experiment in ((alone, "random-2"), (together, "seeds")):
        ranks = [after(made.measured[experiment], 0, 16 - t) for t in range(8)]
        taus = [tau([rank[c] for c in group], [truth[c] for c in group]) for rank in ranks]
        assert f"{min(taus):.2f} … {max(taus):.2f}, mean {mean(taus):.2f}" in " ".join(curves.notes)


def test_figure_6_says_how_its_group_was_chosen():
    made = made_up(tiny_setting(), "seeds", "random-2", "ground-truth")
    made.measured["ground-truth"].final[FinalAccuracy.JUDGED][:, 5] = 0.99
    best = made.setting.children[5].name
    for figure in (figure_6a, figure_6b):
        curves = only(figure(made))
        assert best in {series.name for series in curves.series}
        assert curves.notes[-1] == (
            f"Of all random groups it is the one that holds the truly best child, {best}: chosen by ground truth."
        )


@pytest.mark.parametrize("seed", SEEDS)
def test_figure_8_against_scipy(seed):
    made = made_up(tiny_setting(experiments__instances=5), "bn-0.1", "bn-0.9", "ground-truth", seed=seed)
    curves, truth = only(figure_8(made)), truth_of(made)
    assert (curves.name, curves.children) == ("figure-8", 0)
    expected = {
        f"BN momentum {momentum}, instance {i}": last_taus(made.measured[f"bn-{momentum}"], i, truth, 16)
        for momentum in (0.1, 0.9)
        for i in range(3)
    }
    assert [series.name for series in curves.series] == list(expected)
    assert [series.family for series in curves.series] == ["BN momentum 0.1"] * 3 + ["BN momentum 0.9"] * 3
    for series in curves.series:
        assert series.at.tolist() == list(range(1, 17))
        assert series.values == pytest.approx(expected[series.name])


@pytest.mark.parametrize("figure", ALL, ids=lambda figure: ALL[figure][0])
def test_x_is_counted_down_to_the_end_and_a_line_is_where_the_last_round_begins(figure):
    _, experiment, end = ALL[figure]
    curves = only(figure(made_up(tiny_setting(), experiment, "ground-truth")))
    assert (curves.origin.at, curves.origin.x) == (end, "mini-batches before the end")
    assert curves.origin.counted(np.array([end - 15, end])).tolist() == [15, 0]
    (rounds,) = curves.marks
    assert (rounds.at, rounds.text) == ((end - 8,), "a round of 8 begins")  # of two rounds


def test_rounds_of_a_group_are_as_long_as_the_group():
    made = made_up(tiny_setting(), "seeds", "random-2", "ground-truth")
    alone, together = only(figure_6a(made)), only(figure_6b(made))
    end = alone.series[0].at[-1]
    assert alone.marks[0].at == tuple(range(end - len(alone.series[0].at) + 4, end, 4))
    assert alone.marks[0].text == "a round of 4 begins"
    assert together.marks[0].at == ()  # one round of 8 is shown


def test_figure_8_sums_up_each_momentum_as_mean_and_range():
    made = made_up(tiny_setting(experiments__instances=3), "bn-0.1", "bn-0.9", "ground-truth")
    curves, truth = only(figure_8(made)), truth_of(made)
    for summary, momentum in zip(curves.summary, (0.1, 0.9), strict=True):
        taus = [last_taus(made.measured[f"bn-{momentum}"], i, truth, 16) for i in range(3)]
        columns = list(zip(*taus, strict=True))
        assert summary.name == f"BN momentum {momentum}, mean of 3 instances"
        assert summary.values == pytest.approx([mean(column) for column in columns])
        assert summary.low == pytest.approx([min(column) for column in columns])
        assert summary.high == pytest.approx([max(column) for column in columns])
