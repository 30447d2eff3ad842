"""The recipe, from made-up records: chosen on one half of the instances, reported on the other."""

import math

import numpy as np
import pytest
from paper.making import made_up, mean, std, tau, tiny_setting

from commonweight.paper.recipes import recipe
from commonweight.paper.ways import EVERY_WAY, parameter_counts
from commonweight.study.jobs import FinalAccuracy

INSTANCES, SEEDS = 7, 4
HALF = 3  # of 7 instances
TRUTH_COST = 64  # 8 children, 8 epochs


def make(seed=0, noise=None, **overrides):
    """`noise`: of ground truth, and of everything else, around one quality of each child."""
    setting = tiny_setting(
        experiments={"instances": INSTANCES, "ground_truth_seeds": SEEDS, "finetune_batches": 64} | overrides
    )
    made, rng = made_up(setting, *recipe.experiments(setting), seed=seed), np.random.default_rng(seed)
    for name, measured in made.measured.items():
        measured.trained[:] = np.arange(8) == measured.step[:, None] % 8
        for array in (measured.accuracy, *measured.final.values()) if noise else ():
            array[:] = np.linspace(0.2, 0.8, 8) + noise[name != "ground-truth"] * rng.normal(size=array.shape)
    return made


def without(made, seed):
    """Ground truth of all initialisations but one."""
    judged = made.measured["ground-truth"].final[FinalAccuracy.JUDGED].tolist()
    rest = [row for number, row in enumerate(judged) if number != seed]
    return [mean(column) for column in zip(*rest, strict=True)]


def own(made):
    alone = made.measured["ground-truth"].accuracy[:, -1].tolist()
    return [tau(one, without(made, seed)) for seed, one in enumerate(alone)]


def gt_taus(made, way):
    """Of each instance, one tau after the other."""
    seeds = range(SEEDS)
    return [
        tau(one, without(made, i % SEEDS)) if way.alone else mean(tau(one, without(made, seed)) for seed in seeds)
        for i, one in enumerate(way.accuracy.tolist())
    ]


def halves(way, values):
    """The first half of the study's instances chooses; groups are found in the first, which is then not among the values."""
    first = (way.without + len(values)) // 2 - way.without
    return values[:first], values[first:]


def best_for_its_cost(ways):
    """Names, cheapest first: each the best of its cost, and better by 0.01 than the one before. (way, GT-Taus) by name."""
    found, bar = [], -2
    for cost in sorted({way.cost for way, _ in ways.values() if way.cost < TRUTH_COST}):
        alike = [
            (mean(halves(way, taus)[0]), -way.passes, name) for name, (way, taus) in ways.items() if way.cost == cost
        ]
        best, _, name = max(alike, key=lambda one: one[:2])
        if best >= bar:
            found.append(name)
            bar = best + 0.01
    return found


@pytest.mark.parametrize("seed", range(3))
def test_the_best_for_each_cost_then_the_best_of_each_family(seed):
    made = make(seed)
    table, _ = recipe(made)
    ways = {way.name: (way, gt_taus(made, way)) for way in EVERY_WAY.read(made)}
    *rows, counted, truth = table.rows
    numbered = [row.name for row in rows if row.name[0].isdigit()]
    front = best_for_its_cost(ways)
    chosen = max(
        (name for name in front if ways[name][0].cost <= 0.05 * TRUTH_COST), key=lambda name: ways[name][0].cost
    )
    mark = {chosen: "CHOSEN: "}
    assert numbered == [f"{number}. {mark.get(name, '')}{name}" for number, name in enumerate(front, 1)]

    families = {way.family: [] for way, _ in ways.values()}
    for way, taus in ways.values():
        families[way.family].append((way, mean(halves(way, taus)[0])))
    others = []
    for family, several in families.items():
        most = max(0.05 * TRUTH_COST, min(way.cost for way, _ in several))
        within = {way.name: (way, ways[way.name][1]) for way, _ in several if way.cost <= most}
        best = best_for_its_cost(within)[-1]
        if best not in front:
            others.append(f"{family}: {best}")
    assert [row.name for row in rows[len(front) :]] == others

    ceiling = mean(own(made))
    names = [*front, *(name.split(": ")[-1] for name in others)]
    for row, name in zip(rows, names, strict=True):
        way, taus = ways[name]
        first, other = halves(way, taus)
        cost, of_truth, passes, chosen_by, gt_tau, share, above = row.numbers
        assert row.ranks == len(other)
        assert (cost.value, of_truth.value, passes.value) == (way.cost, pytest.approx(100 * way.cost / 64), way.passes)
        assert chosen_by.value == pytest.approx(mean(first))
        assert (gt_tau.value, gt_tau.std) == pytest.approx((mean(other), std(other)))
        assert share.value == pytest.approx(mean(other) / ceiling)
        assert above.value == pytest.approx(mean(other) - 0.9 * ceiling)
        if len(other) >= 3:
            assert gt_tau.interval.low <= gt_tau.value <= gt_tau.interval.high
            assert above.interval.low <= above.value <= above.interval.high
    assert (counted.name, truth.name) == ("parameter count", "ground truth: every child alone")
    counts = parameter_counts(made.setting)
    expected = mean(tau(counts, without(made, one)) for one in range(SEEDS))
    assert counted.numbers[4].value == pytest.approx(expected)
    assert (truth.ranks, truth.numbers[0].value, truth.numbers[4].value) == (SEEDS, TRUTH_COST, pytest.approx(ceiling))


def test_luck_of_the_first_half_is_not_reported_and_the_other_half_does_not_choose():
    before, _ = recipe(make())
    made = make()
    for name, measured in made.measured.items():
        if name != "ground-truth":
            for array in (measured.accuracy, *measured.final.values()):
                half = len(array) - (INSTANCES - HALF)  # groups found in the first instance have none of it
                array[half:] = array[half:, ..., ::-1]
    after, _ = recipe(made)
    assert [row.name for row in after.rows] == [row.name for row in before.rows]
    assert [row.numbers[3] for row in after.rows] == [row.numbers[3] for row in before.rows]
    pairs = [(old, new) for old, new in zip(before.rows, after.rows, strict=True) if "alone" not in old.name]
    *super_nets, (old, new) = pairs
    assert all(old.numbers[4] != new.numbers[4] for old, new in super_nets)
    assert (old.name, old.numbers) == ("parameter count", new.numbers)


@pytest.mark.parametrize(
    ("noise", "words"),
    [((0.02, 0.001), "Reached, surely"), ((0.02, 2.0), "Not reached, surely"), ((0.02, 0.06), "but not surely")],
)
def test_the_note_says_what_is_reached(noise, words):
    table, curves = recipe(make(noise=noise))
    (row,) = (row for row in table.rows if "CHOSEN" in row.name)
    verdict = table.notes[0]
    assert words in verdict
    assert curves.notes[-1] == verdict
    cost, of_truth, _, _, gt_tau, _, above = row.numbers
    assert ("Not reached" in verdict) == (above.value < 0)
    assert ("but not surely" in verdict) == (above.interval.low <= 0 <= above.interval.high)
    assert cost.value <= 3.2
    for number in (
        f"{gt_tau.value:.4f}",
        f"{of_truth.value:.1f} %",
        "3.20 child-epochs",
        row.name.partition("CHOSEN: ")[2],
    ):
        assert number in verdict
    counted = table.rows[-2].numbers[4].value
    assert verdict.endswith(f"has {counted:.4f}{', more than that' if counted > gt_tau.value else ''}.")
    assert f"{table.rows[-1].numbers[4].value * 0.9:.4f}, for 5 % of its cost" in verdict


def test_nothing_that_cheap_and_nothing_defined():
    setting = tiny_setting(space={"nodes": 1, "primitives": ["max_pool_3x3", "avg_pool_3x3", "skip_connect"]})
    made = made_up(setting, *recipe.experiments(setting))
    for measured in made.measured.values():
        measured.trained[:] = np.arange(3) == measured.step[:, None] % 3
    table, _ = recipe(made)
    assert "No way with a GT-Tau costs so little." in table.notes[0]  # 2 epochs are more than 5 % of 24 child-epochs
    assert not any("CHOSEN" in row.name for row in table.rows)
    assert math.isnan(table.rows[-2].numbers[4].value)  # they have as many parameters each

    made = make()
    for which, array in made.measured["ground-truth"].final.items():
        array[:] = 0.1 if which is FinalAccuracy.JUDGED else array
    table, curves = recipe(made)
    assert len(table.rows) == 2
    assert math.isnan(table.rows[-1].numbers[5].value) or table.rows[-1].numbers[5].value == 1
    assert len(curves.series[-4].at) == 0


def test_the_figure_has_every_way_and_numbers_the_best():
    made = make(1)
    table, curves = recipe(made)
    assert (curves.name, curves.log_x) == ("recipe-cost", True)
    *families, numbered, truth, goal, counted = curves.series
    ways, points = EVERY_WAY.read(made), {}
    for series in families:
        assert not series.numbered
        points |= dict(zip(series.names, zip(series.at, series.values, strict=True), strict=True))
    assert points.keys() == {way.name for way in ways}
    for way in ways:
        assert points[way.name] == pytest.approx((way.cost, mean(halves(way, gt_taus(made, way))[1])))
    rows = [row for row in table.rows if row.name[0].isdigit()]
    assert numbered.numbered
    assert [f"{number}. {name}" for number, name in enumerate(numbered.names, 1)] == [row.name for row in rows]
    assert numbered.values.tolist() == [row.numbers[4].value for row in rows]
    assert numbered.low.tolist() == [row.numbers[4].interval.low for row in rows]
    ceiling = table.rows[-1].numbers[4]
    assert truth.at.tolist() == [2, 264]  # the dearest: all fine-tuned on 64 mini-batches
    assert (truth.values.tolist(), truth.low.tolist()) == ([ceiling.value] * 2, [ceiling.interval.low] * 2)
    assert goal.at.tolist() == pytest.approx([2, 3.2, 3.2])
    assert goal.values.tolist() == pytest.approx([0.9 * ceiling.value, 0.9 * ceiling.value, ceiling.value])
    assert goal.dotted
    assert counted.values.tolist() == [table.rows[-2].numbers[4].value] * 2
