"""Watching a run: a bar and a line per running job on a terminal, plain lines elsewhere. Everything on standard error."""

import time
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn
from rich.text import Text

from commonweight.study.executors import Advanced, Event, Failed, Finished, Started
from commonweight.study.jobs import Job
from commonweight.study.planning import Plan, image_passes

LINE_SECONDS = 5.0


class Watch(Protocol):
    """A context that is told every event of a run."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def __call__(self, event: Event) -> None: ...


def watch(missing: Plan, console: Console) -> Watch:
    """What suits this console."""
    tally = Tally(missing)
    return Bars(tally, console) if console.is_terminal else Lines(tally, console)


class Tally:
    """How much of a plan's missing work is done, weighted by what jobs cost."""

    def __init__(self, missing: Plan) -> None:
        self.jobs = len(missing.missing)
        self.ended = 0
        self._cost = {job.id: image_passes(job) for job in missing.missing}
        self._share = dict.fromkeys(self._cost, 0.0)
        self._begun = time.monotonic()

    def note(self, event: Event) -> None:
        match event:
            case Advanced(job, done, total):
                self._share[job.id] = done / total
            case Finished(job) | Failed(job):
                self._share[job.id] = 1.0
                self.ended += 1

    @property
    def share(self) -> float:
        """Share of the work that is done, in [0, 1]."""
        return sum(self._cost[job] * share for job, share in self._share.items()) / (sum(self._cost.values()) or 1)

    @property
    def left(self) -> str:
        """Time left at the pace so far, or nothing while it is too early to say."""
        share = self.share
        return f"about {clock((time.monotonic() - self._begun) * (1 - share) / share)} left" if share > 0.01 else ""


class Lines:
    """A line when a job ends, at most one every few seconds; every failure has its own."""

    def __init__(self, tally: Tally, console: Console) -> None:
        self._tally, self._console = tally, console
        self._told = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass

    def __call__(self, event: Event) -> None:
        self._tally.note(event)
        place = f"[{self._tally.ended}/{self._tally.jobs}]"
        match event:
            case Failed(job, reason):
                self._print(f"{place} {job.label} failed: {reason}")
            case Finished(job, seconds):
                last = self._tally.ended == self._tally.jobs
                if last or time.monotonic() - self._told >= LINE_SECONDS:
                    self._told = time.monotonic()
                    self._print(f"{place} {job.label} took {seconds:.1f} s" + ("" if last else f"; {self._tally.left}"))

    def _print(self, line: str) -> None:
        self._console.print(Text(line), soft_wrap=True)


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
                self._running[job.id] = self._progress.add_task(_indented(job), total=1.0, note="")
            case Advanced(job, done, total):
                self._progress.update(self._running[job.id], completed=done / total)
            case Finished(job):
                self._progress.remove_task(self._running.pop(job.id))
            case Failed(job, reason):
                self._progress.remove_task(self._running.pop(job.id))
                self._progress.console.print(Text(f"{job.label} failed: {reason}"))
        self._progress.update(
            self._overall, completed=self._tally.share, description=self._headline(), note=self._tally.left
        )

    def _headline(self) -> str:
        return f"{self._tally.ended} of {self._tally.jobs} jobs"


def clock(seconds: float) -> str:
    """`1:02:03`, `2:03` or `45 s`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


def _indented(job: Job) -> str:
    return f"  {job.label}"
