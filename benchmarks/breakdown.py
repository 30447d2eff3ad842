"""Where a training step's time goes, before and after: `python benchmarks/breakdown.py` draws docs/engine/step.png.

The opponent's operations come from torch.profiler, the engine's kernels from `kernels.py`; what a step takes on the
clock beyond them is Python and dispatch. One copy of a super-net, one thread, the mean of four children.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import mean, median

import kernels
import machine
import torch
from contenders import optimiser
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from shapes import CHILDREN, CORNERS, RECIPE, Shape, shape
from torch.autograd.profiler_util import FunctionEvent
from torch.profiler import ProfilerActivity, profile

from commonweight.net import find_library
from commonweight.net.choice import choose_engine
from commonweight.training import SGD, train_step
from plain import opponent

ROOT = Path(__file__).resolve().parents[1]
PARTS = {  # colours of Okabe and Ito, safe for colour-blind eyes; hatched: units that the engine fuses
    "depthwise convolution": ("#0072B2", ""),
    "pointwise and 3×3 convolution": ("#56B4E9", ""),
    "batch normalisation": ("#009E73", ""),
    "ReLU → depthwise → pointwise → BN, fused": ("#0072B2", "////"),
    "pointwise or 3×3 → BN, fused": ("#56B4E9", "////"),
    "pooling (engine: with BN)": ("#E69F00", ""),
    "ReLU, sums, loss, the rest": ("#CC79A7", ""),
    "optimiser": ("#D55E00", ""),
    "Python and dispatch": ("#999999", ""),
}
DEPTHWISE, MIXING, NORM, FUSED, FUSED_MIXING, POOLING, REST, OPTIMISER, OVERHEAD = PARTS
KINDS = {"SEPARABLE": FUSED, "POINTWISE": FUSED_MIXING, "DENSE": FUSED_MIXING}
KINDS |= {"MAX_POOL": POOLING, "AVERAGE_POOL": POOLING}


def part_of(event: FunctionEvent) -> str | None:
    """The part that this operation and all inside it belong to; None where only the operations inside can say."""
    name = event.name
    if name.startswith("Optimizer."):
        return OPTIMISER
    if not name.startswith("aten::"):
        return None
    if "conv" in name:
        shapes = [list(size) for size in event.input_shapes or [] if isinstance(size, list) and len(size) == 4]
        if len(shapes) < 2:
            return MIXING
        (_, channels, *_), (out, per_group, kernel, _) = shapes[-2:]  # [gradient,] image, weight
        return DEPTHWISE if per_group == 1 and kernel > 1 and channels == out else MIXING
    if "batch_norm" in name:
        return NORM
    return POOLING if "pool2d" in name and "adaptive" not in name else REST


@contextmanager
def silent() -> Iterator[None]:
    """Nothing reaches stderr: the profiler's C++ part says there when it starts and stops, whatever the log level."""
    kept = os.dup(2)
    try:
        with Path(os.devnull).open("w", encoding="utf-8") as nothing:
            os.dup2(nothing.fileno(), 2)
            yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def profiled(step: Callable[[], None]) -> dict[str, float]:
    """Seconds of each part, from the times that operations spend in themselves; the quickest of three runs.

    The profiler's own cost is in them, so overhead is rather under- than overstated.
    """
    return min((_profiled(step) for _ in range(3)), key=lambda parts: sum(parts.values()))


def _profiled(step: Callable[[], None]) -> dict[str, float]:
    with silent(), profile(activities=[ProfilerActivity.CPU], record_shapes=True) as record:
        step()
    seconds = dict.fromkeys(PARTS, 0.0)
    for event in record.events() or ():
        part, above = None, event
        while above is not None:  # the outermost operation that has a part decides
            part, above = part_of(above) or part, above.cpu_parent
        if part is not None:
            seconds[part] += 1e-6 * event.self_cpu_time_total
    return seconds


def clock(step: Callable[[], None], repeats: int) -> float:
    """Seconds, the median over repeats after one that warms up."""
    taken = []
    for _ in range(repeats + 1):
        begin = time.perf_counter()
        step()
        taken.append(time.perf_counter() - begin)
    return median(taken[1:])


def with_overhead(parts: dict[str, float], whole: float) -> dict[str, float]:
    """The clock's time less the parts is overhead; parts that a profiler made longer than the whole are scaled to it."""
    total = sum(parts.values())
    scale = min(1.0, whole / total)
    return {**{name: scale * value for name, value in parts.items()}, OVERHEAD: whole - scale * total}


def of_opponent(sizes: Shape, repeats: int) -> dict[str, float]:
    """Seconds by part."""
    images, labels = sizes.images(sizes.batch)
    space = CHILDREN[0].space
    net = opponent.PlainSuperNet([space.primitives] * len(space.edges), space.nodes, sizes.plain)
    sgd = optimiser(list(net.parameters()))
    found = []
    for child in CORNERS:

        def step(choice: tuple[str, ...] = child.primitives) -> None:
            opponent.train_step(net, sgd, images, labels, choice)

        whole = clock(step, repeats)
        found.append(with_overhead(profiled(step), whole))
    return _mean(found)


def of_engine(sizes: Shape, repeats: int) -> dict[str, float]:
    """Seconds by part."""
    library, reason = find_library()
    if library is None:
        raise SystemExit(f"no engine to look into: {reason}")
    images, labels = sizes.images(sizes.batch)
    images = images.contiguous(memory_format=torch.channels_last)
    engine = choose_engine(sizes.net(CORNERS))
    sgd = SGD(RECIPE)
    wholes, updates = [], []
    for child in CORNERS:
        wholes.append(clock(lambda child=child: train_step(engine, sgd, child, images, labels, RECIPE.lr), repeats))
        gradients = engine.gradients(images, labels, child)
        updates.append(clock(lambda gradients=gradients: sgd.step(engine, gradients, RECIPE.lr), repeats))
    parts = dict.fromkeys(PARTS, 0.0)
    for kind, sums in kernels.training(library, sizes, repeats).items():
        parts[KINDS.get(kind.removesuffix("_BACK"), REST)] += sums.seconds
    return with_overhead({**parts, OPTIMISER: mean(updates)}, mean(wholes))


def _mean(found: list[dict[str, float]]) -> dict[str, float]:
    return {name: mean(each[name] for each in found) for name in PARTS}


def draw(found: dict[str, dict[str, dict[str, float]]]) -> Figure:
    """A panel for each shape: the opponent's step above the engine's, milliseconds."""
    figure = Figure(figsize=(9, 1.3 * len(found) + 2.1), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (name, bars) in enumerate(found.items()):
        axes = figure.add_subplot(len(found), 1, place + 1)
        longest = 1e3 * max(sum(parts.values()) for parts in bars.values())
        for row, parts in enumerate(bars.values()):
            left = 0.0
            for part, (colour, hatch) in PARTS.items():
                width = 1e3 * parts[part]
                axes.barh(row, width, left=left, color=colour, hatch=hatch, edgecolor="white", linewidth=0.5)
                left += width
            axes.text(left + 0.01 * longest, row, f"{left:,.0f} ms" if left >= 100 else f"{left:.3g} ms", va="center")
        axes.set_yticks([*range(len(bars))], [*bars])
        axes.invert_yaxis()
        axes.set_xlim(0, 1.12 * longest)
        axes.set_title(str(shape(name)).split(", sweep")[0], fontsize=10, loc="left")
        axes.spines[["top", "right"]].set_visible(False)
    figure.axes[-1].set_xlabel("milliseconds per training step, one copy, one thread")
    marks = [Patch(facecolor=colour, hatch=hatch, edgecolor="white") for colour, hatch in PARTS.values()]
    figure.legend(marks, [*PARTS], loc="outside lower center", ncols=3, fontsize=8, frameon=False)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["quick", "paper"])
    parser.add_argument("--repeats", type=int, help="of each step (default: 20, at the paper's shape 2)")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("results"), help="folder of breakdown.json"
    )
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "engine" / "step.png")
    given = parser.parse_args()
    torch.set_num_threads(1)
    facts, found = machine.facts(), {}
    for name in given.shapes:
        sizes = shape(name)
        repeats = given.repeats or (2 if sizes.size >= 32 else 20)
        found[name] = {"opponent": of_opponent(sizes, repeats), "engine": of_engine(sizes, repeats)}
        for who, parts in found[name].items():
            total = sum(parts.values())
            shares = ", ".join(f"{part} {value / total:.0%}" for part, value in parts.items() if value > 0)
            print(f"{name}, {who}: {1e3 * total:.3g} ms; {shares}")
    given.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": facts, "seconds": found}, indent=1)
    (given.out / "breakdown.json").write_text(text, encoding="utf-8")
    given.picture.parent.mkdir(parents=True, exist_ok=True)
    draw(found).savefig(given.picture, dpi=160)


if __name__ == "__main__":
    main()
