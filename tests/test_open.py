"""What `cw.open` gives of a folder: tables, figures and records of all that is stored; and what a page shows of it."""

import json
import shutil

import numpy as np
import pandas
import pytest
from tiny import flip_accuracy, tiny_study

import commonweight as cw
from commonweight.errors import ResultMissing, StoreError
from commonweight.paper import ARTEFACTS, Claims, Table
from commonweight.study.executors import Finished, Started
from commonweight.study.jobs import FinalAccuracy
from commonweight.study.store import Store

STUDY = tiny_study()
STORED = {
    "table-1",
    "table-2",
    "figure-2",
    "figure-3a",
    "figure-3b",
    "insight-1",
}  # what figure-2's and table-1's jobs are enough for


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """After one figure: without the different orders."""
    out = tmp_path_factory.mktemp("first")
    cw.run(STUDY, "figure-2", out)
    return out


@pytest.fixture(scope="module")
def out(first, tmp_path_factory):
    """And one table more."""
    out = tmp_path_factory.mktemp("both") / "out"
    shutil.copytree(first, out)
    cw.run(STUDY, "table-1", out)
    return out


def page(out):
    return (out / "report/report.md").read_text(encoding="utf-8")


def test_a_plain_string_is_one_target(first):
    assert [target.name for target in cw.programme(STUDY, "table-1", first).targets] == ["table-1"]
    assert [target.name for target in cw.open(first, "figure-3").targets] == ["figure-3a", "figure-3b"]


def test_all_that_can_be_made_is_there_and_what_cannot_says_what_it_lacks(first, out):
    before, after = cw.open(first), cw.open(out)
    assert {target.name for target in after.targets} == STORED
    assert {target.name for target in before.targets} == STORED - {"table-1", "table-2"}
    for work in (before, after):
        made = {target.name for target in work.targets}
        assert made | work.missing.keys() | work.refused.keys() == ARTEFACTS.keys()
        assert len(made) + len(work.missing) + len(work.refused) == len(ARTEFACTS)
    told = f"table-1: 1 of its 12 jobs are not stored; commonweight run {first}/study.json table-1 --out {first} trains them"
    assert isinstance(before.missing["table-1"], ResultMissing)
    assert str(before.missing["table-1"]) == told


def test_tables_and_figures_by_name(out):
    work = cw.open(out)
    assert work.tables.keys() | work.figures.keys() == {made.name for made in work.make()}
    assert "figure-2" in work.figures
    assert {"table-1", "table-2", "insight-1"} <= work.tables.keys()
    assert all(isinstance(table, Table | Claims) for table in work.tables.values())
    assert work.tables["table-1"] == cw.open(out, "table-1").make()[0]
    assert work.tables["table-1"].to_frame()["ranks"].tolist() == [row.ranks for row in work.tables["table-1"].rows]


def test_records_are_what_the_jobs_stored(out):
    work, store = cw.open(out), Store(out)
    assert {"seeds", "orders", "orders-shuffled", "ground-truth"} <= work.records.keys()
    record = work.records["seeds"]
    (job,) = work.experiments["seeds"].jobs
    stored = store.read(job)
    np.testing.assert_array_equal(record.accuracy, stored.accuracy)
    np.testing.assert_array_equal(record.step, stored.step)
    assert record.children == job.children == tuple(child.name for child in STUDY.space.children())
    truth = work.records["ground-truth"]
    assert truth.accuracy.shape[::2] == (2, 8)
    for place, alone in enumerate(work.experiments["ground-truth"].jobs):
        judged = store.read(alone).final[FinalAccuracy.JUDGED][:, 0]
        np.testing.assert_array_equal(truth.final["judged"][:, place], judged)


def test_a_record_as_frames_is_its_arrays(out):
    record = cw.open(out).records["orders-shuffled"]
    frame = record.to_frame()
    assert list(frame.columns) == ["instance", "step", "child", "accuracy", "trained"]
    for values, column in ((record.accuracy, "accuracy"), (record.trained, "trained")):
        table = frame.pivot_table(index=["instance", "step"], columns="child", values=column, sort=False)
        np.testing.assert_array_equal(table.to_numpy().reshape(values.shape), values)
        assert list(table.columns) == list(record.children)
    assert frame.groupby("instance")["step"].unique().map(list).tolist() == [record.step.tolist()] * 2
    final = cw.open(out).records["ground-truth"].final_to_frame()
    assert list(final.columns) == ["instance", "child", "judged"]
    by_child = final.groupby("child")["judged"].mean()
    expected = cw.open(out).records["ground-truth"].final["judged"].mean(axis=0)
    pandas.testing.assert_series_equal(by_child, pandas.Series(expected, by_child.index), check_names=False)


def test_making_one_table_keeps_the_page_of_all_that_is_stored(out, tmp_path):
    shutil.copytree(out, tmp_path / "out")
    cw.open(tmp_path / "out").report()
    whole = page(tmp_path / "out")
    for name in ("### Table 1.", "### Table 2.", "### Figure 2.", "### Figure 3a.", "### Insight 1."):
        assert name in whole
    for again in (
        lambda: cw.run(STUDY, "table-2", tmp_path / "out"),
        lambda: cw.open(tmp_path / "out", "figure-2").report(),
        lambda: cw.open(tmp_path / "out", "table-1").report(),
    ):
        again()
        assert page(tmp_path / "out") == whole
    assert [made.name for made in cw.run(STUDY, "table-2", tmp_path / "out")] == ["table-2"]


def test_the_page_says_of_which_targets_it_is_and_which_are_missing(first, out):
    """And the command that it was made by names those that are there."""
    for folder, here in ((first, STORED - {"table-1", "table-2"}), (out, STORED)):
        work, text = cw.open(folder), page(folder)
        whole = len(here) + len(work.missing)
        assert f"Part of the study: {len(here)} of its {whole} targets are here" in text
        assert f"Missing are {', '.join(work.missing)}; commonweight run " in text
        made_by = text.partition("Made by:")[2].splitlines()[3]
        assert set(made_by.split()[3:-2]) == here


def test_damage_elsewhere_is_told_and_takes_not_the_rest_away(out, tmp_path):
    shutil.copytree(out, tmp_path / "out")
    (job,) = (one for one in cw.open(out).experiments["orders"].jobs if one.seeds.order == 1)
    flip_accuracy(Store(tmp_path / "out"), job.id)
    work = cw.open(tmp_path / "out")
    error = work.missing["table-1"]
    assert isinstance(error, StoreError)
    assert not isinstance(error, ResultMissing)
    assert str(error).startswith(f"table-1: job {job.id}: accuracy.safetensors does not agree with its checksum")
    cw.open(tmp_path / "out", "figure-2").report()
    assert "### Figure 2." in page(tmp_path / "out")
    assert "### Table 1." not in page(tmp_path / "out")
    with pytest.raises(StoreError, match="does not agree with its checksum"):
        cw.open(tmp_path / "out", "table-1").report()


def test_progress_is_told_of_every_job(tmp_path):
    told = []
    cw.run(STUDY, "figure-2", tmp_path, progress=told.append)
    assert {one.jobs for one in told} == {11}
    assert [one.ended for one in told if isinstance(one.event, Finished)] == list(range(1, 12))
    shares = [one.share for one in told]
    assert shares == sorted(shares)
    assert (shares[0], shares[-1]) == (0, pytest.approx(1))
    labels = {one.label for one in told if isinstance(one.event, Started)}
    alone = {f"ground-truth, child {name}, copies 1–2" for name in (child.name for child in STUDY.space.children())}
    assert labels == {"seeds, copies 1–2", "orders-shuffled, instance 1", "orders-shuffled, instance 2"} | alone
    assert str(told[-1]).startswith("[11/11] 100% ")
    assert str(told[-1]).endswith(": finished")


def test_the_study_of_a_folder_needs_no_images(out, monkeypatch):
    monkeypatch.setattr("commonweight.study.work.load_raw", None)
    assert json.loads(json.dumps(cw.open(out).tables["table-1"].to_frame().to_dict("list")))["ranks"][0] == 2
