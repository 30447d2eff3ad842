"""One contender alone in a process: its throughput beside another process, and its peak memory.

As a script (`worker.py SHAPE WORK CONTENDER THREADS SECONDS`): sets up, warms up, says `ready`, waits for a line on
stdin, does whole rounds over four children (paper: two) until SECONDS are over, and prints a line of JSON. SECONDS = 0
measures memory: the warm-up alone, and of copies those of one child.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

HERE = Path(__file__).resolve()


@dataclass(frozen=True)
class Report:
    """Turns per second of one process, per copy for `Work.COPIES`, and peak memory above an interpreter with PyTorch, MB."""

    rate: float
    peak_mb: float


def start(shape: str, work: str, contender: str, threads: int, seconds: float) -> "subprocess.Popen[str]":
    """A worker that is getting ready."""
    words = [sys.executable, str(HERE), shape, work, contender, str(threads), str(seconds)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def together(workers: Sequence["subprocess.Popen[str]"]) -> list[Report]:
    """Let all go at once when all are ready, and wait for their reports; raises `RuntimeError` when one fails."""
    try:
        for each in workers:
            assert each.stdout is not None
            if each.stdout.readline() != "ready\n":
                raise RuntimeError(f"a worker did not start: {each.args}")
        for each in workers:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        return [Report(**json.loads(each.communicate()[0])) for each in workers]
    finally:
        for each in workers:
            each.kill()  # nothing to one that is done


def _use_torch() -> None:
    """What PyTorch imports when it is first used belongs to nobody; the first `SGD.step` alone takes some 60 MB."""
    weight = torch.ones(1, requires_grad=True)
    sgd = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    sgd.zero_grad()
    (2 * weight).sum().backward()
    sgd.step()


def main(shape_name: str, work_name: str, name: str, threads: int, seconds: float) -> None:
    torch.set_num_threads(threads)
    _use_torch()
    from machine import peak_memory, start_memory  # noqa: PLC0415

    before = start_memory()
    from contenders import contender  # noqa: PLC0415
    from shapes import CORNERS, Work, shape  # noqa: PLC0415

    racer, sizes, work = contender(name), shape(shape_name), Work[work_name]
    small, for_memory = sizes.size < 32, seconds == 0
    copies = sizes.copies if for_memory and small else racer.copies(sizes)
    children = CORNERS if small else CORNERS[1:3]
    if work is Work.SWEEP or (work is Work.COPIES and for_memory):
        children = CORNERS[1:2]
    turn = racer.prepare(sizes, work, children, copies)
    for child in children if small else children[:1]:
        turn(child)
    print("ready", flush=True)
    sys.stdin.readline()
    turns, begin = 0, time.perf_counter()
    while (taken := time.perf_counter() - begin) < seconds:
        for child in children:
            turn(child)
        turns += len(children) * (copies if work is Work.COPIES else 1)
    print(json.dumps({"rate": turns / taken if turns else 0.0, "peak_mb": (peak_memory() - before) / 2**20}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), float(sys.argv[5]))
