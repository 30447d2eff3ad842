"""What two cores do at once, and how much memory a contender takes: in processes of their own.

Rates are turns over the time that exactly these turns took, counted while the other process works as well: everybody
warms up on every child first, and works on until all have been counted (`worker.py`). A child's first turn touches fresh
memory, 1.4 GB of it for the engine at the paper's shape, and is no rate.
"""

from collections.abc import Sequence

from contenders import Contender, Side
from racers import Away
from shapes import CORNERS, Shape, Work

from commonweight.space import Child

ALONE, PROCESSES, THREADS = "1 × 1", "2 × 1", "1 × 2"
"""Processes × threads of each."""


def counted(racers: Sequence[Away], children: Sequence[Child], seconds: float) -> list[dict[str, float]]:
    """`turns` and `seconds` of each, all at work from the first one's beginning to the last one's end."""
    for each in racers:
        each.tell("rounds", [str(child) for child in children], seconds, len(racers) > 1)
    reports = [each.hear() for each in racers]
    for each in racers:
        each.tell("rest")
    for each in racers:
        each.hear()
    return reports


def warm(racers: Sequence[Away], children: Sequence[Child]) -> None:
    """A turn of every child, all racers at once."""
    for child in children:
        for each in racers:
            each.tell("turn", str(child))
        for each in racers:
            each.hear()


def two_cores(
    pair: Sequence[Away], sizes: Shape, work: Work, contender: Contender, seconds: float
) -> dict[str, list[dict[str, float]]]:
    """`turns` (copies: steps of one copy) and their `seconds` of every process: one alone, both at once, one of two threads.

    The engines start no threads inside, so that the last is the plain opponents' alone.
    """
    children = sizes.beside[:1] if work is Work.SWEEP else sizes.beside
    copies = contender.copies(sizes)
    for each in pair:
        each.tell("prepare", contender.name, work.name, [str(child) for child in children], copies)
    for each in pair:
        each.hear()
    warm(pair, children)
    found = {ALONE: counted(pair[:1], children, seconds), PROCESSES: counted(pair, children, seconds)}
    if contender.side is Side.PLAIN:
        pair[0].threads(2)
        warm(pair[:1], children)
        found[THREADS] = counted(pair[:1], children, seconds)
        pair[0].threads(1)
    for report in (report for reports in found.values() for report in reports):
        report["turns"] *= copies if work is Work.COPIES else 1
    return found


def peak_memory(sizes: Shape, work: Work, contender: Contender) -> float:
    """Above an interpreter with PyTorch and commonweight imported, MB; of copies those of one child."""
    children = sizes.beside if work is Work.SUPERNET else CORNERS[1:2]
    with Away(sizes) as racer:
        copies = contender.copies(sizes) if sizes.size >= 32 else sizes.copies
        racer.prepare(contender, work, children, copies)
        warm([racer], children)
        return racer.peak_mb()
