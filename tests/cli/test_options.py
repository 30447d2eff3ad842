"""Options that commands share are declared in one place; what a command does takes the words that the command takes."""

import ast
import inspect
from collections import Counter
from pathlib import Path

import pytest

from commonweight import cli


def declared(path: Path) -> Counter[str]:
    """Every `typer.Option(…)` and `typer.Argument(…)` of a file, as it is written, with how often it stands there."""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return Counter(ast.unparse(call) for call in calls if ast.unparse(call.func) in ("typer.Option", "typer.Argument"))


def test_an_option_is_declared_once():
    of_commands, shared = (declared(Path(cli.__file__).with_name(name)) for name in ("__init__.py", "options.py"))
    assert "typer.Option('--json', help='Print JSON for a program.')" in shared
    assert [call for call, count in (of_commands + shared).items() if count > 1] == []


@pytest.mark.parametrize(
    "command", [info.callback for info in cli.app.registered_commands], ids=lambda one: one.__name__
)
def test_what_a_command_does_takes_its_words(command):
    """And nothing has a default there: it stands at the command, which help shows."""
    does = inspect.signature(command().func).parameters.values()
    assert [one.name for one in does] == list(inspect.signature(command).parameters)
    assert {one.default for one in does} == {inspect.Parameter.empty}
