"""A worker ends with its driver, whatever it is doing; one test for each of the two ways, in which the other cannot help."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

DRIVER = """
import subprocess, sys
worker = subprocess.Popen([sys.executable, "-c", sys.argv[1]], stdin=subprocess.PIPE)
print(worker.pid, flush=True)
input()
"""
FOR_EVER = (
    "mutex = ctypes.create_string_buffer(64); lock = ctypes.{}(None).pthread_mutex_lock; lock(mutex); lock(mutex)"
)
"""A native call without end, which signals do not interrupt; through CDLL other threads run meanwhile, through PyDLL none."""


def lives(process):
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize(
    ("way", "loader"), [("lifeline.held()", "CDLL"), ("lifeline.ask_the_kernel()", "PyDLL")], ids=["pipe", "kernel"]
)
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_worker_ends_in_the_middle_of_a_native_call(way, loader, number):
    busy = f"import ctypes; from commonweight.study import lifeline; {way}; print('busy', flush=True); "
    command = [sys.executable, "-c", DRIVER, busy + FOR_EVER.format(loader)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as driver:
        worker = int(driver.stdout.readline())
        try:
            assert driver.stdout.readline() == "busy\n"
            assert lives(worker)
            driver.send_signal(number)
            deadline = time.monotonic() + 60
            while lives(worker):
                assert time.monotonic() < deadline
                time.sleep(0.01)
        finally:
            if lives(worker):
                os.kill(worker, signal.SIGKILL)


def test_tasks_arrive_and_a_mistake_is_an_ordinary_end():
    """Though a thread still reads standard input, whose lock it holds."""
    source = (
        "from commonweight.study.lifeline import held; lines = held(); print(next(lines), end=''); raise SystemExit(7)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", source], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        process.stdin.write('{"ä": 1}\n')
        process.stdin.flush()
        assert process.stdout.readline() == '{"ä": 1}\n'
        assert process.wait(timeout=60) == 7
        assert process.stderr.read() == ""
