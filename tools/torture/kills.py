"""The driver dies or is told to end, at a random time of its run."""

import signal
import time

import numpy as np

from commonweight.interrupts import ENDING, GRACE_SECONDS
from tools.torture.apart import KILLED
from tools.torture.outcome import Outcome
from tools.torture.world import World

START_SECONDS = 20  # of worker processes, which import PyTorch


def killed(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:  # noqa: ARG001
    """SIGKILL of a driver that trains in its own process."""
    return [_ended(world, rng.uniform(0, 1.1 * world.seconds), [signal.SIGKILL])]


def killed_with_workers(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:  # noqa: ARG001
    """SIGKILL of a driver of two worker processes, which must end at once."""
    return [_ended(world, rng.uniform(0, world.seconds + START_SECONDS), [signal.SIGKILL], "--workers", "2")]


def told_to_end(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:
    """Ctrl-C, SIGTERM or SIGHUP, one to three times."""
    return [
        _ended(world, rng.uniform(0, 1.1 * world.seconds), [ENDING[number % len(ENDING)]] * int(rng.integers(1, 4)))
    ]


def _ended(world: World, after: float, by: list[int], *more: str) -> Outcome:
    out = world.fresh()
    run = world.run(out, None, *more)
    run.wait(after)
    for number in by:
        run.kill(number)
        time.sleep(0.003)
    ended = run.ended(GRACE_SECONDS + 60)
    kill = by[0] == signal.SIGKILL
    allowed = (0, KILLED) if kill else (0, -by[0], 128 + by[0])  # the second: its handlers were not there yet
    if ended.wrong or ended.code not in allowed:
        return Outcome.lost(ended.wrong or f"exit {ended.code}: {ended.err.strip()[-300:]}")
    return Outcome.of(world.undamaged(out) or world.healed(out), noticed=ended.code == 128 + by[0])
