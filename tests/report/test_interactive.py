"""What a reader can point at: every number that is drawn, where the drawing has it."""

import json
import re

import numpy as np
import pytest
from matplotlib.cbook import boxplot_stats
from report.made_up import boxes, children_curves, crowd, points, reading_curves, survival_curves, two_lines

from commonweight.paper import Curves, Identity, Series
from commonweight.report import Style, draw
from commonweight.report.interactive import picture

CHILDREN = children_curves(children=8, shown=8, points=24, tuned=True)
MANY = children_curves()
ALL = [CHILDREN, MANY, boxes(), boxes(count=3), crowd(), survival_curves(), reading_curves(), two_lines(), points()]
NAMES = [f"{number}-{made.name}" for number, made in enumerate(ALL)]


def spec_of(made, style=Style.CLEAR):
    """As the page's script reads it."""
    return json.loads(json.dumps(picture(made, draw(made, style), style).spec, allow_nan=False))


def rounded(values):
    return [None if np.isnan(value) else float(f"{value:.4g}") for value in values]


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("made", ALL, ids=NAMES)
def test_every_part_has_its_points_and_its_place_in_the_svg(made, style):
    figure = draw(made, style)
    found = picture(made, figure, style)
    ids = set(re.findall(r'id="(part-\d+)"', found.svg.decode()))
    assert {part["part"] for part in found.spec["parts"]} - {None} == ids
    for part in found.spec["parts"]:
        assert len(part["values"]) == len(found.spec["at"][part["at"]])
        assert part["axes"] < len(found.spec["axes"])
    assert found.spec["y"] == made.y


@pytest.mark.parametrize("made", [CHILDREN, MANY, children_curves(shown=4)])
def test_in_the_papers_style_every_child_is_a_curve(made):
    spec = spec_of(made, Style.PAPER)
    assert len(spec["parts"]) == len(made.series)
    for number, (part, series) in enumerate(zip(spec["parts"], made.series, strict=True)):
        identity = series.identity
        assert (part["key"], part["name"]) == (series.name, f"{series.name} (rank {identity.rank})")
        assert part["part"] == f"part-{number}"
        assert spec["at"][part["at"]] == series.at.tolist()
        assert part["values"] == rounded(series.values)
        assert part["told"][:2] == [
            ", ".join(identity.primitives),
            f"ground truth: rank {identity.rank}, accuracy {identity.accuracy:.4g}",
        ]
        assert ("fine-tuned" in part["told"]) == series.dotted
    assert spec["lines"] is None


@pytest.mark.parametrize("tuned", [False, True])
def test_a_heat_map_has_a_row_for_each_child_and_the_lines_of_four(tuned):
    made = children_curves(points=64, tuned=tuned)
    spec = spec_of(made)
    rows = [part for part in spec["parts"] if part["part"] is None]
    lines = [part for part in spec["parts"] if part["part"]]
    assert [row["row"] for row in rows] == list(range(1, 65))
    assert [row["name"].partition(" ")[2] for row in rows] == [f"(rank {rank})" for rank in range(1, 65)]
    for row in rows:
        curves = [series for series in made.series if series.name == row["key"]]
        expected = {at: value for series in curves for at, value in zip(series.at, series.values, strict=True)}
        assert spec["at"][row["at"]] == sorted(expected)
        assert row["values"] == rounded([expected[at] for at in sorted(expected)])
    assert {line["name"].partition(" ")[2] for line in lines} == {f"(rank {rank})" for rank in (1, 22, 43, 64)}
    assert {line["axes"] for line in lines} == {spec["lines"]} == {1}
    assert len(lines) == (8 if tuned else 4)
    low, high = spec["axes"][1]["y"]
    assert low < min(series.values.min() for series in made.series)  # a line of any child has room
    assert high > max(series.values.max() for series in made.series)


@pytest.mark.parametrize("made", [survival_curves(), reading_curves(), crowd(), two_lines()])
def test_every_point_and_band_of_a_curve(made):
    spec = spec_of(made)
    for part, series in zip(spec["parts"], made.series, strict=True):
        assert (part["key"], spec["at"][part["at"]]) == (series.name, series.at.tolist())
        assert part["values"] == rounded(series.values)
        band = (None, None) if series.low is None else (rounded(series.low), rounded(series.high))
        assert (part.get("low"), part.get("high")) == band
    assert spec["axes"][0]["log"] == made.log_x


def test_points_that_are_no_curve_are_each_a_part():
    made = points()
    spec = spec_of(made)
    told = [(part["name"], part["told"], part["values"]) for part in spec["parts"]]
    expected = [
        (f"{place}. {name}" if series.numbered else name, [series.name], rounded(series.values[place - 1 : place]))
        for series in made.series
        for place, name in enumerate(series.names or (), 1)
    ]
    assert told[:-1] == expected
    assert told[-1] == ("ground truth", [], [0.9, 0.9])
    assert [part["part"] for part in spec["parts"][-3:]] == ["part-3", "part-3", "part-4"]


@pytest.mark.parametrize("style", Style)
@pytest.mark.parametrize("made", [MANY, two_lines(), boxes(), reading_curves()], ids=["heat", "lines", "boxes", "log"])
def test_places_are_those_of_the_drawing(made, style):
    """Corners of the axes against the rectangles that the SVG itself has, in its own units."""
    figure = draw(made, style)
    found = picture(made, figure, style)
    svg = found.svg.decode()
    for number, axes in enumerate(found.spec["axes"], 1):
        group = svg[svg.index(f'<g id="axes_{number}">') :]
        (x0, y0), (x1, _), (_, y1) = [map(float, pair) for pair in re.findall(r"[ML] ([\d.]+) ([\d.]+)", group)[:3]]
        assert (axes["left"], axes["top"]) == (pytest.approx(x0, abs=0.1), pytest.approx(y1, abs=0.1))
        assert (axes["width"], axes["height"]) == (pytest.approx(x1 - x0, abs=0.1), pytest.approx(y0 - y1, abs=0.1))


def test_boxes_are_those_of_the_static_figure():
    made = boxes()
    spec = spec_of(made)
    for place, (box, part) in enumerate(zip(made.boxes, spec["parts"], strict=True), 1):
        (stats,) = boxplot_stats(box.values)
        assert (spec["at"][part["at"]], part["values"]) == ([place], [stats["med"]])
        assert f"median {stats['med']:g}, quartiles {stats['q1']:g} and {stats['q3']:g}" in part["told"]
    top, bottom = spec["axes"][0]["y"][::-1]
    assert top < bottom  # the best rank on top
    assert spec["across"]


def test_an_undefined_point_is_a_gap():
    made = two_lines()
    made.series[0].values[2] = np.nan
    assert spec_of(made)["parts"][0]["values"][2] is None


def test_nothing_to_show():
    assert spec_of(Curves("f", "t", "x", "y", (), ()))["parts"] == []
    single = Curves("f", "t", "x", "y", (Series("s", np.array([3]), np.array([0.5])),), ())
    assert spec_of(single)["at"] == [[3]]


def test_of_thousands_of_children_some_rows_tell_their_numbers():
    at = np.arange(3)
    made = [Series(f"{n}", at, at / (n + 1), Identity(f"{n}", (), n + 1, 0.5)) for n in range(1000)]
    spec = spec_of(Curves("f", "t", "x", "y", tuple(made), (), 1000))
    rows = [part["row"] for part in spec["parts"] if part["part"] is None]
    assert (len(rows), rows[0], rows[-1]) == (256, 1, 1000)
    assert all(part["key"] == str(part["row"] - 1) for part in spec["parts"] if part["part"] is None)
