"""Targets: what each needs, and nothing more."""

import pytest
from tiny import make_record, tiny_study

from commonweight.errors import ResultMissing, UsageError
from commonweight.paper import ARTEFACTS, Curves, Table, artefacts, evidence, needed
from commonweight.paper.experiments import EXPERIMENTS
from commonweight.paper.stability import TITLES
from commonweight.study.experiments import Setting
from commonweight.study.store import Result, Store
from commonweight.training import ChildOrder

SETTING = Setting(tiny_study(experiments__instances=3), "f" * 64, (7, 7), 128, 20, 30)


def names(chosen):
    return [artefact.name for artefact in chosen]


def test_targets_come_in_the_papers_order_and_once():
    assert names(artefacts()) == names(artefacts([])) == ["table-1", "table-2", "figure-2"]
    assert names(artefacts(["figure-2", "table-1", "figure-2"])) == ["table-1", "figure-2"]
    assert names(artefacts(iter(["table-2"]))) == ["table-2"]


@pytest.mark.parametrize(("word", "hint"), [("figure2", "; did you mean 'figure-2'"), ("zzz", "$"), ("", "$")])
def test_an_unknown_target_is_answered_with_the_known_ones(word, hint):
    with pytest.raises(UsageError, match=rf"unknown target '{word}'; known are table-1, table-2, figure-2.*{hint}"):
        artefacts(["table-1", word])


def test_every_needed_experiment_exists_and_has_its_title():
    for name, artefact in ARTEFACTS.items():
        assert artefact.name == name
        assert set(artefact.experiments) <= set(EXPERIMENTS)
    for name, build in EXPERIMENTS.items():
        experiment = build(SETTING)
        assert (experiment.name, experiment.title) == (name, TITLES[name])


def test_only_what_is_needed():
    assert set(needed(artefacts(["figure-2"]), SETTING)) == {"seeds", "orders-shuffled", "ground-truth"}
    assert set(needed(artefacts(), SETTING)) == set(EXPERIMENTS)
    assert needed([], SETTING) == {}


@pytest.mark.parametrize("name", ARTEFACTS)
def test_each_target_is_made_from_the_records_of_its_experiments_alone(tmp_path, name):
    experiments, store = needed(artefacts([name]), SETTING), Store(tmp_path)
    with pytest.raises(ResultMissing):
        evidence(experiments, SETTING, store)
    for experiment in experiments.values():
        for job in experiment.jobs:
            store.write(job, Result(make_record(job)))
    made = ARTEFACTS[name].compute(evidence(experiments, SETTING, store))
    assert made.name == name
    assert isinstance(made, Table | Curves)
    if isinstance(made, Table):
        assert all(len(row.numbers) == len(made.columns) for row in made.rows)
        assert len({column.key for column in made.columns}) == len(made.columns)


def test_the_experiments_are_the_papers():
    built = {name: build(SETTING) for name, build in EXPERIMENTS.items()}
    assert [len(experiment.instances) for experiment in built.values()] == [3, 3, 3, 2]

    def seen(name, read):
        return [read(parts[0].job, parts[0].copy) for parts in built[name].instances]

    assert seen("seeds", lambda job, copy: (job.seeds.init[copy], job.seeds.order)) == [(0, 0), (1, 0), (2, 0)]
    for name in ("orders", "orders-shuffled"):
        assert seen(name, lambda job, copy: (job.seeds.init[copy], job.seeds.order)) == [(0, 0), (0, 1), (0, 2)]
    for name, order in (
        ("seeds", ChildOrder.FIXED),
        ("orders", ChildOrder.FIXED),
        ("orders-shuffled", ChildOrder.SHUFFLED),
    ):
        assert {job.order for job in built[name].jobs} == {order}
        assert {len(job.children) for job in built[name].jobs} == {8}
        assert {job.sharing.kind for job in built[name].jobs} == {"all"}
        assert {job.images.judge_images for job in built[name].jobs} == {None}
    assert {len(job.children) for job in built["ground-truth"].jobs} == {1}
    assert {job.images.judge_images for job in built["ground-truth"].jobs} == {30}
