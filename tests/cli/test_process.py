"""Commands in a process of their own: Ctrl-C, and a reader that goes away."""

import os
import signal
import subprocess
import sys
import time

import pytest
from cli.calling import JOBS, SETS, TARGETS, call
from tiny import record_files

from commonweight.study.store import Store


def start(*words, **more):
    command = [sys.executable, "-m", "commonweight", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@pytest.mark.parametrize("workers", [0, 1])
def test_ctrl_c_keeps_finished_jobs_and_the_same_command_goes_on(tmp_path, workers):
    words = ["run", "smoke", "table-1", "--out", tmp_path, "--workers", workers, *SETS, "--set", "training.epochs=80"]
    with start(*words) as process:
        deadline = time.monotonic() + 60
        while not list(Store(tmp_path).ids()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == ""
    told = f"interrupted; finished jobs are kept in {tmp_path}, the same command goes on from there"
    assert stderr.splitlines()[-1] == told
    assert "Traceback" not in stderr
    kept = record_files(Store(tmp_path))
    assert 1 <= len(kept) < JOBS
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("jobs/*/*")}
    words[words.index("--workers") + 1] = 0
    result = call(*words)
    assert f"{JOBS} jobs needed, {len(kept)} there" in result.stderr
    assert "### Table 1" in result.stdout
    assert {path: path.stat().st_mtime_ns for path in times} == times


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
