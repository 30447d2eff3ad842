"""What `import commonweight as cw` offers: few names, each with an example that runs, and help of one screen."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import pydoc

import pytest

import commonweight as cw
from commonweight.api import Programme

PUBLIC = {name: value for name, value in vars(cw).items() if name[0] != "_" and not inspect.ismodule(value)}


def test_the_public_names():
    """All that is no module of the package; type checkers take names for shown that are imported `as` themselves."""
    assert PUBLIC.keys() == {"load_study", "programme", "rank", "run", "stored"}
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
    if module != "__main__":  # which would run
        assert importlib.import_module(f"commonweight.{module}").__doc__
