"""Opponent against engine: times in turns (A B C A B C …), throughput of two cores, peak memory.

    python benchmarks/race.py --shapes tiny quick paper --repeats 5 --out benchmarks/results --docs

Prints Markdown and writes `race.json`; `--docs` also puts the tables into docs/engine.md. Every time is a median over
repeats of the mean over children, the first round left out; a ratio is the opponent's time over the contender's, both on the
same children. The contenders must first agree (`agreement.py`).
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import mean, median
from typing import Any

import compiled
import machine
import tables
import torch
import worker
from agreement import check
from contenders import CONTENDERS, ENGINE, OPPONENT, Contender
from shapes import CHILDREN, CORNERS, Shape, Work, shape

from commonweight.space import Child

ROOT = Path(__file__).resolve().parents[1]
PAIRS = (("one process of two threads", 1, 2), ("two processes of one thread", 2, 1))
COMPILE_SECONDS = 100  # at most, for each shape


@dataclass
class Times:
    """Seconds of every turn: contender → child (of a sweep: the first) → repeats."""

    seconds: dict[str, dict[Child, list[float]]] = field(default_factory=dict)

    def add(self, contender: Contender, child: Child, seconds: float) -> None:
        self.seconds.setdefault(contender.name, {}).setdefault(child, []).append(seconds)

    def median(self, name: str, children: Sequence[Child]) -> float:
        """Over repeats, of the mean over these children, seconds."""
        rounds = zip(*(self.seconds[name][child] for child in children), strict=True)
        return median(mean(each) for each in rounds)


def timed(work: Callable[[Child], object], child: Child) -> float:
    begin = time.perf_counter()
    work(child)
    return time.perf_counter() - begin


def one_thread(sizes: Shape, work: Work, repeats: int, contenders: Sequence[Contender]) -> dict[str, dict]:
    """Contenders in turns. Copies: child by child, as the networks of 64 children do not train at once."""
    times = Times()
    children = CHILDREN[:1] if work is Work.SWEEP else sizes.children
    groups = [[child] for child in children] if work is Work.COPIES else [list(children)]
    for group in groups:
        turns = []
        for each in contenders:
            some = [child for child in group if not each.second or work is Work.SWEEP or child in sizes.second]
            if work in each.works and some:
                rounds = min(repeats, sizes.second_repeats) if each.second else repeats
                turns.append((each, some, rounds, each.prepare(sizes, work, some, each.copies(sizes))))
        for number in range(repeats + 1):
            for each, some, rounds, turn in turns:
                if number > rounds:
                    continue
                taken = [(child, timed(turn, child)) for child in some]
                for child, seconds in taken if number else []:
                    per = each.copies(sizes) if work is Work.COPIES else 1
                    times.add(each, child, seconds / per)
    found = {}
    for name, by_child in times.seconds.items():
        of = tuple(by_child)
        found[name] = {
            "ms": 1e3 * times.median(name, of),
            "ratio": times.median(OPPONENT.name, of) / times.median(name, of),
            "engine_ratio": times.median(name, of) / times.median(ENGINE.name, of),
            "children": len(CHILDREN) if work is Work.SWEEP else len(of),
            "repeats_ms": {str(child): [1e3 * t for t in repeats] for child, repeats in by_child.items()},
        }
    return found


def compiled_step(sizes: Shape) -> dict[str, Any]:
    """`torch.compile` of one child, or the reason why there is no time."""
    found = compiled.race(sizes, CORNERS[1:2], COMPILE_SECONDS)
    if isinstance(found, str):
        return {"failed": found}
    plain, ours = found["plain_ms"], found["compiled_ms"]
    return {**found, "ratio": mean(plain) / mean(ours), "ms": mean(ours)}


def two_cores(sizes: Shape, work: Work, seconds: float) -> dict[str, float]:
    """Turns per second (copies: steps of one copy) of both ways to use two cores; the engine has no threads inside."""
    found = {}
    for each in (OPPONENT, ENGINE):
        for name, processes, threads in PAIRS if each is OPPONENT else PAIRS[1:]:
            started = [worker.start(sizes.name, work.name, each.name, threads, seconds) for _ in range(processes)]
            found[f"{each.name}, {name}"] = sum(report.rate for report in worker.together(started))
    return found


def memory(sizes: Shape, work: Work, contenders: Sequence[Contender]) -> dict[str, float]:
    """Peak memory above an interpreter with PyTorch, MB, one contender after another."""
    able = [each for each in contenders if work in each.works]
    return {
        each.name: worker.together([worker.start(sizes.name, work.name, each.name, 1, 0)])[0].peak_mb for each in able
    }


def race(sizes: Shape, repeats: int, seconds: float, skip: Sequence[str]) -> dict[str, object]:
    """All that is measured at one shape."""

    def say(what: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {sizes.name}: {what}", file=sys.stderr)

    say("contenders agree?")
    result: dict[str, object] = {"sizes": str(sizes), "agreement": check(sizes), "work": {}, "two": {}, "memory": {}}
    contenders = CONTENDERS[:2] if "second" in skip else CONTENDERS
    parts: tuple[tuple[str, str, Callable[[Work], object]], ...] = (
        ("work", "one thread", lambda work: one_thread(sizes, work, repeats, contenders)),
        ("two", "two cores", lambda work: two_cores(sizes, work, seconds)),
        ("memory", "memory", lambda work: memory(sizes, work, contenders if work is Work.COPIES else contenders[:2])),
    )
    for key, name, measure in parts:
        if key in skip:
            continue
        found = {}
        for work in Work:
            say(f"{name}, {work.value}")
            found[work.name] = measure(work)
        result[key] = found
    if not {"compile", "second"} & set(skip):
        say("torch.compile")
        result["compile"] = compiled_step(sizes)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shapes", nargs="+", default=["tiny", "quick", "paper"], choices=["tiny", "quick", "paper"])
    parser.add_argument("--repeats", type=int, help="rounds after the warm-up (default: 5, at the paper's shape 3)")
    parser.add_argument("--seconds", type=float, default=3.0, help="of each measurement with two cores (default: 3)")
    parser.add_argument("--skip", nargs="+", default=[], choices=["two", "memory", "second", "compile"])
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks" / "results", help="folder of race.json")
    parser.add_argument("--docs", action="store_true", help="put the tables into docs/engine.md")
    given = parser.parse_args()
    torch.set_num_threads(1)
    begin = time.perf_counter()
    result: dict[str, object] = {"machine": machine.facts(), "shapes": {}}
    found = {}
    for name in given.shapes:
        sizes = shape(name)
        found[name] = race(sizes, given.repeats or sizes.repeats, given.seconds, given.skip)
    result |= {"shapes": found, "minutes": round((time.perf_counter() - begin) / 60, 1)}
    given.out.mkdir(parents=True, exist_ok=True)
    (given.out / "race.json").write_text(json.dumps(result, indent=1), encoding="utf-8")
    text = tables.markdown(result)
    print(text)
    if given.docs:
        tables.into_docs(ROOT / "docs" / "engine.md", "race", text)


if __name__ == "__main__":
    main()
