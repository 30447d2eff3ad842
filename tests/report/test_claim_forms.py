"""The list of claims in its forms."""

import csv
import io
import re
from dataclasses import replace

import pytest
from report.made_up import claims
from rich.console import Console

from commonweight.paper import Check, Claim, Claims, Number, Verdict
from commonweight.ranking import Interval
from commonweight.report import About, Run, to_data
from commonweight.report.claim_forms import badge, outcome, tally, to_csv, to_markdown, to_rich, why
from commonweight.report.page import page

HOSTILE = r"a|b *c* _d_ `e` <script>alert(1)</script> [f](g) #h \i [red]no[/red]"
SURE = Number(1 / 3, 0.25, Interval(0.125, 0.5, 0.9))
EVIL = Claims(
    "claims",
    HOSTILE,
    (
        Claim(1, HOSTILE, HOSTILE, (Check(HOSTILE, SURE, HOSTILE, 3, Verdict.AGAINST, 1 / 7),)),
        Claim(2, "t", "p", (), HOSTILE),
    ),
    (HOSTILE,),
)
MIXED = replace(
    claims(),
    claims=(*claims().claims, Claim(5, "A finding.", None, (Check("", SURE, "", 3, Verdict.SUPPORTED, 0.01),))),
)


def test_words():
    words = ["supported", "against", "undecided", "not measured"]
    assert [badge(verdict) for verdict in Verdict] == [
        f"{mark} {word}" for mark, word in zip("✓✗~?", words, strict=True)
    ]
    assert [outcome(Check("", SURE, "", 1, verdict)) for verdict in Verdict] == words
    assert outcome(Check("", SURE, "", 1, Verdict.UNDECIDED, enough=23)) == "undecided; about 23 would do"
    assert outcome(Check("", SURE, "", 1, Verdict.UNDECIDED, enough=1000)) == "undecided; about 1000 would do"
    assert outcome(Check("", SURE, "", 1, Verdict.UNDECIDED, enough=1001)) == "undecided; more than 1000 would do"
    assert outcome(Check("", Number(1), "", 2, Verdict.UNDECIDED)) == "undecided; too few instances for an interval"
    assert tally(claims()) == "Of 4 claims: 1 supported, 1 against, 1 undecided, 1 not measured."


def test_a_claim_of_ours_is_told_apart_in_every_form():
    papers = "Of 4 claims of the paper: 1 supported, 1 against, 1 undecided, 1 not measured."
    ours = "Of ours: 1 supported."
    assert tally(MIXED) == f"{papers} {ours}"
    assert tally(replace(MIXED, claims=MIXED.claims[4:])) == ours
    lines = to_markdown(MIXED).splitlines()
    place = lines.index("#### 5. ✓ supported: A finding.")
    assert lines[place + 2] == "Ours: the paper does not say this."
    assert sum(line.startswith("The paper: ") for line in lines) == 4
    assert [row["paper"] == "" for row in csv.DictReader(io.StringIO(to_csv(MIXED)))][-2:] == [False, True]
    assert to_data(MIXED)["claims"][4]["paper"] is None
    out = io.StringIO()
    Console(file=out, width=240).print(to_rich(MIXED))
    assert "Ours: the paper does not say this." in out.getvalue()
    html = page(About("a study", ()), [MIXED], Run("command"), {})
    assert '<p class="paper">Ours: the paper does not say this.</p>' in html
    assert "The paper: None" not in html


def test_what_would_decide_a_claim():
    assert [why(claim) for claim in claims().claims] == [
        "",
        "",
        "Undecided: about 23 instances would decide it if the truth is what was found (80 % power).",
        "Not measured because: the study has one cell",
    ]
    unknown = Claim(1, "", "", (Check("", SURE, "", 1, Verdict.UNDECIDED),))
    assert why(unknown) == "Undecided: from this data it is not known how many instances would decide it."


def test_markdown_has_the_verdict_first_and_then_every_check():
    text = to_markdown(claims())
    assert [line for line in text.splitlines() if line.startswith("####")] == [
        "#### 1. ✓ supported: Ranks differ between instances.",
        "#### 2. ✗ against: Ranks are far from the truth.",
        "#### 3. ~ undecided: Bad ones stay bad.",
        "#### 4. ? not measured: Few shared cells are better.",
    ]
    for line in (
        "Of 4 claims: 1 supported, 1 against, 1 undecided, 1 not measured.",
        "The paper: S-Tau 0.54, ground truth 0.71",
        "| S-Tau of ground truth minus super-nets | 0.210 [0.100, 0.300] | above 0 | 10 | supported |",
        "| T1R | 4.000 ± 1.500 [1.000, 6.000] | below 0 | 10 | against |",
        "| share | -0.050 [-0.200, 0.100] | above 0 | 5 | undecided; about 23 would do |",
        "Undecided: about 23 instances would decide it if the truth is what was found (80 % power).",
        "Not measured because: the study has one cell",
        "- Intervals: 95 %.",
    ):
        assert line in text.splitlines()


def test_markdown_shows_hostile_text_as_it_is():
    text = to_markdown(EVIL)
    assert re.sub(r"\\([\\|*_`<>\[\]#])", r"\1", text).count(HOSTILE) == 7
    row = next(line for line in text.splitlines() if line.endswith("against |"))
    assert len(re.split(r"(?<!\\)\|", row)) == 7  # none of its bars ends a cell
    assert not re.search(r"(?<!\\)<", text)


def test_csv_parses_back_at_full_precision():
    rows = list(csv.DictReader(io.StringIO(to_csv(EVIL))))
    assert [row["claim"] for row in rows] == ["1", "2"]
    first, second = rows
    numbers = [float(first[key]) for key in ("value", "std", "low", "high", "level", "p", "instances")]
    assert numbers == [1 / 3, 0.25, 0.125, 0.5, 0.9, 1 / 7, 3]
    assert {first[key] for key in ("text", "paper", "check", "expected")} == {HOSTILE}
    assert (first["verdict"], first["outcome"]) == ("against", "against")
    assert (second["verdict"], second["reason"], second["value"]) == ("not measured", HOSTILE, "")
    shown = list(csv.DictReader(io.StringIO(to_csv(claims()))))
    assert [row["claim"] for row in shown] == ["1", "1", "2", "2", "3", "3", "4"]
    supported, undecided = ["supported"] * 3, ["undecided"] * 2
    assert [row["outcome"] for row in shown] == [*supported, "against", *undecided, ""]
    assert [row["enough instances"] for row in shown] == [*[""] * 4, "23", "9", ""]
    assert [row["low"] for row in shown[4:]] == ["-0.2", "-0.2", ""]
    assert [row["p"] for row in shown[4:]] == ["", "", ""]


@pytest.mark.parametrize("width", [200, 80, 40])
def test_rich_shows_everything_and_no_markup(width):
    out = io.StringIO()
    Console(file=out, width=width).print(to_rich(EVIL))
    assert all(len(line) <= width for line in out.getvalue().splitlines())
    shown = " ".join(out.getvalue().split())
    assert "[red]no[/red]" in shown
    for part in ("✗ against", "? not", "0.333 ± 0.250", "[0.125, 0.500]", "Not measured because:"):
        assert part in shown
    assert "Of 2 claims: 0 supported, 1 against, 0 undecided, 1 not measured." in shown


def test_a_frame_is_what_the_csv_says():
    frame, rows = claims().to_frame(), list(csv.DictReader(io.StringIO(to_csv(claims()))))
    assert list(frame.columns) == list(rows[0])
    assert frame["verdict"].tolist() == [row["verdict"] for row in rows]
    assert frame["value"].tolist()[:6] == [float(row["value"]) for row in rows[:6]]
    assert claims()._repr_markdown_() == to_markdown(claims())
