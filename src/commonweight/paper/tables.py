"""What an artefact is made of: tables of numbers and figures of curves, still without any form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from commonweight.ranking import Interval


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

    name: str
    ranks: int
    numbers: tuple[Number | None, ...]


@dataclass(frozen=True)
class Table:
    """A table of the paper, made from this study's records, the paper's numbers in columns of their own."""

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Series:
    """One curve; `values` `[point]` over `at` `[point]`, from `ranks` ranks at each point."""

    name: str
    at: np.ndarray
    values: np.ndarray
    ranks: int


@dataclass(frozen=True)
class Curves:
    """A figure of curves over one axis."""

    name: str
    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    notes: tuple[str, ...]


def mean_std(values: Sequence[float] | np.ndarray, interval: Interval | None) -> Number:
    """Mean and population standard deviation, which the paper calls standard variance."""
    return Number(float(np.mean(values)), float(np.std(values)), interval)
