"""What a figure is made of: curves over an axis, or a box for each child; still without any form."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from commonweight.paper.shown import Plotted
from commonweight.ranking import Interval
from commonweight.values import brief


@dataclass(frozen=True)
class Identity:
    """Who a curve or a box belongs to: a child, what it is made of, and what ground truth says of it (rank 1 = best)."""

    __repr__ = brief

    child: str
    primitives: tuple[str, ...]
    rank: int
    accuracy: float


@dataclass(frozen=True, eq=False)
class Series:
    """One curve; `values` `[point]` over `at` `[point]`.

    The members of a `family` share a colour and differ in their dashes, as "mean (fixed)" and "mean (shuffled)" of the
    family "mean"; a curve that names none is a family of its own. `marked` `[point]` (bool) are points with a diamond: the
    child was just trained. `dotted` is fine-tuning. `low` and `high` `[point]` are a confidence band.
    """

    __repr__ = brief

    name: str
    at: np.ndarray
    values: np.ndarray
    identity: Identity | None = None
    marked: np.ndarray | None = None
    dotted: bool = False
    low: np.ndarray | None = None
    high: np.ndarray | None = None
    family: str | None = None
    names: tuple[str, ...] | None = None
    numbered: bool = False


def band_of(intervals: Sequence[Interval | None]) -> tuple[np.ndarray | None, np.ndarray | None]:
    """`low` and `high` of a curve whose points have these intervals; none where a point has none."""
    known = [interval for interval in intervals if interval is not None]
    if len(known) < len(intervals):
        return None, None
    return np.array([interval.low for interval in known]), np.array([interval.high for interval in known])


@dataclass(frozen=True)
class Origin:
    """From where a figure counts its x: from `at`, in the words `x`; `down` counts what is left until then: 128 … 0."""

    at: float
    x: str
    down: bool = False

    def counted(self, at: np.ndarray) -> np.ndarray:
        """The numbers that a reader sees for these places."""
        return self.at - at if self.down else at - self.at


@dataclass(frozen=True)
class Mark:
    """Where something begins that a reader must see: lines across the figure at each of `at`, under one `text`."""

    at: tuple[float, ...]
    text: str


@dataclass(frozen=True)
class Curves(Plotted):
    """A figure of curves over one axis. Where they belong to children, colour is their ground-truth rank of `children`.

    `origin`, `marks` and `summary` are for a layout that speaks for itself, the paper's has none of them. `summary` are the
    curves that it shows instead of the `series`, where these are too many to be told apart: their means, with a band.
    """

    __repr__ = brief

    name: str
    title: str
    x: str
    y: str
    series: tuple[Series, ...]
    notes: tuple[str, ...]
    children: int = 0
    log_x: bool = False
    origin: Origin | None = None
    marks: tuple[Mark, ...] = ()
    summary: tuple[Series, ...] = ()


@dataclass(frozen=True, eq=False)
class Box:
    """How the `values` `[rank]` of one child are distributed."""

    __repr__ = brief

    identity: Identity
    values: np.ndarray


@dataclass(frozen=True)
class Boxes(Plotted):
    """A figure with a box for each child, the best of ground truth first, or for some of so many `children`."""

    __repr__ = brief

    name: str
    title: str
    x: str
    y: str
    boxes: tuple[Box, ...]
    notes: tuple[str, ...]
    children: int
