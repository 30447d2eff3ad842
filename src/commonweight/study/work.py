"""Doing one job: from its description and the images to its result, in this process."""

import os
import platform
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import Field

from commonweight.errors import DataError, StudyError, UsageError
from commonweight.images import RawImages, load_raw, subset
from commonweight.net import (
    Engine,
    EngineChoice,
    Precision,
    Statistics,
    choose_engine,
    find_library,
    sweep_under,
    unit_names,
)
from commonweight.ranking import tau
from commonweight.sharing import SharingPlan
from commonweight.study.checkpoint import Midway, arrays_of
from commonweight.study.cuda import exact
from commonweight.study.finding import Kept, with_children
from commonweight.study.jobs import FinalAccuracy, Job, Spec
from commonweight.study.keeper import Keeper
from commonweight.study.nets import make_net
from commonweight.study.record import AGREEMENT, CONTINUED, ELSEWHERE, ENDED, THROUGH_PYTORCH, Record, Result
from commonweight.study.schema import DataSpec
from commonweight.study.store import Store
from commonweight.training import Augmentation, Course, ImageSet, Snapshot, Streams, Swept, Trained, train
from commonweight.values import Count, Positive


class Runtime(Spec):
    """How work is done: the device and the threads of one process. Never part of a job's identity.

    The same job gives the same bits on the same machine with the same number of threads; on a GPU that is not measured.
    What a job has after so many seconds is kept, and after as many again.
    """

    device: str = "cpu"
    threads: Count = 1
    engine: Annotated[EngineChoice, Field(strict=False)] = EngineChoice.AUTO
    checkpoint_seconds: Positive = 60.0

    @contextmanager
    def threaded(self) -> Iterator[None]:
        """PyTorch uses this many threads inside, and as many as before afterwards; a CUDA device is `exact`."""
        before = torch.get_num_threads()
        torch.set_num_threads(self.threads)
        try:
            with exact(self.device):
                yield
        finally:
            torch.set_num_threads(before)


def resolve_device(word: str) -> str:
    """The torch device of `auto`, `cpu`, `cuda` or `cuda:n`; raises `UsageError` when this machine lacks it."""
    if word == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(word)
    except RuntimeError:
        raise UsageError(f"device {word!r}; expected auto, cpu, cuda or cuda:n") from None
    count = torch.cuda.device_count()
    if device.type not in ("cpu", "cuda") or (device.type == "cuda" and (device.index or 0) >= count):
        raise UsageError(
            f"device {word!r}; expected auto, cpu, cuda or cuda:n, and this machine has {count} CUDA devices"
        )
    return word


def require_native() -> None:
    """Raises `UsageError` when COMMONWEIGHT_NATIVE names a build that does not exist or cannot run here."""
    library, reason = find_library()
    if library is None and os.environ.get("COMMONWEIGHT_NATIVE", "") not in ("", "off"):
        raise UsageError(f"{reason}; unset COMMONWEIGHT_NATIVE, or set it to off or to a build that runs here")


def study_images(data: DataSpec) -> RawImages:
    """The images that a study's `data` section describes; every prefix of them is balanced over the classes.

    Raises `StudyError` when the section asks for more than there is, `DataError` when the images cannot be read.
    """
    raw = load_raw(data.name, None if data.path is None else Path(data.path).expanduser())
    require_available(data, len(raw.train_images), len(raw.validation_images), min(raw.train_images.shape[2:]))
    return subset(raw, data.train_images or len(raw.train_images), len(raw.validation_images), data.resize)


def require_available(data: DataSpec, train_images: int, validation_images: int, side: int) -> None:
    """Raises `StudyError` when the section asks for more images than there are, or for larger ones."""
    available = {
        "train_images": train_images,
        "sweep_images": validation_images,
        "judge_images": validation_images,
        "resize": side,
    }
    for key, most in available.items():
        asked = getattr(data, key)
        if asked is not None and asked > most:
            raise StudyError(f"data.{key}: got {asked}; data {data.name!r} allows 1 … {most}")


@dataclass
class Worker:
    """Does jobs one after another and keeps the images of the last data set, which it `read`, on the device."""

    data: DataSpec
    runtime: Runtime
    read: Callable[[DataSpec], RawImages] = study_images
    _raw: RawImages | None = field(default=None, init=False)
    _sets: dict[Augmentation, ImageSet] = field(default_factory=dict, init=False)
    _affinities: Kept = field(default_factory=dict, init=False)

    def images(self, augment: Augmentation, fingerprint: str | None = None) -> ImageSet:
        """The study's images, augmented so. Raises `DataError` if they are no longer those of the fingerprint."""
        if self._raw is None:
            self._raw = self.read(self.data)
        raw = self._raw
        if fingerprint not in (None, raw.fingerprint):
            raise DataError(f"data {self.data.name!r} has changed since the study was planned; run the command again")
        if augment not in self._sets:
            self._sets[augment] = ImageSet(raw, augment, self.runtime.device)
        return self._sets[augment]

    def do(self, job: Job, store: Store) -> Generator[tuple[int, int] | str, None, Result]:
        """Train and validate as the job asks; yields (mini-batches trained, mini-batches in all), returns the result.

        What a job starts from of another, a snapshot or the groups that it shows, is in the store; raises `ResultMissing`
        when it is not there. The job goes on from its checkpoint in the store, and renews that; a sentence is yielded for
        whoever should know of it.
        """
        with self.runtime.threaded():
            return (yield from self._do(job, store))

    def _do(self, asked: Job, store: Store) -> Generator[tuple[int, int] | str, None, Result]:
        started, begun = datetime.now(UTC), time.monotonic()
        images = self.images(asked.images.augment, asked.images.fingerprint)
        job = with_children(asked, store, images, self._affinities)
        engine = make_engine(job, images, self.runtime)
        circumstances = self._circumstances(engine, asked, store)
        keeper = Keeper(store, asked, circumstances, self.runtime.checkpoint_seconds, started, begun)
        midway, told = keeper.resume(engine.net)
        if told:
            yield told
        start = start_of(job, store) if midway is None else midway.at
        children = job.validated
        places = {child: place for place, child in enumerate(children)}
        course = Course(job.order, job.moments, job.images.sweep_images, job.snapshots, job.stop_after, children)
        streams = Streams(job.seeds.stream("order"), job.seeds.stream("data"), job.seeds.stream("augment"))
        swept = [] if midway is None else [(step, by, there.to(images.device)) for step, by, there in midway.sweeps]
        snapshots = {} if midway is None else dict(midway.snapshots)
        asked_for = {epoch * job.batches_per_epoch: f"epoch-{epoch}" for epoch in job.snapshots}
        position = 0
        for event in train(engine, images, job.training, course, streams, start, keeper.due):
            match event:
                case Trained(step, child):
                    position = places.get(child, ELSEWHERE)
                    yield step, job.mini_batches
                case Swept(step, accuracy):
                    swept.append((step, position, accuracy))
                case Snapshot() if event.step in asked_for:
                    snapshots[asked_for[event.step]] = arrays_of(event)
                case Snapshot():
                    if told := keeper.keep(Midway(event, swept, snapshots)):
                        yield told
        record = Record(
            accuracy=torch.stack([accuracy for _, _, accuracy in swept], dim=1).cpu().numpy(),
            step=np.array([step for step, _, _ in swept], dtype=np.int64),
            trained=np.array([position for _, position, _ in swept], dtype=np.int64),
            final={which: _final(which, job, engine, images, streams) for which in job.final_accuracies},
            children=None if job is asked else np.array([child.index for child in children]),
        )
        how = self._how(engine, keeper)
        if left := engine.through_pytorch():
            how[THROUGH_PYTORCH] = [child.name for child in left]
        if job.moments.precision is not Precision.FLOAT32 and len(job.children) > 1:
            exact = engine.sweep(*images.validation(course.sweep_images), children).cpu().numpy()
            how[AGREEMENT] = [tau(*pair) for pair in zip(record.accuracy[:, -1], exact, strict=True)]
        return Result(record, snapshots, how)

    def _circumstances(self, engine: Engine, job: Job, store: Store) -> dict[str, str]:
        """All that a job's bits depend on beside the job itself."""
        return {
            "device": self.runtime.device,
            "engine": engine.name,
            "processor": processor(),
            "threads": str(torch.get_num_threads()),
            "torch": torch.__version__,
            **{f"the result of {source}": store.seal(source) for source in job.sources},
        }

    def _how(self, engine: Engine, keeper: Keeper) -> dict[str, object]:
        continued = {CONTINUED: keeper.stops, ENDED: datetime.now(UTC).isoformat(timespec="seconds")}
        return {
            "started": keeper.started.isoformat(timespec="seconds"),
            "seconds": round(keeper.seconds, 3),
            **(continued if keeper.stops else {}),
            "device": self.runtime.device,
            "engine": engine.name,
            "threads": torch.get_num_threads(),
            "torch": torch.__version__,
            "python": platform.python_version(),
            "machine": platform.platform(),
            "processor": processor(),
        }


@dataclass
class Workers:
    """One `Worker` for each data section asked for, made when first needed."""

    runtime: Runtime
    _by_data: dict[DataSpec, Worker] = field(default_factory=dict, init=False)

    def of(self, data: DataSpec) -> Worker:
        return self._by_data.setdefault(data, Worker(data, self.runtime))


def make_engine(job: Job, images: ImageSet, runtime: Runtime, plan: SharingPlan | None = None) -> Engine:
    """The engine that trains the job, its net initialised, on the images' device; or that net under another plan.

    Raises what `require_native` and `choose_engine` raise.
    """
    require_native()
    return choose_engine(make_net(job, images, plan), runtime.engine)


def start_of(job: Job, store: Store) -> Snapshot | None:
    """What the job goes on from: the units that its children use in another job's snapshot, under the names of its own net.

    Example: all but normalisation was shared, so a unit of child 112 is `cell0/edge0:max_pool_3x3:0-1` in the snapshot. In
    the net of 112 alone it is `cell0/edge0:max_pool_3x3:0`.
    """
    if job.start is None:
        return None
    source = store.job(job.start.job)
    arrays = store.read_snapshot(source, f"epoch-{job.start.epoch}")
    ours, theirs = job.plan(), source.plan()
    renamed = {
        own: other
        for child in ours.children
        for own, other in zip(unit_names(ours, child), unit_names(theirs, child), strict=True)
    }
    weights = {}
    for own, other in renamed.items():
        prefix = f"weights/units.{other}."
        weights |= {
            f"units.{own}.{name.removeprefix(prefix)}": torch.from_numpy(array)
            for name, array in arrays.items()
            if name.startswith(prefix)
        }
    return Snapshot(0, weights, {})


def processor() -> str:
    """The processor's name as well as this system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.processor() or platform.machine()


def _final(which: FinalAccuracy, job: Job, engine: Engine, images: ImageSet, streams: Streams) -> np.ndarray:
    """The final accuracies `[copy, child]`.

    Recalibration sees the first batches of an epoch that was not trained, augmented as in training.
    """
    net, batch, children = engine.net, job.training.batch, job.validated
    swept = images.validation(job.images.sweep_images)
    match which:
        case FinalAccuracy.JUDGED:
            accuracy = engine.sweep(*images.validation(job.images.judge_images), children)
        case FinalAccuracy.UNDER_BATCH_STATISTICS:
            accuracy = sweep_under(net, Statistics.BATCH, *swept, children, batch, ())
        case FinalAccuracy.RECALIBRATED:
            after = job.training.epochs
            batches = images.epoch(batch, streams.data.fork(after), streams.augment.fork(after))
            calibration = [some for some, _ in islice(batches, job.calibration_batches)]
            accuracy = sweep_under(net, Statistics.RECALIBRATED, *swept, children, batch, calibration)
    return accuracy.cpu().numpy()
