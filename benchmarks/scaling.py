"""How cost grows with copies, channels, image size and children: draws docs/engine/scaling.png.

At the quick shape, one thread, opponent and engine in turns; one size varies at a time. A step is the mean of four
children, a sweep's children are spread over the 64.
"""

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median

import machine
import torch
from contenders import NATIVE, NCHW, REFERENCE
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from shapes import CHILDREN, CORNERS, Shape, Work, shape

from commonweight.net import choose_engine
from commonweight.space import Child
from plain import opponent

ROOT = Path(__file__).resolve().parents[1]
LINES = {
    "opponent": ("#D55E00", "o", "--"),
    "engine": ("#0072B2", "s", "-"),
}  # Okabe and Ito: safe for colour-blind eyes

Pair = dict[str, Callable[[], object]]


def steps(sizes: Shape, copies: int) -> Pair:
    """A step of each of four children in so many copies."""
    pair = {"opponent": NCHW, "engine": (*NATIVE, REFERENCE)[0]}
    turns = {name: each.prepare(sizes, Work.COPIES, CORNERS, copies) for name, each in pair.items()}
    return {name: lambda turn=turn: [turn(child) for child in CORNERS] for name, turn in turns.items()}


def sweeps(sizes: Shape, children: Sequence[Child]) -> Pair:
    """A sweep of these children by super-nets that hold them alone."""
    images, labels = sizes.images(sizes.sweep_images)
    space = CHILDREN[0].space
    plain = opponent.PlainSuperNet([space.primitives] * len(space.edges), space.nodes, sizes.plain)
    engine = choose_engine(sizes.net(children))
    return {
        "opponent": lambda: [opponent.accuracy(plain, images, labels, child.primitives) for child in children],
        "engine": lambda: engine.sweep(images, labels, children),
    }


def experiments(base: Shape) -> Iterator[tuple[str, str, int, float, Pair]]:
    """Title, unit of x, x, how many steps or sweeps a call makes, and the calls."""
    for copies in (1, 2, 5, 10, 20):
        yield "a training step of all copies", "copies", copies, 4, steps(base, copies)
    for channels in (4, 8, 16, 32):
        yield "a training step, one copy", "channels", channels, 4, steps(replace(base, channels=channels), 1)
    for size in (7, 14, 21, 32):
        yield "a training step, one copy", "image size, pixels", size, 4, steps(replace(base, size=size), 1)
    for count in (1, 4, 16, 64):
        children = CHILDREN[:: len(CHILDREN) // count]
        yield f"a sweep, {base.sweep_images} images", "children", count, 1, sweeps(base, children)


def measure(base: Shape, repeats: int) -> dict[str, dict[str, dict[int, float]]]:
    """Milliseconds: unit of x → who → x → median over repeats, one warm-up left out."""
    found: dict[str, dict[str, dict[int, float]]] = {}
    for title, unit, x, count, pair in experiments(base):
        taken: dict[str, list[float]] = {name: [] for name in pair}
        for _ in range(repeats + 1):
            for name, work in pair.items():
                begin = time.perf_counter()
                work()
                taken[name].append(1e3 * (time.perf_counter() - begin) / count)
        for name, times in taken.items():
            found.setdefault(f"{unit}: {title}", {}).setdefault(name, {})[x] = median(times[1:])
        print(f"{title}, {x} {unit}: " + ", ".join(f"{name} {median(t[1:]):.3g} ms" for name, t in taken.items()))
    return found


def draw(found: dict[str, dict[str, dict[int, float]]]) -> Figure:
    """Four panels, both axes logarithmic."""
    figure = Figure(figsize=(9, 6.4), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (key, lines) in enumerate(found.items()):
        unit, title = key.split(": ")
        axes = figure.add_subplot(2, 2, place + 1)
        for name, points in lines.items():
            colour, marker, dash = LINES[name]
            axes.plot([*points], [*points.values()], color=colour, marker=marker, linestyle=dash, label=name)
        axes.set_xscale("log")
        axes.set_yscale("log")
        ticks = [*lines["engine"]]
        axes.set_xticks(ticks, [str(x) for x in ticks])
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel(unit)
        axes.set_ylabel("milliseconds")
        axes.set_title(title, fontsize=10)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results"), help="folder of scaling.json")
    parser.add_argument("--picture", type=Path, default=ROOT / "docs" / "engine" / "scaling.png")
    given = parser.parse_args()
    torch.set_num_threads(1)
    facts = machine.facts()
    found = measure(shape("quick"), given.repeats)
    given.out.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"machine": facts, "milliseconds": found}, indent=1)
    (given.out / "scaling.json").write_text(text, encoding="utf-8")
    given.picture.parent.mkdir(parents=True, exist_ok=True)
    draw(found).savefig(given.picture, dpi=160)


if __name__ == "__main__":
    main()
