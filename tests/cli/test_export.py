"""`export`, and `--tensorboard`: what is stored goes out as it is."""

import sys

import numpy as np
import pandas
import pytest
from cli.calling import call
from report.test_exported import events
from scipy.stats import kendalltau

import commonweight as cw


@pytest.mark.parametrize(("kind", "read"), [("parquet", pandas.read_parquet), ("csv", pandas.read_csv)])
def test_every_record_and_table_that_can_be_made(whole, tmp_path, kind, read):
    told = call("export", "--out", whole[0], "--to", tmp_path / "to", "--format", kind)
    found = cw.open(whole[0])
    names = {path.relative_to(tmp_path / "to").as_posix() for path in (tmp_path / "to").rglob("*.*")}
    assert f"{len(names)} files" in told.stdout
    assert {f"tables/{name}.{kind}" for name in found.tables} <= names
    assert {"tables/table-1", "tables/table-2", "records/seeds", "final/ground-truth"} <= {
        name.removesuffix(f".{kind}") for name in names
    }
    rows = read(tmp_path / "to" / f"records/seeds.{kind}")
    assert np.array_equal(rows["accuracy"], found.records["seeds"].accuracy.ravel())
    assert "not exported: " in told.stderr


def test_formats_are_named(whole, tmp_path):
    assert (
        "expected parquet, csv" in call("export", "--out", whole[0], "--to", tmp_path, "--format", "x", code=2).stderr
    )
    assert "no study" in call("export", "--out", tmp_path / "none", "--to", tmp_path, code=1).stderr


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard(copy, tmp_path):
    call("report", "--out", copy, "--tensorboard", tmp_path / "events")
    seeds = cw.open(copy).records["seeds"]
    truth = cw.open(copy).records["ground-truth"].final["judged"].mean(axis=0)
    for instance, accuracy in enumerate(seeds.accuracy):
        read = events(tmp_path / "events" / "seeds" / str(instance))
        for place, child in enumerate(seeds.children):
            assert [step for step, _ in read[f"accuracy/{child}"]] == seeds.step.tolist()
            assert [value for _, value in read[f"accuracy/{child}"]] == pytest.approx(accuracy[:, place], rel=1e-6)
        taus = {int(step): kendalltau(one, truth).statistic for step, one in zip(seeds.step, accuracy, strict=True)}
        assert dict(read["GT-Tau"]) == pytest.approx(
            {step: tau for step, tau in taus.items() if not np.isnan(tau)}, rel=1e-6
        )
        assert [value for _, value in read["mean accuracy"]] == pytest.approx(accuracy.mean(axis=1), rel=1e-6)


def test_without_tensorboard_nothing_is_trained(tmp_path, monkeypatch):
    for module in ("torch.utils.tensorboard", "tensorboard"):
        monkeypatch.setitem(sys.modules, module, None)
    told = call("run", "smoke", "--out", tmp_path / "out", "--tensorboard", tmp_path / "events", code=2)
    assert "pip install 'commonweight[tensorboard]'" in told.stderr
    assert not (tmp_path / "out").exists()
