"""The picture of an answer: each way to rank the children, its GT-Tau and its interval, over one axis."""

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from commonweight.paper import Answer
from commonweight.report.colours import OKABE_ITO
from commonweight.report.static import FRAME

NAME = "answer"  # of its files


def draw_answer(answer: Answer) -> Figure:
    """A line for each row with its number; what the sentence begins with is on top, and in another colour."""
    figure = Figure(figsize=(7.2, 0.9 + 0.36 * len(answer.rows)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for place, row in enumerate(answer.rows):
        (number,) = row.numbers
        if number is None or number.value != number.value:
            continue
        colour, told = OKABE_ITO[1 if place == 0 else 0], f"{number.value:.2f}"
        if number.interval is not None:
            low, high = number.interval.low, number.interval.high
            axes.hlines(place, low, high, color=colour, linewidth=3, alpha=0.55)
            told += f" [{low:.2f}, {high:.2f}]"
        axes.plot(number.value, place, "o", color=colour, markersize=7)
        axes.text(
            1.02, place, told, va="center", ha="left", fontsize=9, color=FRAME, transform=axes.get_yaxis_transform()
        )
    axes.set_yticks(range(len(answer.rows)), [row.name for row in answer.rows], parse_math=False)
    axes.set_ylim(len(answer.rows) - 0.5, -0.5)
    lows = [row.numbers[0].interval.low for row in answer.rows if row.numbers[0] and row.numbers[0].interval]
    axes.set_xlim(min([0.0, *lows]) - 0.02, 1.02)
    axes.set_xlabel("GT-Tau (0: no relation to ground truth, 1: its order)")
    axes.grid(alpha=0.3, axis="x")
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure
