"""`torch.compile` of the opponent's child, in a process of its own: `compiled.py SHAPE CHILD…`.

Prints a line of JSON: for each child the milliseconds of every training step of the plain and of the compiled child, in
turns, and the seconds that compiling took. One copy; how copies are compiled once and for all is the user's affair.
"""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from contenders import optimiser
from shapes import Shape, shape

from commonweight.space import Child
from plain import opponent

HERE = Path(__file__).resolve()


def race(sizes: Shape, children: Sequence[Child], seconds: float) -> dict[str, Any] | str:
    """What the script prints, or in one line why there is nothing; at most `seconds`."""
    words = [sys.executable, str(HERE), sizes.name, *map(str, children)]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return f"not done within {seconds:.0f} s, compiling included"
    if done.returncode:
        lines = [line for line in done.stderr.strip().splitlines() if line.strip()]
        return next((line for line in reversed(lines) if "Error" in line), lines[-1] if lines else "no message")[:160]
    return json.loads(done.stdout.strip().splitlines()[-1])


def main(name: str, names: Sequence[str]) -> None:
    torch.set_num_threads(1)
    sizes = shape(name)
    images, labels = sizes.images(sizes.batch)
    found: dict[str, list[Any]] = {"plain_ms": [], "compiled_ms": [], "compile_s": []}
    for child in map(sizes.children[0].space.child, names):
        plain, other = (opponent.PlainChild(child.primitives, sizes=sizes.plain) for _ in range(2))
        other.compile()
        turns = {}
        for key, net in (("plain_ms", plain), ("compiled_ms", other)):
            turns[key] = (net, optimiser(list(net.parameters())), [])
        for key, (net, sgd, _) in turns.items():
            begin = time.perf_counter()
            for _ in range(2):
                opponent.train_step(net, sgd, images, labels, child.primitives)
            if key == "compiled_ms":
                found["compile_s"].append(round(time.perf_counter() - begin, 1))
        for _ in range(2 if sizes.size >= 32 else 20):
            for net, sgd, taken in turns.values():
                begin = time.perf_counter()
                opponent.train_step(net, sgd, images, labels, child.primitives)
                taken.append(1e3 * (time.perf_counter() - begin))
        for key, (_, _, taken) in turns.items():
            found[key].append(taken)
    print(json.dumps({"children": list(names), **found}))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
