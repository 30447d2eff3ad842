"""`python -m tools.torture`: attack, count, print the table; exit code 1 when anything was lost. Ctrl-C ends it early."""

import argparse
import sys
import tempfile
import time
import zlib
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import torch

from tools.torture.calls import failed_at_a_call, interrupted_calls, killed_at_a_call
from tools.torture.company import killed_ray_workers, two_drivers
from tools.torture.damage import cut, flipped, replaced
from tools.torture.data_files import odd_data
from tools.torture.kills import killed, killed_with_workers, told_to_end
from tools.torture.outcome import Fate, Fault, Tally
from tools.torture.study_files import odd_studies
from tools.torture.world import World

FAULTS = (
    Fault("kill", "driver killed at a random time", killed, 40),
    Fault("kill-workers", "driver of two workers killed", killed_with_workers, 4),
    Fault("signal", "Ctrl-C, SIGTERM, SIGHUP, once or more", told_to_end, 20),
    Fault("kill-call", "killed at a call that writes", killed_at_a_call, 40),
    Fault("error", "no space, no permission or bad disk at such a call", failed_at_a_call, 40),
    Fault("eintr", "calls interrupted all the time", interrupted_calls, 2),
    Fault("flip", "one bit of a stored file", flipped, 20),
    Fault("cut", "a stored file cut short", cut, 8),
    Fault("replace", "job folders swapped, copied, replaced", replaced, 12),
    Fault("pair", "two drivers at once", two_drivers, 6),
    Fault("ray", "a Ray worker killed", killed_ray_workers, 1),
    Fault("study", "odd study file", odd_studies, 50),
    Fault("data", "odd data file", odd_data, 30),
)
"""All kinds, with so many attacks each that they take about 15 minutes, reckoned from what one of each took."""

MOST_TOLD = 20  # lost tries that are told, of each kind


def main(words: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tools.torture", description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kind", action="append", choices=[fault.kind for fault in FAULTS], help="default: all")
    parser.add_argument("--tries", type=int, help="attacks of each kind; some have many tries")
    parser.add_argument("--first", type=int, default=0, metavar="NUMBER", help="number of the first attack")
    given = parser.parse_args(words)
    torch.set_num_threads(1)
    tally = Tally()
    kinds = FAULTS if given.kind is None else [fault for fault in FAULTS if fault.kind in given.kind]
    with (
        suppress(KeyboardInterrupt),
        tempfile.TemporaryDirectory(prefix="torture-") as folder,
    ):  # what was counted counts
        world = World.make(Path(folder))
        for fault in kinds:
            attack(world, fault, given.seed, range(given.first, given.first + (given.tries or fault.attacks)), tally)
    print(tally.table())
    return int(tally.lost > 0)


def attack(world: World, fault: Fault, seed: int, numbers: range, tally: Tally) -> None:
    """Make the attacks of these numbers, each from its own random numbers, and tell how to repeat those that were lost."""
    begun, told = time.monotonic(), 0
    for number in numbers:
        rng = np.random.default_rng([seed, zlib.crc32(fault.kind.encode()), number])
        outcomes = fault.attack(world, number, rng)
        tally.add(fault, outcomes)
        world.tidy()
        for why in dict.fromkeys(outcome.told for outcome in outcomes if outcome.fate is Fate.LOST):
            told += 1
            if told <= MOST_TOLD:
                again = f"--seed {seed} --kind {fault.kind} --first {number} --tries 1"
                print(f"lost: {fault.words}: {why}; repeat with {again}", file=sys.stderr, flush=True)
    seconds = time.monotonic() - begun
    print(f"{fault.words}: {len(numbers)} attacks in {seconds:.0f} s: {tally.told(fault)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
