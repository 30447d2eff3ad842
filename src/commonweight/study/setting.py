"""A study's setting, and the experiments in it: instances of one way to train all children, as jobs, and read back."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from commonweight.errors import StoreError
from commonweight.net import NetShape, checksum_of, is_import_path
from commonweight.seeds import Stream
from commonweight.space import Child, convolutions, stratified
from commonweight.study.jobs import (
    FinalAccuracy,
    FoundSpec,
    ImagesSpec,
    Job,
    OwnPrimitives,
    Population,
    SeedSpec,
    SharingSpec,
    StartSpec,
)
from commonweight.study.record import Record
from commonweight.study.schema import Strata, Study
from commonweight.study.store import Store
from commonweight.study.work import study_images
from commonweight.training import ChildOrder, Moments, Recipe
from commonweight.values import brief

Group = tuple[Child, ...] | FoundSpec
"""Children that are trained together: these, or those that another job's result shows."""

FINETUNING_STREAM = 1  # of the data order and the augmentation; super-nets and ground truth use others


@dataclass(frozen=True)
class Member:
    """One instance's random numbers: which initialisation, child order, and data order with augmentation of the study."""

    init: int
    order: int = 0
    data: int = 0


@dataclass(frozen=True)
class Part:
    """Where an instance's accuracies of some children are: copy number `copy` of a job."""

    __repr__ = brief

    job: Job
    copy: int


@dataclass(frozen=True)
class Measured:
    """What an experiment's instances measured; children in lexicographic order.

    `accuracy` `[instance, moment, child]` after `step` `[moment]` mini-batches, the last of which `trained`
    `[instance, moment, child]` (bool) one child of each part. Where parts are trained for different lengths, `step` is that
    of the largest, and the others are read as many mini-batches before their own ends. `final` are the accuracies
    `[instance, child]` at the end that all its jobs were asked for.
    """

    __repr__ = brief

    accuracy: np.ndarray
    step: np.ndarray
    trained: np.ndarray
    final: Mapping[FinalAccuracy, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Experiment:
    """Named instances; each is made of parts whose children together are all children of the setting, once each."""

    __repr__ = brief

    name: str
    instances: tuple[tuple[Part, ...], ...]

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job of the experiment once, in the order of the instances."""
        return tuple({part.job.id: part.job for instance in self.instances for part in instance}.values())

    def labels(self) -> dict[str, str]:
        """What each job is here, by its id: `seeds, copies 1–5`, `ground-truth, child 111, copies 1–4`.

        A job of which only some copies are instances of this experiment says so: `orders, instance 1 (of 5 copies)`.
        """
        numbers: dict[str, list[int]] = {}
        groups: dict[str, str] = {}
        for number, parts in enumerate(self.instances, 1):
            for place, part in enumerate(parts, 1):
                numbers.setdefault(part.job.id, []).append(number)
                groups[part.job.id] = f", group {place} of {len(parts)}" if len(parts) > 1 else ""
        return {job.id: f"{self.name}{_who(job, groups[job.id])}{_which(job, numbers[job.id])}" for job in self.jobs}

    def read(self, store: Store) -> Measured:
        """All results from the store, at the moments of the job that looked least often, counted from the end of each run.

        Raises `StoreError` when a job is missing or damaged, when another did not look at all of these moments, or when
        the children found by the parts of an instance are not all children, once each.
        """
        read = {job.id: store.read(job) for job in self.jobs}
        left = {
            job.id: read[job.id].step - job.mini_batches for job in self.jobs
        }  # mini-batches to the end: 0 or fewer
        common = min(left.values(), key=len)
        if any(not np.isin(common, moments).all() for moments in left.values()):
            raise StoreError(f"experiment {self.name}: its jobs were swept at different moments")
        records = {job.id: read[job.id].at(common + job.mini_batches) for job in self.jobs}
        step = common + max(self.jobs, key=lambda job: len(job.children)).mini_batches
        orders = [self._order(parts, read) for parts in self.instances]

        def gathered(array: Callable[[Record], np.ndarray]) -> np.ndarray:
            """Of every instance, the children of its parts in their order."""
            return np.stack(
                [
                    np.concatenate([array(records[part.job.id])[part.copy] for part in parts], axis=-1)[..., order]
                    for parts, order in zip(self.instances, orders, strict=True)
                ]
            )

        accuracy = gathered(lambda record: record.accuracy)
        trained = np.zeros(accuracy.shape, dtype=bool)
        for number, (instance, order) in enumerate(zip(self.instances, orders, strict=True)):
            places = np.argsort(order)  # of each child of the parts, one after another, among all children
            first = 0
            for part in instance:
                position = records[part.job.id].trained
                moments = np.flatnonzero(position >= 0)  # the others trained a child that is not ranked
                trained[number, moments, places[first + position[moments]]] = True
                first += len(part.job.children)
        asked = [which for which in FinalAccuracy if all(which.asked_of(job) for job in self.jobs)]
        final = {which: gathered(lambda record, which=which: record.final[which]) for which in asked}
        return Measured(accuracy, step, trained, final)

    def _order(self, parts: Sequence[Part], records: Mapping[str, Record]) -> np.ndarray:
        """Places `[child]` among the children of the parts, one after another, of all children in lexicographic order."""
        index = [child.index for part in parts for child in records[part.job.id].children_of(part.job)]
        if len(set(index)) < len(index):
            raise StoreError(
                f"experiment {self.name}: its groups were found in different results of one job, so that a child is in two "
                f"of them; delete its jobs, {parts[0].job.id} the first, to train them again"
            )
        return np.argsort(index)


@dataclass(frozen=True)
class Conditions:
    """How an experiment trains and when it looks: the study's own sections, changed where the experiment says so."""

    __repr__ = brief

    net: NetShape
    training: Recipe
    sharing: SharingSpec
    order: ChildOrder = ChildOrder.FIXED
    moments: Moments = Moments()
    snapshots: tuple[int, ...] = ()
    judged: bool = False
    calibration_batches: int | None = None
    stop_after: int | None = None

    def looking(self, **moments: object) -> "Conditions":
        """The same with these fields of `Moments` changed."""
        return replace(self, moments=replace(self.moments, **moments))


@dataclass(frozen=True)
class Setting:
    """A study whose images, and primitives of one's own, have been looked at: what a job needs to know of them."""

    __repr__ = brief

    study: Study
    fingerprint: str
    image_size: tuple[int, int]
    train_images: int
    sweep_images: int
    judge_images: int
    own: OwnPrimitives = ()

    @cached_property
    def children(self) -> tuple[Child, ...]:
        """The children that are ranked, in lexicographic order: all of the space, or the study's sample."""
        sample, space = self.study.sample, self.study.space
        if sample is None:
            return tuple(space.children())
        rng = Stream(self.study.seed).fork("sample").generator()
        if sample.by is Strata.UNIFORM:
            return space.sample(sample.children, rng)
        return stratified(space.children(), sample.children, rng, convolutions)

    @property
    def together(self) -> int:
        """How many children a super-net of all trains: those of the space, of which a sample may be ranked."""
        return self.study.space.size

    @property
    def batches_per_epoch(self) -> int:
        return -(-self.train_images // self.study.training.batch)

    @property
    def alone_epochs(self) -> int:
        """Epochs of every child trained alone."""
        return self.study.experiments.alone_epochs or self.study.training.epochs

    def updates(self, children: int) -> int:
        """Mini-batches that train each child in a super-net that trains so many, rounded down; 1 is a child alone.

        In the paper 612 with 64 children, and 39,200 alone.
        """
        epochs = self.alone_epochs if children == 1 else self.study.training.epochs
        return epochs * self.batches_per_epoch // children

    @property
    def conditions(self) -> Conditions:
        """The study's own: what experiments start from. Of a sampled space the children to train are drawn one by one."""
        study = self.study
        moments = Moments(precision=study.experiments.sweep_precision)
        order = ChildOrder.FIXED if study.sample is None else ChildOrder.UNIFORM
        return Conditions(study.net, study.training, study.sharing, order, moments)

    def experiment(
        self, name: str, partition: Iterable[Group], members: Sequence[Member], conditions: Conditions
    ) -> Experiment:
        """Each group of the partition, known or found when its job runs, trained alone, once per member.

        Members that differ only in their initialisation are trained as stacked copies, at most `experiments.stack` in
        one job. With `judged` every job ends with a judgement on the images for ground truth.
        """
        places: dict[Member, list[Part]] = {member: [] for member in members}
        for group in partition:
            for stack in self._stacks(members):
                order, data = stack[0].order, stack[0].data
                init = tuple(member.init for member in stack)
                seeds = SeedSpec(study=self.study.seed, init=init, order=order, data=data, augment=data)
                job = self._job(group, seeds, conditions)
                for copy, member in enumerate(stack):
                    places[member].append(Part(job, copy))
        return Experiment(name, tuple(tuple(places[member]) for member in members))

    def finetuned(self, name: str, source: Experiment, epoch: int) -> Experiment:
        """Every child of every instance trained alone for a while from the source's snapshot after this epoch.

        The learning rate is constant, that of the snapshot's epoch; momentum is fresh; all children of all instances see
        the same batches, which are not those of any epoch of the source (paper §3.3).
        """
        lr = source.jobs[0].training.lr_at(epoch - 1)
        batches = self.study.experiments.finetune_batches
        training = replace(self.study.training, lr=lr, lr_min=lr, epochs=-(-batches // self.batches_per_epoch))
        looks = self.conditions.looking(every_epoch=False, last_batches=batches)
        conditions = replace(looks, training=training, stop_after=batches)
        alone: dict[str, list[Job]] = {}
        for parent in source.jobs:
            seeds = parent.seeds.model_copy(update={"data": FINETUNING_STREAM, "augment": FINETUNING_STREAM})
            start = StartSpec(job=parent.id, epoch=epoch)
            alone[parent.id] = [self._job((child,), seeds, conditions, start=start) for child in self.children]
        return Experiment(
            name,
            tuple(
                tuple(Part(job, part.copy) for part in instance for job in alone[part.job.id])
                for instance in source.instances
            ),
        )

    def _stacks(self, members: Sequence[Member]) -> Iterable[tuple[Member, ...]]:
        size = self.study.experiments.stack
        for order, data in sorted({(member.order, member.data) for member in members}):
            alike = [member for member in members if (member.order, member.data) == (order, data)]
            yield from (tuple(alike[start : start + size]) for start in range(0, len(alike), size))

    def _job(self, group: Group, seeds: SeedSpec, conditions: Conditions, **more: Any) -> Job:
        return Job(
            images=ImagesSpec(
                fingerprint=self.fingerprint,
                train_images=self.train_images,
                augment=self.study.data.augment,
                sweep_images=self.sweep_images,
                judge_images=self.judge_images if conditions.judged else None,
            ),
            space=self.study.space,
            net=conditions.net,
            training=conditions.training,
            children=group if isinstance(group, FoundSpec) else tuple(child.name for child in group),
            population=Population.SPACE if self.study.sample and group == self.children else Population.CHILDREN,
            sharing=conditions.sharing,
            order=conditions.order,
            seeds=seeds,
            moments=conditions.moments,
            snapshots=conditions.snapshots,
            calibration_batches=conditions.calibration_batches,
            own=self.own,
            stop_after=conditions.stop_after,
            **more,
        ).normalised()


def _who(job: Job, group: str) -> str:
    """Whom a job of an experiment trains, if not all children."""
    if not isinstance(job.children, FoundSpec) and len(job.children) == 1:
        return f", child {job.children[0]}"
    return group


def _which(job: Job, numbers: Sequence[int]) -> str:
    """Which instances of an experiment, counted from 1, a job's copies are."""
    told = f"{numbers[0]}–{numbers[-1]}" if len(numbers) > 1 else f"{numbers[0]}"
    if len(numbers) == job.copies > 1:
        return f", copies {told}"
    return f", instance {told}" + (f" (of {job.copies} copies)" if job.copies > 1 else "")


def settle(study: Study) -> Setting:
    """Read the study's images and settle what `None` means.

    Raises `DataError` when they cannot be read or do not fit, `UsageError` when a primitive's module cannot be found.
    """
    raw = study_images(study.data)
    have = len(raw.validation_images)
    return Setting(
        study,
        raw.fingerprint,
        raw.train_images.shape[2:],
        len(raw.train_images),
        study.data.sweep_images or have,
        study.data.judge_images or have,
        own_primitives(study),
    )


def own_primitives(study: Study) -> OwnPrimitives:
    """Those that the study names by import path, each with its checksum now."""
    return tuple((name, checksum_of(name)) for name in study.space.primitives if is_import_path(name))
