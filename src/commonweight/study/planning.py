"""Which jobs some experiments need, which of them the store has, and in which turns the others can be done."""

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from commonweight.errors import StoreError
from commonweight.study.experiments import Experiment
from commonweight.study.jobs import Job
from commonweight.study.store import Store

VALIDATION_COST = 1 / 5  # of a training pass, about; says which job begins first, and no more (see `calibration.py`)


@dataclass(frozen=True)
class Plan:
    """Every needed job once; `done` are whole in the store, `missing` are to be trained, the costliest first.

    `damaged` gives the reason for each missing job whose folder is there but is not whole.
    """

    done: tuple[Job, ...]
    missing: tuple[Job, ...]
    damaged: dict[str, str]

    @property
    def jobs(self) -> tuple[Job, ...]:
        return self.done + self.missing

    @property
    def waves(self) -> tuple[tuple[Job, ...], ...]:
        """The missing jobs in turns: none starts from the snapshot of a job of its own turn or of a later one."""
        waves: list[tuple[Job, ...]] = []
        left = self.missing
        while left:
            names = {job.id for job in left}
            waves.append(tuple(job for job in left if job.start is None or job.start.job not in names))
            ready = set(waves[-1])
            left = tuple(job for job in left if job not in ready)
        return tuple(waves)


def plan(experiments: Iterable[Experiment], store: Store) -> Plan:
    """The jobs of these experiments against what is stored. Reads every stored file that it relies on."""
    needed = {job.id: job for experiment in experiments for job in experiment.jobs}
    done, missing, damaged = [], [], {}
    for job in needed.values():
        try:
            (done if store.has(job) else missing).append(job)
        except StoreError as error:
            missing.append(job)
            damaged[job.id] = str(error)
    missing.sort(key=image_passes, reverse=True)
    return Plan(tuple(done), tuple(missing), damaged)


def image_passes(job: Job) -> float:
    """Rough cost of a job, to begin with the costliest: training passes of one image through one child."""
    trained = job.mini_batches * job.training.batch
    return job.copies * (trained + VALIDATION_COST * job.validations)


def record_bytes(job: Job) -> int:
    """About what the job's record takes on disk; snapshots come on top."""
    numbers = job.copies * len(job.children) * (job.sweeps + len(job.final_readings)) + 2 * job.sweeps
    return 8 * numbers + len(job.model_dump_json(indent=1)) + 900  # header, how it ran, and checksums


def makespan(seconds: Sequence[float], workers: int) -> float:
    """Time until all jobs are done when `workers` take them in the order given."""
    free = [0.0] * max(1, workers)
    for each in seconds:
        heapq.heappush(free, heapq.heappop(free) + each)
    return max(free)
