"""What a reader can point at in a figure of the page: its numbers, and where the drawing has them.

A `Picture` is an SVG and plain data for JSON. In the data `axes` are rectangles in the SVG's units with the numbers at their
borders, `at` lists of places along x, and `parts` what is drawn: of the class `part` where it can fade, on `axes` number so,
at the places `at[part.at]`, at the height of `values`, or all in one `row` of a heat map. A reader isolates all parts of one
`key`, and reads at each point the `told` lines, x and y in words, and `low` and `high`. `lines` is the number of the axes on
which the line of a heat map's row is drawn when it is isolated. Example: child 143 of a heat map has a part in its row, and
one of its line if it is among those shown, both with the key `143` and the name `143 (rank 5)`.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cbook import boxplot_stats
from matplotlib.figure import Figure

from commonweight.paper import Boxes, Curves, Identity, Series
from commonweight.report.heat import heat_of, shown_children
from commonweight.report.static import part, render
from commonweight.report.style import Style, is_heat_map, laid_out

Spec = dict[str, Any]
DIGITS = 4  # that a reader is told
ROWS = 256  # of a heat map that tell their numbers; of more children, evenly spread ones do


@dataclass(frozen=True)
class Picture:
    """A figure as the page has it: the SVG that is also a file, and what a reader can point at in it."""

    svg: bytes
    spec: Spec


def picture(made: Curves | Boxes, figure: Figure, style: Style) -> Picture:
    """The picture of these numbers, which are drawn in `figure` in this style."""
    svg = render(figure, "svg")  # before the places are read, which it settles
    shown = laid_out(made, style)
    heat = is_heat_map(shown, style)
    places = _Places()
    match shown:
        case Boxes():
            parts = _of_boxes(shown, places)
        case Curves() if heat:
            parts = _of_heat(shown, places)
        case Curves():
            parts = [one for number, series in enumerate(shown.series) for one in _of_series(series, number, places)]
    origin = shown.origin if isinstance(shown, Curves) else None
    spec = {
        "x": shown.x if origin is None else origin.x,
        "y": shown.y,
        "origin": None if origin is None else {"at": origin.at, "down": origin.down},
        "axes": [_rectangle(axes, figure) for axes in figure.axes[: 2 if heat else 1]],
        "at": places.known,
        "parts": parts,
        "lines": 1 if heat else None,
        "across": isinstance(shown, Boxes),
    }
    return Picture(svg, spec)


class _Places:
    """Lists of places, each known once by its number: the children of a figure have most of them in common."""

    def __init__(self) -> None:
        self.known: list[list[float]] = []

    def number(self, at: np.ndarray) -> int:
        places = at.tolist()
        if places not in self.known:
            self.known.append(places)
        return self.known.index(places)


def _of_series(series: Series, number: int, places: _Places, axes: int = 0) -> list[Spec]:
    """A curve, or points each of which is a part with its own name."""
    drawn = {"part": part(number), "axes": axes}
    if series.names is None:
        who = (
            {"key": series.name, "name": series.name, "told": []} if series.identity is None else _who(series.identity)
        )
        told = [*who["told"], *(["fine-tuned"] if series.dotted and series.identity else [])]
        return [who | {"told": told} | drawn | _points(series, slice(None), places)]
    names = [f"{place}. {name}" if series.numbered else name for place, name in enumerate(series.names, 1)]
    return [
        {"key": name, "name": name, "told": [series.name]} | drawn | _points(series, slice(place, place + 1), places)
        for place, name in enumerate(names)
    ]


def _points(series: Series, some: slice, places: _Places) -> Spec:
    """Where these points of a curve are, and their band."""
    points = {"at": places.number(series.at[some]), "values": _finites(series.values[some])}
    if series.low is None or series.high is None:
        return points
    return points | {"low": _finites(series.low[some]), "high": _finites(series.high[some])}


def _of_heat(curves: Curves, places: _Places) -> list[Spec]:
    """A row for each of `ROWS` children, and the lines of a few."""
    heat = heat_of(curves)
    at, children = places.number(heat.at), len(heat.identities)
    told = set(np.linspace(1, children, min(children, ROWS)).round().astype(int).tolist())
    rows = [
        _who(identity) | {"part": None, "axes": 0, "at": at, "values": _finites(values), "row": row}
        for row, (identity, values) in enumerate(zip(heat.identities, heat.values, strict=True), 1)
        if row in told
    ]
    lines = [_of_series(curves.series[number], number, places, 1)[0] for number in shown_children(curves)]
    return [*rows, *lines]


def _of_boxes(boxes: Boxes, places: _Places) -> list[Spec]:
    """A part for each box, at its median, which tells the quartiles that are drawn."""
    found = []
    for number, box in enumerate(boxes.boxes):
        (stats,) = boxplot_stats(box.values)
        quartiles = f"median {stats['med']:g}, quartiles {stats['q1']:g} and {stats['q3']:g}"
        spread = f"from {np.min(box.values):g} to {np.max(box.values):g}, {len(box.values)} values"
        who = _who(box.identity)
        drawn = {
            "part": part(number),
            "axes": 0,
            "at": places.number(np.array([number + 1])),
            "values": [float(stats["med"])],
        }
        found.append(who | drawn | {"told": [*who["told"], quartiles, spread]})
    return found


def _who(identity: Identity) -> Spec:
    made_of = [", ".join(identity.primitives)] if identity.primitives else []
    told = [*made_of, f"ground truth: rank {identity.rank}, accuracy {identity.accuracy:.4g}"]
    return {"key": identity.child, "name": f"{identity.child} (rank {identity.rank})", "told": told}


def _rectangle(axes: Axes, figure: Figure) -> Spec:
    """Where axes stand in the SVG, whose y goes down, and the numbers at their borders."""
    (width, height), box = figure.get_size_inches() * 72, axes.get_position()
    return {
        "left": round(box.x0 * width, 2),
        "top": round((1 - box.y1) * height, 2),
        "width": round(box.width * width, 2),
        "height": round(box.height * height, 2),
        "x": list(axes.get_xlim()),
        "y": list(axes.get_ylim()),
        "log": axes.get_xscale() == "log",
    }


def _finites(values: np.ndarray) -> list[float | None]:
    """Numbers as Python's with the digits that are told, None for nan, which JSON does not have."""
    return [float(f"{one:.{DIGITS}g}") if math.isfinite(one) else None for one in values]
