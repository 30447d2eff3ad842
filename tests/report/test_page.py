"""The page in headless Chromium: it draws everything, asks for nothing, and shows names as they are."""

import re

import numpy as np
import pytest
from report.browser import CHROMIUM, Browser
from report.made_up import (
    boxes,
    children_curves,
    claims,
    crowd,
    reading_curves,
    survival_curves,
    table,
    two_lines,
    whole_report,
)
from tiny import tiny_study

from commonweight.paper import Box, Boxes, Curves, Identity, Series
from commonweight.report import Run, about_study, write_report
from commonweight.report.page import page
from commonweight.study.setting import Setting

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine")

EVIL = "<img src=x onerror=alert(1)></script><!--<script>alert(2)</script> &amp; %{x} <b>bold</b> {{ 7*7 }}"
RUN = Run("commonweight run all", {"figure-5a": "commonweight run figure-5a"}, {"machine": "two cores"})


def setting(**overrides):
    return Setting(tiny_study(**overrides), "f" * 64, (7, 7), 128, 20, 30)


def about(**overrides):
    return about_study(setting(**overrides))


def write(folder, made, run=RUN, **overrides):
    """The page alone, without the files beside it: they take long and it must do without them."""
    path = folder / "index.html"
    path.write_text(page(about(**overrides), made, run), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """One figure of each kind, small enough to be written often."""
    made = [
        claims(),
        table(),
        boxes(count=8),
        children_curves("figure-4a", children=8, shown=8, points=16, tuned=True),
        children_curves("figure-5a", children=16, shown=16, points=32),
        crowd(instances=4, points=20),
        survival_curves(),
        reading_curves(),
        two_lines(),
    ]
    return write_report(about(), made, tmp_path_factory.mktemp("small"), RUN)[0]


@pytest.fixture
def clean(browser):
    """The browser; at the end there must have been no error, and no request but for the page."""
    browser.errors.clear()
    browser.requests.clear()
    yield browser
    assert browser.errors == []
    assert len(set(browser.requests)) == 1
    assert browser.requests[0].startswith("file:///")
    assert browser.requests[0].endswith("/index.html")


def opacities(browser, name):
    """How visible each trace of a figure is, or each point of a trace of many, by what it belongs to."""
    script = f"""(() => {{
        const drawing = figures.find(({{ figure }}) => figure.dataset.figure === "{name}");
        return drawing.plot.data.flatMap((trace, i) => {{
            const key = drawing.spec.keys[i];
            if (!Array.isArray(key)) return [[key, trace.opacity ?? 1]];
            return key.map((each, point) => [each, trace.marker.opacity?.[point] ?? 1]);
        }});
    }})()"""
    return browser.run(script)


def visible(browser, name):
    """What is not faded; all traces of one thing must agree."""
    pairs = opacities(browser, name)
    seen = {key for key, opacity in pairs if opacity == 1}
    assert not seen & {key for key, opacity in pairs if opacity < 1}
    return seen


def place(browser, name, trace, point):
    """Where a point of a trace is in the window, after scrolling to its figure."""
    script = f"""(async () => {{
        const {{ plot }} = figures.find(({{ figure }}) => figure.dataset.figure === "{name}");
        plot.scrollIntoView({{ block: "center" }});
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        const {{ xaxis, yaxis }} = plot._fullLayout, at = plot.getBoundingClientRect();
        const x = plot.data[{trace}].x[{point}], y = plot.data[{trace}].y[{point}];
        return [at.x + xaxis._offset + xaxis.c2p(x), at.y + yaxis._offset + yaxis.c2p(y)];
    }})()"""
    return browser.run(script)


def hover(browser, name, trace, point):
    """The lines of the label of a point."""
    x, y = place(browser, name, trace, point)
    browser("Input.dispatchMouseEvent", type="mouseMoved", x=1, y=1)
    browser("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
    browser.wait("document.querySelector('.hovertext') !== null")
    return browser.run("[...document.querySelectorAll('.hovertext .nums tspan.line')].map((one) => one.textContent)")


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [1200, 360])
def test_everything_is_drawn_and_nothing_overflows(clean, small, width, dark):
    clean.open(small, width, dark=dark)
    figures = clean.run("document.querySelectorAll('figure').length")
    assert figures == 7
    clean.run("drawAll().then(() => null)")
    assert clean.run("document.querySelectorAll('.js-plotly-plot .main-svg:first-child').length") == figures
    assert clean.run("figures.every(({ plot }) => plot.querySelector('path.js-line, path.box, path.point'))")
    assert clean.run("document.documentElement.scrollWidth <= innerWidth")
    narrow = "figures.every(({ plot }) => plot.querySelector('.main-svg').clientWidth <= plot.clientWidth)"
    assert clean.run(narrow)
    assert clean.run("figures.every(({ plot }) => plot.clientWidth <= innerWidth)")
    ink, back = (clean.run(f"getComputedStyle(document.body).{what}") for what in ("color", "backgroundColor"))
    light, shade = (sum(map(int, re.findall(r"\d+", colour)[:3])) for colour in (ink, back))
    assert (light > shade) == dark
    assert abs(light - shade) > 500


def test_a_whole_report_is_drawn_when_it_is_scrolled_to(clean, tmp_path):
    clean.open(write(tmp_path, whole_report()), 360)
    drawn = "figures.filter(({ plot }) => plot.querySelector('.main-svg')).length"
    count = clean.run("figures.length")
    assert count == 17
    clean.wait("document.querySelectorAll('figure').length > 0")
    assert clean.run(drawn) < count  # those far away are not drawn yet
    for number in range(count):
        clean.run(f"figures[{number}].figure.scrollIntoView()")
        clean.wait(f"figures[{number}].plot.querySelector('.main-svg') !== null")
    assert clean.run(drawn) == count
    assert clean.run("document.documentElement.scrollWidth <= innerWidth")


def test_printing_draws_everything(clean, tmp_path):
    clean.open(write(tmp_path, [two_lines(f"figure-{number}") for number in range(12)]))
    assert not clean.run("figures.every(({ drawn }) => drawn)")
    clean.run("dispatchEvent(new Event('beforeprint'))")
    clean.wait("figures.every(({ plot }) => plot.querySelector('.main-svg'))")


def test_a_click_on_a_curve_isolates_its_child(clean, small):
    clean.open(small)
    clean.run("drawAll().then(() => null)")
    for name in ("figure-4a", "figure-5a", "figure-3a"):
        everyone = {key for key, _ in opacities(clean, name)}
        assert visible(clean, name) == everyone
        trace, point = next(i for i, (key, _) in enumerate(opacities(clean, name)) if key == "113"), 0
        if name == "figure-3a":
            trace, point = 8, trace  # the dots on the boxes
        clean.click(*place(clean, name, trace, point))
        clean.wait(f"figures.find(({{ figure }}) => figure.dataset.figure === '{name}').alone")
        alone = visible(clean, name)
        assert len(alone) == 1
        (child,) = alone
        seen = [key for key, opacity in opacities(clean, name) if opacity == 1]
        assert len(seen) == {"figure-4a": 3, "figure-5a": 2, "figure-3a": 2}[name]  # the dotted part, the diamonds too
        clean.run("new Promise((done) => setTimeout(done, 600))")  # or it would be a double click
        clean.click(*place(clean, name, trace, point))
        clean.wait(f"figures.find(({{ figure }}) => figure.dataset.figure === '{name}').alone === null")
        assert visible(clean, name) == everyone
        assert child in everyone


def test_a_double_click_restores(clean, small):
    clean.open(small)
    clean.run("drawAll().then(() => null)")
    clean.run("figures[1].isolate(['113']).then(() => null)")
    assert visible(clean, "figure-4a") == {"113"}
    clean.click(*place(clean, "figure-4a", 0, 0), times=2)
    clean.run("new Promise((done) => setTimeout(done, 600))")
    assert len(visible(clean, "figure-4a")) == 8


def test_names_and_the_list_isolate_too(clean, small):
    clean.open(small)
    clean.run("drawAll().then(() => null)")
    controls = "document.querySelector('[data-figure=\"{}\"] .controls')"
    legend = controls.format("insight-1-curves")
    button = f"{legend}.querySelectorAll('button')[2]"
    assert clean.run(f"{button}.textContent") == "top 5, epochs of one instance"
    clean.run(f"{button}.click()")
    assert visible(clean, "insight-1-curves") == {"top 5, epochs of one instance"}
    assert clean.run(f"{button}.getAttribute('aria-pressed')") == "true"
    clean.run(f"{button}.click()")
    assert len(visible(clean, "insight-1-curves")) == 9
    family = controls.format("figure-8")
    clean.run(f"{family}.querySelector('button').click()")
    assert visible(clean, "figure-8") == {f"BN momentum 0.1, instance {number}" for number in range(4)}
    choice = f"{controls.format('figure-5a')}.querySelector('select')"
    first = clean.run(f"{choice}.options[1].textContent")
    assert first.endswith("(rank 1)")
    clean.run(f"{choice}.value = '0'; {choice}.dispatchEvent(new Event('change'))")
    assert visible(clean, "figure-5a") == {first.partition(" ")[0]}
    clean.run(f"{choice}.value = '-1'; {choice}.dispatchEvent(new Event('change'))")
    assert len(visible(clean, "figure-5a")) == 16


def test_hover_tells_the_child(clean, small):
    clean.open(small)
    clean.run("drawAll().then(() => null)")
    curves = children_curves("figure-5a", children=16, shown=16, points=32)
    best = curves.series[-1]
    trace = [key for key, _ in opacities(clean, "figure-5a")].index(best.name)
    point = int(np.flatnonzero(best.marked)[0])
    lines = hover(clean, "figure-5a", trace, point)
    assert f"child {best.name}" in lines
    assert ", ".join(best.identity.primitives) in lines
    assert "ground truth: rank 1, accuracy 0.9" in lines
    assert f"mini-batch: {best.at[point]}" in lines
    assert f"validation accuracy: {best.values[point]:.4g}" in lines
    box = boxes(count=8).boxes[2]
    lines = hover(clean, "figure-3a", 8, 2)
    assert f"child {box.identity.child}" in lines
    assert any("median" in line for line in lines)
    assert sum(line.startswith("child ") for line in lines) == 1  # not of its neighbours


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
    run = Run(EVIL, {"figure-8": EVIL, EVIL: EVIL}, {EVIL: EVIL})
    clean.open(write(tmp_path, made, run, about=EVIL))
    clean.run("drawAll().then(() => null)")
    assert clean.run("document.querySelectorAll('main img, .plot img, .controls img, a[href^=http]').length") == 0
    for axis in ("xtitle", "ytitle"):
        titles = clean.run(f"[...document.querySelectorAll('.{axis}')].map((one) => one.textContent)")
        assert titles == [EVIL] * 3
    ticks = clean.run("[...document.querySelectorAll('.xtick')].map((one) => one.textContent)")
    assert "<img src=x…{{ 7*7 }}" in ticks  # too long for a tick
    assert clean.run("document.querySelector('button').textContent") == f"{EVIL} (rank 1)"
    assert clean.run("document.querySelectorAll('select')[0].options[1].textContent") == f"{EVIL} (rank 1)"
    lines = hover(clean, "figure-5a", 0, 2)
    assert lines[:2] == [f"child {EVIL}", f"{EVIL}, sep_conv_3x3"]
    assert lines[3:] == [f"{EVIL}: 2", f"{EVIL}: 0.5"]
    assert hover(clean, "figure-8", 1, 1)[0] == EVIL
    text = clean.run("document.body.innerText")
    assert text.count(EVIL) >= 12


def test_the_page_is_read_without_scripts_too(browser, small):
    browser("Emulation.setScriptExecutionDisabled", value=True)
    try:
        browser.errors.clear()
        browser.open(small)
        shown = "[...document.querySelectorAll('noscript img')].map((one) => one.naturalWidth)"
        browser.wait(f"{shown}.length === 7 && {shown}.every((width) => width > 1000)")
        assert browser.errors == []
    finally:
        browser("Emulation.setScriptExecutionDisabled", value=False)
