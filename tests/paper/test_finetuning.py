"""Figure 4 and Insight 2 from made-up records, against plain Python; and the jobs of fine-tuning."""

import math

import numpy as np
import pytest
from paper.making import PER_EPOCH, after, made_up, mean, only, places, std, tau, tiny_setting, tnr, truth_of

from commonweight.paper.artefacts import catalogue
from commonweight.paper.finetuning import HOW, figure_4a, figure_4b, figure_4c, figure_4d, insight_2

SEEDS = range(3)
HALF, END, TUNED = 4, 8, 6
FIGURES = {
    figure_4a: ("figure-4a", "finetuned-half", HALF),
    figure_4b: ("figure-4b", "finetuned-end", END),
    figure_4c: ("figure-4c", "finetuned-half", HALF),
    figure_4d: ("figure-4d", "finetuned-end", END),
}


def make(seed=0, **overrides):
    sets = {"experiments__instances": 3, "experiments__finetune_batches": TUNED} | overrides
    return made_up(tiny_setting(**sets), "seeds", "finetuned-half", "finetuned-end", "ground-truth", seed=seed)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("figure", [figure_4a, figure_4b])
def test_accuracies_before_and_after_a_snapshot(figure, seed):
    made = make(seed)
    name, tuned, epoch = FIGURES[figure]
    curves, truth = only(figure(made)), truth_of(made)
    assert (curves.name, curves.children) == (name, 8)
    seeds, alone, end = made.measured["seeds"], made.measured[tuned], epoch * PER_EPOCH
    for index, child in enumerate(made.setting.children):
        solid, dotted = [series for series in curves.series if series.identity.child == child.name]
        assert solid.identity == dotted.identity
        assert solid.identity.rank == places(truth)[index]
        assert (solid.dotted, dotted.dotted) == (False, True)
        assert solid.at.tolist() == list(range(end - 7, end + 1))  # a round of the 8 children
        assert solid.values.tolist() == [after(seeds, 0, step)[index] for step in range(end - 7, end + 1)]
        assert dotted.at.tolist() == list(range(end, end + TUNED + 1))
        assert dotted.values.tolist() == [solid.values[-1], *alone.accuracy[0, :, index].tolist()]  # they meet
        marked = [seeds.trained[0, seeds.step.tolist().index(step), index] for step in range(end - 7, end + 1)]
        assert solid.marked.tolist() == marked
        assert dotted.marked is None
    ranks = [series.identity.rank for series in curves.series]
    assert ranks == sorted(ranks, reverse=True)  # the best is drawn last, on top


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("figure", [figure_4c, figure_4d])
def test_gt_tau_before_and_after_a_snapshot(figure, seed):
    made = make(seed)
    name, tuned, epoch = FIGURES[figure]
    curves, truth, end = only(figure(made)), truth_of(made), epoch * PER_EPOCH
    solid, dotted = curves.series
    assert (curves.name, solid.dotted, dotted.dotted) == (name, False, True)
    shared = [tau(after(made.measured["seeds"], 0, step), truth) for step in range(end - 7, end + 1)]
    alone = [tau(row, truth) for row in made.measured[tuned].accuracy[0]]
    assert solid.at.tolist() == list(range(end - 7, end + 1))
    assert solid.values == pytest.approx(shared)
    assert dotted.at.tolist() == list(range(end, end + TUNED + 1))
    assert dotted.values == pytest.approx([shared[-1], *alone])


@pytest.mark.parametrize("seed", SEEDS)
def test_insight_2_against_scipy(seed):
    made = make(seed)
    table, by_steps, by_cost = insight_2(made)
    truth, rows = truth_of(made), iter(table.rows)
    for place, (tuned, epoch) in enumerate((("finetuned-half", HALF), ("finetuned-end", END))):
        ranks = [
            [after(made.measured["seeds"], i, epoch * PER_EPOCH), *made.measured[tuned].accuracy[i].tolist()]
            for i in range(3)
        ]
        for steps in (0, 1, 2, 5, 6):
            row = next(rows)
            assert row.name == f"epoch {epoch}, {steps} mini-batches"
            assert row.ranks == 3
            at = [rank[steps] for rank in ranks]
            for number, values in zip(
                row.numbers[:3],
                (
                    [tau(one, truth) for one in at],
                    [tnr(one, truth, 1) for one in at],
                    [tnr(one, truth, 3) for one in at],
                ),
                strict=True,
            ):
                assert (number.value, number.std) == pytest.approx((mean(values), std(values)))
            # The super-net so far, and as many mini-batches for each of 8 children; an epoch has 2 of them.
            assert row.numbers[3].value == epoch + 8 * steps / 2
        curve = [mean(tau(rank[steps], truth) for rank in ranks) for steps in range(TUNED + 1)]
        for drawn, at in ((by_steps, range(TUNED + 1)), (by_cost, [epoch + 4 * s for s in range(TUNED + 1)])):
            series = drawn.series[place]
            assert series.at.tolist() == list(at)
            assert series.values == pytest.approx(curve)
            assert (series.low <= series.values + 1e-12).all()
            assert (series.values <= series.high + 1e-12).all()
    assert next(rows, None) is None
    assert any(f"{8 * END} child-epochs" in note for note in table.notes)  # ground truth: 8 children, 8 epochs each


def test_ground_truth_costs_as_long_as_it_is_trained():
    (table, *_) = insight_2(make(experiments__alone_epochs=20))
    assert any("ground truth costs 160 child-epochs" in note for note in table.notes)  # 8 children, 20 epochs each


def test_notes_tell_how_children_are_fine_tuned():
    made = make()
    for figure in FIGURES:
        assert HOW in only(figure(made)).notes
    assert all(HOW in item.notes for item in insight_2(made))
    for words in ("learning rate of the snapshot's epoch, constant", "fresh momentum", "see the same mini-batches"):
        assert words in HOW


# The jobs


@pytest.mark.parametrize(("name", "epoch"), [("finetuned-half", 4), ("finetuned-end", 8)])
def test_every_child_goes_on_alone_from_its_instances_snapshot(name, epoch):
    setting = tiny_setting(experiments__instances=3, experiments__stack=2, experiments__finetune_batches=5)
    built = {each: make() for each, make in catalogue(setting).items() if each in ("seeds", name)}
    lr = 0.001 + (0.025 - 0.001) * (1 + math.cos(math.pi * (epoch - 1) / 8)) / 2  # that of the epoch's mini-batches
    for shared, alone in zip(built["seeds"].instances, built[name].instances, strict=True):
        (source,) = shared
        assert epoch in source.job.snapshots
        assert [part.job.children for part in alone] == [(child.name,) for child in setting.children]
        for part in alone:
            job = part.job
            assert (job.start.job, job.start.epoch, part.copy) == (source.job.id, epoch, source.copy)
            assert job.seeds.init == source.job.seeds.init  # the same copies, one for one
            assert [job.training.lr_at(e) for e in range(job.training.epochs)] == pytest.approx(
                [lr] * job.training.epochs
            )
            assert job.mini_batches == 5
            assert job.moments.steps(5, job.batches_per_epoch) == {1, 2, 3, 4, 5}
            assert (job.training.momentum, job.training.weight_decay) == (0.9, 1e-3)
            assert job.images.sweep_images == source.job.images.sweep_images
        # All children see the same batches, and so do all instances; none is a batch of the super-net's.
        assert len({(part.job.seeds.data, part.job.seeds.augment) for part in alone}) == 1
        ours, theirs = (job.seeds.stream("data").fork(0).generator() for job in (alone[0].job, source.job))
        assert not np.array_equal(ours.permutation(128), theirs.permutation(128))
    assert len({(job.seeds.data, job.seeds.augment) for job in built[name].jobs}) == 1
    assert len(built[name].jobs) == 2 * 8  # stacks of 2 and 1, as the source's


@pytest.mark.parametrize("figure", FIGURES, ids=lambda figure: FIGURES[figure][0])
def test_x_is_counted_from_the_snapshot_where_fine_tuning_starts(figure):
    _, _, epoch = FIGURES[figure]
    curves = only(figure(make()))
    at = epoch * PER_EPOCH
    assert curves.origin.counted(np.array([at - 7, at, at + TUNED])).tolist() == [-7, 0, TUNED]
    assert [(mark.at, mark.text) for mark in curves.marks] == [((at,), "fine-tuning starts")]
