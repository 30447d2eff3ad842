"""Tables 3a, 3b and 4, section 4.2.1 and sharing by kind, from made-up records, against loops over the paper's words."""

import numpy as np
import pytest
from paper.making import after, last_taus, made_up, mean, only, paper_setting, std, tau, tiny_setting, truth_of
from tiny import make_record

from commonweight.paper import published
from commonweight.paper.artefacts import ARTEFACTS, catalogue, evidence, needed
from commonweight.paper.degrees import section_4_2_1, sharing_kinds, table_3a, table_3b, table_4
from commonweight.paper.experiments import PREFIX, PREFIX_LONG
from commonweight.paper.truth import GROUND_TRUTH
from commonweight.study.record import Result
from commonweight.study.store import Store

SEEDS = range(3)
GROUPS = ("seeds", "ground-truth", *(f"{kind}-{m}" for kind in ("random", "similar") for m in (2, 4)))


def prefixes(*lengths):
    return tuple((PREFIX_LONG if long else PREFIX)[k].name for long in lengths for k in range(5))


def mean_and_std(made, name):
    """(value, ±) of GT-Tau-Mean-k and of GT-Tau-Std-k, k the number of children: over instances of one number each."""
    measured, truth = made.measured[name], truth_of(made)
    taus = [last_taus(measured, i, truth, len(truth)) for i in range(len(measured.accuracy))]
    return [spread([mean(one) for one in taus]), spread([std(one) for one in taus])]


def accuracy_mean_and_std(made, name):
    """As the caption of Table 4 says: over mini-batches first, then over children, then over instances."""
    measured, k = made.measured[name], len(made.setting.children)
    instances = []
    for i in range(len(measured.accuracy)):
        rounds = [after(measured, i, measured.step[-1] - t) for t in range(k)]
        instances.append([mean(one[child] for one in rounds) for child in range(k)])
    return [spread([mean(one) for one in instances]), spread([std(one) for one in instances])]


def spread(values):
    return pytest.approx((mean(values), std(values)), abs=1e-12)


def ours(row):
    """(value, ±) of every column that is not the paper's own."""
    return [(number.value, number.std) for number in row.numbers[::2]]


# Table 3a


@pytest.mark.parametrize("seed", SEEDS)
def test_table_3a_against_scipy(seed):
    made = made_up(tiny_setting(experiments__instances=3, experiments__ground_truth_seeds=4), *GROUPS, seed=seed)
    table = only(table_3a(made))
    assert [row.name for row in table.rows] == ["m = 1", "m = 2", "m = 4", "m = 8"]
    assert [row.ranks for row in table.rows] == [3, 3, 3, 4]
    names = [("seeds", "seeds"), ("random-2", "similar-2"), ("random-4", "similar-4"), ("ground-truth", "ground-truth")]
    for row, (random, similar) in zip(table.rows, names, strict=True):
        assert ours(row) == [*mean_and_std(made, random), *mean_and_std(made, similar)]
    # The other measures of the same records are other numbers: a swap would be seen.
    assert len({ours(row)[place] for row in table.rows for place in (0, 1)}) == 8


def test_table_3a_puts_every_group_at_its_own_last_mini_batches(tmp_path):
    """Straight from the jobs' files: the rank at the t-th last is made of each group's accuracies at its t-th last."""
    setting = tiny_setting(experiments__instances=3, experiments__stack=2)
    experiments, store = needed([ARTEFACTS["table-3a"]], setting), Store(tmp_path)
    for experiment in experiments.values():
        for job in experiment.jobs:
            store.write(job, Result(make_record(job)))
    made = evidence(experiments, setting, store)
    truth = truth_of(made)
    rows = {row.name: row for row in only(table_3a(made)).rows}
    for m in (2, 4):
        for kind, place in (("random", 0), ("similar", 2)):
            instances = []
            for parts in experiments[f"{kind}-{m}"].instances:
                assert len(parts) == m
                taus = []
                for t in range(1, 9):
                    accuracies = {
                        name: store.read(part.job).accuracy[part.copy, -t, position]
                        for part in parts
                        for position, name in enumerate(part.job.children)
                    }
                    taus.append(tau([accuracies[child.name] for child in setting.children], truth))
                instances.append(taus)
            expected = [spread([mean(taus) for taus in instances]), spread([std(taus) for taus in instances])]
            assert ours(rows[f"m = {m}"])[place : place + 2] == expected


def test_table_3a_shows_the_papers_numbers_beside_64_children_alone():
    setting = paper_setting(experiments__instances=2, experiments__ground_truth_seeds=2)
    names = ARTEFACTS["table-3a"].experiments(setting)
    rows = only(table_3a(made_up(setting, *names))).rows
    assert [row.name for row in rows] == [f"m = {m}" for m in (1, 2, 4, 8, 16, 32, 64)]
    assert [row.numbers[1::2] for row in rows] == list(published.TABLE_3A.values())
    small = only(table_3a(made_up(tiny_setting(), *GROUPS)))
    assert all(number is None for row in small.rows for number in row.numbers[1::2])  # its m = 8 is no m = 8 of 64


# Section 4.2.1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("study_seed", [1, 2])
def test_section_4_2_1_against_scipy(seed, study_seed):
    setting = tiny_setting(experiments__instances=3, seed=study_seed)
    made = made_up(setting, "seeds", "random-2", "ground-truth", seed=seed)
    truth = truth_of(made)
    parts = catalogue(setting)["random-2"]().instances[0]
    groups = [[setting.study.space.child(name).index for name in part.job.children] for part in parts]
    assert sorted(map(len, groups)) == [4, 4]
    rows = only(section_4_2_1(made)).rows
    assert [row.ranks for row in rows] == [3, 3]
    for row, name in zip(rows, ("random-2", "seeds"), strict=True):
        measured, instances = made.measured[name], []
        for i in range(3):
            inside = []
            for group in groups:
                ranks = [after(measured, i, measured.step[-1] - t) for t in range(8)]
                taus = [tau([rank[c] for c in group], [truth[c] for c in group]) for rank in ranks]
                inside.append(mean(0 if np.isnan(one) else one for one in taus))
            instances.append(mean(inside))
        assert ours(row) == [spread(instances)]
    assert [row.numbers[1] for row in rows] == [None, None]  # its groups are not the paper's


def test_section_4_2_1_beside_the_papers(monkeypatch):
    monkeypatch.setattr(published, "CHILDREN", 8)
    rows = only(section_4_2_1(made_up(tiny_setting(), "seeds", "random-2", "ground-truth"))).rows
    assert [row.numbers[1].value for row in rows] == list(published.SECTION_4_2_1)


def test_a_group_whose_children_all_tie_counts_as_no_agreement():
    made = made_up(tiny_setting(), "seeds", "random-2", "ground-truth")
    made.measured["random-2"].accuracy[0] = 0.5
    row, together = only(section_4_2_1(made)).rows
    made.measured["random-2"].accuracy[1] = GROUND_TRUTH.read(made)
    row = only(section_4_2_1(made)).rows[0]
    assert (row.numbers[0].value, row.numbers[0].std) == (0.5, 0.5)  # one instance 0, the other 1
    assert np.isfinite(together.numbers[0].value)


# Tables 3b and 4


@pytest.mark.parametrize("seed", SEEDS)
def test_tables_3b_and_4_against_scipy(seed):
    setting = tiny_setting(experiments__instances=3)
    made = made_up(setting, "ground-truth", *prefixes(True, False), seed=seed)
    rows = only(table_4(made)).rows
    assert [row.name for row in rows] == [f"{epochs} epochs, k = {k}" for epochs in (16, 8) for k in range(5)]
    for row, name in zip(rows, prefixes(True, False), strict=True):
        assert row.ranks == 3
        assert ours(row) == [*mean_and_std(made, name), *accuracy_mean_and_std(made, name)]
    short = made_up(setting, "ground-truth", *prefixes(True), seed=seed)  # 3b needs the long runs alone
    table = only(table_3b(short))
    assert "16 epochs" in table.title
    assert [row.name for row in table.rows] == [f"k = {k}" for k in range(5)]
    for row, name in zip(table.rows, prefixes(True), strict=True):
        assert ours(row) == mean_and_std(short, name)


def test_table_4_averages_in_the_order_of_its_caption():
    """Two children that take turns at being good have no spread; averaged the other way round they would have one."""
    made = made_up(tiny_setting(), "ground-truth", *prefixes(True, False))
    for name in prefixes(True, False):
        accuracy = made.measured[name].accuracy
        accuracy[:, ::2], accuracy[:, 1::2] = np.tile([0.2, 0.8], 4), np.tile([0.8, 0.2], 4)
    for row in only(table_4(made)).rows:
        assert ours(row)[2:] == [pytest.approx((0.5, 0)), pytest.approx((0, 0), abs=1e-12)]


def test_the_papers_numbers_stand_beside_their_k():
    made = made_up(tiny_setting(), "ground-truth", *prefixes(True, False))
    paper = [row.numbers[1::2] for row in only(table_4(made)).rows]
    assert paper == [published.TABLE_4[long][k] for long in (True, False) for k in range(5)]
    assert [row.numbers[1::2] for row in only(table_3b(made)).rows] == [one[:2] for one in paper[:5]]


@pytest.mark.parametrize("cells", [1, 5])
def test_other_numbers_of_cells_have_no_numbers_of_the_paper(cells):
    """Its k counts cells of 4: all of one cell shared is not the paper's k = 1."""
    setting = tiny_setting(net__cells=cells)
    made = made_up(setting, *ARTEFACTS["table-4"].experiments(setting))
    for table in (only(table_3b(made)), only(table_4(made))):
        assert len(table.rows) in (cells + 1, 2 * (cells + 1))
        assert all(number is None for row in table.rows for number in row.numbers[1::2])


# Sharing by kind


def test_sharing_kinds_against_scipy():
    setting = tiny_setting(experiments__instances=3)
    names = ARTEFACTS["sharing-kinds"].experiments(setting)
    made = made_up(setting, *names)
    rows = only(sharing_kinds(made)).rows
    assert {row.name: ours_whole(row) for row in rows} == {
        title: [*mean_and_std(made, name), *accuracy_mean_and_std(made, name)]
        for title, name in {
            "Everything shared": "seeds",
            "BN not shared": "unshared-norm",
            "Convolutions not shared": "unshared-conv",
            "Edge 1 not shared": "unshared-edge-1",
            "Edge 2 not shared": "unshared-edge-2",
            "Edge 3 not shared": "unshared-edge-3",
            "Only convolutions shared": "only-conv",
        }.items()
    }


def ours_whole(row):
    return [(number.value, number.std) for number in row.numbers]
