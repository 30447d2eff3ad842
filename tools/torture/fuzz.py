"""Files that people give: each try makes one odd file and has it read, many tries in a process of bounded time and memory."""

import os
import signal
import tempfile
import traceback
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import numpy as np

from commonweight.errors import CommonweightError
from tools.torture.apart import Apart
from tools.torture.outcome import Fate, Outcome

SECONDS = 20.0  # for one file
Try = Callable[[np.random.Generator], None]
"""Reads one odd file; raises `CommonweightError` when that is refused."""


def tries(one: Try, seeds: list[int], many: int) -> list[Outcome]:
    """The outcomes of so many tries; a process that dies or hangs has lost the try that it was at."""
    outcomes: list[Outcome] = []
    while len(outcomes) < many:
        with tempfile.TemporaryFile() as said:
            ended = Apart(partial(_some, one, seeds, range(len(outcomes), many), said.fileno())).ended(SECONDS * many)
            said.seek(0)
            for line in said.read().decode().splitlines():
                fate, _, why = line.partition(" ")
                outcomes.append(Outcome(Fate(fate), why and f"try {len(outcomes)}: {why}"))
        if len(outcomes) < many:
            outcomes.append(
                Outcome.lost(f"try {len(outcomes)}: the process ended with {ended.code}: {ended.err[-300:]}")
            )
    return outcomes


def _some(one: Try, seeds: list[int], numbers: range, said: int) -> int:
    """Say of each try, on a line of its own, what became of it, and of a lost one why."""
    for number in numbers:
        signal.setitimer(signal.ITIMER_REAL, SECONDS)  # whose signal ends this process
        fate, why = Fate.SURVIVED, ""
        try:
            one(np.random.default_rng([*seeds, number]))
        except CommonweightError as error:
            fate = Fate.NOTICED
            if "\n" in str(error) or not str(error):
                fate, why = Fate.LOST, f"not one line: {str(error)[:200]!r}"
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            fate = Fate.LOST
            why = f"{type(error).__name__}: {str(error)[:200]!r} at {frame.filename}:{frame.lineno}"
        os.write(said, f"{fate.value} {why}\n".encode())
    signal.setitimer(signal.ITIMER_REAL, 0)
    return 0


def damaged(content: bytes, rng: np.random.Generator, words: tuple[bytes, ...] = ()) -> bytes:
    """A few changes of any kind: bits, cuts, repeats, bytes and words put in, counts of a header that are much larger."""
    changed = bytearray(content)
    for _ in range(rng.integers(1, 4)):
        place = int(rng.integers(len(changed) + 1))
        end = min(len(changed), place + int(rng.integers(1, 64)))
        match rng.integers(8):
            case 0 | 1 if place < len(changed):
                changed[place] ^= 1 << rng.integers(8)
            case 2:
                del changed[place:end]
            case 3:
                changed[place:place] = changed[place:end] * int(rng.integers(1, 5))
            case 4:
                changed[place:place] = rng.bytes(rng.integers(1, 9))
            case 5 if words:
                changed[place:place] = words[rng.integers(len(words))]
            case 6:
                start = int(rng.integers(min(64, len(changed)) + 1))
                changed[start : start + 4] = rng.choice([b"\xff" * 4, b"\x7f\xff\xff\xff", b"\0" * 4, b"\0\1\0\0"])
            case _:
                del changed[place:]
    return bytes(changed)


def temporary(prefix: str) -> str:
    """A folder in memory where the system has one: a file for each try goes there."""
    with suppress(OSError):
        return tempfile.mkdtemp(prefix=prefix, dir="/dev/shm")
    return tempfile.mkdtemp(prefix=prefix)
