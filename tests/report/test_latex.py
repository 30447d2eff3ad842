"""LaTeX without LaTeX: environments and braces are balanced, every row has its cells, and no letter means anything."""

import re

import pytest
from report.made_up import claims, table
from report.test_table_forms import HOSTILE, TABLE
from report.test_writing import about

from commonweight.paper import Verdict, published
from commonweight.report import to_latex
from commonweight.report.latex import bibliography, settings_to_latex, text

EVIL = HOSTILE + r" 50 % & $x$ #1 a_b ~ ^ {y} \\ [0] * <>| × ± ≥ “q”"


def bare(latex):
    """Without escaped letters, and without the commands that the forms use."""
    latex = re.sub(r"\\[{}$&%#_]", "", latex)
    return re.sub(
        r"\\(textbackslash|textasciitilde|textasciicircum|textless|textgreater|textbar|textquotedbl|dots)\{\}",
        "",
        latex,
    )


def body(latex):
    """The rows between the rules as lists of cells, once what a program would stumble over has been looked for."""
    opened = []
    for kind, name in re.findall(r"\\(begin|end)\{(\w+)\}", latex):
        if kind == "begin":
            opened.append(name)
        else:
            assert opened.pop() == name
    assert not opened
    plain = bare("\n".join(latex.splitlines()[1:]))
    depth = 0
    for letter in plain:
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0
    assert depth == 0
    assert plain.count("$") % 2 == 0
    assert not re.search(r"[#~^\"]|(?<!\\)%", plain)
    inside = plain.partition("\\midrule\n")[2].partition("\\bottomrule")[0]
    rows = [line.removesuffix(r" \\") for line in inside.splitlines()]
    return [[cell.strip() for cell in row.split("&")] for row in rows]


def test_a_table_has_its_rows_numbers_and_notes():
    latex = to_latex(TABLE)
    first, second = body(latex)
    assert first == ["First", "5", r"$0.3333 \pm 0.2500\;[0.1000, 0.7000]$", "$0.5000$", "$12.0$"]
    assert second[1:] == ["2", "--", "--", r"$2.2 \pm 0.0$"]
    assert r"\begin{tabular}{lrrrr}" in latex
    assert r"\caption{Table 9. A title}" in latex
    assert r"\label{tab:table-9}" in latex
    assert latex.count(r"\item ") == 2
    assert all(rule in latex for rule in (r"\toprule", r"\midrule", r"\bottomrule"))
    assert "itemize" not in to_latex(table().__class__("t", "T", (), (), ()))


def test_negative_numbers_have_a_minus():
    rows = body(to_latex(claims()))
    assert r"$-0.050\;[-0.200, 0.100]$" in {row[2] for row in rows}


def test_claims_have_their_verdicts_and_checks():
    rows = body(to_latex(claims()))
    assert [row[4] for row in rows if row[0]] == [claim.verdict.value for claim in claims().claims]
    assert {row[4] for row in rows} == {verdict.value for verdict in Verdict}
    assert sum(not row[0] for row in rows) == sum(len(claim.checks) for claim in claims().claims)


@pytest.mark.parametrize("letter", list(EVIL.replace(" ", "")))
def test_no_letter_means_anything(letter):
    assert body(settings_to_latex("s", {"key": f"{letter}x{letter}"}))
    assert text(f"{letter}x") != f"{letter}x" or letter.isalnum() or letter in "()/`'?."


def test_hostile_settings():
    assert len(body(settings_to_latex(EVIL, {EVIL: EVIL, "b": "1"}))) == 2


def test_a_study_s_settings_are_all_there():
    values = about().values
    latex = settings_to_latex("tiny", values)
    assert len(body(latex)) == len(values)
    assert values["training.batch"] in latex
    assert values["space.primitives"].startswith("max_pool_3x3, ")
    assert r"\texttt{training.lr\_min}" in latex


def test_what_to_cite():
    entries = re.findall(r"^@(\w+)\{(\w+),\n(.*?)^\}$", bibliography(), re.MULTILINE | re.DOTALL)
    assert [entry[:2] for entry in entries] == [("article", "zhang2020deeper"), ("misc", "commonweight")]
    assert published.TITLE in entries[0][2]
    assert entries[0][2].count(" and ") == len(published.AUTHORS) - 1
    for entry in entries:
        assert all(re.fullmatch(r"  \w+ = \{.*\},", line) for line in entry[2].splitlines())
