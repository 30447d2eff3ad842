"""The report's files and its page."""

import re
from html.parser import HTMLParser

import numpy as np
import pytest
from tiny import tiny_study

from commonweight.paper import Column, Curves, Number, Row, Series, Table
from commonweight.ranking import Interval
from commonweight.report import draw, preface, render, to_csv, to_markdown, write_report
from commonweight.study.experiments import Setting
from commonweight.study.load import load_study

EVIL = "<script>alert(1)</script> & \"quotes\" 'here' {{ 7*7 }} $x$"
NUMBERS = (Number(0.5, 0.1, Interval(0.2, 0.8, 0.95)), Number(float("nan")))
TABLE = Table("table-9", EVIL, (Column("a", "A"), Column("b", "B", paper=True)), (Row(EVIL, 3, NUMBERS),), (EVIL,))
POINTS = np.arange(1, 4)
CURVES = Curves("figure-9", EVIL, EVIL, EVIL, (Series(EVIL, POINTS, POINTS / 4, 2),), (EVIL,))


def setting(**overrides):
    return Setting(tiny_study(**overrides), "f" * 64, (7, 7), 128, 20, 30)


class Page(HTMLParser):
    """Tags, the addresses in them, and the text of a page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.words, self.open = [], [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "srcset", "action", "data")]
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open[-1:] != ["style"]:
            self.words.append(data)


@pytest.fixture
def page(tmp_path):
    command = f"commonweight run '{EVIL}'"
    files = write_report(setting(about=EVIL), [TABLE, CURVES], tmp_path, command)
    return Page(files[0].read_text(encoding="utf-8"))


def test_the_files_are_there_and_hold_what_was_made(tmp_path):
    files = write_report(setting(), [TABLE, CURVES], tmp_path, "command")
    names = [path.relative_to(tmp_path / "report").as_posix() for path in files]
    assert names[0] == "index.html"
    assert set(names[1:]) == {
        "tables/table-9.md",
        "tables/table-9.csv",
        *(f"figures/figure-9.{kind}" for kind in ("pdf", "svg", "png")),
    }
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == set(files)  # and no temporary file
    folder = tmp_path / "report"
    assert (folder / "tables/table-9.md").read_text(encoding="utf-8") == to_markdown(TABLE)
    assert (folder / "tables/table-9.csv").read_text(encoding="utf-8") == to_csv(TABLE)
    for kind in ("pdf", "svg", "png"):
        assert (folder / f"figures/figure-9.{kind}").read_bytes() == render(draw(CURVES), kind)


def test_a_report_again_is_the_same_bytes(tmp_path):
    first, second = (
        [path.read_bytes() for path in write_report(setting(), [TABLE, CURVES], tmp_path / name, "command")]
        for name in ("a", "b")
    )
    assert first == second


def test_the_page_shows_hostile_text_and_runs_none_of_it(page):
    assert "script" not in page.tags
    assert page.open == []  # every element is closed
    text = "".join(page.words)
    assert text.count(EVIL) >= 6  # about, command, the table's title, row and note, the figure's title and note
    assert "49" not in text


def test_the_page_needs_no_other_file_and_no_network(tmp_path, page):
    assert page.addresses
    assert all(address.startswith("data:image/png;base64,") for address in page.addresses)
    (text,) = [path.read_text(encoding="utf-8") for path in tmp_path.rglob("index.html")]
    assert not re.search(r"https?:|url\(|@import|//cdn", text)


def test_the_page_tells_the_numbers_and_the_whole_study(page):
    text = "".join(page.words)
    assert "0.5000 ± 0.1000\n[0.2000, 0.8000]" in text
    assert "–" in text
    assert "Table 9." in text
    assert "Figure 9." in text
    for line in ("name: tiny", "epochs: 2", "primitives: [max_pool_3x3, sep_conv_3x3]"):
        assert line in text


def test_only_tables_or_nothing(tmp_path):
    assert len(write_report(setting(), [TABLE], tmp_path / "tables", "command")) == 3
    assert len(write_report(setting(), [], tmp_path / "nothing", "command")) == 1


def test_the_preface_names_every_difference_from_the_paper():
    first, second = preface(setting(data__augment={"padding": 2, "flip": False}))
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
    assert preface(paper) == ["The study has the paper's own settings."]
    shorter = Setting(load_study("paper", {"training.epochs": 100}), "f" * 64, (32, 32), 50_000, 10_000, 10_000)
    assert "epochs: 100 (200)." in preface(shorter)[1]
