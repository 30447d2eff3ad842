"""Figures in their three formats."""

import io
import xml.etree.ElementTree as ET

import matplotlib.image
import numpy as np
import pytest

from commonweight.paper import Curves, Series
from commonweight.report import draw, render
from commonweight.report.figures import FORMATS

HOSTILE = r"$\frac{ costs $5 & <b>_x^2"


def curves(name="One", points=5):
    at = np.arange(1, points + 1)
    values = np.linspace(0.2, 0.9, points)
    return Curves(
        "figure-9",
        name,
        f"x {name}",
        f"y {name}",
        (Series(f"1 {name}", at, values, 3), Series(f"2 {name}", at, values[::-1] ** 2, 7)),
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
    assert {"One", "x One", "y One", "1 One (3 ranks)", "2 One (7 ranks)"} <= set(svg_text(svg))
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
    assert {HOSTILE, f"x {HOSTILE}", f"y {HOSTILE}", f"1 {HOSTILE} (3 ranks)"} <= set(svg_text(contents["svg"]))


def test_the_curves_are_the_numbers():
    (axes,) = draw(curves()).axes
    for line, series in zip(axes.lines, curves().series, strict=True):
        assert np.array_equal(line.get_xdata(), series.at)
        assert np.array_equal(line.get_ydata(), series.values)
    styles = {(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes.lines}
    assert len(styles) == 2
    assert all(len({line[part] for line in styles}) == 2 for part in range(3))  # colour alone tells nothing in print


def test_an_undefined_point_is_a_gap():
    broken = curves()
    broken.series[0].values[2] = np.nan
    assert all(render(draw(broken), kind) for kind in FORMATS)


def test_many_points_have_no_markers():
    (axes,) = draw(curves(points=200)).axes
    assert {line.get_marker() for line in axes.lines} <= {"", "None"}
