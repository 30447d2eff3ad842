"""Watching a run: a bar and a line per running job on a terminal, plain lines elsewhere. Everything on standard error."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event as Flag
from threading import Lock, Thread
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from commonweight.study.calibration import Cost, Estimate
from commonweight.study.executors import Advanced, Event, Failed, Finished, Noted, Started
from commonweight.study.inventory import Inventory
from commonweight.study.jobs import Job

LINE_SECONDS = 5.0  # at least, between the lines of jobs that ended well
DAY = 24 * 3600
QUIET_SECONDS = 13.0  # at most, without a line: one is there every 15 seconds even where a busy machine wakes us late
SHOWN_JOBS = 2  # running jobs that a line names
TRUST_SECONDS = 60.0  # of a run, at most: for so long the estimate counts as much as what was seen
TRUST_SHARE = 0.1  # and at most for this share of the estimate


class Watch(Protocol):
    """A context that is told every event of a run."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, event: Event) -> None: ...


def watch(inventory: Inventory, estimate: Estimate, workers: int, console: Console) -> Watch:
    """Bars where the console is a terminal, else lines."""
    tally = Tally(inventory, estimate, workers)
    return Bars(tally, console) if console.is_terminal else Lines(tally, console)


@contextmanager
def meanwhile(words: str, console: Console) -> Iterator[None]:
    """While the body runs, which prints nothing, say these words every `QUIET_SECONDS`."""
    over = Flag()

    def speak() -> None:
        while not over.wait(QUIET_SECONDS):
            console.print(Text(words), soft_wrap=True)

    beat = Thread(target=speak, daemon=True)
    beat.start()
    try:
        yield
    finally:
        over.set()
        beat.join()


@dataclass(frozen=True)
class _Running:
    """A job that has begun; `done` mini-batches were trained at time `told`."""

    label: str
    cost: Cost
    done: int
    told: float

    @property
    def over(self) -> float:
        """Estimated seconds of what is known to be done."""
        return self.cost.after(self.done)

    def presumably_over(self, now: float) -> float:
        """`over` and the time since the job's last word, up to the end of its next sweep: in a sweep it says nothing."""
        if self.done == 0:
            return 0.0
        return min(self.over + now - self.told, self.cost.next_sweep_over(self.done))

    def __str__(self) -> str:
        if self.done == 0:
            return f"{self.label} (starting)"
        place = f"mini-batch {self.done:,} of {self.cost.mini_batches:,}"
        sweeps = f"{self.cost.sweeps(self.done):,} of {len(self.cost.moments):,} sweeps over"
        return f"{self.label} ({place}, {sweeps})"


class Tally:
    """How much of an inventory's missing work is done, weighted by what was measured of it, and what is left."""

    def __init__(self, inventory: Inventory, estimate: Estimate, workers: int) -> None:
        self.jobs = len(inventory.missing)
        self.ended = 0
        self._costs = estimate.costs
        self._all = sum(estimate.costs[job.id].seconds for job in inventory.missing)
        self._over = 0.0  # of jobs that have ended
        self._failed = 0.0  # of those, what was never done: it says nothing of the pace
        self._running: dict[str, _Running] = {}
        self.label = inventory.label
        self._estimated = estimate.seconds(inventory, workers)
        self._begun: float | None = None  # when the first job began: starting workers is no slow pace

    def note(self, event: Event) -> None:
        now = time.monotonic()
        match event:
            case Started(job):
                self._begun = now if self._begun is None else self._begun
                self._running[job.id] = _Running(self.label(job), self._costs[job.id], 0, now)
            case Advanced(job, done):
                self._running[job.id] = _Running(self.label(job), self._costs[job.id], done, now)
            case Finished(job) | Failed(job):
                del self._running[job.id]
                self._over += self._costs[job.id].seconds
                self._failed += self._costs[job.id].seconds if isinstance(event, Failed) else 0.0
                self.ended += 1

    @property
    def share(self) -> float:
        """Share of the work that is known to be done, in [0, 1]."""
        return (self._over + sum(running.over for running in self._running.values())) / (self._all or 1)

    def share_of(self, job: Job) -> float:
        """Share of a running job's work that is known to be done, in [0, 1]."""
        running = self._running[job.id]
        return running.over / running.cost.seconds

    @property
    def left(self) -> str:
        """Time left, as words: at the start the estimate, later more and more the pace since then; empty at the end."""
        if self.ended == self.jobs:
            return ""
        now = time.monotonic()
        over = self._over + sum(running.presumably_over(now) for running in self._running.values())
        expected = self._estimated * (over - self._failed) / self._all
        trust = min(TRUST_SECONDS, TRUST_SHARE * self._estimated)
        seen = 0.0 if self._begun is None else now - self._begun
        pace = (seen + trust) / (expected + trust)
        return f"about {clock(self._estimated * (1 - over / self._all) * pace)} left"

    @property
    def doing(self) -> str:
        """What runs: the jobs that began first, each with how far it is."""
        if not self._running:
            return "starting"
        shown = [str(running) for running in list(self._running.values())[:SHOWN_JOBS]]
        more = len(self._running) - len(shown)
        return ", ".join([*shown, *([f"{more} more"] if more else [])])


class Lines:
    """A line when a job ends, at most one every few seconds; each failure and note has its own; one after a long silence."""

    def __init__(self, tally: Tally, console: Console) -> None:
        self._tally, self._console = tally, console
        self._told = time.monotonic()
        self._turn, self._over = Lock(), Flag()
        self._beat = Thread(target=self._break_silences, daemon=True)

    def __enter__(self) -> Self:
        self._beat.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._beat.join()

    def __call__(self, event: Event) -> None:
        with self._turn:
            self._tally.note(event)
            match event:
                case Failed(job, reason):
                    self._print(f"{self._tally.label(job)} failed: {reason}")
                case Noted(job, note):
                    self._print(f"{self._tally.label(job)}: {note}")
                case Finished(job, seconds):
                    last = self._tally.ended == self._tally.jobs
                    if last or time.monotonic() - self._told >= LINE_SECONDS:
                        self._print(
                            f"{self._tally.label(job)} took {seconds:.1f} s" + ("" if last else f"; {self._tally.left}")
                        )

    def break_silence(self) -> None:
        """Say what runs if nothing was said for too long."""
        with self._turn:
            if time.monotonic() - self._told >= QUIET_SECONDS:
                self._print(f"{self._tally.left}; {self._tally.doing}")

    def _break_silences(self) -> None:
        while not self._over.wait(self._told + QUIET_SECONDS - time.monotonic()):
            self.break_silence()

    def _print(self, line: str) -> None:
        self._told = time.monotonic()
        self._console.print(Text(f"[{self._tally.ended}/{self._tally.jobs}] {line}"), soft_wrap=True)


class Bars:
    """An overall bar, and a bar for each running job."""

    def __init__(self, tally: Tally, console: Console) -> None:
        self._tally = tally
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TextColumn("{task.fields[note]}", markup=False),
            console=console,
            transient=True,
        )
        self._running: dict[str, TaskID] = {}
        self._overall = self._progress.add_task(self._headline(), total=1.0, note="")

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def __call__(self, event: Event) -> None:
        self._tally.note(event)
        match event:
            case Started(job):
                self._running[job.id] = self._progress.add_task(f"  {self._tally.label(job)}", total=1.0, note="")
            case Advanced(job):
                self._progress.update(self._running[job.id], completed=self._tally.share_of(job))
            case Finished(job):
                self._progress.remove_task(self._running.pop(job.id))
            case Failed(job, reason):
                self._progress.remove_task(self._running.pop(job.id))
                self._progress.console.print(Text(f"{self._tally.label(job)} failed: {reason}"))
            case Noted(job, note):
                self._progress.console.print(Text(f"{self._tally.label(job)}: {note}"))
        self._progress.update(
            self._overall, completed=self._tally.share, description=self._headline(), note=self._tally.left
        )

    def _headline(self) -> str:
        return f"{self._tally.ended} of {self._tally.jobs} jobs"


def clock(seconds: float) -> str:
    """`1:02:03`, `2:03` or `45 s`; from two days on `12 days`."""
    whole = round(seconds)
    if whole >= 2 * DAY:
        return f"{round(whole / DAY)} days"
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"
