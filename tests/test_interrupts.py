"""Ctrl-C, SIGTERM and SIGHUP in a process of its own: before the work, in it, after it, and in a call that hears nothing."""

import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from commonweight.interrupts import ENDING, LAST_WORDS, Interrupted, Interrupts

HEARS = """
import ctypes, os, signal, sys, time
from commonweight.interrupts import Interrupted, Interrupts
def say(word):
    print(word, flush=True)
interrupts = Interrupts()
interrupts.install()
"""
WORK = """
try:
    with interrupts.unwinding():
        try:
            say("ready")
            {}
        finally:
            say("unwinding")
            {}
except Interrupted as error:
    say("over")
    {}
    sys.exit(error.code)
"""
WAIT = "time.sleep(600)"
AGAIN = "[os.kill(os.getpid(), number) for number in (2, 15, 1, 2)]"


@contextmanager
def started(source, *before):
    command = [*before, sys.executable, "-c", HEARS + source]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def fall_asleep(process):
    """Wait until its main thread has waited for something for a while."""
    asleep, deadline = 0, time.monotonic() + 60
    while asleep < 5:
        assert time.monotonic() < deadline
        time.sleep(0.01)
        state = Path(f"/proc/{process.pid}/task/{process.pid}/stat").read_text().rpartition(")")[2].split()[0]
        asleep = asleep + 1 if state == "S" else 0


def ended(process, code):
    assert process.wait(timeout=60) == code
    return process.stdout.read(), process.stderr.read()


@pytest.mark.parametrize("number", ENDING)
def test_before_the_work_the_process_ends_at_once(number):
    with started(f"say('ready'); {WAIT}") as process:
        process.send_signal(number)
        assert ended(process, 128 + number) == ("", "")


@pytest.mark.parametrize("number", ENDING)
@pytest.mark.parametrize("more", ["pass", AGAIN], ids=["once", "again and again"])
def test_in_the_work_the_first_unwinds_it_and_the_next_change_nothing(number, more):
    with started(WORK.format(WAIT, more, more)) as process:
        process.send_signal(number)
        assert ended(process, 128 + number) == ("unwinding\nover\n", "")


def test_after_the_work_nothing_is_heard():
    with started(WORK.format("pass", "pass", "pass") + f"{AGAIN}\nsay('all said')") as process:
        assert ended(process, 0) == ("unwinding\nall said\n", "")


@pytest.mark.parametrize("number", ENDING)
def test_a_native_call_that_hears_nothing_is_not_waited_for(number):
    call = "m = ctypes.create_string_buffer(64); lock = ctypes.CDLL(None).pthread_mutex_lock; lock(m); lock(m)"
    with started(WORK.format(call, "pass", "pass")) as process:
        fall_asleep(process)
        process.send_signal(number)
        assert ended(process, 128 + number) == ("", LAST_WORDS.decode())


def test_what_an_interrupt_becomes_on_its_way_is_an_interrupt():
    """NumPy's import makes an ImportError of it."""
    call = "exec('try: time.sleep(600)\\nexcept BaseException: raise ImportError')"
    with started(WORK.format(call, "pass", "pass")) as process:
        process.send_signal(signal.SIGTERM)
        assert ended(process, 143) == ("unwinding\nover\n", "")


def test_what_was_ignored_at_the_start_stays_so():
    with started(WORK.format(WAIT, "pass", "pass"), "sh", "-c", "trap '' INT HUP; exec \"$@\"", "sh") as process:
        status = Path(f"/proc/{process.pid}/status").read_text()
        (ignored,) = (int(line.split()[1], 16) for line in status.splitlines() if line.startswith("SigIgn:"))
        assert [bool(ignored & 1 << number - 1) for number in ENDING] == [True, False, True]
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
            process.send_signal(number)
        assert ended(process, 143) == ("unwinding\nover\n", "")


def test_an_error_of_the_work_is_its_own_and_a_process_that_installed_nothing_keeps_its_handlers():
    before = [signal.getsignal(number) for number in ENDING]
    with pytest.raises(ZeroDivisionError), Interrupts().unwinding():
        raise ZeroDivisionError
    assert [signal.getsignal(number) for number in ENDING] == before
    assert issubclass(Interrupted, KeyboardInterrupt)
