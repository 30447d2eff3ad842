"""The executor's contract."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from commonweight.study.jobs import Job
from commonweight.study.schema import DataSpec
from commonweight.study.work import Runtime


@dataclass(frozen=True)
class Task:
    """A job, the data section that leads to its images, and the study folder whose store gets its result.

    `after` are the ids of jobs from whose results it starts, each the job of another task of the same run.
    """

    job: Job
    data: DataSpec
    out: Path
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Started:
    """Work on the job has begun."""

    job: Job


@dataclass(frozen=True)
class Advanced:
    """`done` of the job's `total` mini-batches are trained. Sent now and then, not after each."""

    job: Job
    done: int
    total: int


@dataclass(frozen=True)
class Finished:
    """The job's result is in the store, durably."""

    job: Job
    seconds: float


@dataclass(frozen=True)
class Failed:
    """The job ended without a result. `reason` is one line, `trace` what its programmer needs."""

    job: Job
    reason: str
    trace: str


Event = Started | Advanced | Finished | Failed


class Executor(Protocol):
    """Runs tasks and tells what happens. One suite holds every executor to this: `tests/study/test_executors.py`.

    Who calls: `run` is called from one thread and iterated there, to its end or until it is closed.

    Order: a task begins when all that it comes after are finished, and of those that may begin the first in the order
    given does. It ends in exactly one `Finished` or `Failed`, after its `Started`, with its `Advanced` in between. The
    store has the result before `Finished` is told. An `Agenda` keeps this order, and refuses tasks that have none.

    Failure: one job's failure, even the death of the process it ran in, leaves alone every task that does not come after
    it. One that does is never tried: when all that it comes after have ended, its `Started` is told and a `Failed` that
    names one of those that failed; what comes after it fails in the same way.

    Interruption: when the iterator is closed or an exception passes through it (Ctrl-C), no process of the executor is
    left, finished jobs stay stored, and of the unfinished ones nothing is.

    Results do not depend on the executor, nor on the order of tasks.
    """

    @property
    def workers(self) -> int:
        """Worker processes, so many tasks at a time; 0 when this process does the work, one task after another."""
        ...

    def run(self, tasks: Sequence[Task]) -> Iterator[Event]: ...


class Factory(Protocol):
    """Makes an executor for `make_executor`; nothing is started or connected to before `run`.

    `workers` is what the user asked for, None if that is left to the executor. Raises `UsageError` for a number that
    the executor cannot have.
    """

    def __call__(self, runtime: Runtime, workers: int | None) -> Executor: ...
