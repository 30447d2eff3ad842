"""What is written is read by the libraries that it is for: pyarrow, pandas, TensorBoard."""

import csv
import io
import sys
import warnings
from importlib import import_module

import numpy as np
import pandas
import pyarrow.parquet
import pytest
from report.made_up import claims, table, two_lines
from scipy.stats import kendalltau

from commonweight.errors import UsageError
from commonweight.paper import Scalars
from commonweight.report import Format, exported, to_csv, write_scalars
from commonweight.study.experiment_record import ExperimentRecord

RNG = np.random.default_rng(1)
RECORD = ExperimentRecord(
    "seeds",
    ("11", "12", "21"),
    RNG.random((2, 4, 3)),
    np.array([2, 3, 5, 8]),
    RNG.random((2, 4, 3)) < 0.3,
    {"judged": RNG.random((2, 3))},
)


def frame(content, kind):
    if kind is Format.PARQUET:
        return pyarrow.parquet.read_table(io.BytesIO(content)).to_pandas()
    return pandas.read_csv(io.BytesIO(content), dtype={"child": str})


@pytest.mark.parametrize("kind", Format)
def test_records_and_tables(kind):
    files = exported([table(), two_lines(), claims()], [RECORD], kind)
    assert set(files) == {
        f"{name}.{kind.value}" for name in ("records/seeds", "final/seeds", "tables/table-1", "tables/claims")
    }
    rows = frame(files[f"records/seeds.{kind.value}"], kind)
    assert len(rows) == RECORD.accuracy.size
    for row in rows.itertuples():
        place = row.instance, RECORD.step.tolist().index(row.step), RECORD.children.index(row.child)
        assert (row.accuracy, row.trained) == (RECORD.accuracy[place], RECORD.trained[place])
    final = frame(files[f"final/seeds.{kind.value}"], kind).set_index(["instance", "child"])["judged"]
    assert {key: final[key] for key in final.index} == {
        (i, child): RECORD.final["judged"][i, c] for i in range(2) for c, child in enumerate(RECORD.children)
    }
    made = frame(files[f"tables/table-1.{kind.value}"], kind)
    assert made["experiment"].tolist() == ["different seeds", "random"]
    assert made["s_tau_low"].tolist()[0] == 0.3
    assert made["paper_s_tau"].isna().tolist() == [False, True]
    assert len(frame(files[f"tables/claims.{kind.value}"], kind)) == 7


def test_csv_tables_are_those_of_the_report():
    assert exported([table()], [], Format.CSV)["tables/table-1.csv"].decode() == to_csv(table())
    assert next(csv.reader(io.StringIO(to_csv(table()))))[:2] == ["experiment", "ranks"]


def test_an_unknown_format_and_a_missing_library(monkeypatch, tmp_path):
    with pytest.raises(UsageError, match=r"^format 'xls'; expected parquet, csv$"):
        Format.named("xls")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match=r"pip install 'commonweight\[hub\]'$"):
        exported([table()], [], Format.PARQUET)
    assert exported([table()], [], Format.CSV)
    for module in ("torch.utils.tensorboard", "tensorboard"):
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(UsageError, match=r"pip install 'commonweight\[tensorboard\]'$"):
        write_scalars([], tmp_path)


def events(folder):
    """Every scalar in a run's folder by its tag: steps and values."""
    accumulator = import_module("tensorboard.backend.event_processing.event_accumulator")  # it warns when imported
    reader = accumulator.EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    return {tag: [(one.step, one.value) for one in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scalars_are_what_tensorboard_reads_and_written_once(tmp_path):
    step, truth = np.array([3, 5]), RNG.random(4)
    accuracy = RNG.random((2, 4))
    taus = np.array([kendalltau(one, truth).statistic for one in accuracy])
    values = {"accuracy/11": accuracy[:, 0], "GT-Tau": taus, "undefined": np.array([np.nan, 0.5])}
    for _ in range(2):  # the second time replaces the first
        write_scalars([Scalars("seeds", 0, step, values), Scalars("seeds", 1, step, values)], tmp_path)
    assert {path.parent.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("events*")} == {
        "seeds/0",
        "seeds/1",
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        read = events(tmp_path / "seeds" / "1")
    assert read.keys() == values.keys()
    assert read["undefined"] == [(5, 0.5)]
    for tag in ("accuracy/11", "GT-Tau"):
        assert [one[0] for one in read[tag]] == [3, 5]
        assert [one[1] for one in read[tag]] == pytest.approx(values[tag], rel=1e-6)
