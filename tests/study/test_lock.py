"""One driver for each folder: the second is refused and told who the first is, and nothing is left when one is killed."""

import errno
import fcntl
import io
import json
import os
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from commonweight.errors import ReadOnly, UsageError
from commonweight.study.lock import LOCK, locked

HOLD = """
import fcntl, sys, time
file = open(sys.argv[1], "a+")
fcntl.flock(file, fcntl.LOCK_EX)
file.write(sys.argv[2])
file.flush()
print("held", flush=True)
time.sleep(600)
"""
"""A driver that knows nothing of commonweight but its file."""


@pytest.fixture
def other(tmp_path):
    """Starts another process that has the folder's lock and wrote these words into it."""
    started = []

    def hold(words):
        command = [sys.executable, "-c", HOLD, str(tmp_path / LOCK), words]
        started.append(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        assert started[-1].stdout.readline() == "held\n"
        return started[-1]

    yield hold
    for process in started:
        process.kill()
        process.communicate()


def test_the_second_is_refused_and_told_who_the_first_is(tmp_path):
    begun = datetime.now(UTC) - timedelta(seconds=1)
    with locked(tmp_path / "out"), pytest.raises(UsageError) as caught, locked(tmp_path / "out"):
        raise AssertionError("two drivers in one folder")
    told = json.loads((tmp_path / "out" / LOCK).read_text())
    assert (told["pid"], told["host"]) == (os.getpid(), socket.gethostname())
    assert begun <= datetime.fromisoformat(told["since"]) <= datetime.now(UTC)
    assert str(caught.value) == (
        f"{tmp_path}/out is in use by process {os.getpid()} on {socket.gethostname()} since {told['since']}; wait for its "
        "end, or give another --out"
    )
    with locked(tmp_path / "out"), locked(tmp_path / "another"):
        pass


def test_an_independent_process_sees_the_lock(tmp_path):
    with locked(tmp_path), (tmp_path / LOCK).open("a+") as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with (tmp_path / LOCK).open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_lock_of_a_killed_driver_is_free(tmp_path, other):
    words = json.dumps({"pid": 4321, "host": "elsewhere", "since": "2026-11-24T18:40:00+00:00"})
    process = other(words)
    for _ in range(2):  # who was refused changed nothing
        with pytest.raises(UsageError, match="process 4321 on elsewhere since 2026-11-24T18:40:00"), locked(tmp_path):
            raise AssertionError("two drivers in one folder")
    process.kill()
    process.wait()
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["pid"] == os.getpid()


@pytest.mark.parametrize("words", ["", "[]", "{}", '{"pid"', "[" * 900], ids=lambda words: words[:6])
def test_a_holder_that_says_nothing_is_another_process(tmp_path, other, words):
    other(words)
    with pytest.raises(UsageError, match="is in use by another process; wait for its end"), locked(tmp_path):
        raise AssertionError("two drivers in one folder")


def test_a_file_system_without_locks_is_told(tmp_path, monkeypatch):
    def flock(*_):
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", flock)
    with (
        pytest.raises(UsageError, match=r"/lock cannot be locked: No locks available; give an --out on"),
        locked(tmp_path),
    ):
        raise AssertionError("a driver without a lock")


@pytest.mark.parametrize("name", ["EROFS", "EACCES"])
def test_a_folder_that_cannot_be_written_is_told(tmp_path, monkeypatch, name):
    def opened(*_, **__):
        raise OSError(getattr(errno, name), "so it is", f"{tmp_path / LOCK}")

    monkeypatch.setattr(io, "open", opened)
    with (
        pytest.raises(ReadOnly, match=rf"^{tmp_path}/lock cannot be written: so it is; give an --out"),
        locked(tmp_path),
    ):
        raise AssertionError("a driver without a lock")


def test_an_error_inside_is_not_one_of_the_lock(tmp_path):
    with pytest.raises(OSError, match="No space") as caught, locked(tmp_path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert type(caught.value) is OSError
