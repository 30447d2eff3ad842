"""Figures as PDF, SVG and PNG, in the paper's layout."""

import io

import numpy as np
from matplotlib import colormaps, rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, ScalarFormatter

from commonweight.paper import Boxes, Curves

FORMATS = ("pdf", "svg", "png")
COLOURS = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
)  # Okabe and Ito: safe for colour-blind eyes
STYLES = ("-", "--", "-.", ":")
FEW = 8  # children whose curves each have a line in the legend


def draw(made: Curves | Boxes) -> Figure:
    """The figure of these numbers."""
    match made:
        case Boxes():
            return _draw_boxes(made)
        case Curves(children=0):
            return _draw_lines(made)
        case Curves():
            return _draw_children(made)


def render(figure: Figure, kind: str) -> bytes:
    """The figure in one of `FORMATS`; the same figure gives the same bytes, without a date inside."""
    out = io.BytesIO()
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[kind]
    with rc_context({"svg.hashsalt": "commonweight", "svg.fonttype": "none"}):
        figure.savefig(out, format=kind, dpi=160, metadata=undated)
    return out.getvalue()


def rank_colours(children: int) -> Colormap:
    """One colour for each ground-truth rank, the best lightest; dark to light also without any colour (viridis)."""
    shades = np.linspace(0.93, 0.0, max(2, children))  # the lightest yellow would not be seen on white
    return ListedColormap(colormaps["viridis"](shades))


def _draw_lines(curves: Curves) -> Figure:
    """One axis, one line per series, told apart by colour, dash and marker."""
    figure, axes = _canvas(curves)
    for place, series in enumerate(curves.series):
        colour = COLOURS[place % len(COLOURS)]
        axes.plot(
            series.at,
            series.values,
            color=colour,
            linestyle=":" if series.dotted else STYLES[place % len(STYLES)],
            marker="os^Dv<"[place % 6] if len(series.at) <= 40 else "",
            markersize=4,
            label=series.name,
        )
        if series.low is not None and series.high is not None:
            axes.fill_between(series.at, series.low, series.high, color=colour, alpha=0.15, linewidth=0)
    if curves.log_x:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_formatter(ScalarFormatter())
    elif all(np.array_equal(series.at, np.round(series.at)) for series in curves.series):
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(figure, min(3, len(curves.series)))
    return figure


def _draw_children(curves: Curves) -> Figure:
    """One line per child, coloured by its ground-truth rank, a diamond where it was just trained (paper Figure 5)."""
    figure, axes = _canvas(curves)
    few = len(curves.series) <= FEW
    colours = rank_colours(curves.children)
    for place, series in enumerate(curves.series):
        assert series.identity is not None
        colour = COLOURS[place % len(COLOURS)] if few else colours(series.identity.rank - 1)
        axes.plot(
            series.at,
            series.values,
            color=colour,
            linestyle=":" if series.dotted else "-",
            linewidth=1.4 if few else 0.8,
            label=f"{series.name} (ground-truth rank {series.identity.rank})",
        )
        if series.marked is not None:
            at, values = series.at[series.marked], series.values[series.marked]
            axes.plot(at, values, "D", color=colour, markersize=4, markeredgecolor="black", markeredgewidth=0.5)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    if few:
        _legend(figure, 2)
        return figure
    scale = ScalarMappable(Normalize(1, curves.children), colours)
    bar = figure.colorbar(scale, ax=axes, pad=0.01)
    bar.set_label("ground-truth rank (1 = best)")
    bar.ax.invert_yaxis()
    return figure


def _draw_boxes(boxes: Boxes) -> Figure:
    """A box per child from the lower to the upper quartile, whiskers over the range, outliers as circles (Figure 3)."""
    wide = max(7.2, 0.17 * len(boxes.boxes))
    figure, axes = _canvas(boxes, (wide, 4.4))
    drawn = axes.boxplot(
        [box.values for box in boxes.boxes],
        widths=0.6,
        patch_artist=True,
        flierprops={"marker": "o", "markersize": 3},
        medianprops={"color": "black"},
    )
    colours = rank_colours(len(boxes.boxes))
    for patch, box in zip(drawn["boxes"], boxes.boxes, strict=True):
        patch.set_facecolor(colours(box.identity.rank - 1))
    names = [box.identity.child for box in boxes.boxes]
    axes.set_xticks(
        range(1, len(names) + 1), names, rotation=90, fontsize=7 if len(names) > 30 else 9, parse_math=False
    )
    axes.invert_yaxis()  # the best rank on top
    return figure


def _canvas(made: Curves | Boxes, size: tuple[float, float] = (7.2, 4.4)) -> tuple[Figure, Axes]:
    figure = Figure(figsize=size, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_xlabel(made.x, parse_math=False)
    axes.set_ylabel(made.y, parse_math=False)
    axes.set_title(made.title, parse_math=False)
    axes.grid(alpha=0.3)
    return figure, axes


def _legend(figure: Figure, columns: int) -> None:
    """Below the axes: a legend inside would hide some curve."""
    legend = figure.legend(loc="outside lower center", ncols=columns, frameon=False, fontsize="small")
    for text in legend.get_texts():
        text.set_parse_math(False)
