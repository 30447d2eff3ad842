"""A folder of results that cannot be written: what needs no writing is done, what does is one line."""

import builtins
import errno
import io
import os
import shutil
import subprocess
from contextlib import contextmanager
from pathlib import Path

import pytest
from cli.calling import JOBS, SETS, TARGETS, call

from commonweight.study.lock import LOCK
from commonweight.study.store import Store


@contextmanager
def refused(folder, number):
    """The system's calls that would change something below the folder end with this error."""

    def refusing(module, name, writes=lambda *_, **__: True):
        done = getattr(module, name)

        def called(path, *words, **more):
            if isinstance(path, str | Path) and Path(path).is_relative_to(folder) and writes(*words, **more):
                raise OSError(number, os.strerror(number), os.fspath(path))
            return done(path, *words, **more)

        patch.setattr(module, name, called)

    with pytest.MonkeyPatch.context() as patch:
        for name in ("mkdir", "rmdir", "unlink", "rename", "replace"):
            refusing(os, name)
        for module in (io, builtins):
            refusing(module, "open", lambda mode="r", *_, **__: set(mode) & set("wa+x"))
        yield


@contextmanager
def mounted(folder):
    """The same folder, mounted so that it can be read only."""
    if subprocess.run(["mount", "--bind", folder, folder], capture_output=True, check=False).returncode:
        pytest.skip("this process may not mount anything")
    try:
        subprocess.run(["mount", "-o", "remount,bind,ro", folder], check=True)
        yield
    finally:
        subprocess.run(["umount", folder], check=True)


@pytest.fixture(params=["EROFS", "EACCES", "mount"])
def read_only(request):
    """Makes a folder so; with why it cannot be written."""
    if request.param == "mount":
        return mounted, os.strerror(errno.EROFS)
    number = getattr(errno, request.param)
    return lambda folder: refused(folder, number), os.strerror(number)


@pytest.mark.parametrize("lock", ["there", "gone"])
def test_a_complete_study_can_be_run_and_read(copy, whole, read_only, lock):
    freeze, why = read_only
    if lock == "gone":
        (copy / LOCK).unlink()
    before = {path: path.stat().st_mtime_ns for path in copy.rglob("*")}
    remedy = "give an --out where you may write, or copy the results to such a place"
    with freeze(copy):
        run = call("run", "smoke", *TARGETS, "--out", copy, "--workers", 0, *SETS)
        assert run.stdout == whole[1].stdout
        assert run.stderr.splitlines() == [
            f"{JOBS} jobs needed, {JOBS} there, 0 to train in {copy}",
            f"no report: {copy}/report cannot be written: {why}; {remedy}",
        ]
        report = call("report", *TARGETS, "--out", copy, code=1)
        assert (report.stdout, report.stderr) == ("", f"error: {copy}/report cannot be written: {why}; {remedy}\n")
        assert call("show", "table-1", "--out", copy).stdout in whole[1].stdout
        assert call("check", "--out", copy).stdout == f"{JOBS} jobs whole, 0 damaged\n"
        assert call("plan", "smoke", *TARGETS, "--out", copy, *SETS).stderr == ""
    assert {path: path.stat().st_mtime_ns for path in copy.rglob("*")} == before


def test_what_must_be_trained_is_refused_before_it_is(copy, read_only):
    freeze, why = read_only
    shutil.rmtree(Store(copy).folder(next(Store(copy).ids())))
    with freeze(copy):
        (line,) = call("run", "smoke", *TARGETS, "--out", copy, "--workers", 0, *SETS, code=1).stderr.splitlines()[-1:]
    assert line.startswith(f"error: {copy}/lock cannot be written: {why}; give an --out where you may write")


def test_another_study_is_refused_there_too(copy, read_only):
    freeze, _ = read_only
    words = [
        "run",
        "smoke",
        "figure-2",
        "--out",
        copy,
        "--workers",
        0,
        *SETS,
        "--set",
        "experiments.finetune_batches=4",
    ]
    with freeze(copy):
        assert f"error: {copy} holds another study: " in call(*words, code=2).stderr
        assert "no report: " in call(*words, "--replace-study").stderr
