"""Others at the same folder, and workers that somebody else kills."""

import os
import signal
import time
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import numpy as np

import commonweight as cw
from tools.torture.apart import Apart, offspring
from tools.torture.outcome import Outcome
from tools.torture.world import TARGETS, World

RAY_SECONDS = 600  # a local Ray takes half a minute to start on a busy machine


def two_drivers(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:  # noqa: ARG001
    """Two drivers of one folder: one or both do it, one after the other; who is refused is told by whom."""
    out = world.fresh()
    one = world.run(out)
    one.wait(rng.uniform(0, 0.5 * world.seconds))
    other = world.run(out)
    refused = 0
    for ended in (one.ended(), other.ended()):
        busy = ended.code == 2 and "is in use by" in ended.err
        if ended.wrong or not (busy or ended.code == 0):
            return [Outcome.lost(ended.wrong or f"exit {ended.code}: {ended.err.strip()[-300:]}")]
        refused += busy
    if refused == 2:
        return [Outcome.lost("both were refused")]
    aside = "something was called damaged" if (out / "damaged").exists() else ""
    return [Outcome.of(aside or world.undamaged(out) or world.healed(out), noticed=refused > 0)]


def killed_ray_workers(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:  # noqa: ARG001
    """A worker process of a local Ray is killed in the middle of its job; nothing without Ray."""
    if find_spec("ray") is None:
        return []
    out = world.fresh()
    run = Apart(partial(_on_ray, world, out), memory=None)  # Ray's own store reserves much
    deadline, victim = time.monotonic() + RAY_SECONDS, None
    while victim is None and not run.wait(0.005) and time.monotonic() < deadline:
        victim = _worker(run.process, rng)
    ended = run.ended(RAY_SECONDS)
    if ended.wrong or ended.code:
        return [Outcome.lost(ended.wrong or f"exit {ended.code}: {ended.err.strip()[-300:]}")]
    if victim is None:
        return [Outcome.lost("no worker was seen at a job")]
    return [Outcome.of(world.undamaged(out) or world.healed(out))]


def _on_ray(world: World, out: Path) -> int:
    from commonweight.study.executors.on_ray import SETTINGS, OnRay  # noqa: PLC0415 - an extra

    os.environ |= SETTINGS | {"RAY_AUTH_MODE": "disabled"}  # else it writes a token into the home folder
    cw.run(cw.load_study(world.study), TARGETS, out, OnRay(2))
    return 0


def _worker(driver: int, rng: np.random.Generator) -> int | None:
    """A Ray worker of this driver that was at a job, killed."""
    found = []
    for process in offspring(driver):
        with suppress(OSError):
            if Path(f"/proc/{process}/cmdline").read_bytes().startswith(b"ray::job "):
                found.append(process)
    if not found:
        return None
    victim = found[rng.integers(len(found))]
    with suppress(ProcessLookupError):
        os.kill(victim, signal.SIGKILL)
    return victim
