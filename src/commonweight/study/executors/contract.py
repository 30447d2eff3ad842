"""The executor's contract."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from commonweight.study.jobs import Job
from commonweight.study.schema import DataSpec


@dataclass(frozen=True)
class Task:
    """A job, the data section that leads to its images, and the study folder whose store gets its result."""

    job: Job
    data: DataSpec
    out: Path


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
    """Runs tasks and tells what happens.

    `run` is called from one thread and iterated there. Tasks are independent and begin in the order given. Each ends in
    exactly one `Finished` or `Failed`, after its `Started`; one job's failure, even the death of the process it ran in,
    leaves the others alone. The store has the result before `Finished` is told. When the iterator is closed or an
    exception passes through it (Ctrl-C), no process of the executor is left, finished jobs stay stored, and of the
    unfinished ones nothing is. Results do not depend on the executor, nor on the order of tasks.
    """

    def run(self, tasks: Sequence[Task]) -> Iterator[Event]: ...
