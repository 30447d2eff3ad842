"""Figures in their three formats."""

import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import matplotlib.image
import numpy as np
import pytest
from matplotlib import pyplot
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from report.made_up import boxes, children_curves, crowd, points, reading_curves, survival_curves

from commonweight.paper import Curves, Mark, Origin, Series
from commonweight.report import Style, draw, render
from commonweight.report.colours import INK, box_colours, child_colours
from commonweight.report.static import FORMATS

HOSTILE = r"$\frac{ costs $5 & <b>_x^2"


def curves(name="One", points=5):
    at = np.arange(1, points + 1)
    values = np.linspace(0.2, 0.9, points)
    return Curves(
        "figure-9",
        name,
        f"x {name}",
        f"y {name}",
        (Series(f"1 {name}", at, values), Series(f"2 {name}", at, values[::-1] ** 2)),
        (),
    )


def svg_text(content):
    return ["".join(element.itertext()) for element in ET.fromstring(content).iter("{http://www.w3.org/2000/svg}text")]


def test_every_format_is_valid():
    figure = draw(curves())
    pdf, svg, png = (render(figure, kind) for kind in ("pdf", "svg", "png"))
    assert set(FORMATS) == {"pdf", "svg", "png"}
    assert pdf.startswith(b"%PDF-")
    assert pdf.rstrip().endswith(b"%%EOF")
    assert {"One", "x One", "y One", "1 One", "2 One"} <= set(svg_text(svg))
    picture = matplotlib.image.imread(io.BytesIO(png))
    assert picture.ndim == 3
    assert picture.shape[1] >= 1000  # sharp enough for print
    assert picture[..., :3].std() > 0.05  # something is drawn


@pytest.mark.parametrize("kind", FORMATS)
def test_the_same_numbers_give_the_same_bytes(kind):
    assert render(draw(curves()), kind) == render(draw(curves()), kind)
    figure = draw(curves())
    assert render(figure, kind) == render(figure, kind)
    assert render(draw(curves("Other")), kind) != render(figure, kind)
    assert render(draw(curves(points=6)), kind) != render(figure, kind)


def test_names_are_no_mathematics():
    figure = draw(curves(HOSTILE))
    contents = {kind: render(figure, kind) for kind in FORMATS}  # as mathematics it would raise
    assert {HOSTILE, f"x {HOSTILE}", f"y {HOSTILE}", f"1 {HOSTILE}"} <= set(svg_text(contents["svg"]))


def test_the_curves_are_the_numbers():
    (axes,) = draw(curves()).axes
    for line, series in zip(axes.lines, curves().series, strict=True):
        assert np.array_equal(line.get_xdata(), series.at)
        assert np.array_equal(line.get_ydata(), series.values)
    styles = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes.lines}
    assert len({colour for colour, _, _ in styles}) == 2
    assert len({marker for _, _, marker in styles}) == 2  # colour alone tells nothing in print


def test_an_undefined_point_is_a_gap():
    broken = curves()
    broken.series[0].values[2] = np.nan
    assert all(render(draw(broken), kind) for kind in FORMATS)


def test_many_points_have_no_markers():
    (axes,) = draw(curves(points=200)).axes
    assert {line.get_marker() for line in axes.lines} <= {"", "None"}


def test_a_dotted_curve_and_the_bands_are_drawn():
    made = survival_curves()
    (axes,) = draw(made).axes
    assert [line.get_linestyle() == ":" for line in axes.lines] == [series.dotted for series in made.series]
    assert len(axes.collections) == 4
    made = reading_curves()
    (axes,) = draw(made).axes
    assert axes.get_xscale() == "log"
    assert len(axes.collections) == 10  # the band of a single point too


def test_points_that_are_no_curve_are_not_joined_and_numbered_ones_have_their_number_and_name():
    made = points()
    figure = draw(made)
    (axes,) = figure.axes
    for line, series in zip(axes.lines, made.series, strict=True):
        assert np.array_equal(line.get_xdata(), series.at)
        assert (line.get_linestyle() == "None") == (series.names is not None)
        assert line.get_marker() != ""  # however many they are
    super_nets, groups, best, *_ = axes.lines
    assert super_nets.get_color() != groups.get_color()
    assert super_nets.get_marker() != groups.get_marker()
    assert to_hex(best.get_color()) == INK
    (bars,) = axes.collections  # of the intervals that are numbered: a hundred would hide the points
    ends = [tuple(map(tuple, segment)) for segment in bars.get_segments()]
    assert ends == [((x, low), (x, high)) for x, low, high in zip(best.get_xdata(), *intervals(made), strict=True)]
    numbers = [(text.get_text(), text.get_position()) for text in axes.texts]
    assert numbers == [
        ("1", (2, 0.5)),
        ("2", (5, 0.6)),
        ("3", (17, 0.8)),
        ("1", (2, 0.1)),
    ]  # the undefined has no place
    (legend,) = figure.legends
    named = ["super-nets", "groups", "the best", "1. short", "2. CHOSEN: long", "3. groups", "the worst"]
    assert [text.get_text() for text in legend.get_texts()] == [*named, "1. no", "2. never", "ground truth"]


def intervals(made):
    numbered = made.series[2]
    return numbered.low.tolist(), numbered.high.tolist()


@pytest.mark.parametrize("made", [children_curves(tuned=True), children_curves(shown=4, children=8)])
def test_children_have_the_colour_of_their_rank_and_a_diamond_where_they_were_trained(made):
    axes = draw(made, Style.PAPER).axes[0]
    lines = [line for line in axes.lines if line.get_marker() == "None"]
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    assert len(lines) == len(made.series)
    for line, series, colour in zip(lines, made.series, child_colours(made), strict=True):
        assert to_hex(line.get_color()) == colour
        assert line.get_linestyle() == (":" if series.dotted else "-")
        assert np.array_equal(line.get_ydata(), series.values)
    marked = [series for series in made.series if series.marked is not None]
    for line, series in zip(diamonds, marked, strict=True):
        assert np.array_equal(line.get_xdata(), series.at[series.marked])
        assert np.array_equal(line.get_ydata(), series.values[series.marked])


def test_few_children_are_named_the_best_first_and_many_have_a_bar():
    (legend,) = draw(children_curves(shown=4)).legends
    assert [text.get_text() for text in legend.get_texts()] == [
        f"{series.name} (ground-truth rank {series.identity.rank})" for series in children_curves(shown=4).series[::-1]
    ]
    figure = draw(children_curves(), Style.PAPER)
    assert figure.legends == []
    assert len(figure.axes) == 2
    assert figure.axes[1].get_ylabel() == "ground-truth rank (1 = best)"


@pytest.mark.parametrize("count", [1, 8, 64])
def test_boxes_have_the_best_rank_on_top_and_every_name(count):
    made = boxes(count=count)
    axes = draw(made).axes[0]
    bottom, top = axes.get_ylim()
    assert top < bottom
    assert [label.get_text() for label in axes.get_xticklabels()] == [box.identity.child for box in made.boxes]
    assert [to_hex(patch.get_facecolor()) for patch in axes.patches] == box_colours(made)
    assert render(draw(made), "svg")


def test_boxes_of_some_children_have_the_colours_and_ticks_of_all():
    every = boxes(count=64)
    some = replace(every, boxes=every.boxes[::9])
    assert box_colours(some) == box_colours(every)[::9]
    axes, bar = draw(some).axes
    assert axes.get_yticks().tolist() == draw(every).axes[0].get_yticks().tolist()
    assert bar.get_yticks()[-1] == 64


def test_the_legend_is_below_and_hides_nothing():
    for made in (survival_curves(), reading_curves(), children_curves(shown=8), crowd(), points()):
        figure = draw(made)
        figure.canvas.draw()
        (legend,) = figure.legends
        drawn, around = legend.get_window_extent(), figure.bbox
        assert drawn.y1 <= figure.axes[0].get_tightbbox().y0 + 1
        assert around.x0 <= drawn.x0
        assert drawn.x1 <= around.x1


def test_a_long_name_takes_not_the_place_of_the_figure():
    identity = replace(boxes(count=1).boxes[0].identity, child="conv-" * 40 + "end")
    made = boxes(count=1)
    made = replace(made, boxes=(replace(made.boxes[0], identity=identity),))
    axes = draw(made).axes[0]
    (label,) = axes.get_xticklabels()
    assert label.get_text() == "conv-conv-…-conv-end"
    assert render(axes.figure, "png")


@pytest.mark.parametrize("tuned", [False, True])
def test_many_children_are_a_heat_map_by_ground_truth_beside_a_few_lines(tuned):
    made = children_curves(points=64, tuned=tuned)
    heat, lines, _ = draw(made).axes
    (mesh,) = heat.collections
    values = mesh.get_array()
    best_first = sorted({series.identity.rank: series.name for series in made.series}.items())
    for row, (_, name) in zip(values, best_first, strict=True):
        curves = [series for series in made.series if series.name == name]
        expected = {at: value for series in curves for at, value in zip(series.at, series.values, strict=True)}
        assert row.tolist() == [expected[at] for at in sorted(expected)]
    (diamonds,) = [line for line in heat.lines if line.get_marker() == "D"]
    marked = {(at, one.identity.rank) for one in made.series if one.marked is not None for at in one.at[one.marked]}
    assert set(zip(*diamonds.get_data(), strict=True)) == marked
    bottom, top = heat.get_ylim()
    assert top < bottom  # the best on top
    assert heat.get_xlim() == lines.get_xlim()
    drawn = [line for line in lines.lines if line.get_marker() == "None"]
    shown = [one for one in made.series if one.identity.rank in (1, 22, 43, 64)]
    assert [line.get_ydata().tolist() for line in drawn] == [one.values.tolist() for one in shown]
    (legend,) = heat.figure.legends
    assert [text.get_text() for text in legend.get_texts()] == [
        f"{name} (ground-truth rank {rank})" for rank, name in best_first if rank in (1, 22, 43, 64)
    ]


def marked(down=True):
    """Three curves over the last 128 of 1000 mini-batches, of which the clear style shows one; two marks."""
    at = np.arange(873, 1001)
    series = tuple(Series(f"instance {number}", at, np.sin(at / 9) + number, family="all") for number in range(2))
    mean = Series("mean", at, np.sin(at / 9), low=np.sin(at / 9) - 1, high=np.sin(at / 9) + 1, family="all")
    origin = Origin(1000, "before the end", down=True) if down else Origin(936, "after the snapshot")
    marks = (Mark((904, 936), "it begins"),)
    return Curves("f", "t", "mini-batch", "y", series, (), origin=origin, marks=marks, summary=(mean,))


@pytest.mark.parametrize(
    ("down", "ticks"), [(True, ["128", "96", "64", "32", "0"]), (False, ["-64", "-32", "0", "32", "64"])]
)
def test_x_is_counted_from_where_it_matters_and_marks_are_drawn(down, ticks):
    figure = draw(marked(down))
    (axes,) = figure.axes
    figure.canvas.draw()
    shown = [tick.get_text() for tick in axes.get_xticklabels() if axes.get_xlim()[0] <= tick.get_position()[0]]
    assert [tick for tick in ticks if tick in shown] == shown
    assert len(shown) >= 4
    at_zero = dict(zip([tick.get_text() for tick in axes.get_xticklabels()], axes.get_xticks(), strict=True))["0"]
    assert at_zero == (1000 if down else 936)
    assert axes.get_xlabel() == ("before the end" if down else "after the snapshot")
    curve, *lines = axes.lines
    assert curve.get_label() != "instance 0"
    assert np.array_equal(curve.get_ydata(), marked().summary[0].values)  # the mean alone, with its band
    assert len(axes.collections) == 1
    assert [line.get_xdata()[0] for line in lines] == [904, 936]
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["mean", "it begins"]


def test_the_papers_style_counts_mini_batches_marks_nothing_and_shows_every_instance():
    (axes,) = draw(marked(), Style.PAPER).axes
    assert axes.get_xlabel() == "mini-batch"
    assert [line.get_ydata()[0] for line in axes.lines] == [series.values[0] for series in marked().series]


def test_a_heat_map_has_its_marks_in_both_panels():
    made = replace(
        children_curves(), origin=Origin(1127, "before the end", down=True), marks=(Mark((1063,), "a round"),)
    )
    heat, lines, _ = draw(made).axes
    for axes in (heat, lines):
        assert [line.get_xdata() for line in axes.lines if line.get_linestyle() == "--"] == [[1063, 1063]]
    assert (heat.get_xlabel(), lines.get_xlabel()) == ("", "before the end")


def test_a_heat_map_of_some_children_has_their_ranks_among_all():
    made = children_curves()
    some = replace(made, series=made.series[:20])  # the worst of 64, drawn first
    heat = draw(some).axes[0]
    labels = [label.get_text() for label in heat.get_yticklabels()]
    ranks = sorted(series.identity.rank for series in some.series)
    assert labels == [str(ranks[int(tick) - 1]) for tick in heat.get_yticks()]
    assert labels[-1] == "64"


@pytest.mark.parametrize("made", [curves(), children_curves(), children_curves(shown=4, children=4), boxes()])
def test_a_figure_draws_itself_into_given_axes_and_into_new_ones(made):
    """The same lines as in the report's figure, and nothing beside these axes but a bar of ranks."""
    (expected, *_) = draw(made, Style.PAPER).axes
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert made.plot(ax=right) is right
    assert len(left.lines) == 0
    for found in (right, made.plot()):
        assert found.get_title() == made.title
        assert len(found.lines) == len(expected.lines) > 0
        for ours, theirs in zip(found.lines, expected.lines, strict=True):
            np.testing.assert_array_equal(ours.get_xydata(), theirs.get_xydata())
    assert pyplot.gca() is found  # a new one is pyplot's, which shows it
    pyplot.close("all")
    figure.savefig(io.BytesIO())
    assert figure.legends == []


def test_a_lone_pair_of_axes_without_a_layout_has_its_legend_beside_nothing_else():
    figure = Figure()
    axes = curves().plot(figure.add_subplot())
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["1 One", "2 One"]
    figure.savefig(io.BytesIO())


def test_a_notebook_shows_a_figure_as_a_picture():
    assert curves()._repr_png_() == render(draw(curves()), "png")
