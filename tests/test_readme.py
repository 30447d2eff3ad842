"""What the README tells its reader to type works, on the smallest study with fewer children."""

import json
import re
import shlex
from pathlib import Path

import pytest
from tiny import TINY
from typer.testing import CliRunner

from commonweight.cli import app
from commonweight.study.load import load_study

# 8 children of one cell: what a command does is the same.
FEW = {key: TINY[key] for key in ("space.primitives", "net.cells", "net.channels", "data.train_images")}
SMALLER = [word for key, value in FEW.items() for word in ("--set", f"{key}={json.dumps(value)}")]
README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands():
    """Every `commonweight …` line of the README, its comment left off."""
    lines = [line.partition("#")[0] for block in blocks("sh") for line in block.splitlines()]
    return [line.strip() for line in lines if line.startswith("commonweight ")]


def test_the_commands_run_in_the_order_in_which_they_stand(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log.csv").write_text("step,111,112,121\n1,0.5,0.6,0.7\n2,0.6,0.5,0.7\n")
    (tmp_path / "truth.csv").write_text("111,0.7\n112,0.8\n121,0.9\n")
    assert len(commands()) >= 6
    for line in commands():
        words = shlex.split(line.replace("quick", "smoke").replace("/tmp/", f"{tmp_path}/"))[1:]
        words += SMALLER if words[0] in ("run", "plan") else []
        result = CliRunner().invoke(app, [*words, "--workers", "0"] if words[0] == "run" else words)
        assert result.exit_code == 0, f"{line}: {result.stderr}"
        assert result.stdout


@pytest.mark.parametrize("code", [pytest.param(code, id=f"block-{n}") for n, code in enumerate(blocks("python"))])
def test_the_python_runs(code, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    code = code.replace('{"training.epochs": 4}', f'{{"training.epochs": 4, **{FEW}}}')
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out


@pytest.mark.parametrize("section", ["data", "space", "net", "training", "experiments"])
def test_the_table_of_a_study_names_every_key(section):
    (row,) = re.findall(rf"^\| `{section}` \| (.*) \|$", README, re.MULTILINE)
    keys = load_study("smoke").model_dump()[section]
    assert [key for key in keys if not re.search(rf"`{key}\b", row)] == []


def test_the_make_targets_exist():
    makefile = (Path(__file__).parents[1] / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^make (\S+)", "\n".join(blocks("sh")), re.MULTILINE)
    assert targets == ["quick", "test"]
    assert all(f"\n{target}:" in makefile for target in targets)
