"""A figure's SVG inside the page."""

import re
import xml.etree.ElementTree as ET

import pytest
from report.made_up import boxes, children_curves, points, reading_curves

from commonweight.report import draw, render
from commonweight.report.page_svg import page_svg

EVIL = '<script>alert("1")</script> id="x" url(#y) &amp;'


@pytest.fixture(
    scope="module", params=[boxes(count=8), children_curves(), points(), reading_curves()], ids=lambda made: made.name
)
def both(request):
    """The file's SVG and the page's."""
    svg = render(draw(request.param), "svg")
    return svg.decode(), str(page_svg(svg, "figure-1", EVIL))


def test_it_is_whole_and_its_title_escaped(both):
    root = ET.fromstring(both[1])
    assert root.attrib["aria-label"] == EVIL
    assert root.attrib["role"] == "img"
    assert root.attrib["viewBox"] == re.search('viewBox="([^"]*)"', both[0])[1]
    assert not {"width", "height"} & root.attrib.keys()  # as wide as the page


def test_ids_are_the_figures_own_and_every_reference_leads_somewhere(both):
    ids = re.findall(r'\bid="([^"]*)"', both[1])
    assert all(one.startswith("figure-1.") for one in ids)
    referred = re.findall(r'(?:url\(|href=")#([^")]*)', both[1].replace("url(#y)", ""))
    assert set(referred) <= set(ids)
    assert referred
    parts = re.findall(r'id="(part-\d+)"', both[0])
    assert sorted(parts) == sorted(re.findall(r'class="(part-\d+)"', both[1]))
    assert parts


def test_it_takes_the_pages_ink_ground_and_type(both):
    styles = " ".join(re.findall(r'style="([^"]*)"', both[1]))
    assert "currentColor" in styles
    assert "var(--plot)" in styles
    assert not re.search("#000000|#ffffff|font-family|DejaVu", styles)
    sizes = [re.findall(r"font(?:-size)?: ([\d.]+px)", text) for text in both]
    assert sizes[0] == sizes[1]


def test_shapes_stay_where_they_are(both):
    before, after = (
        [float(n) for n in re.findall(r"-?\d+\.\d+", " ".join(re.findall(r' d="([^"]*)"', text)))] for text in both
    )
    assert after == pytest.approx(before, abs=0.006)
