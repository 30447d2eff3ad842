"""Every kind of thing has its forms."""

import pytest
from report.made_up import boxes, claims, table, two_lines
from rich.console import Console

from commonweight.report import draw, to_data, to_terminal, to_text
from commonweight.report.forms import to_files


@pytest.mark.parametrize("made", [table(), claims()], ids=["table", "claims"])
def test_what_is_text(made, capsys):
    text = to_text(made)
    assert made.title in text
    Console(width=200).print(to_terminal(made))
    assert made.title in capsys.readouterr().out
    files = to_files(made, {})
    assert set(files) == {f"tables/{made.name}.{kind}" for kind in ("md", "csv", "tex")}
    assert files[f"tables/{made.name}.md"].decode() == text
    assert to_data(made)["title"] == made.title


@pytest.mark.parametrize("made", [two_lines(), boxes(count=4)], ids=["curves", "boxes"])
def test_what_is_a_figure(made):
    assert to_text(made) is None
    assert to_terminal(made) is None
    assert set(to_files(made, {made.name: draw(made)})) == {
        f"figures/{made.name}.{kind}" for kind in ("pdf", "svg", "png")
    }
    assert to_data(made)["title"] == made.title
