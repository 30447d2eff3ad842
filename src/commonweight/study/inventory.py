"""Which jobs some experiments need, which of them the store has, and what the others come after."""

import heapq
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter

from commonweight.errors import StoreError
from commonweight.study.failures import Cause, Failure, read_failures
from commonweight.study.jobs import Job
from commonweight.study.setting import Experiment
from commonweight.study.store import Store
from commonweight.values import brief

VALIDATION_COST = 1 / 5  # of a training pass, about; says which job begins first, and no more (see `calibration.py`)


@dataclass(frozen=True)
class Inventory:
    """Every needed job once; `done` are whole in the store, `missing` are to be trained, the costliest first.

    `given_up` are neither: they diverged and would again, or start from one that did. `damaged` gives the reason for each
    job not done whose folder is there but is not whole, `failed` for each that failed when it was last tried or is given up.
    `labels` say what each job is, by its id, in the first experiment that needs it.
    """

    __repr__ = brief

    done: tuple[Job, ...]
    missing: tuple[Job, ...]
    damaged: dict[str, str]
    given_up: tuple[Job, ...] = ()
    failed: dict[str, Failure] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)

    @property
    def jobs(self) -> tuple[Job, ...]:
        return self.done + self.missing + self.given_up

    def failures(self) -> Iterator[str]:
        """A line for each job that failed for a reason of its own: why, and whether it is tried again."""
        given_up = {job.id for job in self.given_up}
        for job_id, failure in self.failed.items():
            if failure.cause is not Cause.SOURCE:
                again = "not tried again without --retry-failed" if job_id in given_up else "to be tried again"
                yield f"job {job_id} ({failure.label}) failed: {failure.reason}; {again}"

    def label(self, job: Job) -> str:
        """What the job is, for a reader: in its experiment, where one is known."""
        return self.labels.get(job.id, job.label)

    @property
    def after(self) -> dict[str, tuple[str, ...]]:
        """The ids of the missing jobs, in their order, each with those of the missing jobs from which it starts."""
        names = {job.id for job in self.missing}
        return {job.id: tuple(source for source in job.sources if source in names) for job in self.missing}


def take_inventory(experiments: Iterable[Experiment], store: Store, *, retry_failed: bool = False) -> Inventory:
    """The jobs of these experiments against what is stored; to `retry_failed` is to give up none.

    Reads every stored file that it relies on.
    """
    asked = tuple(experiments)
    needed = {job.id: job for experiment in asked for job in experiment.jobs}
    labels = {job_id: label for experiment in reversed(asked) for job_id, label in experiment.labels().items()}
    done, missing, damaged = [], [], {}
    for job in needed.values():
        try:
            (done if store.has(job) else missing).append(job)
        except StoreError as error:
            missing.append(job)
            damaged[job.id] = str(error)
    missing.sort(key=image_passes, reverse=True)
    failed, hopeless = fates(missing, read_failures(store.out))
    given_up = () if retry_failed else tuple(job for job in missing if job.id in hopeless)
    left = missing if retry_failed else [job for job in missing if job.id not in hopeless]
    return Inventory(tuple(done), tuple(left), damaged, given_up, failed, labels)


def fates(undone: Sequence[Job], notes: Mapping[str, Failure]) -> tuple[dict[str, Failure], set[str]]:
    """Of jobs that are not stored: why they failed, if they did; and the ids of those that would fail again."""
    failed = {job.id: notes[job.id] for job in undone if job.id in notes and notes[job.id].cause is not Cause.SOURCE}
    hopeless = {job_id for job_id, failure in failed.items() if failure.cause is Cause.DIVERGED}
    while waiting := [job for job in undone if job.id not in failed and not failed.keys().isdisjoint(job.sources)]:
        for job in waiting:
            source = next(source for source in job.sources if source in failed)
            reason = f"job {source}, from which it starts, failed: {failed[source].reason}"
            failed[job.id] = Failure(job=job.id, label=job.label, cause=Cause.SOURCE, reason=reason)
    while more := {job.id for job in undone if job.id not in hopeless and not hopeless.isdisjoint(job.sources)}:
        hopeless |= more
    return failed, hopeless


def image_passes(job: Job) -> float:
    """Rough cost of a job, to begin with the costliest: training passes of one image through one child."""
    trained = job.mini_batches * job.training.batch
    return job.copies * (trained + VALIDATION_COST * job.validations)


def record_bytes(job: Job) -> int:
    """About what the job's record takes on disk; snapshots come on top."""
    numbers = job.copies * len(job.children) * (job.sweeps + len(job.final_accuracies)) + 2 * job.sweeps
    return 8 * numbers + len(job.model_dump_json(indent=1)) + 900  # header, how it ran, and checksums


def makespan(seconds: Mapping[str, float], after: Mapping[str, Collection[str]], workers: int) -> float:
    """Time until all jobs of `after` are done, each when those that it names are.

    Whoever of the `workers` is free, at least one, takes of the jobs that may begin the first in the order of `after`.
    """
    place = {name: number for number, name in enumerate(after)}
    waiting = TopologicalSorter(after)
    waiting.prepare()
    ready: list[tuple[int, str]] = []
    running: list[tuple[float, str]] = []
    now = 0.0
    while waiting.is_active():
        for name in waiting.get_ready():
            heapq.heappush(ready, (place[name], name))
        while ready and len(running) < max(1, workers):
            _, name = heapq.heappop(ready)
            heapq.heappush(running, (now + seconds[name], name))
        now = running[0][0]
        while running and running[0][0] == now:
            waiting.done(heapq.heappop(running)[1])
    return now
