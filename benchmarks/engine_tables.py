"""Markdown of the measurements, and its place in docs/engine.md."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from contenders import CHANNELS_LAST, NCHW, REFERENCE, VMAP, WIDE
from cores import ALONE, PROCESSES, THREADS
from shapes import CHILDREN, Work
from times import Times

PLAIN = (NCHW.name, CHANNELS_LAST.name)
GOALS = {  # plain NCHW's time over the build's, at least, one thread
    "native avx512": {
        Work.COPIES: {"tiny": 12, "quick": 22, "paper": 6},
        Work.SUPERNET: {"tiny": 11, "quick": 20, "paper": 6},
        Work.SWEEP: {"tiny": 16, "quick": 14, "paper": 12},
    },
    "native avx2": {
        Work.COPIES: {"tiny": 10, "quick": 18, "paper": 4},
        Work.SUPERNET: {"tiny": 9, "quick": 16, "paper": 4},
        Work.SWEEP: {"tiny": 12, "quick": 11, "paper": 8},
    },
    "native portable": {Work.COPIES: {"tiny": 4, "quick": 7, "paper": 2}},
}


def on_avx2(name: str) -> str:
    """What this opponent is called when it is kept to AVX2."""
    return f"{name}, AVX2 only"


def goal(engine: str, work: Work, shape: str, ratio: float) -> str:
    """The goal of this engine's ratio to plain NCHW, and whether it is met; a dash where it has none."""
    least = GOALS.get(engine, {}).get(work, {}).get(shape)
    return "–" if least is None else f"≥ {least}×" if ratio >= least else f"≥ {least}×, missed"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; floats with three significant digits, columns of numbers to the right."""
    rows = [list(row) for row in rows]
    right = [any(isinstance(row[i], float | int) for row in rows) for i in range(len(head))]
    lines = [head, ["---:" if r else "---" for r in right], *([_cell(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: object) -> str:
    if not isinstance(value, float):
        return str(value)
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def into_docs(path: Path, mark: str, text: str) -> None:
    """Replace what stands between `<!-- mark -->` and `<!-- /mark -->`; a `ValueError` when a mark is missing."""
    page = path.read_text(encoding="utf-8")
    before, _, rest = page.partition(f"<!-- {mark} -->")
    _, end, after = rest.partition(f"<!-- /{mark} -->")
    if not end:
        raise ValueError(f"{path} has no place <!-- {mark} --> … <!-- /{mark} -->")
    path.write_text(f"{before}<!-- {mark} -->\n\n{text.strip()}\n\n<!-- /{mark} -->{after}", encoding="utf-8")


def markdown(result: dict[str, Any]) -> str:
    """All tables of a race; those that nothing was measured for are left out."""
    shapes = result["shapes"]
    facts = "; ".join(f"{key}: {value}" for key, value in result["machine"].items())
    parts = [f"Measured on {facts}.", "\n".join(f"- {found['sizes']}" for found in shapes.values())]
    head = ("work", "shape", "engine", "ms", "NCHW, ms", "channels_last, ms", "to NCHW", "goal", "to channels_last")
    head += ("to the better", "children")
    tabled: tuple[tuple[str, Sequence[str], Iterable[Sequence[object]]], ...] = (
        (
            "One thread, milliseconds, and the plain opponents' time over the engine's; the ratio to the better counts:",
            head,
            _engines(shapes, PLAIN, (*GOALS, REFERENCE.name)),
        ),
        (
            "What a processor without AVX-512 would see, an emulation: the same builds in the same run against opponents "
            "whose processes are kept to AVX2 (PyTorch and oneDNN):",
            head,
            _engines(shapes, tuple(map(on_avx2, PLAIN)), [name for name in GOALS if name != WIDE]),
        ),
        (
            "Others, one thread:",
            ("work", "shape", "who", "ms", "NCHW ÷ it", "the better ÷ it", "it ÷ the best engine", "children"),
            _others(shapes),
        ),
        (
            "Two cores, steps of one copy or sweeps per second (processes × threads of each). Slow-down: the time of one "
            "process beside another that does the same, over its time alone. The ratio: two processes against the best of "
            "the plain opponents' two ways:",
            ("work", "shape", "who", ALONE, PROCESSES, THREADS, "slow-down", "ratio to the better"),
            _two(shapes),
        ),
        (
            "Peak memory above an interpreter with PyTorch and commonweight imported, MB:",
            ("work", "shape", "who", "MB"),
            _memory(shapes),
        ),
    )
    for text, columns, rows in tabled:
        if listed := [*rows]:
            parts += [text, table(columns, listed)]
    return "\n\n".join(parts)


def _each(shapes: dict[str, Any], key: str) -> Iterator[tuple[Work, str, Any]]:
    return ((work, name, found[key][work.name]) for work in Work for name, found in shapes.items() if key in found)


def _engines(shapes: dict[str, Any], opponents: Sequence[str], engines: Sequence[str]) -> Iterator[Sequence[object]]:
    """Each of these engines that met these two opponents, NCHW first."""
    for work, name, found in _each(shapes, "one"):
        times, met = Times(found), found.keys() >= set(opponents)
        for engine in (engine for engine in engines if met and engine in found):
            plain, last = (times.ratio(opponent, engine) for opponent in opponents)
            theirs = (times.median(opponent, tuple(found[engine])) for opponent in opponents)
            best = f"**{times.better(opponents, engine):.1f}×**"
            yield (
                *(work.value, name, engine, times.own(engine), *theirs),
                *(f"{plain:.1f}×", goal(engine, work, name, plain), f"{last:.1f}×", best),
                len(CHILDREN) if work is Work.SWEEP else len(found[engine]),
            )


def _others(shapes: dict[str, Any]) -> Iterator[Sequence[object]]:
    for work, name, found in _each(shapes, "one"):
        if VMAP.name in found:
            times, engine = Times(found), next(who for who in found if who in GOALS or who == REFERENCE.name)
            ratios = (times.ratio(NCHW.name, VMAP.name), times.better(PLAIN, VMAP.name))
            ours = 1 / times.ratio(engine, VMAP.name)
            row = (times.own(VMAP.name), *(f"{ratio:.2f}×" for ratio in ratios), f"{ours:.1f}×", len(found[VMAP.name]))
            yield work.value, name, VMAP.name, *row
    for name, shape in shapes.items():
        match shape.get("compile"):
            case {"failed": reason}:
                yield "child step", name, "torch.compile", "–", reason, "–", "–", "–"
            case {"compiled_ms": [ours], "plain_ms": [plain], "compile_s": [seconds]}:
                ms = median(ours)
                note = f"torch.compile ({seconds:.0f} s to compile)"
                yield "child step", name, note, ms, f"{median(plain) / ms:.2f}×", "–", "–", 1


def _two(shapes: dict[str, Any]) -> Iterator[Sequence[object]]:
    for work, name, found in _each(shapes, "two"):
        rates = {
            who: {way: sum(each["turns"] / each["seconds"] for each in reports) for way, reports in ways.items()}
            for who, ways in found.items()
        }
        best = max(rates[who][way] for who in PLAIN for way in (PROCESSES, THREADS))
        for who, rate in rates.items():
            ratio = "–" if who in PLAIN else f"**{rate[PROCESSES] / best:.1f}×**"
            slower = f"{2 * rate[ALONE] / rate[PROCESSES]:.2f}×"
            yield work.value, name, who, rate[ALONE], rate[PROCESSES], rate.get(THREADS, "–"), slower, ratio


def _memory(shapes: dict[str, Any]) -> Iterator[Sequence[object]]:
    for work, name, peaks in _each(shapes, "memory"):
        for who, peak in peaks.items():
            yield work.value, name, who, peak
