"""Figures as PDF, SVG and PNG, in the paper's layout."""

import io
from importlib import import_module

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import ListedColormap, Normalize, to_rgb
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator, StrMethodFormatter

from commonweight.paper import Boxes, Curves, Series
from commonweight.report.colours import Look, box_colours, child_colours, few_children, looks, rank_colours
from commonweight.report.wording import short

FORMATS = ("pdf", "svg", "png")
DASHED = ("-", (0, (6, 2)), (0, (6, 2, 1, 2)), (0, (3, 1)))  # none of them dotted
MARKERS = "os^Dv<>pPX"
POINTS = 40  # a curve of no more points than this has a marker at each
TICK_LETTERS, LEGEND_LETTERS = 20, 40  # longer names are shortened: they would take the place of what is drawn


def draw(made: Curves | Boxes) -> Figure:
    """The figure of these numbers, unknown to pyplot."""
    figure = Figure(figsize=_size(made), layout="constrained")
    FigureCanvasAgg(figure)
    _draw(made, figure.add_subplot())
    return figure


def plot(made: Curves | Boxes, axes: Axes | None = None) -> Axes:
    """The same into these axes, or into those of a new figure of pyplot, which shows it where it shows figures."""
    given = axes or import_module("matplotlib.pyplot").figure(figsize=_size(made), layout="constrained").add_subplot()
    _draw(made, given)
    return given


def _draw(made: Curves | Boxes, axes: Axes) -> None:
    match made:
        case Boxes():
            _draw_boxes(made, axes)
        case Curves(children=0):
            _draw_lines(made, axes)
        case Curves():
            _draw_children(made, axes)


def render(figure: Figure, kind: str) -> bytes:
    """The figure in one of `FORMATS`; the same figure gives the same bytes, without a date inside."""
    out = io.BytesIO()
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[kind]
    with rc_context({"svg.hashsalt": "commonweight", "svg.fonttype": "none"}):
        figure.savefig(out, format=kind, dpi=160, metadata=undated)
    return out.getvalue()


def rank_ticks(children: int) -> list[int]:
    """The first rank, the last, and some between."""
    inner = MaxNLocator(5, integer=True).tick_values(1, children)
    return [1, *(int(tick) for tick in inner if 1 < tick < children * 0.95), children]


def _draw_lines(curves: Curves, axes: Axes) -> None:
    """One axis, one line per series, told apart by colour, dash and marker; points that are no curve are not joined."""
    _label(curves, axes)
    named: dict[str, Line2D] = {}
    for place, (series, look) in enumerate(zip(curves.series, looks(curves), strict=True)):
        marker = MARKERS[place % len(MARKERS)]
        if series.names is not None:
            named |= _draw_points(axes, series, look, marker)
            continue
        (line,) = axes.plot(
            series.at,
            series.values,
            color=look.colour,
            linestyle=":" if look.dash is None else DASHED[look.dash],
            linewidth=0.8 if look.crowd else 1.5,
            alpha=0.6 if look.crowd else 1,
            marker=marker if len(series.at) <= POINTS and not look.crowd else "",
            markersize=4,
        )
        if series.low is not None and series.high is not None:
            if len(series.at) == 1:
                axes.vlines(series.at, series.low, series.high, color=look.colour, alpha=0.6, linewidth=1)
            else:
                axes.fill_between(series.at, series.low, series.high, color=look.colour, alpha=0.12, linewidth=0)
        named.setdefault(look.label, line)
    if curves.log_x:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    elif all(np.array_equal(series.at, np.round(series.at)) for series in curves.series):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axes, list(named.values()), [short(label, 2 * LEGEND_LETTERS) for label in named])


def _draw_points(axes: Axes, series: Series, look: Look, marker: str) -> dict[str, Line2D]:
    """Points that are not joined, numbered ones as circles with the number inside; their lines by the names in the legend."""
    if not series.numbered:
        (points,) = axes.plot(series.at, series.values, marker, color=look.colour, markersize=4, alpha=0.7)
        return {look.label: points}
    if series.low is not None and series.high is not None:
        axes.vlines(series.at, series.low, series.high, color=look.colour, linewidth=0.8)
    circle = {"markerfacecolor": "white", "markersize": 10, "zorder": 3}
    (points,) = axes.plot(series.at, series.values, "o", color=look.colour, **circle)
    named = {look.label: points}
    for number, (name, x, y) in enumerate(zip(series.names or (), series.at, series.values, strict=True), 1):
        if np.isfinite(y):
            axes.text(x, y, str(number), ha="center", va="center_baseline", fontsize=7, zorder=4)
        named[f"{number}. {name}"] = Line2D([], [], linestyle="none")
    return named


def _draw_children(curves: Curves, axes: Axes) -> None:
    """One line per child, coloured by its ground-truth rank, a diamond where it was just trained (paper Figure 5)."""
    _label(curves, axes)
    few = few_children(curves)
    named: dict[str, tuple[int, Line2D]] = {}
    for series, colour in zip(curves.series, child_colours(curves), strict=True):
        assert series.identity is not None
        style, width = ":" if series.dotted else "-", 1.6 if few else 0.8
        (line,) = axes.plot(series.at, series.values, color=colour, linestyle=style, linewidth=width)
        named.setdefault(series.name, (series.identity.rank, line))
        if series.marked is not None:
            at, values = series.at[series.marked], series.values[series.marked]
            size = 5 if few else 4
            axes.plot(at, values, "D", color=colour, markersize=size, markeredgecolor="black", markeredgewidth=0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if few:
        best_first = sorted(named.items(), key=lambda item: item[1][0])
        labels = [f"{short(name, LEGEND_LETTERS)} (ground-truth rank {rank})" for name, (rank, _) in best_first]
        _legend(axes, [line for _, (_, line) in best_first], labels)
    else:
        _rank_bar(axes, curves.children)


def _draw_boxes(boxes: Boxes, axes: Axes) -> None:
    """A box per child from the lower to the upper quartile, whiskers over the range, outliers as circles (Figure 3)."""
    many = len(boxes.boxes) > 30
    _label(boxes, axes)
    drawn = axes.boxplot(
        [box.values for box in boxes.boxes],
        widths=0.7,
        patch_artist=True,
        flierprops={"marker": "o", "markersize": 2.5, "markeredgewidth": 0.6},
        whiskerprops={"linewidth": 0.8},
        boxprops={"linewidth": 0.6},
        capprops={"linewidth": 0.8},
    )
    for patch, median, colour in zip(drawn["boxes"], drawn["medians"], box_colours(boxes), strict=True):
        patch.set_facecolor(colour)
        median.set_color("black" if _light(colour) else "white")
        median.set_linewidth(1.4)
    names = [short(box.identity.child, TICK_LETTERS) for box in boxes.boxes]
    axes.set_xticks(range(1, len(names) + 1), names, rotation=90, fontsize=7 if many else 9, parse_math=False)
    axes.grid(visible=False, axis="x")
    axes.set_yticks(rank_ticks(boxes.children))
    axes.invert_yaxis()  # the best rank on top
    _rank_bar(axes, boxes.children)


def _size(made: Curves | Boxes) -> tuple[float, float]:
    """Inches of a figure of its own."""
    if isinstance(made, Boxes):
        return max(7.2, 0.17 * len(made.boxes)), 4.8
    numbered = sum(len(series.names or ()) for series in made.series if series.numbered)
    return 7.2, 4.4 + 0.3 * numbered  # room for a legend in which each has a line


def _label(made: Curves | Boxes, axes: Axes) -> None:
    axes.set_xlabel(made.x, parse_math=False)
    axes.set_ylabel(made.y, parse_math=False)
    axes.set_title(made.title, parse_math=False)
    axes.set_axisbelow(True)
    axes.grid(alpha=0.3)


def _rank_bar(axes: Axes, children: int) -> None:
    scale = ScalarMappable(Normalize(0.5, children + 0.5), ListedColormap(rank_colours(children)))
    bar = axes.figure.colorbar(scale, ax=axes, pad=0.01)
    bar.set_label("ground-truth rank (1 = best)")
    bar.set_ticks(rank_ticks(children))
    bar.ax.invert_yaxis()


def _legend(axes: Axes, lines: list[Line2D], labels: list[str]) -> None:
    """Below the axes: a legend inside would hide some curve. Only a figure with a layout of its own makes room for it."""
    columns = min(len(labels), max(1, 110 // (8 + max(map(len, labels), default=0))))
    how = {"ncols": columns, "frameon": False, "fontsize": "small"}
    figure = axes.figure
    if figure.axes == [axes] and isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        legend = figure.legend(lines, labels, loc="outside lower center", **how)
    else:
        legend = axes.legend(lines, labels, loc="upper center", bbox_to_anchor=(0.5, -0.15), **how)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _light(colour: str) -> bool:
    """Whether black is seen on this colour better than white."""
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue > 0.45
