"""Tables in their three forms, from numbers made up here."""

import csv
import io
import re
import sys

import numpy as np
import pytest
from rich.console import Console

from commonweight.errors import UsageError
from commonweight.paper import Column, Number, Row, Table
from commonweight.ranking import Interval
from commonweight.report import to_csv, to_markdown, to_rich
from commonweight.report.table_forms import cell

HOSTILE = r"a|b *c* _d_ `e` <script>alert(1)</script> [f](g) #h \i"
TABLE = Table(
    "table-9",
    "A title",
    (Column("tau", "Tau"), Column("paper_tau", "paper", paper=True), Column("rank", "Rank", 1)),
    (
        Row("First", 5, (Number(1 / 3, 0.25, Interval(0.1, 0.7, 0.95)), Number(0.5), Number(12))),
        Row(HOSTILE, 2, (Number(float("nan")), None, Number(2.25, 0.0))),
    ),
    ("A note.", HOSTILE),
)


def test_cells():
    column = Column("x", "X")
    assert cell(Number(0.12345), column) == "0.1235"
    assert cell(Number(-0.5, 0.25), column) == "-0.5000 ± 0.2500"
    assert cell(Number(1, None, Interval(0, 2, 0.95)), Column("x", "X", 1)) == "1.0 [0.0, 2.0]"
    assert cell(Number(1, 0.5, Interval(0, 2, 0.95)), Column("x", "X", 0), "\n") == "1 ± 0\n[0, 2]"
    assert cell(None, column) == "–"
    assert cell(Number(float("nan"), 0.1, Interval(0, 1, 0.95)), column) == "–"


def unescape(text):
    return re.sub(r"\\([\\|*_`<>\[\]#])", r"\1", text)


def test_markdown_has_every_row_and_cell():
    lines = to_markdown(TABLE).splitlines()
    assert lines[0] == "### Table 9. A title"
    rows = [line for line in lines if line.startswith("|")]
    cells = [[part.strip() for part in re.split(r"(?<!\\)\|", row)[1:-1]] for row in rows]
    assert cells[0] == ["", "ranks", "Tau", "paper", "Rank"]
    assert cells[1] == ["---", "---:", "---:", "---:", "---:"]
    assert cells[2] == ["First", "5", "0.3333 ± 0.2500 [0.1000, 0.7000]", "0.5000", "12.0"]
    assert unescape(cells[3][0]) == HOSTILE
    assert cells[3][1:] == ["2", "–", "–", "2.2 ± 0.0"]
    assert [unescape(line) for line in lines[-2:]] == ["- A note.", f"- {HOSTILE}"]


def test_markdown_shows_hostile_text_as_it_is():
    lines = to_markdown(TABLE).splitlines()
    name, note = re.split(r"(?<!\\)\|", lines[5])[1], lines[-1].removeprefix("- ")
    for text in (name, note):
        assert not re.search(r"(?<!\\)[|*_`<>\[\]#]", text.replace("\\\\", ""))  # none that Markdown would read


def test_csv_parses_back_at_full_precision():
    rows = list(csv.DictReader(io.StringIO(to_csv(TABLE))))
    assert list(rows[0]) == [
        "experiment",
        "ranks",
        "tau",
        "tau_std",
        "tau_low",
        "tau_high",
        "paper_tau",
        "rank",
        "rank_std",
    ]
    assert float(rows[0]["tau"]) == 1 / 3
    assert [float(rows[0][key]) for key in ("tau_std", "tau_low", "tau_high", "paper_tau", "rank")] == [
        0.25,
        0.1,
        0.7,
        0.5,
        12,
    ]
    assert rows[0]["rank_std"] == ""
    assert rows[1]["experiment"] == HOSTILE
    assert rows[1]["tau"] == "nan"
    assert [rows[1][key] for key in ("tau_std", "tau_low", "tau_high", "paper_tau")] == [""] * 4
    assert float(rows[1]["rank_std"]) == 0


@pytest.mark.parametrize("number", [np.float64(0.1), np.float32(0.5), np.int64(3), 3])
def test_csv_of_numpy_numbers_is_of_numbers(number):
    table = Table("t", "T", (Column("x", "X"),), (Row("r", 1, (Number(number),)),), ())
    (row,) = csv.DictReader(io.StringIO(to_csv(table)))
    assert float(row["x"]) == number


def test_csv_keeps_commas_quotes_and_lines_in_names():
    table = Table("t", "T", (Column("x", "X"),), (Row('a, "b"\nc', 1, (None,)),), ())
    (row,) = csv.DictReader(io.StringIO(to_csv(table)))
    assert row == {"experiment": 'a, "b"\nc', "ranks": "1"}  # no column at all where no row has a number


@pytest.mark.parametrize("width", [200, 80, 40])
def test_rich_shows_every_cell_and_no_markup(width):
    out = io.StringIO()
    hostile = "[red]not red[/red] :smile:"
    table = Table(
        "table-9", hostile, TABLE.columns, (Row(hostile, 3, TABLE.rows[0].numbers), TABLE.rows[1]), (hostile,)
    )
    Console(file=out, width=width).print(to_rich(table))
    shown = out.getvalue()
    assert all(len(line) <= width for line in shown.splitlines())
    assert " ".join(shown.split()).count(hostile) == 3
    assert "Table 9." in shown
    for part in ("0.3333 ± 0.2500", "[0.1000, 0.7000]", "0.5000", "12.0", "–", "ranks", "paper"):
        assert part in shown


def test_a_wide_table_is_stacked_only_where_it_has_no_room():
    numbers = tuple(Number(0.123456 + place, 0.25, Interval(-0.1, 0.7, 0.95)) for place in range(6))
    wide = Table(
        "table-9", "A title", tuple(Column(f"c{n}", f"C{n}") for n in range(6)), (Row("First", 5, numbers),), ()
    )
    for width, stacked in ((160, False), (80, True), (50, True)):
        out = io.StringIO()
        Console(file=out, width=width).print(to_rich(wide))
        shown = out.getvalue().splitlines()
        assert all(len(line) <= width for line in shown)
        for place in range(6):
            here = [line for line in shown if f"{place}.1235 ± 0.2500" in line]
            assert len(here) == 1
            assert (f"C{place} " in here[0]) is stacked
        assert sum(line.count("[-0.1000, 0.7000]") for line in shown) == 6


def test_a_frame_is_what_the_csv_says():
    frame, rows = TABLE.to_frame(), list(csv.DictReader(io.StringIO(to_csv(TABLE))))
    assert list(frame.columns) == list(rows[0])
    assert frame["tau_low"].tolist()[0] == 0.1
    for column in frame.columns:
        texts = [row[column] for row in rows]
        if column == "experiment":
            assert frame[column].tolist() == texts
        else:
            np.testing.assert_array_equal(frame[column], [float(text or "nan") for text in texts])
    assert frame.dtypes["ranks"].kind == "i"
    assert {frame.dtypes[name].kind for name in frame.columns[2:]} == {"f"}


def test_a_notebook_shows_a_table_as_markdown():
    assert TABLE._repr_markdown_() == TABLE.to_markdown() == to_markdown(TABLE)


def test_without_pandas_a_frame_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(
        UsageError, match=r"needs pandas, which is not installed: pip install 'commonweight\[pandas\]'$"
    ):
        TABLE.to_frame()
