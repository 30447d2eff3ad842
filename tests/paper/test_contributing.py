"""CONTRIBUTING's worked example: a table and an experiment that nobody had, from what that page says alone."""

import re
from pathlib import Path

import numpy as np
import pytest
from paper.making import last_taus, made_up, mean, only, std, tiny_setting, truth_of

from commonweight.errors import StudyError
from commonweight.paper import ARTEFACTS, artefacts, experiments, named, needed
from commonweight.paper.artefacts import catalogue

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
SETTING = tiny_setting(experiments__instances=4)


@pytest.fixture
def table_5(monkeypatch):
    """What the two blocks of the page declare, as if they stood in the files that it names."""
    planned, table = re.findall(r"```python\n(.*?)```", PAGE.split("## Adding a table")[1], re.DOTALL)
    before = dict(vars(experiments))
    space = dict(before)
    exec(planned, space)
    for name in space.keys() - before.keys():
        monkeypatch.setattr(experiments, name, space[name], raising=False)
    made = {}
    exec(table, made)
    monkeypatch.setitem(ARTEFACTS, "table-5", made["table_5"])
    return made["table_5"]


def test_it_is_a_target_that_trains_what_it_looks_at(table_5, monkeypatch):
    assert named(["table-5"]) == [table_5]
    assert list(needed([table_5], SETTING)) == ["seeds", "low-lr", "ground-truth"]
    job = needed([table_5], SETTING)["low-lr"].jobs[0]
    assert job.training.lr == 0.0025
    assert job.moments.steps(16, 2) == set(range(1, 17))  # two rounds of 8 children
    with_it = {name: make() for name, make in catalogue(SETTING).items()}
    monkeypatch.delitem(ARTEFACTS, "table-5")
    monkeypatch.delattr(experiments, "LOW_LR")
    without = {name: make() for name, make in catalogue(SETTING).items()}
    assert with_it.keys() - without.keys() == {"low-lr"}
    assert all(with_it[name] == experiment for name, experiment in without.items())  # nobody trains again


def test_it_is_made_of_the_records(table_5):
    made = made_up(SETTING, "seeds", "low-lr", "ground-truth")
    rows = only(table_5(made)).rows
    assert [row.name for row in rows] == ["Different seeds", "A tenth of the learning rate"]
    for row, name in zip(rows, ("seeds", "low-lr"), strict=True):
        measured = made.measured[name]
        swings = [np.ptp(last_taus(measured, i, truth_of(made), 16)) for i in range(len(measured.accuracy))]
        assert row.ranks == len(swings) == {"seeds": 4, "low-lr": 3}[name]
        assert only(row.numbers).value == pytest.approx(mean(swings))
        assert only(row.numbers).std == pytest.approx(std(swings))


@pytest.mark.usefixtures("table_5")
def test_a_study_too_short_for_it_is_told_so():
    with pytest.raises(StudyError, match=r"cannot make table-5: it looks at each of 16 mini-batches .*trains 14 up to"):
        artefacts(["table-5"], tiny_setting(training__epochs=7))
