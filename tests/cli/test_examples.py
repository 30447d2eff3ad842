"""Every example that a command's help shows works, on the study that it names made tiny."""

import json
import re
import shlex
import sys
from pathlib import Path

import pandas
import pytest
from cli.calling import call
from tiny import TINY
from typer.testing import CliRunner

from commonweight.cli import app

EXAMPLES = {
    command.callback.__name__: re.findall(r"\*\*(commonweight [^*]+)\*\*", command.epilog or "")
    for command in app.registered_commands
}
SMALL = {key: value for key, value in TINY.items() if key not in ("name", "training.epochs", "experiments.last_epochs")}
SETS = [word for key, value in SMALL.items() for word in ("--set", f"{key}={json.dumps(value)}")]

SMALLER = {
    "run": (*SETS, "--workers", "0"),
    "plan": SETS,
    "judge": ("--epochs", "1", "--instances", "2", "--batch", "1000", "--sweep-images", "60"),
}
PAGE = (Path(__file__).parents[2] / "docs/your-own-supernet.md").read_text(encoding="utf-8")


def words(example, folder):
    """What a shell would call, with the study's size where a study is made."""
    _, *asked = shlex.split(example.replace("/tmp/", f"{folder}/"))
    return [*asked, *SMALLER.get(asked[0], ())]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where `commonweight run quick table-1` was called before."""
    folder = tmp_path_factory.mktemp("examples")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        call(*words("commonweight run quick table-1", folder))
    (folder / "log.csv").write_text("step,111,112,121\n1,0.5,0.6,0.7\n2,0.6,0.5,0.7\n")
    (folder / "truth.csv").write_text("111,0.7\n112,0.8\n121,0.9\n")
    (folder / "losses.json").write_text('{"111": 1.5, "112": 1.4, "121": 1.3}')
    (folder / "counts.csv").write_text("111,100\n112,200\n121,300\n")
    pandas.DataFrame({"child": ["111", "112", "121"], "loss": [0.7, 0.6, 0.5]}).to_parquet(folder / "truth.parquet")
    return folder


@pytest.fixture
def with_net(folder, monkeypatch):
    """There too: the first module of the page on super-nets of one's own, and the truth about its children."""
    (module,) = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)[:1]
    there = folder / "own"
    there.mkdir()
    monkeypatch.syspath_prepend(there)
    (there / "my_space.py").write_text(module, encoding="utf-8")
    names = {}
    exec(compile(module, "my_space.py", "exec"), names)
    children = names["net"].space.children()
    lines = [f"{child.name},{0.5 + place / 100}\n" for place, child in enumerate(children)]
    (there / "truth.csv").write_text("".join(lines))
    yield there
    sys.modules.pop("my_space", None)


def test_every_command_shows_one():
    assert all(EXAMPLES.values()), EXAMPLES


@pytest.mark.parametrize("example", [example for shown in EXAMPLES.values() for example in shown])
def test_it_works(example, folder, monkeypatch, request):
    judges = example.startswith("commonweight judge ")
    monkeypatch.chdir(request.getfixturevalue("with_net") if judges else folder)
    assert call(*words(example, folder)).stdout


def test_fewer_epochs_than_quick_compares_are_all_compared(folder, monkeypatch):
    """`--set training.epochs=3` was refused, as quick compares the last 4."""
    monkeypatch.chdir(folder)
    (example,) = EXAMPLES["run"]
    assert "run quick table-1 --set training.epochs=3" in example
    shown = call(*words(example, folder)).stdout
    assert "Different epochs: the last 3 epochs of instance" in shown
    assert re.search(r"^\| Different epochs \| 3 \|", shown, re.MULTILINE)


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("ru", {"run"}),
        ("run s", {"small", "smoke"}),
        ("plan mi", {"mine.yaml"}),
        ("run smoke figure-5", {"figure-5a", "figure-5b"}),
        ("run smoke table-1 table-", {"table-1", "table-2", "table-3a", "table-3a-found", "table-3b", "table-4"}),
        ("report --o", {"--out"}),
    ],
)
def test_a_shell_is_offered_words(typed, offered, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").touch()
    typed = f"commonweight {typed}"
    asked = {"COMP_WORDS": typed, "COMP_CWORD": str(len(typed.split()) - 1)}
    result = CliRunner().invoke(
        app, [], prog_name="commonweight", env=asked | {"_COMMONWEIGHT_COMPLETE": "complete_bash"}
    )
    assert set(result.stdout.split()) == offered


def test_help_says_how_to_install_them():
    assert "--install-completion" in call("--help").stdout
