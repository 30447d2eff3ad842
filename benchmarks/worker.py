"""One contender alone in a process, for `racers.Away`: `worker.py SHAPE`.

Says PyTorch's CPU capability, then answers commands, each a line of JSON on stdin, by a line of JSON on stdout.
`prepare` CONTENDER WORK CHILDREN COPIES. `turn` CHILD: its seconds. `threads` COUNT. `peak`: memory, MB. `rounds` CHILDREN
SECONDS ON: whole rounds over the children until SECONDS are over, answered by how many turns they were and the seconds that
these took; if ON, it then goes on, uncounted, until the next command, so that nobody beside it is counted alone. `rest`.
"""

import itertools
import json
import select
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from racers import Racer

    from commonweight.space import Child


def answer(what: object) -> None:
    print(json.dumps(what), flush=True)


def rounds(racer: "Racer", children: "Sequence[Child]", seconds: float, on: bool) -> None:
    turns, begin = 0, time.perf_counter()
    while (taken := time.perf_counter() - begin) < seconds:
        for child in children:
            racer.turn(child)
        turns += len(children)
    answer({"turns": turns, "seconds": taken})
    for child in itertools.cycle(children) if on else ():
        if select.select([sys.stdin], [], [], 0)[0]:  # a command, or nobody is there any more
            break
        racer.turn(child)


def _use_torch() -> None:
    """What PyTorch imports when it is first used belongs to nobody; the first `SGD.step` alone takes some 60 MB."""
    weight = torch.ones(1, requires_grad=True)
    sgd = torch.optim.SGD([weight], lr=0.1, momentum=0.9)
    sgd.zero_grad()
    (2 * weight).sum().backward()
    sgd.step()


def main(shape_name: str) -> None:
    torch.set_num_threads(1)
    _use_torch()
    from machine import peak_memory, start_memory  # noqa: PLC0415

    before = start_memory()
    from contenders import contender  # noqa: PLC0415
    from racers import Here  # noqa: PLC0415
    from shapes import SPACE, Work, shape  # noqa: PLC0415

    racer = Here(shape(shape_name))
    answer(torch.backends.cpu.get_cpu_capability())
    for line in iter(sys.stdin.readline, ""):
        match json.loads(line):
            case "prepare", name, work, children, copies:
                answer(racer.prepare(contender(name), Work[work], [*map(SPACE.child, children)], copies))
            case "turn", child:
                answer(racer.turn(SPACE.child(child)))
            case "threads", count:
                answer(torch.set_num_threads(count))
            case "peak", *_:
                answer((peak_memory() - before) / 2**20)
            case "rounds", children, seconds, on:
                rounds(racer, [*map(SPACE.child, children)], seconds, on)
            case "rest", *_:
                answer(None)
            case other:
                raise ValueError(f"command {other}; expected prepare, turn, threads, peak, rounds or rest")


if __name__ == "__main__":
    main(sys.argv[1])
