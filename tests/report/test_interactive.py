"""Interactive figures: plotly accepts them, and every number of the figure is in them."""

import json

import numpy as np
import plotly.graph_objects
import pytest
from matplotlib.cbook import boxplot_stats
from report.made_up import boxes, children_curves, crowd, points, reading_curves, survival_curves, two_lines

from commonweight.paper import Boxes, Curves, Series
from commonweight.report.colours import child_colours
from commonweight.report.interactive import interactive, shown

CHILDREN = children_curves(children=8, shown=8, points=24, tuned=True)
MANY = children_curves()
ALL = [CHILDREN, MANY, boxes(), boxes(count=3), crowd(), survival_curves(), reading_curves(), two_lines(), points()]


@pytest.mark.parametrize("made", ALL, ids=[f"{number}-{made.name}" for number, made in enumerate(ALL)])
def test_plotly_accepts_it_and_every_trace_has_a_name(made):
    spec = json.loads(json.dumps(interactive(made), allow_nan=False))
    plotly.graph_objects.Figure({"data": spec["data"], "layout": spec["layout"]})  # raises for what it does not know
    assert len(spec["keys"]) == len(spec["data"])
    named = [key for part in ("legend", "choices") for one in spec[part] for key in one["keys"]]
    keys = [key for each in spec["keys"] for key in (each if isinstance(each, list) else [each])]
    assert set(named) == set(keys)
    assert (spec["layout"]["xaxis"]["title"]["text"], spec["layout"]["yaxis"]["title"]["text"]) == (made.x, made.y)


@pytest.mark.parametrize("made", [CHILDREN, MANY, children_curves(shown=4)])
def test_every_point_and_diamond_of_a_child(made):
    spec = interactive(made)
    traces = list(zip(spec["keys"], spec["data"], strict=True))
    lines = [(key, trace) for key, trace in traces if trace["mode"] == "lines"]
    diamonds = {key: trace for key, trace in traces if trace["mode"] == "markers"}
    for (key, line), series, colour in zip(lines, made.series, child_colours(made), strict=True):
        identity = series.identity
        assert key == series.name
        assert (line["x"], line["y"]) == (series.at.tolist(), series.values.tolist())
        assert line["line"]["color"] == colour
        assert (line["line"]["dash"] == "dot") == series.dotted
        for told in (identity.child, ", ".join(identity.primitives), f"rank {identity.rank}, accuracy"):
            assert told in line["hovertemplate"]
        if series.marked is not None:
            assert diamonds[key]["x"] == series.at[series.marked].tolist()
            assert diamonds[key]["y"] == series.values[series.marked].tolist()
            assert diamonds[key]["marker"]["symbol"] == "diamond"
    assert len(diamonds) == sum(series.marked is not None for series in made.series)


@pytest.mark.parametrize("made", [survival_curves(), reading_curves(), crowd(), two_lines()])
def test_every_point_and_band_of_a_curve(made):
    spec = interactive(made)
    for series in made.series:
        traces = [trace for key, trace in zip(spec["keys"], spec["data"], strict=True) if key == series.name]
        line = traces.pop()
        assert (line["x"], line["y"]) == (series.at.tolist(), series.values.tolist())
        assert (line["line"]["dash"] == "dot") == series.dotted
        assert len(traces) == (series.low is not None)
        for band in traces:
            assert band["y"] == series.low.tolist() + series.high.tolist()[::-1]
            assert line["customdata"] == [list(pair) for pair in zip(series.low, series.high, strict=True)]
    if made.log_x:
        assert spec["layout"]["xaxis"]["type"] == "log"
        assert spec["layout"]["xaxis"]["tickvals"] == [1, 2, 4, 8, 16, 32, 64, 128]


def test_points_that_are_no_curve_are_each_told_and_isolated_alone():
    made = points()
    spec = interactive(made)
    traces = list(zip(spec["keys"], spec["data"], made.series, strict=True))
    for keys, trace, series in traces[:4]:
        assert keys == trace["hovertext"] == list(series.names)
        assert trace["x"] == series.at.tolist()
        assert "%{hovertext}" in trace["hovertemplate"]
        assert "lines" not in trace["mode"]
        if series.low is not None:
            assert trace["customdata"] == [list(pair) for pair in zip(series.low, series.high, strict=True)]
            assert "interval %{customdata[0]" in trace["hovertemplate"]
        assert ("error_y" in trace) == (series.numbered and series.low is not None)
    best, worst = (trace for _, trace, _ in traces[2:4])
    assert (best["text"], worst["text"]) == (["1", "2", "3"], ["1", "2"])
    assert best["error_y"]["array"] == pytest.approx([0.05] * 3)
    assert best["error_y"]["arrayminus"] == pytest.approx([0.1] * 3)
    assert worst["y"] == [0.1, None]
    families = [("super-nets", list(made.series[0].names)), ("groups", list(made.series[1].names))]
    best = [
        ("the best", ["short", "CHOSEN: long", "groups"]),
        ("1. short", ["short"]),
        ("2. CHOSEN: long", ["CHOSEN: long"]),
    ]
    found = [(one["name"], one["keys"]) for one in spec["legend"]]
    assert found[:6] == [*families, *best, ("3. groups", ["groups"])]


def test_boxes_are_those_of_the_static_figure_with_the_best_on_top():
    made = boxes()
    spec = interactive(made)
    *drawn, dots = spec["data"]
    assert spec["keys"][-1] == spec["keys"][:-1] == [box.identity.child for box in made.boxes]
    for place, (box, trace) in enumerate(zip(made.boxes, drawn, strict=True)):
        (stats,) = boxplot_stats(box.values)
        assert (trace["x"], trace["y"]) == ([place], [box.values.tolist()])
        assert [trace[part] for part in ("q1", "median", "q3", "lowerfence", "upperfence")] == [
            [stats[part]] for part in ("q1", "med", "q3", "whislo", "whishi")
        ]
        assert (dots["x"][place], dots["y"][place]) == (place, stats["med"])
        assert f"rank {box.identity.rank}," in dots["hovertemplate"][place]
    assert spec["layout"]["yaxis"]["autorange"] == "reversed"
    assert spec["layout"]["xaxis"]["ticktext"] == [box.identity.child for box in made.boxes]
    assert len(spec["ranks"]) == 64


def test_an_undefined_point_is_a_gap():
    made = two_lines()
    made.series[0].values[2] = np.nan
    assert interactive(made)["data"][0]["y"][2] is None


def test_epochs_are_whole_numbers():
    at = np.arange(1, 5)
    for place, tick in ((at, 1), (at / 2, None), (at * 10, None)):
        made = Curves("figure-2", "t", "epoch", "y", (Series("s", place, at),), ())
        assert interactive(made)["layout"]["xaxis"].get("dtick") == tick


def test_nothing_to_show():
    for empty in (
        Curves("f", "t", "x", "y", (), ()),
        Curves("f", "t", "x", "y", (), (), 8),
        Boxes("f", "t", "x", "y", (), (), 0),
    ):
        assert all(trace["x"] == [] for trace in interactive(empty)["data"])


def test_text_for_plotly():
    assert shown("<b>&amp; %{x}</b>") == "&lt;b&gt;&amp;amp; &#37;{x}&lt;/b&gt;"
