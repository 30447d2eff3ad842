"""Executors by name: commonweight's own and those of packages that are installed beside it."""

import sys

import pytest
from cli.calling import SETS, call
from study import contributed
from tiny import record_files

from commonweight.errors import UsageError
from commonweight.study.executors import Inline, Local, executor_names, make_executor, registry
from commonweight.study.executors.local import cores
from commonweight.study.store import Store
from commonweight.study.work import Runtime

RUNTIME = Runtime(threads=2, engine="reference")


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder on Python's path, as packages are installed in one; none of its modules outlives the test."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    yield folder
    for name in ("remote", "broken"):
        sys.modules.pop(name, None)


def test_our_own():
    assert {"inline", "local"} <= set(executor_names())
    assert make_executor("inline", RUNTIME) == make_executor("inline", RUNTIME, 0) == Inline(RUNTIME)
    assert make_executor("local", RUNTIME, 3) == Local(3, RUNTIME)


def test_how_many_workers_when_nobody_says():
    assert make_executor("local", RUNTIME) == Local(cores(), RUNTIME)
    assert cores() >= 1
    assert make_executor("local", Runtime(device="cuda:1")).workers == 1
    assert make_executor("inline", RUNTIME).workers == 0


@pytest.mark.parametrize(
    ("name", "workers", "message"),
    [
        ("local", 0, "^0 workers; expected at least 1 "),
        ("inline", 2, "^2 workers for the executor inline, which has none; choose local"),
        ("locl", None, r"^unknown executor 'locl'; known are (.*, )?inline, local(, .*)?; did you mean 'local'\?$"),
        ("", None, "^unknown executor ''; known are "),
    ],
)
def test_what_cannot_be_is_refused(name, workers, message):
    with pytest.raises(UsageError, match=message):
        make_executor(name, RUNTIME, workers)


def test_one_that_an_installed_package_adds(site, tmp_path):
    """CONTRIBUTING's, from its name on the command line to the same bits."""
    with pytest.raises(UsageError, match="unknown executor 'remote'"):
        make_executor("remote", RUNTIME)
    contributed.install(site)
    assert "remote" in executor_names()
    executor = make_executor("remote", RUNTIME, 5)
    assert (type(executor).__name__, executor.runtime, executor.workers) == ("Remote", RUNTIME, 0)
    for name in ("remote", "inline"):
        call("run", "smoke", "figure-2", *SETS, "--out", tmp_path / name, "--executor", name)
    files = record_files(Store(tmp_path / "remote"))
    assert len(files) == 11
    assert files == record_files(Store(tmp_path / "inline"))


def test_a_name_that_two_packages_offer(site):
    contributed.offer(site, "one", local="one:Local")
    with pytest.raises(UsageError, match=r"^executor 'local' is offered as \S+:make_local and one:Local; uninstall "):
        make_executor("local", RUNTIME)


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (None, "No module named 'broken'"),
        ("import no_such_cluster", "No module named 'no_such_cluster'"),
        ("", "module 'broken' has no attribute 'Broken'"),
    ],
)
def test_one_that_cannot_be_imported(site, code, reason):
    if code is not None:
        (site / "broken.py").write_text(code)
    contributed.offer(site, "broken", broken="broken:Broken")
    assert make_executor("local", RUNTIME, 1) == Local(1, RUNTIME)  # the others are there all the same
    with pytest.raises(UsageError) as caught:
        make_executor("broken", RUNTIME)
    told = f"executor 'broken' (broken:Broken) cannot be imported: {reason}; repair or uninstall its package"
    assert str(caught.value) == told


def test_metadata_from_before_there_were_executors(monkeypatch):
    monkeypatch.setattr(registry, "GROUP", "commonweight.of_nobody")
    with pytest.raises(UsageError, match=r"^unknown executor 'local'; known are none: .*, install it again$"):
        make_executor("local", RUNTIME)
