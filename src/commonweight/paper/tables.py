"""What a table is made of, still without any form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from commonweight.paper.shown import Listed
from commonweight.ranking import Interval, tau_sampling_deviation
from commonweight.study.schema import Strata
from commonweight.study.setting import Setting
from commonweight.values import brief


@dataclass(frozen=True)
class Number:
    """A statistic, with its population standard deviation and its confidence interval where it has them."""

    value: float
    std: float | None = None
    interval: Interval | None = None


@dataclass(frozen=True)
class Column:
    """`key` names the column in files for programs, `title` in print; `paper` marks the paper's own numbers."""

    key: str
    title: str
    digits: int = 4
    paper: bool = False


@dataclass(frozen=True)
class Row:
    """A row's name, on how many ranks its numbers stand, and a number (or none) for every column."""

    __repr__ = brief

    name: str
    ranks: int
    numbers: tuple[Number | None, ...]


@dataclass(frozen=True)
class Table(Listed):
    """A table of the paper, made from this study's records, the paper's numbers in columns of their own."""

    __repr__ = brief

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


INTERVALS = (
    "Intervals: 95 %, percentile bootstrap over instances, children held fixed. With few instances they are too narrow."
)
PLUS_MINUS = "± is the population standard deviation over the ranks of the row, as in the paper."


def lengths(setting: Setting) -> str:
    """Of how many epochs runs are: `200`; where children alone are trained for another number, `8, children alone 40`."""
    shared, alone = setting.study.training.epochs, setting.alone_epochs
    return f"{shared}" if alone == shared else f"{shared}, children alone {alone}"


def sampled(setting: Setting) -> str:
    """Which children are ranked, where they are a sample of the space; empty where they are all."""
    sample, size = setting.study.sample, setting.study.space.size
    if sample is None:
        return ""
    said = (
        f"{sample.children:,} of the space's {size:,} children are ranked, drawn at random (seed {setting.study.seed})"
    )
    if sample.by is Strata.UNIFORM:
        return f"{said}, each set as likely as another; super-nets train all of the space."
    return (
        f"{said} in equal numbers of each count of {sample.by.value}, which flatters: every tau here is higher than one "
        "over the space. Super-nets train all of it."
    )


def sampling_errors(rows: Mapping[str, np.ndarray], truth: np.ndarray, setting: Setting) -> tuple[str, ...]:
    """How far the GT-Tau of rows `[rank, child]` is from the space's own by the draw of children alone; a note, or none."""
    if setting.study.sample is None:
        return ()
    size, told = setting.study.space.size, []
    for name, accuracies in rows.items():
        deviation = np.mean([tau_sampling_deviation(rank, truth, size) for rank in accuracies])
        told.append(f"{deviation:.3f} ({name.lower()})")
    return (
        f"Sampling error: standard deviation of GT-Tau over samples of {len(truth)} children, the mean over the ranks of a "
        f"row (jackknife): {', '.join(told)}. Intervals leave it out.",
    )


def updates(setting: Setting) -> str:
    """How often a child is trained: a note of every table that shows super-nets."""
    children = setting.together
    often = setting.study.training.epochs * setting.batches_per_epoch / children
    each = f"{setting.updates(children):,}" if often >= 1 else f"{often:.2g}"
    return (
        f"Mini-batches that train each child: {each} in a super-net of all {children} children over "
        f"{setting.study.training.epochs} epochs, {setting.updates(1):,} alone over {setting.alone_epochs} epochs."
    )


def beside_paper(*columns: tuple[str, str, int]) -> tuple[Column, ...]:
    """Two columns for each statistic (key, title, digits): ours, and the paper's own numbers."""
    return tuple(
        column
        for key, title, digits in columns
        for column in (Column(key, title, digits), Column(f"paper_{key}", "paper", digits, paper=True))
    )


def with_paper(ours: Sequence[Number], paper: Sequence[Number | None]) -> tuple[Number | None, ...]:
    """A row's numbers for the columns of `beside_paper`."""
    return tuple(number for pair in zip(ours, paper, strict=True) for number in pair)


def mean_std(values: Sequence[float] | np.ndarray, interval: Interval | None) -> Number:
    """Mean and population standard deviation, which the paper calls standard variance; a single value has none."""
    return Number(float(np.mean(values)), float(np.std(values)) if len(values) > 1 else None, interval)
