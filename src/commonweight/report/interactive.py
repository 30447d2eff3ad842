"""Figures for the page: what plotly draws, from the same numbers, colours and lines as the static figures.

A figure is plain data for JSON. `data` (traces) and `layout` are plotly's. `keys` has a key for each trace, or a list with
one for each of its points; a reader isolates all that have one key. `legend` (lines with a name) and `choices` (names in a
list) say which keys each of their entries isolates. `ranks` are the colours of a bar from the best rank to the last.
Example: child 143 has a trace of its curve and one of its diamonds, both with the key `143`, and `choices` has
`143 (rank 5)` for it. Texts in `data` and `layout` are escaped for plotly, which would read markup in them; others are plain.
"""

import math
from typing import Any

import numpy as np
from matplotlib.cbook import boxplot_stats

from commonweight.paper import Boxes, Curves, Identity, Series
from commonweight.report.colours import Look, box_colours, child_colours, few_children, looks, rank_colours
from commonweight.report.static import POINTS, TICK_LETTERS, rank_ticks
from commonweight.report.wording import short

Spec = dict[str, Any]
DASHED = ("solid", "dash", "dashdot", "longdash")
SYMBOLS = ("circle", "square", "triangle-up", "diamond", "triangle-down", "triangle-left", "triangle-right", "pentagon")


def interactive(made: Curves | Boxes) -> Spec:
    """The figure of these numbers."""
    match made:
        case Boxes():
            return _boxes(made)
        case Curves(children=0):
            return _lines(made)
        case Curves():
            return _children(made)


def shown(text: str) -> str:
    """Text that plotly shows as it is: no tag, no entity, and no `%{…}` to be filled in."""
    replaced = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "%": "&#37;"}
    return "".join(replaced.get(letter, letter) for letter in text)


def _children(curves: Curves) -> Spec:
    """A line for each child, and its diamonds."""
    few = few_children(curves)
    data, keys, named = [], [], {}
    for series, colour in zip(curves.series, child_colours(curves), strict=True):
        assert series.identity is not None
        text = _who(series.identity) + ("<br>fine-tuned" if series.dotted else "")
        line = {"color": colour, "width": 2 if few else 1.2, "dash": "dot" if series.dotted else "solid"}
        data.append(_trace(curves, series, text) | {"mode": "lines", "line": line})
        keys.append(series.name)
        label = _choice(f"{series.name} (rank {series.identity.rank})", series.name)
        named[series.identity.rank] = label | {"colour": colour, "dash": "solid"}
        if series.marked is not None and series.marked.any():
            marked = Series(series.name, series.at[series.marked], series.values[series.marked], series.identity)
            edge = {"color": "#000", "width": 0.8}
            marker = {"symbol": "diamond", "color": colour, "size": 9 if few else 6, "line": edge}
            data.append(_trace(curves, marked, f"{text}<br>just trained") | {"mode": "markers", "marker": marker})
            keys.append(series.name)
    names = [named[rank] for rank in sorted(named)]
    return {
        "data": data,
        "layout": _layout(curves),
        "keys": keys,
        "legend": names if few else [],
        "choices": [] if few else names,
        "ranks": [] if few else rank_colours(curves.children),
    }


def _lines(curves: Curves) -> Spec:
    """A line for each curve, with its band; points that are no curve each with a key of their own."""
    data, keys, legend, choices = [], [], {}, []
    for place, (series, look) in enumerate(zip(curves.series, looks(curves), strict=True)):
        symbol = SYMBOLS[place % len(SYMBOLS)]
        if series.names is not None:
            data.append(_points(curves, series, look, symbol))
            keys.append(list(series.names))
            each = enumerate(series.names, 1) if series.numbered else ()
            entries = {look.label: list(series.names)} | {f"{number}. {name}": [name] for number, name in each}
            for name, own in entries.items():
                legend[name] = {"name": name, "keys": own, "colour": look.colour, "dash": "dot"}
            continue
        dash = "dot" if look.dash is None else DASHED[look.dash]
        band = series.low is not None and series.high is not None
        trace = _trace(curves, series, shown(series.name))
        trace["line"] = {"color": look.colour, "width": 1 if look.crowd else 2, "dash": dash}
        trace["mode"] = "lines"
        if len(series.at) <= POINTS and not look.crowd:
            trace["mode"] = "lines+markers"
            trace["marker"] = {"symbol": symbol, "color": look.colour, "size": 7}
        if band:
            trace |= _told(trace, series, "band")
            data.append(_band(series, look.colour))
            keys.append(series.name)
        data.append(trace)
        keys.append(series.name)
        line = {"name": look.label, "keys": [], "colour": look.colour, "dash": dash}
        legend.setdefault(look.label, line)["keys"].append(series.name)
        if look.crowd:
            choices.append(_choice(series.name, series.name))
    layout = _layout(curves)
    if curves.log_x:
        farthest = max((float(series.at.max()) for series in curves.series if len(series.at)), default=1.0)
        ticks = [2**power for power in range(math.ceil(math.log2(farthest)) + 1)]
        layout["xaxis"] |= {"type": "log", "tickvals": ticks, "ticktext": [str(tick) for tick in ticks]}
    elif _whole(curves):
        layout["xaxis"]["dtick"] = 1
    names = list(legend.values())
    return {"data": data, "layout": layout, "keys": keys, "legend": names, "choices": choices, "ranks": []}


def _points(curves: Curves, series: Series, look: Look, symbol: str) -> Spec:
    """Points that are not joined; numbered ones are circles with the number inside, and with a bar for the interval."""
    trace = _trace(curves, series, "%{hovertext}") | {"hovertext": [shown(name) for name in series.names or ()]}
    trace |= {"mode": "markers", "marker": {"symbol": symbol, "color": look.colour, "size": 7}}
    if series.numbered:
        edge = {"color": look.colour, "width": 1.5}
        trace |= {"mode": "markers+text", "marker": {"symbol": "circle", "color": "#fff", "size": 17, "line": edge}}
        trace |= {"text": [str(number) for number in range(1, len(series.at) + 1)], "textfont": {"size": 10}}
    if series.low is None or series.high is None:
        return trace
    if series.numbered:
        up, down = _finites(series.high - series.values), _finites(series.values - series.low)
        bar = {"type": "data", "symmetric": False, "array": up, "arrayminus": down}
        trace["error_y"] = bar | {"color": look.colour, "thickness": 1, "width": 0}
    return trace | _told(trace, series, "interval")


def _boxes(boxes: Boxes) -> Spec:
    """A box for each child with the same quartiles and whiskers as in the static figure, and a dot on its median."""
    data, medians, told = [], [], []
    for place, (box, colour) in enumerate(zip(boxes.boxes, box_colours(boxes), strict=True)):
        (stats,) = boxplot_stats(box.values)
        low, q1, median, q3, high = (float(stats[what]) for what in ("whislo", "q1", "med", "q3", "whishi"))
        data.append(
            {
                "type": "box",
                "x": [place],
                "y": [_finites(box.values)],
                "q1": [q1],
                "median": [median],
                "q3": [q3],
                "lowerfence": [low],
                "upperfence": [high],
                "boxpoints": "outliers",
                "jitter": 0,
                "pointpos": 0,
                "width": 0.7,
                "fillcolor": colour,
                "line": {"color": "#222", "width": 1},
                "marker": {"symbol": "circle-open", "size": 4, "color": "#222"},
                "hoverinfo": "skip",
            }
        )
        quartiles = f"median {median:g}, quartiles {q1:g} and {q3:g}"
        spread = f"from {np.min(box.values):g} to {np.max(box.values):g}, {len(box.values)} values"
        medians.append(median)
        told.append(f"{_who(box.identity)}<br>{quartiles}<br>{spread}<extra></extra>")
    dots = {
        "type": "scatter",
        "x": list(range(len(medians))),
        "y": medians,
        "mode": "markers",
        "marker": {"color": "#fff", "size": 5, "line": {"color": "#222", "width": 1}},
        "hovertemplate": told,
    }
    children = [box.identity.child for box in boxes.boxes]
    layout: Spec = {**_layout(boxes), "hovermode": "x", "hoverdistance": -1, "boxmode": "overlay"}
    names = [shown(short(child, TICK_LETTERS)) for child in children]
    layout["xaxis"] |= {"tickvals": list(range(len(names))), "ticktext": names, "tickangle": -90, "showgrid": False}
    layout["yaxis"] |= {"autorange": "reversed", "tickvals": rank_ticks(boxes.children)}  # the best rank on top
    ranks = rank_colours(boxes.children)
    choices = [_choice(f"{one.child} (rank {one.rank})", one.child) for one in (box.identity for box in boxes.boxes)]
    return {
        "data": [*data, dots],
        "layout": layout,
        "keys": [*children, children],
        "legend": [],
        "choices": choices,
        "ranks": ranks,
    }


def _choice(name: str, key: str) -> Spec:
    return {"name": name, "keys": [key]}


def _trace(curves: Curves, series: Series, text: str) -> Spec:
    """A curve that tells `text` and the point under the mouse."""
    x, y = shown(curves.x), shown(curves.y)
    return {
        "type": "scatter",
        "x": series.at.tolist(),
        "y": _finites(series.values),
        "hovertemplate": f"{text}<br>{x}: %{{x:~g}}<br>{y}: %{{y:.4~g}}<extra></extra>",
    }


def _told(trace: Spec, series: Series, what: str) -> Spec:
    """What more a curve is that tells `low` and `high` of the point under the mouse."""
    low, high = _finites(series.low), _finites(series.high)
    more = f"<br>{what} %{{customdata[0]:.4~g}} … %{{customdata[1]:.4~g}}<extra>"
    return {
        "customdata": [list(pair) for pair in zip(low, high, strict=True)],
        "hovertemplate": trace["hovertemplate"].replace("<extra>", more),
    }


def _band(series: Series, colour: str) -> Spec:
    """The area between `low` and `high`; for a single point a line."""
    x, low, high = series.at.tolist(), _finites(series.low), _finites(series.high)
    single = len(x) == 1
    return {
        "type": "scatter",
        "x": x + x[::-1],
        "y": low + high[::-1],
        "mode": "lines",
        "line": {"color": colour, "width": 1 if single else 0},
        "fill": "none" if single else "toself",
        "fillcolor": f"rgba({', '.join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5))}, 0.14)",
        "hoverinfo": "skip",
    }


def _who(identity: Identity) -> str:
    made_of = ", ".join(shown(name) for name in identity.primitives)
    ground_truth = f"ground truth: rank {identity.rank}, accuracy {identity.accuracy:.4g}"
    return f"<b>child {shown(identity.child)}</b><br>{made_of}<br>{ground_truth}"


def _layout(made: Curves | Boxes) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": shown(made.x), "standoff": 10}, "automargin": True},
        "yaxis": {"title": {"text": shown(made.y), "standoff": 8}, "automargin": True},
        "hovermode": "closest",
        "showlegend": False,
        "margin": {"l": 55, "r": 12, "t": 12, "b": 55},
    }


def _whole(curves: Curves) -> bool:
    """Whether x counts something and is so short that each number has its tick."""
    points = np.concatenate([series.at for series in curves.series]) if curves.series else np.zeros(0)
    return len(points) > 0 and np.array_equal(points, np.round(points)) and bool(np.ptp(points) <= 12)


def _finites(values: np.ndarray | None) -> list[float | None]:
    """Numbers as Python's, None for nan, which JSON does not have."""
    return [] if values is None else [value if math.isfinite(value) else None for value in values.tolist()]
