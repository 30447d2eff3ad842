"""Watching a run: on a terminal, and where lines are all there is."""

import io
import threading

import pytest
from rich.console import Console
from tiny import make_job

from commonweight.report import progress
from commonweight.report.progress import Bars, Lines, Tally, clock, meanwhile, watch
from commonweight.study.calibration import Cost, Estimate
from commonweight.study.executors import Advanced, Failed, Finished, Noted, Started
from commonweight.study.inventory import Inventory

JOBS = (make_job(), make_job(["111"]), make_job(["112"], init=(0, 1)))
INVENTORY = Inventory((make_job(["222"]),), JOBS, {})
SWEEPING = Cost(6, (2, 4, 6), mini_batch=5.0, sweep=100.0, end=70.0)  # 400 s
COSTS = (SWEEPING, Cost(6, (6,), 20.0, 80.0, 0.0), Cost(6, (6,), 50.0, 100.0, 0.0))  # 400, 200, 400 s
ESTIMATE = Estimate({job.id: cost for job, cost in zip(JOBS, COSTS, strict=True)}, "native avx2")


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


def seconds_left(tally):
    """The time left that the words say."""
    about, time, left = tally.left.split(maxsplit=2)
    assert about == "about"
    if left == "s left":
        return int(time)
    assert left == "left"
    return sum(int(part) * 60**place for place, part in enumerate(reversed(time.split(":"))))


@pytest.mark.usefixtures("time")
def test_share_is_weighted_by_what_was_measured_sweeps_too():
    tally = Tally(INVENTORY, ESTIMATE, 1)
    assert (tally.jobs, tally.ended, tally.share) == (3, 0, 0)
    for job in JOBS:
        tally.note(Started(job))
    assert tally.share == 0
    tally.note(Advanced(JOBS[0], 2, 6))  # its first sweep is to come
    assert tally.share == pytest.approx(2 * 5 / 1000)
    assert tally.share_of(JOBS[0]) == pytest.approx(2 * 5 / 400)
    tally.note(Advanced(JOBS[0], 3, 6))
    assert tally.share == pytest.approx((3 * 5 + 100) / 1000)
    tally.note(Finished(JOBS[1], 1.0))
    assert tally.share == pytest.approx((115 + 200) / 1000)
    tally.note(Failed(JOBS[0], "why", "trace"))
    tally.note(Finished(JOBS[2], 1.0))
    assert (tally.ended, tally.share, tally.left) == (3, pytest.approx(1), "")


@pytest.mark.usefixtures("time")
@pytest.mark.parametrize(("workers", "seconds"), [(0, 1000), (1, 1000), (2, 600), (3, 400)])
def test_at_the_start_the_estimate_is_what_is_left(workers, seconds):
    assert seconds_left(Tally(INVENTORY, ESTIMATE, workers)) == seconds


@pytest.mark.parametrize("times", [0.5, 1, 3])
def test_time_left_goes_from_the_estimate_to_the_pace_that_is_seen(time, times):
    """A machine that takes so many times as long: each guess is nearer to the truth than the one before."""
    tally = Tally(INVENTORY, ESTIMATE, 1)
    wrong = [abs(times - 1)]
    for place, (job, cost) in enumerate(zip(JOBS, COSTS, strict=True)):
        tally.note(Started(job))
        time.now += times * cost.seconds
        tally.note(Finished(job, 1.0))
        truth = times * sum(cost.seconds for cost in COSTS[place + 1 :])
        if truth:
            wrong.append(abs(seconds_left(tally) / truth - 1))
    assert wrong == sorted(wrong, reverse=True)
    assert wrong[1] <= 0.2
    assert (wrong[-1] == 0) == (times == 1)


def test_a_long_sweep_is_no_slow_pace(time):
    """No event comes while all children are validated; the time goes down all the same, until the sweep is late."""
    tally = Tally(INVENTORY, ESTIMATE, 1)
    tally.note(Started(JOBS[0]))
    time.now += 10
    tally.note(Advanced(JOBS[0], 2, 6))
    assert seconds_left(tally) == 990
    for seconds in (30, 30, 40):
        time.now += seconds
        assert seconds_left(tally) == pytest.approx(1100 - time.now, abs=1)
    before = seconds_left(tally)
    time.now += 100
    assert seconds_left(tally) > before


@pytest.mark.usefixtures("time")
def test_a_failure_is_no_quick_pace():
    tally = Tally(INVENTORY, ESTIMATE, 1)
    tally.note(Started(JOBS[0]))
    tally.note(Failed(JOBS[0], "why", "trace"))
    assert seconds_left(tally) == 600


def test_setting_up_is_no_progress(time):
    tally = Tally(INVENTORY, ESTIMATE, 1)
    tally.note(Started(JOBS[0]))
    time.now += 50
    assert seconds_left(tally) > 1000


def test_nothing_missing_is_nothing_to_do():
    tally = Tally(Inventory(INVENTORY.done, (), {}), Estimate({}), 1)
    assert (tally.jobs, tally.share, tally.left) == (0, 0, "")


def test_the_console_decides():
    assert isinstance(watch(INVENTORY, ESTIMATE, 1, console()), Lines)
    assert isinstance(watch(INVENTORY, ESTIMATE, 1, console(terminal=True)), Bars)


@pytest.mark.usefixtures("time")
def test_a_job_that_begins_again_takes_its_share_back():
    tally = Tally(INVENTORY, ESTIMATE, 1)
    for event in (Started(JOBS[0]), Advanced(JOBS[0], 3, 6), Noted(JOBS[0], "lost"), Advanced(JOBS[0], 1, 6)):
        tally.note(event)
    fresh = Tally(INVENTORY, ESTIMATE, 1)
    for event in (Started(JOBS[0]), Advanced(JOBS[0], 1, 6)):
        fresh.note(event)
    assert tally.share == fresh.share > 0


@pytest.mark.usefixtures("time")
def test_lines_are_few_and_the_last_and_every_failure_have_one():
    out = console()
    with watch(INVENTORY, ESTIMATE, 1, out) as observe:
        for job in JOBS:
            observe(Started(job))
        observe(Finished(JOBS[1], 1.25))  # too early for a line
        assert out.file.getvalue() == ""
        observe(Advanced(JOBS[2], 1, 2))
        observe(Failed(JOBS[0], "ValueError: [bold]why[/bold]", "trace"))
        assert out.file.getvalue() == f"[2/3] {JOBS[0].label} failed: ValueError: [bold]why[/bold]\n"
        observe(Noted(JOBS[2], "it goes on after [bold]"))
        observe(Finished(JOBS[2], 2.0))
    told = [f"[2/3] {JOBS[2].label}: it goes on after [bold]", f"[3/3] {JOBS[2].label} took 2.0 s"]
    assert out.file.getvalue().splitlines()[1:] == told


def test_lines_come_again_after_some_seconds(time):
    out = console()
    with watch(INVENTORY, ESTIMATE, 1, out) as observe:
        observe(Started(JOBS[0]))
        observe(Started(JOBS[1]))
        time.now += 6
        observe(Finished(JOBS[0], 5.0))
        observe(Finished(JOBS[1], 0.1))
    (line,) = out.file.getvalue().splitlines()
    assert line.startswith(f"[1/3] {JOBS[0].label} took 5.0 s; about ")
    assert line.endswith(" left")


def test_a_silence_is_broken_by_what_runs_and_what_is_left(time):
    """With and without events: those of a job on its way have no line of their own."""
    out = console()
    lines = Lines(Tally(INVENTORY, ESTIMATE, 2), out)
    told = []

    def later(seconds, *events):
        time.now += seconds
        for event in events:
            lines(event)
        lines.break_silence()
        said = out.file.getvalue().splitlines()[len(told) :]
        told.extend(said)
        return said

    assert later(12) == []
    assert later(1) == ["[0/3] about 10:00 left; starting"]  # no worker is there yet: no slow pace
    assert later(0) == later(12) == []
    first, second, third = (job.label for job in JOBS)
    (line,) = later(1, Started(JOBS[0]), Started(JOBS[1]), Advanced(JOBS[0], 3, 6))
    assert line.endswith(f"; {first} (mini-batch 3 of 6, 1 of 3 sweeps over), {second} (starting)")
    (line,) = later(13, Started(JOBS[2]))
    assert line.endswith(f"{second} (starting), 1 more")
    (line,) = later(6, Finished(JOBS[0], 9.0))
    assert line.startswith(f"[1/3] {first} took 9.0 s; about ")
    assert later(12.9) == []  # a line of a job that ended is a line
    (line,) = later(0.2, Advanced(JOBS[1], 6, 6))
    assert line.endswith(f"; {second} (mini-batch 6 of 6, 0 of 1 sweeps over), {third} (starting)")
    assert progress.QUIET_SECONDS < 15


def test_silence_is_noticed_although_nothing_happens(monkeypatch):
    """By the watch itself, in this process and while it waits for an event."""
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.001)
    said = threading.Event()
    out = console()
    monkeypatch.setattr(out, "print", lambda *_, **__: said.set())
    before = {*threading.enumerate()}
    with watch(INVENTORY, ESTIMATE, 1, out):
        assert said.wait(timeout=60)
    assert {*threading.enumerate()} <= before  # another test's may have ended meanwhile
    said.clear()
    with pytest.raises(KeyboardInterrupt), watch(INVENTORY, ESTIMATE, 1, out):
        raise KeyboardInterrupt
    assert {*threading.enumerate()} <= before  # another test's may have ended meanwhile


def test_bars_show_what_runs_and_what_failed():
    out = console(terminal=True)
    with watch(INVENTORY, ESTIMATE, 2, out) as observe:
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


def test_words_are_said_while_something_silent_goes_on(monkeypatch):
    said, out = threading.Event(), console()
    monkeypatch.setattr(out, "print", lambda text, **_: said.set() if str(text) == "[b]measuring" else None)
    before = {*threading.enumerate()}
    with meanwhile("[b]measuring", out):
        assert not said.is_set()  # a short work has no line
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.001)
    with meanwhile("[b]measuring", out):
        assert said.wait(timeout=60)
    with pytest.raises(KeyboardInterrupt), meanwhile("[b]measuring", out):
        raise KeyboardInterrupt
    assert {*threading.enumerate()} <= before  # another test's may have ended meanwhile


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0 s"), (59.4, "59 s"), (59.6, "1:00"), (60, "1:00"), (125, "2:05"), (3599.9, "1:00:00"), (90061, "25:01:01")],
)
def test_clock(seconds, text):
    assert clock(seconds) == text
