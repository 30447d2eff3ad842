"""What `docs/your-own-supernet.md` tells its reader to write and to type works, in the order in which it stands there."""

import re
import shlex
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from commonweight.cli import app

PAGE = (Path(__file__).parents[1] / "docs" / "your-own-supernet.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(python|sh)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
SMALLER = {"--epochs": "1", "--sweep-images": "60"}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("my_space", None)


def typed(line):
    """The line's words, with fewer epochs, images and instances."""
    words = shlex.split(line)
    words = [SMALLER.get(before, word) for before, word in zip(["", *words], words, strict=False)]
    return [*words[1:], *(["--instances", "2", "--batch", "1000"] if words[1] == "judge" else [])]


def test_the_page_from_top_to_end(folder, capsys):
    names = {}
    assert len(BLOCKS) == 7
    for number, (language, text) in enumerate(BLOCKS):
        if language == "python":
            if number == 0:
                (folder / "my_space.py").write_text(text)
            exec(compile(text, f"block {number}", "exec"), names)
            continue
        for line in text.splitlines():
            told = CliRunner().invoke(app, typed(line))
            assert told.exit_code == 0, f"{line}: {told.stderr}"
            assert told.stdout
    shown = capsys.readouterr().out
    assert "edge0=skip" in shown
    assert "Judged(18 children, 3 instances" in shown
    assert len(names["verdict"].names) == 5
    assert (folder / "results/mine/report/index.html").is_file()
    assert (folder / "results/mine/trials").is_dir()


def test_the_pages_it_names_exist():
    links = re.findall(r"\]\((\.\./[^)]*)\)", PAGE)
    assert len(links) == 2
    assert all((Path(__file__).parents[1] / "docs" / link).is_file() for link in links)
