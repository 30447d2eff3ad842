"""Watching a run: on a terminal, and where lines are all there is."""

import io

import pytest
from rich.console import Console
from tiny import make_job

from commonweight.report import progress
from commonweight.report.progress import Bars, Lines, Tally, clock, watch
from commonweight.study.executors import Advanced, Failed, Finished, Started
from commonweight.study.planning import Plan, image_passes

JOBS = (make_job(), make_job(["111"]), make_job(["112"], init=(0, 1)))
PLAN = Plan((make_job(["222"]),), JOBS, {})


class Time:
    """A clock that stands still until it is told to go on."""

    def __init__(self):
        self.now = 100.0

    def monotonic(self):
        return self.now


@pytest.fixture
def time(monkeypatch):
    time = Time()
    monkeypatch.setattr(progress, "time", time)
    return time


def console(terminal=False):
    return Console(file=io.StringIO(), force_terminal=terminal, width=120)


def test_share_is_weighted_by_cost(time):
    tally = Tally(PLAN)
    costs = [image_passes(job) for job in JOBS]
    assert (tally.jobs, tally.ended, tally.share, tally.left) == (3, 0, 0, "")
    tally.note(Started(JOBS[0]))
    assert tally.share == 0
    tally.note(Advanced(JOBS[0], 3, 6))
    assert tally.share == pytest.approx(costs[0] / 2 / sum(costs))
    tally.note(Finished(JOBS[1], 1.0))
    assert tally.share == pytest.approx((costs[0] / 2 + costs[1]) / sum(costs))
    time.now += 10
    assert tally.left == f"about {clock(10 * (1 - tally.share) / tally.share)} left"
    tally.note(Failed(JOBS[0], "why", "trace"))
    tally.note(Finished(JOBS[2], 1.0))
    assert (tally.ended, tally.share) == (3, 1)
    assert tally.left == "about 0 s left"


def test_nothing_missing_is_nothing_to_do():
    tally = Tally(Plan(PLAN.done, (), {}))
    assert (tally.jobs, tally.share, tally.left) == (0, 0, "")


def test_the_console_decides():
    assert isinstance(watch(PLAN, console()), Lines)
    assert isinstance(watch(PLAN, console(terminal=True)), Bars)


@pytest.mark.usefixtures("time")
def test_lines_are_few_and_the_last_and_every_failure_have_one():
    out = console()
    with watch(PLAN, out) as observe:
        for job in JOBS:
            observe(Started(job))
        observe(Finished(JOBS[1], 1.25))  # too early for a line
        assert out.file.getvalue() == ""
        observe(Advanced(JOBS[2], 1, 2))
        observe(Failed(JOBS[0], "ValueError: [bold]why[/bold]", "trace"))
        assert out.file.getvalue() == f"[2/3] {JOBS[0].label} failed: ValueError: [bold]why[/bold]\n"
        observe(Finished(JOBS[2], 2.0))
    assert out.file.getvalue().splitlines()[1:] == [f"[3/3] {JOBS[2].label} took 2.0 s"]


def test_lines_come_again_after_some_seconds(time):
    out = console()
    with watch(PLAN, out) as observe:
        time.now += 6
        observe(Finished(JOBS[0], 5.0))
        observe(Finished(JOBS[1], 0.1))
    (line,) = out.file.getvalue().splitlines()
    assert line.startswith(f"[1/3] {JOBS[0].label} took 5.0 s; about ")
    assert line.endswith(" left")


def test_bars_show_what_runs_and_what_failed():
    out = console(terminal=True)
    with watch(PLAN, out) as observe:
        for job in JOBS[:2]:
            observe(Started(job))
        observe(Advanced(JOBS[0], 3, 6))
        observe._progress.refresh()
        assert "0 of 3 jobs" in out.file.getvalue()
        assert "3 children, all, fixed order 0, 1 copy" in out.file.getvalue()
        observe(Finished(JOBS[0], 1.0))
        observe(Failed(JOBS[1], "ValueError: [bold]why[/bold]", "trace"))
        observe(Started(JOBS[2]))
        observe._progress.refresh()
        assert [task.description for task in observe._progress.tasks] == ["2 of 3 jobs", f"  {JOBS[2].label}"]
    assert f"{JOBS[1].label} failed: ValueError: [bold]why[/bold]" in out.file.getvalue()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (60, "1:00"), (125, "2:05"), (3599.9, "1:00:00"), (90061, "25:01:01")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text
