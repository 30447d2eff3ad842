"""The paper's own numbers, against its text where that is at hand."""

import re
from pathlib import Path

import pytest

from commonweight.paper import published, stability
from commonweight.paper.experiments import ORDERS, ORDERS_SHUFFLED, SEEDS, TRUTH

TEXT = Path(__file__).parents[3] / "shared" / "deeper-insights.txt"
TITLES = stability.TITLES | {one.name: one.title for one in (SEEDS, ORDERS, ORDERS_SHUFFLED, TRUTH)}
needs_text = pytest.mark.skipif(not TEXT.is_file(), reason=f"the paper's text is not at {TEXT}")


def lines(caption, count):
    """So many lines below a table's caption in the paper's text, cut at tabs, without the empty ones."""
    below = TEXT.read_text(encoding="utf-8").split(f"\nTable {caption}")[1]
    return [line.split("\t") for line in below.splitlines()[1:count] if line.strip()]


def numbers(cells):
    return [float(number) for cell in cells for number in re.findall(r"-?\d+\.\d+", cell)]


def flat(row):
    return [part for number in row for part in (number.value, number.std)]


@needs_text
def test_table_1():
    rows = {name: numbers(cells) for name, *cells in lines("1: ", 9)}
    assert {TITLES[name]: list(row) for name, row in published.TABLE_1.items()} == {
        name: row for name, row in rows.items() if row
    }


@needs_text
def test_table_2():
    rows = {name: numbers(cells) for name, *cells in lines("2: ", 9)}
    assert {TITLES[name]: flat(row) for name, row in published.TABLE_2.items()} == {n: r for n, r in rows.items() if r}


@needs_text
def test_tables_3a_and_3b():
    """They stand side by side: m and four numbers, then k and two, for the first five rows."""
    rows = [cells for cells in lines("3: ", 12) if cells[0].isdigit()]
    assert {int(cells[0]): numbers(cells[1:5]) for cells in rows} == {
        m: flat(row) for m, row in published.TABLE_3A.items()
    }
    prefix = {int(cells[5]): numbers(cells[6:]) for cells in rows if cells[5].strip()}
    assert prefix == {k: flat(row[:2]) for k, row in published.TABLE_4[True].items()}


@needs_text
def test_table_4():
    rows = {(cells[0], int(cells[1])): numbers(cells[2:]) for cells in lines("4: ", 14) if cells[0].isdigit()}
    assert rows == {
        (epochs, k): flat(row)
        for epochs, long in (("2000", True), ("200", False))
        for k, row in published.TABLE_4[long].items()
    }


@needs_text
def test_section_4_2_1():
    text = TEXT.read_text(encoding="utf-8")
    alone, together = published.SECTION_4_2_1
    assert f"average GT-Tau-Mean-64 of the 16 groups is as low as {alone:.4f}" in text
    assert f"the average GT-Tau-Mean-64 is {together:.4f} which is much higher than {alone:.4f}" in text


@needs_text
def test_settings():
    text = TEXT.read_text(encoding="utf-8")
    settings = published.SETTINGS
    for words in (
        f"set batch size to {settings['batch']}",
        f"Number of epochs is {settings['epochs']}",
        "momentum 0.9 and weight decay",
        "0.025 and annealed down to 0.001",
        f"expand the 3-channel image into {settings['stem channels']} channels",
        f"following {settings['cells']} cells will first compress the input into {settings['channels']} channels",
        f"batch normalization is set to be {settings['BN momentum']}",
        f"averaging over {settings['ground-truth initialisations']} runs",
        "$4^3 = 64$",
    ):
        assert words in text
    assert (published.CHILDREN, str(published.CELLS)) == (64, settings["cells"])


def test_the_rows_that_are_one_experiment_have_one_number():
    """Full sharing and none have no groups to choose, so both halves of Table 3a agree there."""
    for m in (1, 64):
        assert published.TABLE_3A[m][:2] == published.TABLE_3A[m][2:]
