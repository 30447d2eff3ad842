"""Figures as PDF, SVG and PNG, in either style; the page shows the same SVG."""

import io
from collections.abc import Mapping
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
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, StrMethodFormatter

from commonweight.paper import Boxes, Curves, Series
from commonweight.report.colours import FEW, Look, box_colours, child_colours, few_children, looks, rank_colours
from commonweight.report.heat import Heat, heat_of, shown_children
from commonweight.report.style import Style, is_heat_map, laid_out
from commonweight.report.wording import short

FORMATS = ("pdf", "svg", "png")
DASHED = ("-", (0, (6, 2)), (0, (6, 2, 1, 2)), (0, (3, 1)))  # none of them dotted
MARKERS = "os^Dv<>pPX"
POINTS = 40  # a curve of no more points than this has a marker at each
TICK_LETTERS, LEGEND_LETTERS = 20, 40  # longer names are shortened: they would take the place of what is drawn
TICKS = 6  # about so many where x is counted from an origin
FRAME, SURFACE = "#000000", "#ffffff"  # what the page turns to its own ink and ground; all other colours stay


def draw(made: Curves | Boxes, style: Style = Style.CLEAR) -> Figure:
    """The figure of these numbers. What is drawn of series or box number 7 has the id `part-7` in an SVG."""
    shown = laid_out(made, style)
    if isinstance(shown, Curves) and is_heat_map(shown, style):
        return _draw_heat(shown)
    figure = Figure(figsize=_size(shown), layout="constrained")
    FigureCanvasAgg(figure)
    _draw(shown, figure.add_subplot())
    return figure


def plot(made: Curves | Boxes, axes: Axes | None = None) -> Axes:
    """The same into these axes, or into those of a new figure of pyplot, which shows it where it shows figures.

    Children are lines in it, however many: a heat map and lines below it are a figure of their own.
    """
    shown = laid_out(made, Style.CLEAR)
    given = axes or import_module("matplotlib.pyplot").figure(figsize=_size(shown), layout="constrained").add_subplot()
    _draw(shown, given)
    return given


def _draw(shown: Curves | Boxes, axes: Axes) -> None:
    _label(shown, axes)
    axes.set_title(shown.title, parse_math=False)
    match shown:
        case Boxes():
            _draw_boxes(shown, axes)
        case Curves(children=0):
            _draw_lines(shown, axes)
        case Curves():
            _draw_children(shown, axes)


def part(number: int) -> str:
    """The id in an SVG of what is drawn of a figure's series or box with this number."""
    return f"part-{number}"


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
    named: dict[str, Line2D] = {}
    for place, (series, look) in enumerate(zip(curves.series, looks(curves), strict=True)):
        marker = MARKERS[place % len(MARKERS)]
        if series.names is not None:
            named |= _draw_points(axes, series, look, marker, part(place))
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
            gid=part(place),
        )
        if series.low is not None and series.high is not None:
            between, colour, gid = (series.at, series.low, series.high), look.colour, part(place)
            if len(series.at) == 1:
                axes.vlines(*between, color=colour, alpha=0.6, linewidth=1, gid=gid)
            else:
                axes.fill_between(*between, color=colour, alpha=0.12, linewidth=0, gid=gid)
        named.setdefault(look.label, line)
    if curves.log_x:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    elif all(np.array_equal(series.at, np.round(series.at)) for series in curves.series):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    named |= _place(axes, curves)
    _legend(axes, list(named.values()), [short(label, 2 * LEGEND_LETTERS) for label in named])


def _draw_points(axes: Axes, series: Series, look: Look, marker: str, gid: str) -> dict[str, Line2D]:
    """Points that are not joined, numbered ones as circles with the number inside; their lines by the names in the legend."""
    if not series.numbered:
        (points,) = axes.plot(series.at, series.values, marker, color=look.colour, markersize=4, alpha=0.7, gid=gid)
        return {look.label: points}
    if series.low is not None and series.high is not None:
        axes.vlines(series.at, series.low, series.high, color=look.colour, linewidth=0.8, gid=gid)
    circle = {"markerfacecolor": SURFACE, "markersize": 10, "zorder": 3, "gid": gid}
    (points,) = axes.plot(series.at, series.values, "o", color=look.colour, **circle)
    named = {look.label: points}
    for number, (name, x, y) in enumerate(zip(series.names or (), series.at, series.values, strict=True), 1):
        if np.isfinite(y):
            axes.text(x, y, str(number), ha="center", va="center_baseline", fontsize=7, zorder=4)
        named[f"{number}. {name}"] = Line2D([], [], linestyle="none")
    return named


def _draw_children(curves: Curves, axes: Axes) -> None:
    """One line per child, coloured by its ground-truth rank, a diamond where it was just trained (paper Figure 5)."""
    named = _draw_each_child(axes, curves, dict(enumerate(child_colours(curves))))
    if few_children(curves):
        _legend(axes, list(named.values()), list(named))
    else:
        _rank_bar(axes, curves.children)


def _draw_heat(curves: Curves) -> Figure:
    """Rows are children by ground-truth rank, columns moments, colour is the value; below it a few children as lines."""
    heat, colours = heat_of(curves), child_colours(curves)
    figure = Figure(figsize=(7.2, 7.4), layout="constrained")
    FigureCanvasAgg(figure)
    top, below = figure.subplots(2, sharex=True, height_ratios=[3, 2])
    top.set_title(curves.title, parse_math=False)
    for axes in (top, below):
        _label(curves, axes)
    mesh = top.pcolormesh(*_cells(heat), heat.values, cmap="magma", rasterized=True)
    figure.colorbar(mesh, ax=top, pad=0.01).set_label(curves.y, parse_math=False)
    rows, columns = np.nonzero(heat.marked)
    top.plot(
        heat.at[columns], rows + 1, "D", color="#fefefe", markersize=1.8, markeredgecolor="#111111", markeredgewidth=0.3
    )
    top.set_ylabel("child by ground-truth rank (1 = best)")
    ticks = rank_ticks(len(heat.identities))
    top.set_yticks(ticks, [str(heat.identities[tick - 1].rank) for tick in ticks])
    top.invert_yaxis()  # the best on top
    top.grid(visible=False)
    named = _draw_each_child(below, curves, {place: colours[place] for place in shown_children(curves)})
    low, high = mesh.get_clim()
    below.set_ylim(
        low - 0.05 * (high - low), high + 0.05 * (high - low)
    )  # room for the line of any child, which a reader of the page may choose
    _place(top, curves, "#fefefe")
    top.tick_params(labelbottom=False)
    top.set_xlabel("")
    _legend(figure, list(named.values()), list(named))
    return figure


def _draw_each_child(axes: Axes, curves: Curves, colours: Mapping[int, str]) -> dict[str, Line2D]:
    """The series with these numbers, in these colours; their lines by the names in the legend, the best child first."""
    few = len({curves.series[place].name for place in colours}) <= FEW
    named: dict[str, tuple[int, Line2D]] = {}
    for place, colour in colours.items():
        series, gid = curves.series[place], part(place)
        assert series.identity is not None
        style, width = ":" if series.dotted else "-", 1.6 if few else 0.8
        (line,) = axes.plot(series.at, series.values, color=colour, linestyle=style, linewidth=width, gid=gid)
        label = f"{short(series.name, LEGEND_LETTERS)} (ground-truth rank {series.identity.rank})"
        named.setdefault(label, (series.identity.rank, line))
        if series.marked is not None:
            at, values = series.at[series.marked], series.values[series.marked]
            edge = {"markeredgecolor": FRAME, "markeredgewidth": 0.5, "gid": gid}
            axes.plot(at, values, "D", color=colour, markersize=5 if few else 4, **edge)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    best_first = sorted(named.items(), key=lambda item: item[1][0])
    return {label: line for label, (_, line) in best_first} | _place(axes, curves)


def _cells(heat: Heat) -> tuple[np.ndarray, np.ndarray]:
    """The borders of a heat map's columns, half-way between its moments, and of its rows."""
    between = (heat.at[1:] + heat.at[:-1]) / 2
    first, last = (between[0] - heat.at[0], heat.at[-1] - between[-1]) if len(between) else (0.5, 0.5)
    columns = np.concatenate([[heat.at[0] - first], between, [heat.at[-1] + last]])
    return columns, np.arange(len(heat.identities) + 1) + 0.5


def _place(axes: Axes, curves: Curves, colour: str = FRAME) -> dict[str, Line2D]:
    """Counts x from the figure's origin, and draws its marks; their lines by the names in the legend."""
    if (origin := curves.origin) is not None:
        axes.set_xlabel(origin.x, parse_math=False)
        first, last = axes.get_xlim()
        step = 2.0 ** max(0, np.ceil(np.log2((last - first) / TICKS)))
        steps = np.arange(np.ceil((first - origin.at) / step), np.floor((last - origin.at) / step) + 1)
        axes.xaxis.set_major_locator(FixedLocator(origin.at + steps * step))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{origin.counted(x):g}"))
        axes.set_xlim(first, last)
    named = {}
    for mark in curves.marks:
        lines = [axes.axvline(at, color=colour, linestyle=(0, (4, 3)), linewidth=0.9, alpha=0.7) for at in mark.at]
        named |= dict.fromkeys([mark.text] if lines else [], next(iter(lines), Line2D([], [])))
    return named


def _draw_boxes(boxes: Boxes, axes: Axes) -> None:
    """A box per child from the lower to the upper quartile, whiskers over the range, outliers as circles (Figure 3)."""
    many = len(boxes.boxes) > 30
    drawn = axes.boxplot(
        [box.values for box in boxes.boxes],
        widths=0.7,
        patch_artist=True,
        flierprops={"marker": "o", "markersize": 2.5, "markeredgewidth": 0.6},
        whiskerprops={"linewidth": 0.8},
        boxprops={"linewidth": 0.6},
        capprops={"linewidth": 0.8},
    )
    for place, colour in enumerate(box_colours(boxes)):
        patch, median = drawn["boxes"][place], drawn["medians"][place]
        patch.set_facecolor(colour)
        median.set_color("#111111" if _light(colour) else "#fefefe")
        median.set_linewidth(1.4)
        ends = [end for kind in ("whiskers", "caps") for end in drawn[kind][2 * place : 2 * place + 2]]
        for artist in (patch, median, drawn["fliers"][place], *ends):
            artist.set_gid(part(place))
    names = [short(box.identity.child, TICK_LETTERS) for box in boxes.boxes]
    axes.set_xticks(range(1, len(names) + 1), names, rotation=90, fontsize=7 if many else 9, parse_math=False)
    axes.grid(visible=False, axis="x")
    axes.set_yticks(rank_ticks(boxes.children))
    axes.invert_yaxis()  # the best rank on top
    _rank_bar(axes, boxes.children)


def _size(shown: Curves | Boxes) -> tuple[float, float]:
    """Inches of a figure of its own."""
    if isinstance(shown, Boxes):
        return max(7.2, 0.17 * len(shown.boxes)), 4.8
    numbered = sum(len(series.names or ()) for series in shown.series if series.numbered)
    return 7.2, 4.4 + 0.3 * numbered  # room for a legend in which each has a line


def _label(made: Curves | Boxes, axes: Axes) -> None:
    axes.set_xlabel(made.x, parse_math=False)
    axes.set_ylabel(made.y, parse_math=False)
    axes.set_axisbelow(True)
    axes.grid(alpha=0.3)


def _rank_bar(axes: Axes, children: int) -> None:
    scale = ScalarMappable(Normalize(0.5, children + 0.5), ListedColormap(rank_colours(children)))
    bar = axes.figure.colorbar(scale, ax=axes, pad=0.01)
    bar.set_label("ground-truth rank (1 = best)")
    bar.set_ticks(rank_ticks(children))
    bar.ax.invert_yaxis()


def _legend(where: Axes | Figure, lines: list[Line2D], labels: list[str]) -> None:
    """Below the axes: a legend inside would hide some curve. Only a figure with a layout of its own makes room for it."""
    columns = min(len(labels), max(1, 110 // (8 + max(map(len, labels), default=0))))
    how = {"ncols": columns, "frameon": False, "fontsize": "small"}
    figure = where.figure if isinstance(where, Axes) else where
    alone = figure is where or figure.axes == [where]
    if alone and isinstance(figure.get_layout_engine(), ConstrainedLayoutEngine):
        legend = figure.legend(lines, labels, loc="outside lower center", **how)
    else:
        legend = where.legend(lines, labels, loc="upper center", bbox_to_anchor=(0.5, -0.15), **how)
    for text in legend.get_texts():
        text.set_parse_math(False)


def _light(colour: str) -> bool:
    """Whether black is seen on this colour better than white."""
    red, green, blue = to_rgb(colour)
    return 0.299 * red + 0.587 * green + 0.114 * blue > 0.45
