"""How far the native kernels are from the machine's limit, kind by kind: `python benchmarks/kernels.py`.

Each step of a program is timed on its own, in its place in the program (so caches are as in real work), as the median
over passes; the time of an empty call is taken off. Multiply-adds count what the formula needs, bytes what must move
at least: every activation that a step reads or writes, once. Prints Markdown, writes kernels.json.
"""

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import machine
import peak
import tables
import torch
from shapes import CHILDREN, CORNERS, Shape, shape

from commonweight.net import find_library
from commonweight.net.native.engine import SWEEP_BYTES, packed
from commonweight.net.native.layouts import Sweep, Training
from commonweight.net.native.library import Batch, Kind, Library, Step
from commonweight.net.native.memory import LANES, Memory

ROOT = Path(__file__).resolve().parents[1]
SWEEP_CHILDREN = CHILDREN[::4]


@dataclass
class Sums:
    """All steps of one kind: how many in one program, seconds, multiply-adds, bytes."""

    steps: float = 0
    seconds: float = 0
    macs: float = 0
    moved: float = 0


def needs(step: Step, images: int, pixels: int) -> tuple[float, float]:
    """Multiply-adds and compulsory bytes of one step over a batch; pooling and sums count no multiply-adds.

    P = images × pixels; separable P·Cin·(k² + Cout), pointwise P·Cin·Cout, dense 9·P·Cin·Cout, and each backward
    pass twice that (gradients of weights and input), or once where nobody needs the input's gradient.
    """
    p, kind = images * pixels, Kind(step.kind)
    name = kind.name.removesuffix("_BACK").removesuffix("_EVAL")
    back, train = kind.name.endswith("_BACK"), not kind.name.endswith("_EVAL")
    cin, cout = step.channels_in * step.inputs, step.channels_out
    wanted = [place for place in range(step.inputs) if step.d_in[place]]
    macs = {
        "SEPARABLE": p * cin * (step.kernel**2 + cout),
        "POINTWISE": p * cin * cout,
        "DENSE": 9 * p * cin * cout,
    }.get(name, 0)
    if back:
        macs *= 1 + bool(wanted)
    middle = {"SEPARABLE": cin, "MAX_POOL": cin / 4}.get(name, 0) if train else 0  # floats; winning taps are bytes
    d_in = sum(step.channels_in * (1 + bool(step.d_add[place])) for place in wanted)
    if name == "HEAD":
        planes = cin + d_in
    elif name == "SUM" and back:
        planes = cout + d_in
    elif back:
        planes = (0 if name.endswith("POOL") else cin) + middle + 2 * cout + d_in
    else:
        planes = cin + middle + cout
    return macs, 4.0 * p * planes


def timed_steps(library: Library, steps: Sequence[Step], batch: Batch, passes: int) -> list[float]:
    """Seconds of each step, the median over passes."""
    alone = [(Step * 1)(step) for step in steps]
    empty = (Step * 0)()
    taken: list[list[float]] = [[] for _ in alone]
    calls = []
    for number in range(passes + 1):
        for step, times in zip(alone, taken, strict=True):
            begin = time.perf_counter()
            library.run(step, batch)
            if number:
                times.append(time.perf_counter() - begin)
        begin = time.perf_counter()
        library.run(empty, batch)
        calls.append(time.perf_counter() - begin)
    return [max(0.0, median(times) - median(calls)) for times in taken]


def by_kind(library: Library, steps: Sequence[Step], batch: Batch, passes: int) -> dict[str, Sums]:
    """Sums over the steps of a program, for each kind."""
    found: dict[str, Sums] = {}
    for step, seconds in zip(steps, timed_steps(library, steps, batch, passes), strict=True):
        sums = found.setdefault(Kind(step.kind).name, Sums())
        macs, moved = needs(step, batch.count, batch.height * batch.width)
        sums.steps += 1
        sums.seconds += seconds
        sums.macs += macs
        sums.moved += moved
    return found


def training(library: Library, sizes: Shape, passes: int) -> dict[str, Sums]:
    """One training step (without SGD) of a child in one copy, the mean of four children."""
    images, labels = sizes.images(sizes.batch)
    images = images.contiguous(memory_format=torch.channels_last)
    net = sizes.net(CORNERS)
    memory, mean = Memory(-(-len(images) // LANES), sizes.size**2), {}
    for child in CORNERS:
        steps = Training(net, memory, {}, child)
        for kind, sums in by_kind(library, steps.steps, Batch.of(images, labels), passes).items():
            total = mean.setdefault(kind, Sums())
            for name, value in asdict(sums).items():
                setattr(total, name, getattr(total, name) + value / len(CORNERS))
    return mean


def sweeping(library: Library, sizes: Shape, passes: int) -> dict[str, Sums]:
    """Sixteen children over as many images as the engine takes at a time."""
    blocks = max(1, SWEEP_BYTES // (4 * LANES * sizes.size**2 * sizes.channels))
    images, labels = sizes.images(blocks * LANES)
    net = sizes.net(SWEEP_CHILDREN)
    plan = Sweep(net, Memory(blocks, sizes.size**2), SWEEP_CHILDREN)
    batch = Batch.of(images, labels)
    library.run(packed(plan.fold), batch)
    return by_kind(library, plan.steps, batch, passes)


def rows(name: str, program: str, found: dict[str, Sums], limit: peak.Peak) -> list[list[object]]:
    """The table's rows of one program, the costliest kind first."""
    whole = sum(sums.seconds for sums in found.values())
    lines: list[list[object]] = []
    for kind, sums in sorted(found.items(), key=lambda item: -item[1].seconds):
        gmac, moved = 1e-9 * sums.macs / sums.seconds, 1e-9 * sums.moved / sums.seconds
        lines.append(
            [
                name,
                program,
                kind.lower(),
                sums.steps,
                1e6 * sums.seconds,
                f"{sums.seconds / whole:.0%}",
                gmac if sums.macs else "–",
                f"{gmac / limit.gmac:.0%}" if sums.macs else "–",
                moved,
                f"{moved / limit.cache['copy']:.0%}",
                f"{moved / limit.memory['copy']:.0%}",
            ]
        )
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["tiny", "quick", "paper"])
    parser.add_argument("--passes", type=int, help="of each program (default: 50, at the paper's shape 5)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results"), help="folder of kernels.json")
    parser.add_argument("--docs", action="store_true", help="put the table into docs/engine.md")
    given = parser.parse_args()
    torch.set_num_threads(1)
    facts = machine.facts()
    library, reason = find_library()
    if library is None:
        raise SystemExit(f"no kernels to time: {reason}")
    limit = peak.measure()
    lines, found = [], {}
    for sizes in map(shape, given.shapes):
        passes = given.passes or (5 if sizes.size >= 32 else 50)
        for program, sums in (
            ("step", training(library, sizes, passes)),
            ("sweep", sweeping(library, sizes, passes)),
        ):
            lines += rows(sizes.name, program, sums, limit)
            found.setdefault(sizes.name, {})[program] = {kind: asdict(value) for kind, value in sums.items()}
    head = (
        "shape",
        "program",
        "kernel",
        "steps",
        "µs",
        "of the time",
        "GMAC/s",
        "of peak",
        "GB/s",
        "of L2",
        "of memory",
    )
    text = (
        f"Peak of one core ({library.flavour}): {limit.gmac:.0f} GMAC/s; copying {limit.cache['copy']:.0f} GB/s within L2, "
        f"{limit.memory['copy']:.0f} GB/s with memory.\n\n{tables.table(head, lines)}"
    )
    print(text)
    given.out.mkdir(parents=True, exist_ok=True)
    content = {"machine": facts, "peak": asdict(limit), "shapes": found}
    (given.out / "kernels.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    if given.docs:
        tables.into_docs(ROOT / "docs" / "engine.md", "kernels", text)


if __name__ == "__main__":
    main()
