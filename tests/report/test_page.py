"""The page in headless Chromium: it shows everything, asks for nothing, and shows names as they are."""

import base64
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pypdf
import pytest
from report.browser import CHROMIUM, Browser
from report.made_up import (
    answer,
    boxes,
    children_curves,
    claims,
    crowd,
    points,
    reading_curves,
    survival_curves,
    table,
    two_lines,
    whole_report,
)
from tiny import tiny_study

from commonweight.paper import Box, Boxes, Column, Curves, Identity, Mark, Number, Origin, Row, Series
from commonweight.report import Run, Style, about_study, draw, write_report
from commonweight.report.interactive import picture
from commonweight.report.page import page
from commonweight.study.setting import Setting

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

EVIL = "<img src=x onerror=alert(1)></script><!--<script>alert(2)</script> &amp; %{x} <b>bold</b> {{ 7*7 }}"
RUN = Run("commonweight run all", {"figure-5a": "commonweight run figure-5a"}, {"machine": "two cores"})


def setting(**overrides):
    return Setting(tiny_study(**overrides), "f" * 64, (7, 7), 128, 20, 30)


def about(**overrides):
    return about_study(setting(**overrides))


def write(folder, made, run=RUN, style=Style.CLEAR, **overrides):
    """The page alone, without the files beside it: they take long and it must do without them."""
    figures = [item for item in made if isinstance(item, Curves | Boxes)]
    pictures = {item.name: picture(item, draw(item, style), style) for item in figures}
    path = folder / "index.html"
    path.write_text(page(about(**overrides), made, run, pictures, answer()), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


def end(made):
    """The figure with its x counted to its end, and a mark."""
    last = float(made.series[0].at[-1])
    return replace(
        made, origin=Origin(last, "before the end", down=True), marks=(Mark((last - 16,), "a round begins"),)
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One figure of each kind, small enough to be written often, and a wide table."""
    made = [
        claims(),
        table(),
        wide(),
        boxes(count=8),
        children_curves("figure-4a", children=8, shown=8, points=16, tuned=True),
        end(children_curves("figure-5a", children=16, shown=16, points=32)),
        crowd(instances=4, points=20),
        survival_curves(),
        reading_curves(),
        two_lines(),
        points(),
    ]
    return write_report(about(), made, tmp_path_factory.mktemp("small"), RUN, answer())[0]


def wide():
    """A table that is wider than a telephone, and than paper if nothing in it wraps."""
    columns = tuple(Column(f"c{number}", f"a long title {number}") for number in range(14))
    number = Number(0.43219, 0.1, None)
    return replace(
        table("table-7", "Wide"), columns=columns, rows=tuple(Row(f"row {n}", 5, (number,) * 14) for n in range(5))
    )


@pytest.fixture
def clean(browser):
    """The browser; at the end there must have been no error, and no request but for the page."""
    browser.errors.clear()
    browser.requests.clear()
    yield browser
    assert browser.errors == []
    assert {request for request in browser.requests if not request.startswith("data:")} == {browser.requests[0]}
    assert browser.requests[0].startswith("file:///")
    assert browser.requests[0].endswith("/index.html")


def figure(name):
    """The figure in the page's script."""
    return f"figures.find((one) => one.name === '{name}')"


def faded(browser, name):
    """The parts that are faded."""
    script = f"[...{figure(name)}.svg.querySelectorAll('[class^=part]')].filter((one) => one.style.opacity)"
    return set(browser.run(f"{script}.map((one) => one.getAttribute('class'))"))


def place(browser, name, part, point):
    """Where a point of a part is in the window, after scrolling to its figure."""
    script = f"""(async () => {{
        const one = {figure(name)}, part = one.spec.parts[{part}];
        one.plot.scrollIntoView({{ block: "center" }});
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        const [x, y] = one.place(part, {point}), box = one.svg.getBoundingClientRect(), view = one.svg.viewBox.baseVal;
        return [box.x + x * box.width / view.width, box.y + y * box.height / view.height];
    }})()"""
    return browser.run(script)


def told(browser, name):
    """The lines that a figure tells; none while it tells nothing."""
    return browser.run(f"{figure(name)}.told.hidden ? [] : {figure(name)}.told.textContent.split('\\n')")


def hover(browser, name, part, point):
    """The lines of a point under the mouse."""
    x, y = place(browser, name, part, point)
    browser("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    browser.wait(f"!{figure(name)}.told.hidden")
    return told(browser, name)


def press(browser, *keys):
    for key in keys:
        for kind in ("keyDown", "keyUp"):
            browser("Input.dispatchKeyEvent", type=kind, key=key, code=key)


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_everything_is_drawn_and_nothing_overflows(clean, small, width, dark):
    clean.open(small, width, dark=dark)
    assert clean.run("figures.length") == 8
    assert clean.run("document.querySelectorAll('.plot > svg').length") == 9  # and the answer's
    assert clean.run("figures.every(({ svg }) => svg.querySelector('[class^=part] path, [class^=part] use'))")
    assert clean.run("document.documentElement.scrollWidth <= innerWidth")
    assert clean.run("innerWidth") == width
    assert clean.run("figures.every(({ plot }) => plot.getBoundingClientRect().right <= innerWidth)")
    for ground in ("document.body", "document.querySelector('.plot')"):
        ink, back = (clean.run(f"getComputedStyle({ground}).{what}") for what in ("color", "backgroundColor"))
        light, shade = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, back))
        assert (light > shade) == dark
        assert abs(light - shade) > 500
    text = "document.querySelector('.plot text')"
    assert clean.run(f"getComputedStyle({text}).fill === getComputedStyle(document.body).color")


@pytest.mark.parametrize("width", [1280, 390])
def test_the_first_screen_says_what_was_found(clean, small, width):
    clean.open(small, width, 844)
    for told in ("document.querySelector('.verdict')", "document.querySelector('.forest svg')"):
        assert clean.run(f"{told}.getBoundingClientRect().bottom") < 844
    assert clean.run("document.querySelector('.verdict').textContent") == "Only roughly."


def test_the_contents_stay_and_lead_everywhere(clean, small):
    clean.open(small, 1280)
    for name in ("table-7", "glossary", "claims"):
        clean.run(f"document.querySelector('nav a[href=\"#{name}\"]').click()")
        assert clean.run("document.querySelector('nav').getBoundingClientRect().top") == 0
        assert -1 < clean.run(f"document.getElementById('{name}').getBoundingClientRect().top") < 900
    clean.open(small, 390)
    assert not clean.run("contents.open")  # they would hide the page


def test_a_wide_table_scrolls_with_its_first_column_frozen(clean, small):
    clean.open(small, 390)
    region = "document.querySelector('#table-7 .wide')"
    assert clean.run(f"{region}.scrollWidth > {region}.clientWidth")
    left = clean.run(f"{region}.querySelector('tbody th').getBoundingClientRect().left")
    clean.run(f"{region}.scrollLeft = 200")
    assert clean.run(f"{region}.querySelector('tbody th').getBoundingClientRect().left") == left
    assert clean.run(f"{region}.querySelector('tbody td').getBoundingClientRect().left") < left


def test_on_paper_no_column_is_cut(clean, small):
    clean.open(small, 718)  # 190 mm
    clean("Emulation.setEmulatedMedia", media="print")
    try:
        cut = "[...document.querySelectorAll('main td, main th, main svg')].filter((one) => one.getBoundingClientRect().right"
        assert clean.run(f"{cut} > 719).length") == 0
        assert clean.run("getComputedStyle(document.querySelector('nav')).display") == "none"
        assert (
            clean.run("getComputedStyle(document.querySelector('.wide')).overflowX") == "visible"
        )  # nothing to scroll
    finally:
        clean("Emulation.setEmulatedMedia", media="")


@pytest.mark.parametrize("style", Style)
def test_a_whole_report_is_light_and_printed_on_few_pages(clean, tmp_path, style):
    path = write(tmp_path, whole_report(), style=style)
    assert path.stat().st_size < 3_000_000
    clean.open(path)
    made = clean("Page.printToPDF", preferCSSPageSize=True)["data"]
    (tmp_path / "page.pdf").write_bytes(base64.b64decode(made))
    assert len(pypdf.PdfReader(tmp_path / "page.pdf").pages) < 15


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1280, 390])
def test_it_is_accessible(clean, small, width, dark):
    core = pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    clean.open(small, width, dark=dark)
    clean.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    clean.run((Path(core.__file__).parent / "axe.min.js").read_text(encoding="utf-8") + ";0")
    found = clean.run(
        "axe.run().then(({ passes, violations }) => [passes.length, violations.map(({ id, impact }) => [id, impact])])"
    )
    assert found[0] > 20  # rules were tried
    assert found[1] == []


@pytest.mark.parametrize(
    ("name", "part", "alone"),
    [
        ("figure-3a", 2, {"part-2"}),
        ("figure-4a", 3, {"part-2", "part-3"}),  # its dotted part too
        ("figure-8", 1, {"part-1"}),
        ("recipe-cost", 3, {"part-0"}),
    ],
)
def test_a_click_isolates_and_another_brings_all_back(clean, small, name, part, alone):
    clean.open(small)
    everything = set(clean.run(f"{figure(name)}.spec.parts.map(({{ part }}) => part)"))
    point = clean.run(f"Math.floor({figure(name)}.spec.parts[{part}].values.length / 2)")
    assert faded(clean, name) == set()
    clean.click(*place(clean, name, part, point))
    assert clean.run(f"{figure(name)}.alone === {figure(name)}.spec.parts[{part}].key")
    assert faded(clean, name) == everything - alone
    clean.click(*place(clean, name, part, point))
    assert faded(clean, name) == set()


def test_the_list_isolates_and_a_row_of_a_heat_map_becomes_a_line(clean, small):
    clean.open(small)
    chosen = f"{figure('figure-5a')}.select"
    names = clean.run(f"[...{chosen}.options].map((one) => one.textContent)")
    assert names[:2] == ["all", next(one for one in names if one.endswith("(rank 1)"))]
    assert len(names) == 17
    clean.run(f"{chosen}.selectedIndex = 3; {chosen}.dispatchEvent(new Event('change'))")
    (line,) = clean.run(
        f"[...{figure('figure-5a')}.extra.querySelectorAll('polyline')].map((one) => one.points.length)"
    )
    assert line == 32
    assert len(faded(clean, "figure-5a")) == 4  # the lines of others
    clean.run(f"{chosen}.selectedIndex = 0; {chosen}.dispatchEvent(new Event('change'))")
    assert clean.run(f"{figure('figure-5a')}.extra.childElementCount") == 0
    assert faded(clean, "figure-5a") == set()


def test_the_mouse_tells_the_child_the_moment_and_the_band(clean, small):
    clean.open(small)
    curves = end(children_curves("figure-5a", children=16, shown=16, points=32))
    best = curves.series[-1]
    lines = hover(clean, "figure-5a", 0, 20)
    assert lines == [
        f"{best.name} (rank 1)",
        ", ".join(best.identity.primitives),
        f"ground truth: rank 1, accuracy {best.identity.accuracy:.4g}",
        "before the end: 11",
        f"validation accuracy: {best.values[20]:.4g}",
    ]
    band = survival_curves().series[1]
    lines = hover(clean, "insight-1-curves", 1, 12)
    assert lines[0] == band.name
    assert lines[-1] == f"band: {band.low[12]:.4g} … {band.high[12]:.4g}"
    lines = hover(clean, "figure-3a", 2, 0)
    assert lines[0].startswith(boxes(count=8).boxes[2].identity.child)
    assert any("median" in line for line in lines)
    clean("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    clean.wait(f"{figure('figure-3a')}.told.hidden")


def test_the_keyboard_reads_and_isolates(clean, small):
    clean.open(small)
    name, made = "insight-1-curves", survival_curves()
    clean.run(f"{figure(name)}.plot.focus()")
    press(clean, "ArrowRight")
    assert told(clean, name)[0] == made.series[0].name
    assert told(clean, name)[1].endswith(f": {made.series[0].at[0]:.6g}")
    press(clean, "ArrowRight", "ArrowDown")
    assert told(clean, name)[0] == made.series[1].name
    assert told(clean, name)[1].endswith(f": {made.series[1].at[1]:.6g}")
    press(clean, "ArrowUp", "ArrowUp", "ArrowLeft", "ArrowLeft", "ArrowLeft")  # no further than the first
    assert told(clean, name)[0] == made.series[0].name
    press(clean, "Enter")
    assert clean.run(f"{figure(name)}.alone") == made.series[0].name
    assert clean.run(f"{figure(name)}.select.value") == made.series[0].name
    press(clean, "Escape")
    assert clean.run(f"{figure(name)}.alone") is None
    clean.run(f"{figure('figure-3a')}.plot.focus()")
    press(clean, "ArrowRight", "ArrowRight")  # boxes have one point each: to the next one
    assert told(clean, "figure-3a")[0].endswith("(rank 2)")
    assert told(clean, name) == []


def test_hostile_names_are_shown_as_they_are(clean, tmp_path):
    at, identity = np.arange(3), Identity(EVIL, (EVIL, "sep_conv_3x3"), 1, 0.5)
    other = Identity("2", ("a", "b"), 2, 0.4)
    child = (Series(EVIL, at, at / 4, identity, at == 1), Series("2", at, at / 8, other, at == 0))
    made = [
        Curves("figure-5a", EVIL, EVIL, EVIL, child, (EVIL,), 2),
        Curves("figure-8", EVIL, EVIL, EVIL, (Series(EVIL, at, at / 4, low=at / 5, high=at / 3),), (EVIL,)),
        Boxes("figure-3a", EVIL, EVIL, EVIL, (Box(identity, at), Box(other, at)), (EVIL,), 2),
        table(title=EVIL),
    ]
    run = Run(EVIL, {"figure-8": EVIL, EVIL: EVIL}, {EVIL: EVIL}, chapters={"figure-8": EVIL})
    clean.open(write(tmp_path, made, run, about=EVIL))
    assert clean.run("document.querySelectorAll('main img, main b').length") == 0
    texts = clean.run("figures.map(({ svg }) => [...svg.querySelectorAll('text')].map((one) => one.textContent))")
    assert all(shown.count(EVIL) >= 3 for shown in texts)  # title and both axes
    assert any("<img src=x…{{ 7*7 }}" in shown for shown in texts)  # too long for a tick
    assert clean.run(f"{figure('figure-5a')}.select.options[1].textContent") == f"{EVIL} (rank 1)"
    lines = hover(clean, "figure-5a", 0, 2)
    assert lines[:2] == [f"{EVIL} (rank 1)", f"{EVIL}, sep_conv_3x3"]
    assert lines[3:] == [f"{EVIL}: 2", f"{EVIL}: 0.5"]
    assert hover(clean, "figure-8", 0, 1)[0] == EVIL
    clean.run("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    assert clean.run("document.body.innerText").count(EVIL) >= 12


def test_the_page_is_read_without_scripts_too(browser, small):
    browser("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.errors.clear()
        browser.open(small)
        widths = browser.run(
            "[...document.querySelectorAll('figure svg')].map((one) => one.getBoundingClientRect().width)"
        )
        assert len(widths) == 8
        assert min(widths) > 500
        assert browser.run("[...document.querySelectorAll('figcaption label')].every((one) => one.offsetWidth === 0)")
        assert browser.errors == []
    finally:
        browser("Emulation.setScriptExecutionDisabled", value=False)
