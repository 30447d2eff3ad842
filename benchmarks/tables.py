"""Markdown of the measurements, and its place in docs/engine.md."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from shapes import Work

GOALS = {"COPIES": {"paper": 4}, "SUPERNET": {"tiny": 4, "quick": 4, "paper": 4}, "SWEEP": {"paper": 5}}
GOAL = 10  # where none stands above


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
    """All tables of a race."""
    shapes = result["shapes"]
    facts = "; ".join(f"{key}: {value}" for key, value in result["machine"].items())
    parts = [f"Measured on {facts}.", *(f"- {found['sizes']}" for found in shapes.values())]
    parts = [parts[0], "\n".join(parts[1:])]
    parts += [
        "One thread, milliseconds:",
        table(("work", "shape", "opponent", "engine", "ratio", "goal"), _main(shapes)),
    ]
    second = [*_second(shapes)]
    if second:
        head = ("work", "shape", "second opponent", "ms", "opponent ÷ it", "it ÷ engine", "children")
        parts += ["Second opponents, one thread, on fewer children:", table(head, second)]
    two = [*_two(shapes)]
    if two:
        head = ("work", "shape", "opponent, 1 × 2 threads", "opponent, 2 × 1", "engine, 2 × 1", "ratio to the better")
        parts += ["Two cores, steps of one copy or sweeps per second (processes × threads):", table(head, two)]
    memory = [*_memory(shapes)]
    if memory:
        parts += [
            "Peak memory above an interpreter with PyTorch and commonweight imported, MB:",
            table(("work", "shape", "who", "MB"), memory),
        ]
    return "\n\n".join(parts)


def _each(shapes: dict[str, Any], key: str) -> Iterable[tuple[Work, str, Any]]:
    return ((work, name, found[key][work.name]) for work in Work for name, found in shapes.items() if found[key])


def _main(shapes: dict[str, Any]) -> Iterable[Sequence[object]]:
    for work, name, times in _each(shapes, "work"):
        goal = GOALS[work.name].get(name, GOAL)
        ratio = times["engine"]["ratio"]
        yield work.value, name, times["opponent"]["ms"], times["engine"]["ms"], f"**{ratio:.1f}×**", f"≥ {goal}×"


def _second(shapes: dict[str, Any]) -> Iterable[Sequence[object]]:
    for work, name, times in _each(shapes, "work"):
        for who, time in times.items():
            if who not in ("opponent", "engine"):
                ratios = f"{time['ratio']:.2f}×", f"{time['engine_ratio']:.1f}×"
                yield work.value, name, who, time["ms"], *ratios, time["children"]
    for name, found in shapes.items():
        if "failed" in found.get("compile", {}):
            yield "child step", name, "torch.compile", "–", found["compile"]["failed"], "–", "–"
        elif "compile" in found:
            note = f"torch.compile ({found['compile']['compile_s'][0]:.0f} s to compile)"
            yield "child step", name, note, found["compile"]["ms"], f"{found['compile']['ratio']:.2f}×", "–", 1


def _two(shapes: dict[str, Any]) -> Iterable[Sequence[object]]:
    for work, name, rates in _each(shapes, "two"):
        threads, processes, ours = rates.values()
        yield work.value, name, threads, processes, ours, f"**{ours / max(threads, processes):.1f}×**"


def _memory(shapes: dict[str, Any]) -> Iterable[Sequence[object]]:
    for work, name, peaks in _each(shapes, "memory"):
        for who, peak in peaks.items():
            yield work.value, name, who, peak
