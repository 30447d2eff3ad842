"""What `import commonweight as cw` offers: few names, each with an example that runs, and help of one page."""

import doctest
import importlib
import inspect
import pkgutil
import pydoc
import sys

import pytest

import commonweight as cw
from commonweight.api import Programme


def test_the_public_names():
    """All that is no module of the package stands in `__all__`."""
    shown = {name for name, value in vars(cw).items() if name[0] != "_" and not inspect.ismodule(value)}
    assert shown == set(cw.__all__) == {"load_study", "programme", "rank", "run", "stored"}


@pytest.mark.parametrize(
    "shown", [*(getattr(cw, name) for name in cw.__all__), Programme], ids=lambda one: one.__name__
)
def test_the_example_runs(shown, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = (
        found for found in doctest.DocTestFinder(recurse=False).find(shown, globs={"cw": cw}) if found.examples
    )
    told = []
    doctest.DocTestRunner().run(example, out=told.append)
    assert not told, "".join(told)


def test_help_is_one_page():
    """No class is among the names, of which pydoc would list all methods; and types stand as the code calls them."""
    page = pydoc.plain(pydoc.render_doc(cw))
    assert len(page.splitlines()) <= 90 + 20 * (sys.version_info >= (3, 13))  # a line for each parameter since then
    assert "commonweight.paper.claims" not in page


@pytest.mark.parametrize("module", [module.name for module in pkgutil.iter_modules(cw.__path__)])
def test_a_part_of_the_package_says_what_it_is(module):
    if module != "__main__":  # which would run
        assert importlib.import_module(f"commonweight.{module}").__doc__
