"""Tables 1 and 2 and Figure 2 from made-up records, against SciPy and plain Python."""

import math
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from paper.making import made_up, mean, only, std, tiny_setting, tnr
from scipy.stats import kendalltau

from commonweight.paper import published, stability
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import ORDERS, ORDERS_SHUFFLED, SEEDS, TRUTH
from commonweight.paper.tables import mean_std
from commonweight.paper.truth import GROUND_TRUTH
from commonweight.report.wording import statistic
from commonweight.seeds import Stream
from commonweight.study.jobs import FinalAccuracy
from commonweight.study.schema import DataOrder
from commonweight.study.setting import Measured

EPOCHS, LAST, PER_EPOCH = 5, 3, 4
TITLES = stability.TITLES | {one.name: one.title for one in (SEEDS, ORDERS, ORDERS_SHUFFLED, TRUTH)}


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

    def record(instances, final=None):
        shape = (instances, len(step))
        return Measured(accuracies(rng, *shape), step, np.zeros((*shape, 8), dtype=bool), final or {})

    measured = {name: record(instances) for name in ("seeds", "orders", "orders-shuffled")}
    measured["ground-truth"] = record(seeds, {FinalAccuracy.JUDGED: accuracies(rng, seeds)})
    return Evidence(setting, measured)


def table_1(evidence):
    return only(stability.table_1(evidence))


def table_2(evidence):
    return only(stability.table_2(evidence))


def figure_2(evidence):
    return only(stability.figure_2(evidence))


def with_study(evidence, **sections):
    """The same records under a study with other sections."""
    study = evidence.setting.study.model_copy(update=sections)
    return Evidence(replace(evidence.setting, study=study), evidence.measured)


def after_epoch(measured, epoch):
    """Accuracies [instance, child] after that many epochs."""
    return measured.accuracy[:, measured.step.tolist().index(epoch * PER_EPOCH)]


def taus(rows):
    return [kendalltau(a, b).statistic for a, b in combinations(rows, 2)]


def ranks_of(evidence):
    """The ranks behind each row, by a second way."""
    rows = {name: after_epoch(evidence.measured[name], EPOCHS) for name in ("seeds", "orders", "orders-shuffled")}
    rows["ground-truth"] = after_epoch(evidence.measured["ground-truth"], EPOCHS)
    rows["judged"] = evidence.measured["ground-truth"].final[FinalAccuracy.JUDGED]
    shuffled = evidence.measured["orders-shuffled"]
    tails = [
        [after_epoch(shuffled, epoch)[i] for epoch in range(EPOCHS - LAST + 1, EPOCHS + 1)]
        for i in range(len(shuffled.accuracy))
    ]
    spread = [np.mean(taus(tail)) for tail in tails]
    lower_median = sorted(spread)[(len(spread) - 1) // 2]
    rows["epochs"] = np.array(tails[spread.index(lower_median)])
    return rows, spread.index(lower_median)


ROWS = TITLES | {"judged": "Ground truth on 30 images"}  # where sweeps read 20
NO_PAPER = (None,) * 3


def row_of(table, name):
    (row,) = [row for row in table.rows if row.name == ROWS[name]]
    return row


def same_images(evidence):
    """The same records where ground truth is judged on the images of the sweeps."""
    setting = replace(evidence.setting, judge_images=evidence.setting.sweep_images)
    return Evidence(setting, evidence.measured)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("instances", [2, 3, 4, 5])
def test_table_1_against_scipy(seed, instances):
    evidence = make(instances, seed=seed)
    table = table_1(evidence)
    rows, median = ranks_of(evidence)
    assert stability.median_instance(ORDERS_SHUFFLED.last_epochs().read(evidence)) == median
    for name, ranks in rows.items():
        row, expected = row_of(table, name), taus(ranks)
        assert row.ranks == len(ranks)
        values = [number.value for number in row.numbers[::2]]
        assert values == pytest.approx([np.mean(expected), max(expected), min(expected)], abs=1e-12)
        paper = tuple(number and number.value for number in row.numbers[1::2])
        assert paper == published.TABLE_1.get(name, NO_PAPER)
    assert [row.name for row in table.rows] == [
        ROWS[name] for name in ("seeds", "orders", "orders-shuffled", "random", "ground-truth", "judged", "epochs")
    ]
    assert f"of instance {median} of the shuffled orders" in table.notes[0]


@pytest.mark.parametrize("seed", range(5))
def test_the_random_row_is_of_independent_permutations(seed):
    evidence = make(seed=seed)
    row = row_of(table_1(evidence), "random")
    rng = Stream(evidence.setting.study.seed).fork("report", "random ranks").generator()
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
    truth = evidence.measured["ground-truth"].final[FinalAccuracy.JUDGED].mean(axis=0)
    rows, _ = ranks_of(evidence)
    assert [row.name for row in table.rows] == [ROWS[name] for name in rows]
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
        assert row.numbers[1::2] == published.TABLE_2.get(name, NO_PAPER)


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
        assert (series.low <= series.values).all()
        assert (series.values <= series.high).all()


def test_the_last_interval_of_figure_2_is_that_of_table_1():
    """The same ranks have the same interval wherever they are shown; of two instances there is none."""
    evidence = make()
    for name, series in zip(("seeds", "orders-shuffled"), figure_2(evidence).series, strict=False):
        interval = row_of(table_1(evidence), name).numbers[0].interval
        assert (series.low[-1], series.high[-1]) == (interval.low, interval.high)
    few = make()
    few.measured["seeds"] = replace(few.measured["seeds"], accuracy=few.measured["seeds"].accuracy[:2])
    assert figure_2(few).series[0].low is None


def test_moments_between_epochs_change_nothing():
    with_between = make()
    every = slice(PER_EPOCH - 1, None, PER_EPOCH)
    only_epochs = Evidence(
        with_between.setting,
        {
            name: Measured(m.accuracy[:, every], m.step[every], m.trained[:, every], m.final)
            for name, m in with_between.measured.items()
        },
    )
    for compute in (table_1, table_2):
        assert compute(only_epochs) == compute(with_between)


def test_intervals_hold_the_value_and_are_where_they_mean_something():
    evidence = make(instances=5)
    for table in (table_1(evidence), table_2(evidence)):
        for row in table.rows:
            known = [pair for pair in zip(row.numbers, table.columns, strict=True) if pair[0] is not None]
            for number, column in known:
                no_interval = row.name == TITLES["epochs"] or column.paper or column.key in ("max_tau", "min_tau")
                assert (number.interval is None) == no_interval
                if not no_interval and column.key != "s_tau":  # S-Tau's bootstrap is no mean of the pairs
                    assert number.interval.low <= number.value <= number.interval.high
    for table in (table_1(make(instances=2, seeds=2)), table_2(make(instances=2, seeds=2))):
        assert all(number is None or number.interval is None for row in table.rows for number in row.numbers)


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


# The same images for all


@pytest.mark.parametrize("seed", range(3))
def test_rows_and_points_of_ground_truth_are_read_on_the_images_of_the_others(seed):
    """Judged without noise, ground truth would look the better for it: nothing that stands beside super-nets is."""
    evidence = make(seed=seed)
    evidence.measured["ground-truth"].final[FinalAccuracy.JUDGED][:] = np.arange(8) / 8  # every initialisation alike
    truth, swept = GROUND_TRUTH.read(evidence), after_epoch(evidence.measured["ground-truth"], EPOCHS)
    assert TRUTH.last().read(evidence).tolist() == swept.tolist()
    stable = row_of(table_1(evidence), "ground-truth").numbers[0].value
    assert stable == pytest.approx(mean(taus(swept)))
    assert stable < 0.9
    assert row_of(table_1(evidence), "judged").numbers[0].value == 1
    for name, series in zip(("seeds", "orders-shuffled", "ground-truth"), figure_2(evidence).series, strict=True):
        assert series.values[-1] == row_of(table_1(evidence), name).numbers[0].value  # one number, in both
    row = row_of(table_2(evidence), "ground-truth")
    assert row.numbers[0].value == pytest.approx(mean(kendalltau(one, truth).statistic for one in swept))
    assert row.numbers[4].value == pytest.approx(mean(tnr(one, truth, 3) for one in swept))
    assert [number.value for number in row_of(table_2(evidence), "judged").numbers[::2]] == [1, 1, 1]


def test_notes_tell_what_noise_of_validation_costs():
    evidence = make()
    measured = evidence.measured["ground-truth"]
    swept, truth = after_epoch(measured, EPOCHS), measured.final[FinalAccuracy.JUDGED].mean(axis=0)
    stable = [mean(taus(some)) for some in (measured.final[FinalAccuracy.JUDGED], swept)]
    close = [
        mean(kendalltau(one, truth).statistic for one in some) for some in (measured.final[FinalAccuracy.JUDGED], swept)
    ]
    for table, what, (judged, own) in ((table_1, "S-Tau", stable), (table_2, "GT-Tau", close)):
        notes = " ".join(table(evidence).notes)
        assert "Every row is read on the same 20 validation images, but the one that says 30:" in notes
        assert f"ground truth's own {what}: {own:.4f} on 20 images, {judged:.4f} on 30." in notes
    assert figure_2(evidence).notes[0] == "Every point is read on the same 20 validation images, ground truth too."


def test_one_set_of_images_needs_no_second_row_of_ground_truth():
    same = same_images(make())
    for table in (table_1(same), table_2(same)):
        assert [row.name for row in table.rows if row.name.startswith("Ground truth")] == ["Ground truth"]
        assert any(note == "Every row is read on the same 20 validation images." for note in table.notes)


@pytest.mark.parametrize(("choice", "text"), [("common", "left out of these numbers"), ("own", "in its own order")])
def test_notes_tell_whose_data_order_is_whose(choice, text):
    evidence = make()
    spec = evidence.setting.study.experiments.model_copy(update={"data_order": DataOrder(choice)})
    for table in (table_1, table_2):
        notes = " ".join(table(with_study(evidence, experiments=spec)).notes)
        assert text in notes
        assert f"(experiments.data_order: {choice})" in notes


@pytest.mark.parametrize(("alone", "told"), [(None, "after epoch 2"), (5, "after epoch 2, children alone 5")])
def test_titles_tell_how_long_children_alone_are_trained(alone, told):
    setting = tiny_setting(training__epochs=2, experiments__alone_epochs=alone)
    made = made_up(setting, "seeds", "orders", "orders-shuffled", "ground-truth")
    assert table_1(made).title.endswith(f"S-Tau, {told}")
    assert table_2(made).title.endswith(f"TnR, {told}")


def test_mean_std_is_of_the_population():
    number = mean_std([1, 2, 6], None)
    assert (number.value, number.std) == (3, pytest.approx(math.sqrt(14 / 3)))
