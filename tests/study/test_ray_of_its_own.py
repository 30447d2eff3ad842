"""A Ray that the executor starts on this machine, in a process of its own."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from commonweight.study.store import Store

DRIVER = """
import os, signal, sys
from pathlib import Path
from study.ray_here import patiently
from tiny import tiny_study
from commonweight import api
from commonweight.study.executors.on_ray import OnRay

killed = []

def progress(told):
    kind = type(told.event).__name__
    print(kind, file=sys.stderr, flush=True)
    if sys.argv[3] == "kill" and kind == "Advanced" and not killed:
        titles = {path: path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline")}
        killed.extend(path for path, title in titles.items() if title.startswith(f"ray::job {told.event.job.id}".encode()))
        os.kill(int(killed[0].parent.name), signal.SIGKILL)

before = signal.getsignal(signal.SIGTERM)
patiently(api.run, tiny_study(training__epochs=int(sys.argv[2])), ["figure-2"], sys.argv[1], OnRay(1), progress)
assert signal.getsignal(signal.SIGTERM) is before
"""


AGENTS = ("ray::DashboardAgent", "ray::RuntimeEnvAgent")
"""Of a Ray whose driver is killed these two idle ones may need a minute to give up its head: they do no job's work."""


def marked(mark, but=()):
    """What the processes with this in their environment call themselves, but these."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            state = (folder / "stat").read_text().rpartition(")")[2].split()[0]
            if mark.encode() in (folder / "environ").read_bytes() and state != "Z":
                found.append((folder / "cmdline").read_bytes().replace(b"\0", b" ").decode().strip())
    return [name for name in found if name not in but]


@pytest.fixture
def driver(tmp_path):
    """Starts the script with (out, epochs) and how to find all processes that come from it, which are gone in the end."""
    mark, begun = f"MARK={uuid4().hex}", []

    def start(epochs, *words):
        here = Path(__file__).parents[1]
        env = {**os.environ, "MARK": mark.partition("=")[2], "PYTHONPATH": os.pathsep.join([str(here), *sys.path])}
        env.pop("RAY_ADDRESS", None)
        begun.append(
            subprocess.Popen(
                [sys.executable, "-c", DRIVER, str(tmp_path / "out"), str(epochs), *words],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                env=env,
            )
        )
        return begun[-1]

    yield start
    but = AGENTS if begun[-1].returncode == -signal.SIGKILL else ()
    deadline = time.monotonic() + 30
    while marked(mark, but) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert marked(mark, but) == []


def test_its_own_ray_is_silent_and_ends_with_it(driver, tmp_path):
    """Nothing on standard output, where tables go, though a worker is killed; on the other what the test wrote itself."""
    output, errors = driver(400, "kill").communicate(timeout=300)
    assert output == ""
    assert set(errors.split()) == {"Started", "Advanced", "Noted", "Finished"}
    assert len(list(Store(tmp_path / "out").ids())) == errors.split().count("Finished")


@pytest.mark.parametrize("death", [signal.SIGINT, signal.SIGKILL])
def test_no_process_outlives_a_driver(driver, death):
    process = driver(20_000, "wait")
    while process.stderr.readline() != "Advanced\n":
        assert process.poll() is None
    process.send_signal(death)
    process.communicate(timeout=60)
    assert process.returncode == -death
