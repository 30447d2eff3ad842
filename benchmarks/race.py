"""Plain PyTorch against the engine's builds: times in turns (A B C A B C …), throughput of two cores, peak memory.

    python benchmarks/race.py --shapes tiny quick paper --builds avx512 avx2 --out benchmarks/results --docs

Prints Markdown and writes `race.json`; `--docs` also puts the tables into docs/engine.md. Every time is a median over
repeats of the mean over children, the first round left out; a ratio is an opponent's time over the contender's, both on the
same children. The contenders must first agree (`agreement.py`). On a processor with AVX-512 the plain opponents race once
more in processes that are kept to AVX2: an emulation of what a processor without AVX-512 would see.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import compiled
import cores
import engine_tables
import machine
import torch
from agreement import check
from contenders import NATIVE, PLAIN, REFERENCE, VMAP, WIDE, Contender
from racers import AVX2_ONLY, Away, Here, Racer
from shapes import CHILDREN, CORNERS, Shape, Work, shape

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("one", "emulation", "second", "two", "memory", "compile")
COMPILE_SECONDS = 100  # at most, for each shape
OFTEN = 15.0  # seconds between two lines about progress, at least

Say = Callable[[str], None]
Field = dict[str, tuple[Contender, Racer]]
"""Who races, by the name in the tables."""


def one_thread(sizes: Shape, work: Work, repeats: int, field: Field, say: Say) -> dict[str, dict[str, list[float]]]:
    """Milliseconds of every turn: contender → child (of a sweep: the first) → repeats; of copies, per copy.

    Contenders in turns. Copies: child by child, as the networks of 64 children do not train at once.
    """
    found: dict[str, dict[str, list[float]]] = {name: {} for name, (each, _) in field.items() if work in each.works}
    groups = [[child] for child in sizes.children] if work is Work.COPIES else [list(sizes.children)]
    said = time.perf_counter()
    for place, group in enumerate(groups[:1] if work is Work.SWEEP else groups):
        turns = []
        for name in found:
            each, racer = field[name]
            children = CHILDREN[:1] if work is Work.SWEEP else [c for c in group if c in each.children(sizes)]
            if children:
                racer.prepare(each, work, children, each.copies(sizes))
                turns.append((name, each, racer, children))
        for number in range(repeats + 1):
            for name, each, racer, children in turns:
                if number > each.repeats(sizes, repeats):
                    continue
                per = each.copies(sizes) if work is Work.COPIES else 1
                taken = [(str(child), 1e3 * racer.turn(child) / per) for child in children]
                for child, ms in taken if number else []:
                    found[name].setdefault(child, []).append(ms)
            if time.perf_counter() - said > OFTEN:
                said = time.perf_counter()
                say(
                    f"one thread, {work.value}, group {place + 1} of {len(groups)}, round {number + 1} of {repeats + 1}"
                )
    return found


def compiled_step(sizes: Shape) -> dict[str, Any]:
    """`torch.compile` of one child, or the reason why there is no time."""
    found = compiled.race(sizes, CORNERS[1:2], COMPILE_SECONDS)
    return {"failed": found} if isinstance(found, str) else found


def all_works(
    sizes: Shape, repeats: int, native: Sequence[Contender], skip: Sequence[str], say: Say
) -> dict[str, dict[str, dict[str, list[float]]]]:
    """`one_thread` of every work, the opponents on AVX2 among the others where a build needs them."""
    second = () if "second" in skip else (REFERENCE, VMAP)
    wide = torch.backends.cpu.get_cpu_capability().startswith("AVX512")
    with ExitStack() as workers:
        field: Field = {each.name: (each, Here(sizes)) for each in (*PLAIN, *native, *second)}
        if wide and "emulation" not in skip and any(each.name != WIDE for each in native):
            for each in PLAIN:
                field[engine_tables.on_avx2(each.name)] = each, workers.enter_context(Away(sizes, AVX2_ONLY))
        found = {}
        for work in Work:
            say(f"one thread, {work.value}")
            found[work.name] = one_thread(sizes, work, repeats, field, say)
    return found


def two_cores(sizes: Shape, seconds: float, native: Sequence[Contender], say: Say) -> dict[str, dict[str, Any]]:
    """`cores.two_cores` of every work and contender, in one pair of processes."""
    found: dict[str, dict[str, Any]] = {work.name: {} for work in Work}
    with Away(sizes) as first, Away(sizes) as other:
        for work in Work:
            for each in (*PLAIN, *native):
                say(f"two cores, {work.value}, {each.name}")
                found[work.name][each.name] = cores.two_cores((first, other), sizes, work, each, seconds)
    return found


def memory(sizes: Shape, native: Sequence[Contender], skip: Sequence[str], say: Say) -> dict[str, dict[str, float]]:
    """Peak memory, MB, of every work; of the builds the best one's, of second contenders and channels_last that of copies."""
    second = () if "second" in skip else (REFERENCE, VMAP)
    found = {}
    for work in Work:
        say(f"memory, {work.value}")
        some = (*PLAIN, *native[:1], *second) if work is Work.COPIES else (*PLAIN[:1], *native[:1])
        found[work.name] = {each.name: cores.peak_memory(sizes, work, each) for each in some}
    return found


def race(sizes: Shape, repeats: int, seconds: float, builds: Sequence[str], skip: Sequence[str]) -> dict[str, Any]:
    """All that is measured at one shape."""

    def say(what: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {sizes.name}: {what}", file=sys.stderr)

    native = [each for each in NATIVE if each.name.removeprefix("native ") in builds]
    say("contenders agree?")
    result: dict[str, Any] = {"sizes": str(sizes), "agreement": check(sizes, [each.name for each in native])}
    if "one" not in skip:
        result["one"] = all_works(sizes, repeats, native, skip, say)
    if "two" not in skip:
        result["two"] = two_cores(sizes, seconds, native, say)
    if "memory" not in skip:
        result["memory"] = memory(sizes, native, skip, say)
    if "compile" not in skip:
        say("torch.compile")
        result["compile"] = compiled_step(sizes)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    able = [library.flavour for library in machine.builds()]
    parser.add_argument("--shapes", nargs="+", default=["tiny", "quick", "paper"], choices=["tiny", "quick", "paper"])
    parser.add_argument(
        "--builds", nargs="+", default=able, choices=able, help="of the engine (default: all that run here)"
    )
    parser.add_argument("--repeats", type=int, help="rounds after the warm-up (default: 3)")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement with two cores (default: 2)")
    parser.add_argument("--skip", nargs="+", default=[], choices=PARTS)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", help="folder of race.json")
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/engine.md")
    given = parser.parse_args()
    torch.set_num_threads(1)
    begin = time.perf_counter()
    result: dict[str, Any] = {"machine": machine.facts(), "shapes": {}}
    for name in given.shapes:
        sizes = shape(name)
        result["shapes"][name] = race(sizes, given.repeats or sizes.repeats, given.seconds, given.builds, given.skip)
    result["minutes"] = round((time.perf_counter() - begin) / 60, 1)
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "race.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    text = engine_tables.markdown(result)
    print(text)
    if given.docs:
        engine_tables.into_docs(ROOT / "docs" / "engine.md", "race", text)


if __name__ == "__main__":
    main()
