"""The list of claims in its forms."""

import csv
import io
import re

import pytest
from report.made_up import claims
from rich.console import Console

from commonweight.paper import Check, Claim, Claims, Number, Verdict
from commonweight.ranking import Interval
from commonweight.report.claims import badge, outcome, tally, to_csv, to_markdown, to_rich

HOSTILE = r"a|b *c* _d_ `e` <script>alert(1)</script> [f](g) #h \i [red]no[/red]"
SURE = Number(1 / 3, 0.25, Interval(0.125, 0.5, 0.9))
EVIL = Claims(
    "claims",
    HOSTILE,
    (Claim(1, HOSTILE, HOSTILE, (Check(HOSTILE, SURE, HOSTILE, 3, False),)), Claim(2, "t", "p", (), HOSTILE)),
    (HOSTILE,),
)


def test_words():
    assert [badge(verdict) for verdict in Verdict] == ["✓ supported", "✗ not supported", "? not measured"]
    assert [outcome(Check("", SURE, "", 1, holds)) for holds in (True, False, None)] == ["holds", "fails", "unknown"]
    assert tally(claims()) == "Of 4 claims: 1 supported, 1 not supported, 2 not measured."


def test_markdown_has_the_verdict_first_and_then_every_check():
    text = to_markdown(claims())
    assert [line for line in text.splitlines() if line.startswith("####")] == [
        "#### 1. ✓ supported: Ranks differ between instances.",
        "#### 2. ✗ not supported: Ranks are far from the truth.",
        "#### 3. ? not measured: Bad ones stay bad.",
        "#### 4. ? not measured: Few shared cells are better.",
    ]
    for line in (
        "Of 4 claims: 1 supported, 1 not supported, 2 not measured.",
        "The paper: S-Tau 0.54, ground truth 0.71",
        "| S-Tau of ground truth minus super-nets | 0.210 [0.100, 0.300] | above 0 | 10 | holds |",
        "| T1R | 4.000 ± 1.500 [-1.000, 2.000] | below 0 | 10 | fails |",
        "| share | -0.050 | above 0 | 1 | unknown |",
        "Not measured because: the study has one cell",
        "- Intervals: 95 %.",
    ):
        assert line in text.splitlines()


def test_markdown_shows_hostile_text_as_it_is():
    text = to_markdown(EVIL)
    assert re.sub(r"\\([\\|*_`<>\[\]#])", r"\1", text).count(HOSTILE) == 7
    row = next(line for line in text.splitlines() if "fails" in line)
    assert len(re.split(r"(?<!\\)\|", row)) == 7  # none of its bars ends a cell
    assert not re.search(r"(?<!\\)<", text)


def test_csv_parses_back_at_full_precision():
    rows = list(csv.DictReader(io.StringIO(to_csv(EVIL))))
    assert [row["claim"] for row in rows] == ["1", "2"]
    first, second = rows
    numbers = [float(first[key]) for key in ("value", "std", "low", "high", "level", "instances")]
    assert numbers == [1 / 3, 0.25, 0.125, 0.5, 0.9, 3]
    assert {first[key] for key in ("text", "paper", "check", "expected")} == {HOSTILE}
    assert (first["verdict"], first["outcome"]) == ("not supported", "fails")
    assert (second["verdict"], second["reason"], second["value"]) == ("not measured", HOSTILE, "")
    shown = list(csv.DictReader(io.StringIO(to_csv(claims()))))
    assert [row["claim"] for row in shown] == ["1", "1", "2", "2", "3", "4"]
    assert [row["outcome"] for row in shown] == ["holds", "holds", "holds", "fails", "unknown", ""]
    assert [row["low"] for row in shown[4:]] == ["", ""]


@pytest.mark.parametrize("width", [200, 80])
def test_rich_shows_everything_and_no_markup(width):
    out = io.StringIO()
    Console(file=out, width=width).print(to_rich(EVIL))
    shown = " ".join(out.getvalue().split())
    assert "[red]no[/red]" in shown
    for part in ("✗ not", "? not", "0.333 ± 0.250", "[0.125, 0.500]", "fails", "not measured because:"):
        assert part in shown
    assert "Of 2 claims: 0 supported, 1 not supported, 1 not measured." in shown
