"""What `import commonweight as cw` offers: few names, each with an example that runs, and help of one screen."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import pydoc
import subprocess
import sys
from importlib.metadata import version

import pytest

import commonweight as cw
from commonweight.api import Programme

PUBLIC = {name: getattr(cw, name) for name in dir(cw) if name[0] != "_"}
PUBLIC = {name: value for name, value in PUBLIC.items() if not inspect.ismodule(value)}


def test_the_public_names():
    """All that is no module of the package; type checkers take names for shown that are imported `as` themselves."""
    assert PUBLIC.keys() == {
        *("Choices", "Recorder", "Supernet", "judge"),
        *("load_study", "open", "programme", "rank", "run"),
    }
    imported = (node for node in ast.walk(ast.parse(inspect.getsource(cw))) if isinstance(node, ast.ImportFrom))
    assert {alias.asname for node in imported for alias in node.names} == PUBLIC.keys()


@pytest.mark.parametrize("shown", [*PUBLIC.values(), Programme], ids=lambda one: one.__name__)
def test_the_example_runs(shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = (
        found for found in doctest.DocTestFinder(recurse=False).find(shown, globs={"cw": cw}) if found.examples
    )
    told = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert not told, "".join(told)


def test_help_is_one_screen_that_calls_each_name_as_it_can_be_called():
    page = pydoc.plain(pydoc.render_doc(cw)).splitlines()
    assert len(page) <= 45
    shown = [line.strip().split("  ")[0] for line in inspect.getdoc(cw).splitlines() if line.startswith("    ")]
    calls = [node for line in shown for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call)]
    assert {call.func.attr for call in calls} == PUBLIC.keys()
    for call in calls:
        inspect.signature(PUBLIC[call.func.attr]).bind(*call.args)


@pytest.mark.parametrize("shown", PUBLIC.values(), ids=lambda one: one.__name__)
def test_help_of_a_name_shows_types_as_the_code_calls_them(shown):
    assert "commonweight.paper.claims" not in pydoc.plain(pydoc.render_doc(shown))


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(cw.__path__)])
def test_a_part_of_the_package_says_what_it_is(module):
    assert importlib.import_module(f"commonweight.{module}").__doc__


def loaded(*words):
    """Modules that are loaded when a fresh process ends."""
    told = subprocess.run([sys.executable, "-X", "importtime", *words], capture_output=True, text=True, check=True)
    return told.stdout, {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_the_version_is_told_without_anything_heavy(option):
    stdout, modules = loaded("-m", "commonweight", option)
    assert stdout == f"{version('commonweight')}\n"
    assert "commonweight.ondemand" in modules
    assert modules.isdisjoint({"torch", "numpy", "scipy", "pydantic", "typer", "matplotlib"})


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("run", "--help"), ("rank", "-h")], ids=" ".join)
def test_help_is_shown_without_anything_heavy(words):
    stdout, modules = loaded("-m", "commonweight", *words)
    assert "Usage: " in stdout
    assert "commonweight.cli.options" in modules
    assert modules.isdisjoint({"torch", "numpy", "scipy", "matplotlib", "commonweight.values"})


def test_names_come_when_they_are_asked_for():
    asked = "import commonweight as cw, sys; assert 'torch' not in sys.modules; cw.run; assert 'torch' in sys.modules"
    assert "torch" in loaded("-c", asked)[1]
    assert "scipy" in loaded("-c", "import commonweight; commonweight.ranking.tau")[1]  # a part of the package


def test_a_name_that_is_not_there():
    with pytest.raises(AttributeError, match=r"^module 'commonweight' has no attribute 'rnak'$"):
        cw.rnak  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'rnak'"):
        exec("from commonweight import rnak")
