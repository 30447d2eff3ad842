"""Standard error that is closed, full or gone ends no run; standard output without space is told."""

import os
import pty
import shutil
import subprocess
import sys

import pytest
from cli.calling import JOBS, SETS, TARGETS, call
from tiny import record_files

from commonweight.study.store import Store


@pytest.fixture(params=["closed", "broken pipe", "full disk", "terminal that is gone"])
def deaf(request):
    """Words before a command, and the descriptor of its standard error."""
    if request.param == "closed":
        yield ["sh", "-c", 'exec "$@" 2>&-', "sh"], subprocess.DEVNULL
        return
    if request.param == "full disk":
        stream = os.open("/dev/full", os.O_WRONLY)
    else:
        reader, stream = os.pipe() if request.param == "broken pipe" else pty.openpty()
        os.close(reader)
    yield [], stream
    os.close(stream)


def test_a_run_that_nobody_hears_is_a_run(copy, whole, deaf):
    before, stderr = deaf
    store = Store(copy)
    for job_id in list(store.ids())[:2]:
        shutil.rmtree(store.folder(job_id))
    command = [*before, sys.executable, "-m", "commonweight", "run", "smoke", *TARGETS, "--out", copy, *SETS]
    process = subprocess.run([*map(str, command), "--workers", "1"], stdout=subprocess.PIPE, stderr=stderr, check=False)
    assert process.returncode == 0
    assert process.stdout.decode() == whole[1].stdout
    assert record_files(store) == record_files(Store(whole[0]))
    assert call("check", "--out", copy).stdout == f"{JOBS} jobs whole, 0 damaged\n"


def test_an_error_that_nobody_hears_has_its_exit_code(deaf):
    before, stderr = deaf
    command = [*before, sys.executable, "-m", "commonweight", "show", "smok"]
    assert subprocess.run(command, stderr=stderr, check=False).returncode == 2


def test_no_space_for_results_is_told():
    command = [sys.executable, "-m", "commonweight", "show", "smoke"]
    with open("/dev/full", "w") as full:  # noqa: PTH123
        process = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert process.returncode == 1
    told = "make room there and give the same command again, which goes on from what is finished"
    assert process.stderr == f"error: standard output cannot be written: No space left on device; {told}\n"


def test_no_file_takes_the_place_of_a_closed_stream():
    """What a library then writes there would be written into a result."""
    source = (
        "import os, sys; from commonweight import __main__; sys.argv = ['commonweight', '--version']; __main__.main(); "
        "print(os.readlink('/proc/self/fd/0'), os.readlink('/proc/self/fd/2'))"
    )
    command = ["sh", "-c", 'exec "$@" <&- 2>&-', "sh", sys.executable, "-c", source]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    assert told[1] == "/dev/null /dev/null"
