"""Figures of curves as PDF, SVG and PNG."""

import io

from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from commonweight.paper import Curves

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


def draw(curves: Curves) -> Figure:
    """One axis, one line per series, told apart by colour, dash and marker."""
    figure = Figure(figsize=(7.2, 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, series in enumerate(curves.series):
        axes.plot(
            series.at,
            series.values,
            color=COLOURS[place % len(COLOURS)],
            linestyle=STYLES[place % len(STYLES)],
            marker="os^Dv<"[place % 6] if len(series.at) <= 40 else "",
            markersize=4,
            label=f"{series.name} ({series.ranks} ranks)",
        )
    axes.set_xlabel(curves.x, parse_math=False)
    axes.set_ylabel(curves.y, parse_math=False)
    axes.set_title(curves.title, parse_math=False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.grid(alpha=0.3)
    # Below the axes: a legend inside would hide some curve.
    legend = figure.legend(
        loc="outside lower center", ncols=min(3, len(curves.series)), frameon=False, fontsize="small"
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return figure


def render(figure: Figure, kind: str) -> bytes:
    """The figure in one of `FORMATS`; the same figure gives the same bytes, without a date inside."""
    out = io.BytesIO()
    undated = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[kind]
    with rc_context({"svg.hashsalt": "commonweight", "svg.fonttype": "none"}):
        figure.savefig(out, format=kind, dpi=160, metadata=undated)
    return out.getvalue()
