"""How far the native kernels are from the machine's limit, kind by kind: `python benchmarks/kernels.py`.

Each step of a program is timed on its own, in its place in the program (so caches are as in real work), as the median
over passes; the time of an empty call is taken off. Multiply-adds count what the formula needs, bytes what must move
at least: every activation that a step reads or writes, once. Every build against its own peak. Prints Markdown, writes
kernels.json.
"""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import engine_tables
import machine
import peak
import torch
from shapes import CHILDREN, CORNERS, Shape, shape

from commonweight.net import find_library
from commonweight.net.native.layouts import Sweep, Training
from commonweight.net.native.library import Batch, Library, Step, StepKind
from commonweight.net.native.memory import Memory
from commonweight.net.native.running import SWEEP_BYTES, packed

ROOT = Path(__file__).resolve().parents[1]
SWEEP_CHILDREN = CHILDREN[::4]
HEAD = ("shape", "program", "kernel", "steps", "µs", "of the time", "GMAC/s", "of peak", "GB/s", "of L2", "of memory")


@dataclass
class Sums:
    """All steps of one kind: how many in one program, seconds, multiply-adds, bytes."""

    steps: float = 0
    seconds: float = 0
    macs: float = 0
    moved: float = 0


def taps(side: int, kernel: int, dilation: int) -> int:
    """Taps of a kernel inside a line of `side` pixels, over all pixels it is centred on; a plane has rows' × columns'."""
    return sum(max(0, side - abs(dilation * (tap - kernel // 2))) for tap in range(kernel))


def needs(step: Step, batch: Batch) -> tuple[float, float]:
    """Multiply-adds and compulsory bytes of one step over a batch; pooling and sums count no multiply-adds.

    P = images × pixels, T = images × taps inside the image, exactly (`taps`): separable T·Cin + P·Cin·Cout, pointwise
    P·Cin·Cout, dense 9·P·Cin·Cout (the padding's taps among them), and each backward pass twice that (gradients of
    weights and input), or once where nobody needs the input's gradient.
    """
    p, kind = batch.count * batch.height * batch.width, StepKind(step.kind)
    name = kind.name.removesuffix("_BACK").removesuffix("_EVAL")
    back, train = kind.name.endswith("_BACK"), not kind.name.endswith("_EVAL")
    cin, cout = step.channels_in * step.inputs, step.channels_out
    wanted = [place for place in range(step.inputs) if step.d_in[place]]
    inside = taps(batch.height, step.kernel, step.dilation) * taps(batch.width, step.kernel, step.dilation)
    macs = {
        "SEPARABLE": batch.count * cin * inside + p * cin * cout,
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
        sums = found.setdefault(StepKind(step.kind).name, Sums())
        macs, moved = needs(step, batch)
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
    memory, mean = _memory(library, len(images), sizes), {}
    for child in CORNERS:
        steps = Training(net, memory, {}, child)
        for kind, sums in by_kind(library, steps.steps, Batch.of(images, labels), passes).items():
            total = mean.setdefault(kind, Sums())
            for name, value in asdict(sums).items():
                setattr(total, name, getattr(total, name) + value / len(CORNERS))
    return mean


def sweeping(library: Library, sizes: Shape, passes: int) -> dict[str, Sums]:
    """Sixteen children over as many images as the engine takes at a time."""
    lanes = library.lanes
    images, labels = sizes.images(lanes * max(1, SWEEP_BYTES // (4 * lanes * sizes.size**2 * sizes.channels)))
    net = sizes.net(SWEEP_CHILDREN)
    plan = Sweep(net, _memory(library, len(images), sizes), SWEEP_CHILDREN)
    batch = Batch.of(images, labels)
    library.run(packed(plan.fold), batch)
    return by_kind(library, plan.steps, batch, passes)


def _memory(library: Library, images: int, sizes: Shape) -> Memory:
    """Buffers for so many images."""
    return Memory(-(-images // library.lanes), (sizes.size, sizes.size), library.lanes)


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


def measure(
    library: Library, shapes: Sequence[Shape], passes: int | None
) -> tuple[peak.Peak, dict[str, dict[str, dict[str, Sums]]]]:
    """This build's limits, and shape → program → kind → sums."""
    limit, found = peak.measure(library.flavour), {}
    for sizes in shapes:
        print(f"{library.flavour}, {sizes.name}", file=sys.stderr)
        times = passes or (5 if sizes.size >= 32 else 50)
        programs = {"step": training(library, sizes, times), "sweep": sweeping(library, sizes, times)}
        found[sizes.name] = programs
    return limit, found


def markdown(flavour: str, limit: peak.Peak, found: dict[str, dict[str, dict[str, Sums]]]) -> str:
    """A build's limits and its table."""
    lines = [
        line
        for shape_name, programs in found.items()
        for program, sums in programs.items()
        for line in rows(shape_name, program, sums, limit)
    ]
    return (
        f"Peak of one core ({flavour}): {limit.gmac:.0f} GMAC/s; copying {limit.cache['copy']:.0f} GB/s within L2, "
        f"{limit.memory['copy']:.0f} GB/s with memory.\n\n{engine_tables.table(HEAD, lines)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    able = {library.flavour: library for library in machine.builds()}
    parser.add_argument("--shapes", nargs="+", default=["tiny", "quick", "paper"])
    parser.add_argument("--builds", nargs="+", default=[*able], choices=[*able], help="default: all that run here")
    parser.add_argument("--passes", type=int, help="of each program (default: 50, at the paper's shape 5)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results"), help="folder of kernels.json")
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/engine.md")
    given = parser.parse_args()
    if not able:
        raise SystemExit(f"no kernels to time: {find_library()[1]}")
    torch.set_num_threads(1)
    facts, texts, builds = machine.facts(), [], {}
    for flavour in given.builds:
        limit, found = measure(able[flavour], [*map(shape, given.shapes)], given.passes)
        texts.append(markdown(flavour, limit, found))
        sums = {
            name: {program: {kind: asdict(each) for kind, each in kinds.items()} for program, kinds in programs.items()}
            for name, programs in found.items()
        }
        builds[flavour] = {"peak": asdict(limit), "shapes": sums}
    text = "\n\n".join(texts)
    print(text)
    given.out.mkdir(parents=True, exist_ok=True)
    content = json.dumps({"machine": facts, "builds": builds}, indent=1)
    (given.out / "kernels.json").write_text(content, encoding="utf-8")
    if given.docs:
        engine_tables.into_docs(ROOT / "docs" / "engine.md", "kernels", text)


if __name__ == "__main__":
    main()
