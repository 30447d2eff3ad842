"""The executor's contract."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from commonweight.study.failures import Cause
from commonweight.study.jobs import Job
from commonweight.study.schema import DataSpec
from commonweight.study.work import Runtime
from commonweight.values import brief


@dataclass(frozen=True)
class Task:
    """A job, the data section that leads to its images, and the study folder whose store gets its result.

    `after` are the ids of jobs from whose results it starts, each the job of another task of the same run.
    """

    __repr__ = brief

    job: Job
    data: DataSpec
    out: Path
    after: tuple[str, ...] = ()


@dataclass(frozen=True)
class Started:
    """Work on the job has begun."""

    __repr__ = brief

    job: Job


@dataclass(frozen=True)
class Advanced:
    """`done` of the job's `total` mini-batches are trained. Sent now and then, not after each."""

    __repr__ = brief

    job: Job
    done: int
    total: int


@dataclass(frozen=True)
class Noted:
    """Something in one line that a user should know of a job that goes on: where it goes on, or that it is tried again."""

    job: Job
    note: str


@dataclass(frozen=True)
class Finished:
    """The job's result is in the store, durably."""

    __repr__ = brief

    job: Job
    seconds: float


@dataclass(frozen=True)
class Failed:
    """The job ended without a result. `reason` is one line, `trace` what its programmer needs."""

    __repr__ = brief

    job: Job
    reason: str
    trace: str
    cause: Cause = Cause.ERROR


Event = Started | Advanced | Noted | Finished | Failed


class Executor(Protocol):
    """Runs tasks and tells what happens. One suite holds every executor to this: `tests/study/test_executors.py`.

    Who calls: `run` is called from one thread and iterated there, to its end or until it is closed.

    Order: a task may begin when all that it comes after are finished. Among tasks that may begin, the first in the order
    given begins first. Each task has one `Started`, then its `Advanced` and `Noted`, then exactly one `Finished` or `Failed`.
    The store has the result before `Finished` is told. An `Agenda` keeps this order, and refuses tasks that have none.

    Loss: a job whose worker process dies, or whose machine is lost, is tried again, once in a run. The executor gives its
    agenda a `Failed` whose cause is `Cause.LOST`; the agenda makes a `Noted` of the first, and hands the task out again. Then
    `done` of its `Advanced` may be less than before. An exception of the job is its failure at once.

    Failure: when a job fails, only the tasks that come after it fail too. Example: B comes after A and C, and A fails. B is
    never tried: when C has ended too, `Started` and `Failed` of B are told, with A named as the reason. A task that comes
    after B then fails in the same way, with B named.

    Interruption: when the iterator is closed or an exception passes through it (Ctrl-C), no process of the executor is
    left, finished jobs stay stored, and of an unfinished one nothing but its last checkpoint.

    Checkpoints: a job goes on from the checkpoint in its store, whoever left that there, and is the same bits as one that was
    never stopped. `perform` sees to it, and removes the checkpoint when the result is stored.

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
