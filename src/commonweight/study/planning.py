"""Which jobs some experiments need, which of them the store has, and what the others will cost."""

import heapq
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch

from commonweight.errors import StoreError
from commonweight.sharing import share_all
from commonweight.space import Child, SearchSpace
from commonweight.study.experiments import Experiment
from commonweight.study.jobs import Job
from commonweight.study.store import Store
from commonweight.study.work import Runtime, Worker, make_engine
from commonweight.training import SGD, ImageSet, train_step

CALIBRATION_IMAGES = 128
VALIDATION_COST = 1 / 3  # of a training pass, forward alone against forward and backward; for ordering jobs only


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
    """Rough cost of a job: training passes of one image through one child."""
    trained = job.mini_batches * job.training.batch
    return job.copies * (trained + VALIDATION_COST * job.validations)


def record_bytes(job: Job) -> int:
    """About what the job's record takes on disk; snapshots come on top."""
    at_the_end = bool(job.images.judge_images) + 2 * bool(job.calibration_batches)
    numbers = job.copies * len(job.children) * (job.sweeps + at_the_end) + 2 * job.sweeps
    return 8 * numbers + len(job.model_dump_json(indent=1)) + 900  # header, how it ran, and checksums


@dataclass(frozen=True)
class Rates:
    """Measured seconds of one kind of work: a mini-batch, and one image through one child in a sweep, all copies."""

    mini_batch: float
    validation: float

    def seconds(self, job: Job) -> float:
        return job.mini_batches * self.mini_batch + job.validations * self.validation


def estimate(jobs: Sequence[Job], worker: Worker) -> list[float]:
    """Seconds that each job will take here, from timing a few mini-batches and one batch of a sweep of each kind."""
    rates: dict[tuple[object, ...], Rates] = {}
    with worker.runtime.threaded():
        for job in jobs:
            if (kind := _kind(job)) not in rates:
                rates[kind] = _calibrate(job, worker.images(job.images.augment, job.images.fingerprint), worker.runtime)
    return [rates[_kind(job)].seconds(job) for job in jobs]


def makespan(seconds: Sequence[float], workers: int) -> float:
    """Time until all jobs are done when `workers` take them in the order given."""
    free = [0.0] * max(1, workers)
    for each in seconds:
        heapq.heappush(free, heapq.heappop(free) + each)
    return max(free)


def _kind(job: Job) -> tuple[object, ...]:
    """Jobs of one kind cost the same per mini-batch and per image, averaged over their children."""
    return (
        job.images.augment,
        job.space,
        job.net,
        job.training.batch,
        job.copies,
        job.moments.precision,
        min(2, len(job.children)),
    )


def _calibrate(job: Job, images: ImageSet, runtime: Runtime) -> Rates:
    spread = _spread(job.space.build())
    recipe = job.recipe()
    trained = make_engine(job, images, runtime, share_all(spread, job.net.cells))
    sgd = SGD(recipe, trained.library)
    batch, labels = next(images.epoch(recipe.batch, job.seeds.stream("data"), job.seeds.stream("augment")))

    def mini_batches() -> None:
        for child in spread:
            train_step(trained, sgd, child, batch, labels, recipe.lr)

    swept = trained if len(job.children) == 1 else make_engine(job, images, runtime)
    groups = [[child] for child in spread] if len(job.children) == 1 else [list(swept.net.plan.children)]
    some = images.validation(min(job.images.sweep_images, CALIBRATION_IMAGES))

    def validations() -> None:
        for group in groups:
            swept.sweep(*some, group, job.moments.precision)

    passes = sum(map(len, groups)) * len(some[0])
    return Rates(_timed(mini_batches, images.device) / len(spread), _timed(validations, images.device) / passes)


def _spread(space: SearchSpace) -> list[Child]:
    """As many children as there are primitives, so that each primitive stands once on each edge."""
    count = len(space.primitives)
    edges = range(len(space.edges))
    return [Child(space, tuple((first + edge) % count + 1 for edge in edges)) for first in range(count)]


def _timed(work: Callable[[], None], device: torch.device) -> float:
    """Seconds of the quicker of two runs, after one that warms up."""
    taken = []
    for _ in range(3):
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        start = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        taken.append(time.perf_counter() - start)
    return min(taken[1:])
