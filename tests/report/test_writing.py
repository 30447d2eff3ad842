"""The report's files and its page."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from report.made_up import answer, claims
from tiny import tiny_study

from commonweight.paper import Column, Curves, Number, Row, Series, Table
from commonweight.ranking import Interval
from commonweight.report import (
    Run,
    Style,
    about_study,
    claim_forms,
    draw,
    preface,
    render,
    to_csv,
    to_markdown,
    write_report,
)
from commonweight.report.glossary import TERMS
from commonweight.report.interactive import picture
from commonweight.study.load import load_study
from commonweight.study.setting import Setting

EVIL = "<script>alert(1)</script> & \"quotes\" 'here' {{ 7*7 }} $x$"
NUMBERS = (Number(0.5, 0.1, Interval(0.2, 0.8, 0.95)), Number(float("nan")))
TABLE = Table("table-9", EVIL, (Column("a", "A"), Column("b", "B", paper=True)), (Row(EVIL, 3, NUMBERS),), (EVIL,))
POINTS = np.arange(1, 4)
CURVES = Curves("figure-9", EVIL, EVIL, EVIL, (Series(EVIL, POINTS, POINTS / 4),), (EVIL,))


def setting(**overrides):
    return Setting(tiny_study(**overrides), "f" * 64, (7, 7), 128, 20, 30)


def about(**overrides):
    return about_study(setting(**overrides))


class Page(HTMLParser):
    """Tags, the addresses in them, and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.words, self.open, self.scripts = [], [], [], [], []
        self.kind = None
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.kind = dict(attrs).get("type")
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] == ["script"]:
            self.scripts.append((self.kind, data))
        elif self.open[-1:] != ["style"]:
            self.words.append(data)


@pytest.fixture
def page(tmp_path):
    commands = {name: f"commonweight run '{EVIL}' {name}" for name in ("table-9", "claims")}
    facts = {"machine": EVIL, "child-epochs": "1,234"}
    run = Run(f"commonweight run '{EVIL}'", commands, facts, {"figure-1": f"job 1 failed: {EVIL}"})
    files = write_report(about(about=EVIL), [TABLE, CURVES, claims()], tmp_path, run)
    return Page(files[0].read_text(encoding="utf-8"))


def test_the_files_are_there_and_hold_what_was_made(tmp_path):
    files = write_report(about(), [TABLE, CURVES, claims()], tmp_path, Run("command"))
    names = [path.relative_to(tmp_path / "report").as_posix() for path in files]
    assert names[0] == "index.html"
    assert set(names[1:]) == {
        "report.md",
        "commonweight.bib",
        "tables/settings.tex",
        "tables/table-9.tex",
        "tables/claims.tex",
        "tables/table-9.md",
        "tables/table-9.csv",
        "tables/claims.md",
        "tables/claims.csv",
        *(f"figures/figure-9.{kind}" for kind in ("pdf", "svg", "png")),
    }
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(files)  # and no temporary file
    folder = tmp_path / "report"
    assert (folder / "tables/table-9.md").read_text(encoding="utf-8") == to_markdown(TABLE)
    assert (folder / "tables/table-9.csv").read_text(encoding="utf-8") == to_csv(TABLE)
    assert (folder / "tables/claims.md").read_text(encoding="utf-8") == claim_forms.to_markdown(claims())
    for kind in ("pdf", "svg", "png"):
        assert (folder / f"figures/figure-9.{kind}").read_bytes() == render(draw(CURVES), kind)


def test_the_document_holds_every_table_claim_and_figure(tmp_path):
    run = Run("commonweight run all", {}, {"machine": "two | cores"})
    files = write_report(about(about="Why *this*"), [TABLE, CURVES, claims()], tmp_path, run)
    text = next(path for path in files if path.name == "report.md").read_text(encoding="utf-8")
    assert text.startswith("# Study tiny\n\nWhy \\*this\\*\n")
    assert to_markdown(TABLE) in text
    assert claim_forms.to_markdown(claims()) in text
    assert "](figures/figure-9.png)" in text
    places = [
        text.index(part) for part in (claim_forms.to_markdown(claims()), to_markdown(TABLE), "figures/figure-9.png")
    ]
    assert places == sorted(places)  # though the table was made before the claims
    assert "```sh\ncommonweight run all\n```" in text
    assert "| machine | two \\| cores |" in text
    assert "name: tiny" in text


def test_names_do_not_leave_their_code_block(tmp_path):
    evil = "x\n```\n# Heading\n"
    files = write_report(about(about=evil), [TABLE], tmp_path, Run(f"commonweight run '{evil}'"))
    text = next(path for path in files if path.name == "report.md").read_text(encoding="utf-8")
    outside, fence = [], ""
    for line in text.splitlines():  # as CommonMark 4.5 reads them
        ticks = re.match(" {0,3}(`{3,})(.*)", line)
        if not fence and ticks:
            fence = ticks[1]
        elif fence and ticks and len(ticks[1]) >= len(fence) and not ticks[2].strip():
            fence = ""
        elif not fence:
            outside.append(line)
    assert not fence
    assert [line for line in outside if line.startswith("#")] == [
        "# Study tiny",
        *(line for line in to_markdown(TABLE).splitlines() if line.startswith("#")),
        "## Settings",
    ]
    assert [line for line in outside if "Heading" in line] == [r"x \`\`\` \# Heading"]  # what the study is about


def test_a_report_again_is_the_same_bytes(tmp_path):
    first, second = (
        [
            path.read_bytes()
            for path in write_report(about(), [TABLE, CURVES, claims()], tmp_path / name, Run("command"))
        ]
        for name in ("a", "b")
    )
    assert first == second


def test_the_page_shows_hostile_text_and_runs_none_of_it(page):
    assert [kind for kind, _ in page.scripts] == ["application/json", None]  # the figure, ours
    assert page.open == []  # every element is closed
    text = "".join(page.words)
    assert text.count(EVIL) >= 10  # about, fact, commands, the table's title, row and note, the figure's title and note
    assert "49" not in text


def test_the_figure_is_data_in_the_page(page):
    ((_, text), *_) = page.scripts
    assert not re.search("[<>&]", text)
    assert json.loads(text) == picture(CURVES, draw(CURVES), Style.CLEAR).spec


def test_the_page_needs_no_other_file_and_no_network(tmp_path, page):
    files = [f"figures/figure-9.{kind}" for kind in ("pdf", "svg", "png")]  # for printing
    outside = [address for address in page.addresses if not address.startswith("#")]
    assert outside == ["https://arxiv.org/abs/2001.01431", *files]  # where the paper is, which is named beside it
    assert "Deeper Insights into Weight Sharing in Neural Architecture Search" in "".join(page.words)
    (text,) = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("index.html")]
    assert len(text) < 80_000
    assert not re.search(r"url\((?!#)|@import|//cdn|fetch\(|XMLHttpRequest|WebSocket", text)
    named = {"http://www.w3.org/2000/svg", "http://www.w3.org/1999/xlink"}  # names, and no addresses
    assert set(re.findall(r"https?:[^\s\"'>]*", text)) == {*named, "https://arxiv.org/abs/2001.01431"}
    assert "default-src 'none'" in text


def test_every_link_inside_leads_somewhere(tmp_path, page):
    (text,) = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("index.html")]
    inside = {address[1:] for address in page.addresses if address.startswith("#")}
    words = {term.anchor for term in TERMS}
    claimed = {f"claim-{number}" for number in range(1, 5)}
    sections = {"table-9", "figure-9", "claims", "chapter-1", "reproduce", "settings", "glossary", "report", "lacking"}
    assert sections <= inside <= sections | words | claimed
    inside |= words | claimed
    assert all(text.count(f' id="{name}"') == 1 for name in inside)


def test_the_page_tells_how_it_came_to_be_and_how_to_make_it_again(page):
    text = "".join(page.words)
    for told in ("child-epochs", "1,234", "machine", f"commonweight run '{EVIL}' table-9", "How to make this alone"):
        assert told in text
    assert text.count("How to make this alone") == 2


def test_the_page_lists_the_claims_with_their_verdicts_in_words(page):
    text = "".join(page.words)
    assert "Of 4 claims: 1 supported, 1 against, 1 undecided, 1 not measured." in text
    places = [text.index(f"{number}. {claim.text}") for number, claim in enumerate(claims().claims, 1)]
    assert places == sorted(places)
    counts = ("2 checks: 2 supported", "2 checks: 1 supported, 1 against", "2 checks: 2 undecided")
    for told in ("✓ supported", "✗ against", "~ undecided", "? not measured", *counts):
        assert told in text
    assert "Undecided: about 23 instances would decide it if the truth is what was found (80 % power)." in text
    assert "undecided; about 9 would do" in text
    assert "4.000 ± 1.500\n[1.000, 6.000]" in text
    assert text.index("Of 4 claims") < text.index("Table 9. ") < text.index("Figure 9. ")


def test_the_page_tells_the_numbers_and_the_whole_study(page):
    text = "".join(page.words)
    assert "0.5000 ± 0.1000\n[0.2000, 0.8000]" in text
    assert "–" in text
    assert "Table 9." in text
    assert "Figure 9." in text
    for line in ("name: tiny", "epochs: 2", "primitives: [max_pool_3x3, sep_conv_3x3]"):
        assert line in text


def test_only_tables_or_nothing(tmp_path):
    assert len(write_report(about(), [TABLE], tmp_path / "tables", Run("command"))) == 7
    assert len(write_report(about(), [], tmp_path / "nothing", Run("command"))) == 4


def test_the_preface_names_every_difference_from_the_paper():
    first, second, _ = preface(setting(data__augment={"padding": 2, "flip": False}))
    assert first.startswith("This is not the paper's experiment: data, size and number of instances")
    for difference in (
        "data: fashion14 (cifar10)",
        "image size: 7×7 (32×32)",
        "training images: 128 (50000)",
        "primitives: max_pool_3x3, sep_conv_3x3 (max_pool_3x3, sep_conv_3x3, sep_conv_5x5, dil_conv_5x5)",
        "channels: 2 (16)",
        "stem channels: 2 (48)",
        "cells: 1 (4)",
        "epochs: 2 (200)",
        "augmentation: crop with padding 2 (crop with padding 4 and flip)",
        "super-net instances: 2 (10)",
        "ground-truth initialisations: 2 (10)",
    ):
        assert difference in second
    assert "BN momentum" not in second  # the same as the paper's


def test_the_shipped_paper_study_differs_in_nothing():
    paper = Setting(load_study("paper"), "f" * 64, (32, 32), 50_000, 10_000, 10_000)
    first, frozen = preface(paper)
    assert first == "The study has the paper's own settings."
    assert "The paper's numbers were made under coast" in frozen  # which its text does not tell
    coast = load_study("paper", {"training.inactive": "coast"})
    assert preface(replace(paper, study=coast)) == [first]
    shorter = Setting(load_study("paper", {"training.epochs": 100}), "f" * 64, (32, 32), 50_000, 10_000, 10_000)
    assert "epochs: 100 (200)." in preface(shorter)[1]
    longer = replace(paper, study=load_study("paper", {"experiments.alone_epochs": 300}))
    assert "epochs: 200, children alone 300 (200)." in preface(longer)[1]
    shared = preface(setting(sharing={"kind": "all-but", "kinds": ["norm"], "edges": [2]}))[1]
    assert "sharing: all but norm, edge 2 (all)" in shared


def test_the_page_opens_with_the_answer(tmp_path):
    files = write_report(about(), [TABLE, claims()], tmp_path, Run("command"), answer())
    text, document = (path.read_text(encoding="utf-8") for path in files[:2])
    words = "".join(Page(text).words)
    places = [words.index(told) for told in (answer().verdict, "GT-Tau 0.25", *answer().advice, "Claims. ")]
    assert places == sorted(places)
    assert (
        'href="#table-9"' in text[text.index('id="answer"') : text.index('id="claims"')]
    )  # of what it names, what is here
    assert 'href="#table-2"' not in text
    assert document.index(answer().verdict) < document.index("figures/answer.png") < document.index(answer().advice[0])
    assert {f"answer.{kind}" for kind in ("pdf", "svg", "png")} <= {path.name for path in files}
    assert "In short" not in "".join(Page(write_report(about(), [TABLE], tmp_path, Run("c"))[0].read_text()).words)


def test_a_trial_has_no_verdicts(tmp_path):
    text = "".join(Page(write_report(about(trial=True), [claims()], tmp_path, Run("c"))[0].read_text()).words)
    assert "This study says that its numbers mean nothing" in text
    assert not re.search("[✓✗~?] |Of 4 claims|2 supported", text.partition("Settings")[0])
    assert "S-Tau of ground truth minus" in text  # its numbers are shown
    assert "This study says" not in "".join(
        Page(write_report(about(), [claims()], tmp_path, Run("c"))[0].read_text()).words
    )


def test_claims_and_their_evidence_lead_to_each_other(tmp_path):
    made = claims()
    made = replace(made, claims=(replace(made.claims[0], shown=("table-9", "figure-3")), *made.claims[1:]))
    text = write_report(about(), [made, TABLE], tmp_path, Run("c"))[0].read_text(encoding="utf-8")
    claim = text[text.index('id="claim-1"') : text.index('id="claim-2"')]
    assert 'Evidence: <a href="#table-9">Table 9</a>.' in claim
    assert "figure-3" not in claim  # it is not in this report
    assert 'Evidence for <a href="#claim-1">claim 1</a>.' in text[text.index('<section id="table-9"') :]


def test_chapters_keep_what_belongs_together(tmp_path):
    chapters = {"table-9": "3 Three", "figure-9": "3 Three", "table-8": "4 Four"}
    made = [TABLE, replace(TABLE, name="table-8"), CURVES]
    page = Page(write_report(about(), made, tmp_path, Run("c", chapters=chapters))[0].read_text(encoding="utf-8"))
    text = "".join(page.words).partition("Can this")[2]
    places = [text.index(told) for told in ("3 Three", "Table 9. ", "Figure 9. ", "4 Four", "Table 8. ")]
    assert places == sorted(places)


@pytest.mark.parametrize("style", Style)
def test_the_page_shows_the_figures_of_the_files(tmp_path, style):
    files = write_report(about(), [CURVES], tmp_path, Run("c"), style=style)
    (svg,) = [path.read_text(encoding="utf-8") for path in files if path.suffix == ".svg"]
    page = files[0].read_text(encoding="utf-8")
    (d,) = re.findall(r'<g id="part-0">\s*<path d="([^"]*)"', svg)
    places = " ".join(f"{float(number):.2f}" for number in re.findall(r"[\d.]+", d))
    (shown,) = re.findall(r'class="part-0">\s*<(?:svg:)?path d="([^"]*)"', page)
    assert " ".join(f"{float(number):.2f}" for number in re.findall(r"[\d.]+", shown)) == places


def test_every_word_is_explained_where_it_first_stands_and_once(tmp_path):
    notes = ("GT-Tau of each instance.", "GT-Tau <b>again</b>, and S-Tau.")
    page = write_report(about(), [replace(TABLE, notes=notes)], tmp_path, Run("c"))[0].read_text(encoding="utf-8")
    assert page.count('href="#word-gt-tau"') == 1
    assert page.index('href="#word-gt-tau"') < page.index("&lt;b&gt;again")
    assert all(f'<dt id="{term.anchor}">' in page for term in TERMS)
