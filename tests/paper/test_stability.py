"""Tables 1 and 2 and Figure 2 from made-up records, against SciPy and plain Python."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from paper.making import mean, only, std, tiny_setting, tnr
from scipy.stats import kendalltau

from commonweight.paper import published, stability
from commonweight.paper.evidence import Evidence
from commonweight.paper.stability import TITLES
from commonweight.paper.tables import mean_std
from commonweight.report.wording import statistic
from commonweight.seeds import Stream
from commonweight.study.experiments import Measured

EPOCHS, LAST, PER_EPOCH = 5, 3, 4


def accuracies(rng, *shape):
    """Fractions of 20 images, so that there are ties, around a child's own quality, so that ranks agree somewhat."""
    return np.clip(np.round(10 + np.arange(8) / 2 + rng.normal(0, 2, (*shape, 8))), 0, 20) / 20


def make(instances=4, seeds=3, seed=0, extra_moments=True):
    """Evidence of 8 children, with moments between the epochs too."""
    rng = np.random.default_rng(seed)
    step = np.arange(1, EPOCHS * PER_EPOCH + 1) if extra_moments else np.arange(1, EPOCHS + 1) * PER_EPOCH
    setting = tiny_setting(
        training__epochs=EPOCHS,
        training__batch=32,
        experiments={"instances": instances, "ground_truth_seeds": seeds, "last_epochs": LAST},
    )
    assert setting.batches_per_epoch == PER_EPOCH

    def record(instances, judged=None):
        shape = (instances, len(step))
        return Measured(accuracies(rng, *shape), step, np.zeros((*shape, 8), dtype=bool), judged)

    measured = {name: record(instances) for name in ("seeds", "orders", "orders-shuffled")}
    measured["ground-truth"] = record(seeds, accuracies(rng, seeds))
    return Evidence(setting, measured)


def table_1(evidence):
    return only(stability.table_1(evidence))


def table_2(evidence):
    return only(stability.table_2(evidence))


def figure_2(evidence):
    return only(stability.figure_2(evidence))


def with_study(evidence, **sections):
    """The same records under a study with other sections."""
    study = evidence.study.model_copy(update=sections)
    return Evidence(replace(evidence.setting, study=study), evidence.measured)


def after_epoch(measured, epoch):
    """Accuracies [instance, child] after that many epochs."""
    return measured.accuracy[:, measured.step.tolist().index(epoch * PER_EPOCH)]


def taus(rows):
    return [kendalltau(a, b).statistic for a, b in combinations(rows, 2)]


def ranks_of(evidence):
    """The ranks behind each row, by a second way."""
    rows = {name: after_epoch(evidence.measured[name], EPOCHS) for name in ("seeds", "orders", "orders-shuffled")}
    rows["ground-truth"] = evidence.measured["ground-truth"].judged
    shuffled = evidence.measured["orders-shuffled"]
    tails = [
        [after_epoch(shuffled, epoch)[i] for epoch in range(EPOCHS - LAST + 1, EPOCHS + 1)]
        for i in range(len(shuffled.accuracy))
    ]
    spread = [np.mean(taus(tail)) for tail in tails]
    lower_median = sorted(spread)[(len(spread) - 1) // 2]
    rows["epochs"] = np.array(tails[spread.index(lower_median)])
    return rows, spread.index(lower_median)


def row_of(table, name):
    (row,) = [row for row in table.rows if row.name == TITLES[name]]
    return row


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("instances", [2, 3, 4, 5])
def test_table_1_against_scipy(seed, instances):
    evidence = make(instances, seed=seed)
    table = table_1(evidence)
    rows, median = ranks_of(evidence)
    assert evidence.median_instance == median
    for name, ranks in rows.items():
        row, expected = row_of(table, name), taus(ranks)
        assert row.ranks == len(ranks)
        values = [number.value for number in row.numbers[::2]]
        assert values == pytest.approx([np.mean(expected), max(expected), min(expected)], abs=1e-12)
        assert tuple(number.value for number in row.numbers[1::2]) == published.TABLE_1[name]
    assert f"of instance {median} of the shuffled orders" in table.notes[0]


@pytest.mark.parametrize("seed", range(5))
def test_the_random_row_is_of_independent_permutations(seed):
    evidence = make(seed=seed)
    row = row_of(table_1(evidence), "random")
    rng = Stream(evidence.study.seed).fork("report", "random ranks").generator()
    expected = taus([rng.permutation(8) for _ in range(4)])
    assert row.ranks == 4
    values = [number.value for number in row.numbers[::2]]
    assert values == pytest.approx(
        [np.mean(expected), max(expected), min(expected)], abs=0.8
    )  # another draw, as likely
    again = row_of(table_1(evidence), "random")
    assert again == row  # every report of a study has the same


@pytest.mark.parametrize("seed", range(5))
def test_table_2_against_scipy(seed):
    evidence = make(seed=seed)
    table = table_2(evidence)
    truth = evidence.measured["ground-truth"].judged.mean(axis=0)
    rows, _ = ranks_of(evidence)
    assert [row.name for row in table.rows] == [TITLES[name] for name in rows]
    for name, ranks in rows.items():
        statistics = {
            0: [kendalltau(rank, truth).statistic for rank in ranks],
            2: [tnr(rank, truth, 1) for rank in ranks],
            4: [tnr(rank, truth, 3) for rank in ranks],
        }
        row = row_of(table, name)
        assert row.ranks == len(ranks)
        for place, values in statistics.items():
            assert row.numbers[place].value == pytest.approx(mean(values), abs=1e-12)
            assert row.numbers[place].std == pytest.approx(std(values), abs=1e-12)
        assert row.numbers[1::2] == published.TABLE_2[name]


def test_an_instance_that_ranks_nothing_leaves_the_means_of_its_row_undefined():
    """Not the first child's true rank, and no mean over the instances that are left."""
    evidence = make()
    evidence.measured["seeds"].accuracy[2, -1] = 0.1
    seeds, orders = (row_of(table_2(evidence), name) for name in ("seeds", "orders"))
    assert all(math.isnan(number.value) and number.interval is None for number in seeds.numbers[::2])
    assert [statistic(number, 4) for number in seeds.numbers[::2]] == ["–"] * 3
    assert all(math.isfinite(number.value) for number in orders.numbers[::2])


@pytest.mark.parametrize("seed", range(3))
def test_figure_2_against_scipy(seed):
    evidence = make(seed=seed)
    figure = figure_2(evidence)
    assert [series.name for series in figure.series] == [
        f"{TITLES[name]} ({count} ranks)" for name, count in (("seeds", 4), ("orders-shuffled", 4), ("ground-truth", 3))
    ]
    for series, name in zip(figure.series, ("seeds", "orders-shuffled", "ground-truth"), strict=True):
        expected = [np.mean(taus(after_epoch(evidence.measured[name], e))) for e in range(1, EPOCHS + 1)]
        assert series.at.tolist() == [1, 2, 3, 4, 5]
        assert series.values == pytest.approx(expected, abs=1e-12)


def test_moments_between_epochs_change_nothing():
    with_between = make()
    every = slice(PER_EPOCH - 1, None, PER_EPOCH)
    only_epochs = Evidence(
        with_between.setting,
        {
            name: Measured(m.accuracy[:, every], m.step[every], m.trained[:, every], m.judged)
            for name, m in with_between.measured.items()
        },
    )
    for compute in (table_1, table_2):
        assert compute(only_epochs) == compute(with_between)


def test_intervals_hold_the_value_and_are_where_they_mean_something():
    evidence = make(instances=5)
    for table in (table_1(evidence), table_2(evidence)):
        for row in table.rows:
            for number, column in zip(row.numbers, table.columns, strict=True):
                no_interval = row.name == TITLES["epochs"] or column.paper or column.key in ("max_tau", "min_tau")
                assert (number.interval is None) == no_interval
                if not no_interval and column.key != "s_tau":  # S-Tau's bootstrap is no mean of the pairs
                    assert number.interval.low <= number.value <= number.interval.high
    for table in (table_1(make(instances=2, seeds=2)), table_2(make(instances=2, seeds=2))):
        assert all(number.interval is None for row in table.rows for number in row.numbers)


def test_the_same_evidence_gives_the_same_tables_and_the_seed_counts():
    evidence = make()
    assert table_1(evidence) == table_1(Evidence(evidence.setting, evidence.measured))
    other = with_study(evidence, seed=2)
    assert row_of(table_1(other), "random") != row_of(table_1(evidence), "random")
    assert row_of(table_1(other), "seeds").numbers[0].value == row_of(table_1(evidence), "seeds").numbers[0].value


def test_a_rank_that_is_constant_makes_no_number_of_itself():
    """All children alike (say, after one bad epoch) have no order: what stands on it is nan, the rest is not."""
    evidence = make()
    evidence.measured["seeds"].accuracy[0] = 0.1
    assert math.isnan(row_of(table_1(evidence), "seeds").numbers[0].value)
    assert math.isnan(row_of(table_2(evidence), "seeds").numbers[0].value)
    assert not math.isnan(row_of(table_1(evidence), "orders").numbers[0].value)
    assert np.isnan(figure_2(evidence).series[0].values).all()
    flat = make()
    flat.measured["orders-shuffled"].accuracy[:] = 0.1
    assert math.isnan(row_of(table_1(flat), "epochs").numbers[0].value)


def test_notes_tell_how_many_images_are_behind_a_number():
    assert "3 initialisations, judged on 30 validation images; the other rows on 20." in table_1(make()).notes[1]
    assert figure_2(make()).notes == (
        "Every point is validated on 20 images, ground truth too; its row of Table 1 is judged on 30.",
    )
    evidence = make()
    data = evidence.study.data.model_copy(update={"sweep_images": None, "judge_images": None})
    same = with_study(evidence, data=data)
    assert figure_2(same).notes == ("Every point is validated on all images, ground truth too.",)
    assert "judged on all validation images; the other rows on all." in table_1(same).notes[1]


def test_mean_std_is_of_the_population():
    number = mean_std([1, 2, 6], None)
    assert (number.value, number.std) == (3, pytest.approx(math.sqrt(14 / 3)))
