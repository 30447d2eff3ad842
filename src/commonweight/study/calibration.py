"""What jobs cost on this machine: each kind of work is measured once, on some children and images, by its own engine."""

import time
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

import torch
from torch import Tensor

from commonweight.net import Engine, NetShape, Precision, Statistics, sweep_under
from commonweight.seeds import Stream
from commonweight.sharing import share_all
from commonweight.space import Child, SearchSpace
from commonweight.study.inventory import Inventory, makespan
from commonweight.study.jobs import Job
from commonweight.study.work import Worker, make_engine
from commonweight.training import SGD, ImageSet, train_step
from commonweight.values import brief

SWEEP_CHILDREN = 32  # measured together at most; more of them share hardly more of the first cell
FEWEST_IMAGES, MOST_IMAGES = 16, 128  # of a measured sweep or mini-batch; what is left out is in proportion
IMAGE_FLOATS = 2**18  # between the two: so many numbers in one activation of a copy
ENOUGH_SECONDS = 0.1  # measured at least twice, and again until so much is spent,
MOST_SECONDS = 1.0  # but not again after so much


@dataclass(frozen=True)
class Cost:
    """Seconds of a job on one worker: each of its mini-batches, the sweep after each of `moments` of them, and the end."""

    __repr__ = brief

    mini_batches: int
    moments: tuple[int, ...]
    mini_batch: float
    sweep: float
    end: float

    @property
    def seconds(self) -> float:
        """Of the whole job."""
        return self.mini_batches * self.mini_batch + len(self.moments) * self.sweep + self.end

    def after(self, done: int) -> float:
        """Until so many mini-batches are trained; a sweep after the last of them is still to come."""
        return done * self.mini_batch + self.sweeps(done) * self.sweep

    def sweeps(self, done: int) -> int:
        """Sweeps that are over by then."""
        return bisect_left(self.moments, done)

    def next_sweep_over(self, done: int) -> float:
        """Until the first sweep after `after(done)` is over; until the job is, if that sweep is its last."""
        moment = self.moments[self.sweeps(done)]
        return self.seconds if moment == self.mini_batches else self.after(moment) + self.sweep


@dataclass(frozen=True)
class Estimate:
    """What jobs cost here, by their ids; the engine that was measured (None if no job was asked about).

    `through_pytorch` are primitives that the native engine leaves to PyTorch, with every child that has one of them.
    """

    __repr__ = brief

    costs: dict[str, Cost]
    engine: str | None = None
    through_pytorch: tuple[str, ...] = ()

    def seconds(self, inventory: Inventory, workers: int) -> float:
        """Until all missing jobs of the inventory are done."""
        return makespan({job.id: self.costs[job.id].seconds for job in inventory.missing}, inventory.after, workers)


def estimate(jobs: Sequence[Job], worker: Worker) -> Estimate:
    """Seconds of each job here, on an idle processor of this kind; what other programs take from it is not counted.

    Measured under full sharing, averaged over the children of the space. Reading images, building nets, finding
    groups and storing results are left out. Raises what `make_engine` raises.
    """
    bench = _Bench(worker)
    with worker.runtime.threaded():
        costs = {job.id: bench.cost(job) for job in jobs}
    return Estimate(costs, bench.engine, tuple(bench.left))


@dataclass
class _Bench:
    """Measures each kind of work once. `engine` is the name of the last that was used; `left` are primitives as a set."""

    worker: Worker
    engine: str | None = field(default=None, init=False)
    left: dict[str, None] = field(default_factory=dict, init=False)
    _rates: dict[tuple[object, ...], float] = field(default_factory=dict, init=False)
    _moments: dict[frozenset[int], tuple[int, ...]] = field(default_factory=dict, init=False)
    _looked_at: set[tuple[SearchSpace, NetShape]] = field(default_factory=set, init=False)

    def cost(self, job: Job) -> Cost:
        self._look_at(job)
        exact = 0 if job.moments.precision is Precision.FLOAT32 or len(job.children) == 1 else job.images.sweep_images
        exact += job.images.judge_images or 0
        end = exact * self._validation(job, Precision.FLOAT32) if exact else 0.0
        if job.calibration_batches:
            images = 2 * job.images.sweep_images + job.calibration_batches * job.training.batch
            end += images * self._rate("other statistics", (job.training.batch,), job, self._other_statistics)
        return Cost(
            job.mini_batches,
            self._in_order(job.moments.steps(job.mini_batches, job.batches_per_epoch)),
            self._rate("training", (job.training.batch, job.training.inactive), job, self._mini_batch),
            job.images.sweep_images * self._validation(job, job.moments.precision) * len(job.children),
            end * len(job.children),
        )

    def _in_order(self, moments: frozenset[int]) -> tuple[int, ...]:
        """Sorted once for all jobs that look at these moments: thousands of jobs may look at thousands."""
        if moments not in self._moments:
            self._moments[moments] = tuple(sorted(moments))
        return self._moments[moments]

    def _validation(self, job: Job, precision: Precision) -> float:
        """Seconds of one image through one of so many children, to the next lower power of two, in a sweep."""
        together = 2 ** (min(len(job.children), SWEEP_CHILDREN).bit_length() - 1)
        return self._rate("sweep", (together, precision), job, lambda job: self._sweep(job, together, precision))

    def _rate(self, what: str, of: tuple[object, ...], job: Job, measure: Callable[[Job], float]) -> float:
        kind = (what, *of, job.images.augment, job.space, job.net, job.copies)
        if kind not in self._rates:
            self._rates[kind] = measure(job)
        return self._rates[kind]

    def _mini_batch(self, job: Job) -> float:
        """Seconds of one mini-batch, and of making it."""
        spread = spread_out(job.space, 1)
        engine = self._engine(job, spread)
        recipe, sgd = job.training, SGD(job.training)
        whole = min(recipe.batch, job.images.train_images)
        size = min(whole, self._some(job))
        batches = _batches(job, self._images(job), size)

        def work() -> None:
            for child in spread:
                train_step(engine, sgd, child, *next(batches), recipe.lr)

        return self._timed(work) / len(spread) * whole / size

    def _sweep(self, job: Job, together: int, precision: Precision) -> float:
        """Seconds of one image through one child, where so many are swept together."""
        spread = spread_out(job.space, together)
        engine = self._engine(job, spread)
        some = self._images(job).validation(min(job.images.sweep_images, self._some(job)))
        groups = [spread[first : first + together] for first in range(0, len(spread) - together + 1, together)]
        seconds = sum(self._timed(lambda group=group: engine.sweep(*some, group, precision)) for group in groups)
        return seconds / (len(groups) * together * len(some[0]))

    def _other_statistics(self, job: Job) -> float:
        """Seconds of one image through one child under statistics other than those as trained."""
        spread = spread_out(job.space, 1)
        engine = self._engine(job, spread)
        some = self._images(job).validation(min(job.images.sweep_images, self._some(job)))
        batch = min(job.training.batch, job.images.train_images, self._some(job))
        calibration, _ = next(_batches(job, self._images(job), batch))

        def work() -> None:
            for how in (Statistics.BATCH, Statistics.RECALIBRATED):
                sweep_under(engine.net, how, *some, spread, batch, [calibration])

        return self._timed(work) / (len(spread) * (2 * len(some[0]) + len(calibration)))

    def _look_at(self, job: Job) -> None:
        """Note the primitives that the native part leaves to PyTorch: a child of nothing else tells."""
        if (job.space, job.net) in self._looked_at:
            return
        self._looked_at.add((job.space, job.net))
        space = job.space
        pure = [Child(space, (digit + 1,) * len(space.edges)) for digit in range(len(space.primitives))]
        self.left |= {child.primitives[0]: None for child in self._engine(job, pure).through_pytorch()}

    def _engine(self, job: Job, children: list[Child]) -> Engine:
        made = make_engine(
            job, self._images(job), self.worker.runtime, share_all(children, job.net.cells, tail=job.net.has_tail)
        )
        self.engine = made.name
        return made

    def _images(self, job: Job) -> ImageSet:
        return self.worker.images(job.images.augment, job.images.fingerprint)

    def _some(self, job: Job) -> int:
        """How many images are enough to measure on."""
        images = self._images(job)
        fitting = IMAGE_FLOATS // (job.net.channels * images.height * images.width)
        return max(FEWEST_IMAGES, min(MOST_IMAGES, fitting))

    def _timed(self, work: Callable[[], object]) -> float:
        """Seconds of the quickest run, the first of which warms up; on one thread of a CPU those that this process got."""
        device = torch.device(self.worker.runtime.device)
        alone = device.type == "cpu" and self.worker.runtime.threads == 1
        clock = time.process_time if alone else time.perf_counter
        taken: list[float] = []
        while sum(taken) < (ENOUGH_SECONDS if len(taken) > 1 else MOST_SECONDS):
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            start = clock()
            work()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            taken.append(clock() - start)
        return min(taken)


def spread_out(space: SearchSpace, count: int) -> list[Child]:
    """At least `count` different children, or all; drawn so that each primitive stands about equally often on each edge."""
    if count >= space.size:
        return list(space.children())
    rng = Stream(0).fork("calibration").generator()
    found: dict[Child, None] = {}
    while len(found) < count:
        columns = [rng.permutation(len(space.primitives)) + 1 for _ in space.edges]
        found |= {Child(space, tuple(map(int, digits))): None for digits in zip(*columns, strict=True)}
    return list(found)


def _batches(job: Job, images: ImageSet, batch: int) -> Iterator[tuple[Tensor, Tensor]]:
    """Mini-batches of exactly so many images without end, epoch after epoch."""
    data, augment = job.seeds.stream("data"), job.seeds.stream("augment")
    for epoch in count():
        made = images.epoch(batch, data.fork(epoch), augment.fork(epoch))
        yield from ((some, labels) for some, labels in made if len(labels) == batch)
