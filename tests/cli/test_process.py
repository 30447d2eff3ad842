"""Commands in a process of their own: signals that end them, and readers that go away."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cli.calling import JOBS, SETS, TARGETS, call
from tiny import record_files

from commonweight.study.store import Store


def not_ignored():
    """As a terminal starts a command: `nohup pytest` ignores SIGHUP, and whoever it starts would too."""
    for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(one, signal.SIG_DFL)


def start(*words, **more):
    more.setdefault("preexec_fn", not_ignored)
    command = [sys.executable, "-m", "commonweight", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


def children(process):
    """Ids of the processes that it has started."""
    found = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(word) for path in found for word in path.read_text().split()]


def all_gone(processes):
    """Whether none of them is left, or there in a moment: a worker that was killed takes one to be so."""
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{one}").exists() and state(one) != "Z" for one in processes):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def state(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return "Z"


def until(process, holds):
    deadline = time.monotonic() + 60
    while not holds():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < deadline
        time.sleep(0.01)


def hears(process, number):
    """Whether a program's own handler of the signal is installed."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    (caught,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigCgt:"))
    return bool(caught & 1 << number - 1)


@pytest.mark.parametrize(
    ("numbers", "workers"),
    [
        ([signal.SIGINT], 0),
        ([signal.SIGINT], 1),
        ([signal.SIGTERM], 1),
        ([signal.SIGHUP], 0),
        ([signal.SIGINT] * 3, 1),
        ([signal.SIGTERM, signal.SIGINT, signal.SIGHUP], 2),
    ],
    ids=str,
)
def test_an_interrupt_keeps_finished_jobs_and_the_same_command_goes_on(tmp_path, numbers, workers):
    words = ["run", "smoke", "table-1", "--out", tmp_path, "--workers", workers, *SETS, "--set", "training.epochs=80"]
    with start(*words) as process:
        until(process, lambda: list(Store(tmp_path).ids()))
        at_work = children(process)
        for number in numbers:
            process.send_signal(number)
            time.sleep(0.003)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + numbers[0]
    assert stdout == ""
    told = f"interrupted; finished jobs are kept in {tmp_path}, the same command goes on from there"
    assert stderr.splitlines()[-1] == told
    assert "Traceback" not in stderr
    assert len(at_work) == workers
    assert all_gone(at_work)
    kept = record_files(Store(tmp_path))
    assert 1 <= len(kept) < JOBS
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("jobs/*/*")}
    words[words.index("--workers") + 1] = 0
    result = call(*words)
    assert f"{JOBS} jobs needed, {len(kept)} there" in result.stderr
    assert "### Table 1" in result.stdout
    assert {path: path.stat().st_mtime_ns for path in times} == times


@pytest.mark.parametrize("seconds", [0, 0.1, 0.5, 1.5])
def test_ctrl_c_while_it_imports_is_a_quiet_end(tmp_path, seconds):
    with start("plan", "smoke", "--out", tmp_path, *SETS) as process:
        until(process, lambda: hears(process, signal.SIGTERM))  # its first act; SIGINT has Python's handler before
        time.sleep(seconds)
        for _ in range(3):
            process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130 or (process.returncode == 0 and stdout)  # it was quicker
    assert "Traceback" not in stderr
    assert seconds or (stdout, stderr) == ("", "")


def test_no_worker_outlives_a_driver_that_is_killed(tmp_path):
    """Not even one that does nothing at all, since it is stopped."""
    sets = [*SETS, "--set", "training.epochs=50000"]
    with start("run", "smoke", "figure-2", "--out", tmp_path, "--workers", 2, *sets) as process:
        until(process, lambda: len(children(process)) == 2)
        at_work = children(process)
        until(process, lambda: "libtorch" in Path(f"/proc/{at_work[0]}/maps").read_text())  # it is past its beginning
        os.kill(at_work[0], signal.SIGSTOP)
        process.kill()
    gone = all_gone(at_work)
    for worker in at_work if not gone else ():
        os.kill(worker, signal.SIGKILL)
    assert gone


def test_two_drivers_started_together_end_with_one_whole_study(whole, tmp_path):
    words = ["run", "smoke", *TARGETS, "--out", tmp_path, "--workers", 0, *SETS]
    with start(*words) as one, start(*words) as other:
        told = [process.communicate(timeout=300)[1].splitlines()[-1] for process in (one, other)]
    refused = f"error: {tmp_path} is in use by process "
    for process, line in ((one, told[0]), (other, told[1])):  # both may do, one after the other
        assert (process.returncode, line.startswith(refused)) in ((0, False), (2, True)), line
    assert 0 in (one.returncode, other.returncode)
    assert record_files(Store(tmp_path)) == record_files(Store(whole[0]))
    assert not (tmp_path / "damaged").exists()
    assert call("check", "--out", tmp_path).stdout == f"{JOBS} jobs whole, 0 damaged\n"


def test_a_reader_that_has_seen_enough_makes_no_noise(whole):
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(
        [sys.executable, "-m", "commonweight", "report", *TARGETS, "--out", whole[0]],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(writer)
        _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert "Error" not in stderr
