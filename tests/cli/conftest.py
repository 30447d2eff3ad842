"""A whole run of the tiny study, and what tests do to its results."""

import shutil

import pytest
from cli.calling import SETS, TARGETS, call

from commonweight.net import find_library


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    """The folder and the outcome of one whole run."""
    out = tmp_path_factory.mktemp("cli") / "tiny"
    return out, call("run", "smoke", *TARGETS, "--out", out, "--workers", 0, *SETS)


@pytest.fixture
def copy(whole, tmp_path):
    """Results that a test may damage."""
    shutil.copytree(whole[0], tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def native(monkeypatch):
    """Sets COMMONWEIGHT_NATIVE; nothing is remembered from before, and nothing afterwards."""
    find_library.cache_clear()
    yield lambda value: (monkeypatch.setenv("COMMONWEIGHT_NATIVE", value), find_library.cache_clear())
    find_library.cache_clear()
