"""An experiment: several instances of one way to train all children, as jobs; and what they measured, read back."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from commonweight.errors import StoreError
from commonweight.sharing import Partition
from commonweight.space import Child
from commonweight.study.jobs import ImagesSpec, Job, MomentsSpec, SeedSpec, SharingSpec
from commonweight.study.schema import Study
from commonweight.study.store import Store
from commonweight.study.work import study_images
from commonweight.training import ChildOrder


@dataclass(frozen=True)
class Member:
    """One instance's random numbers: which initialisation and which child order of the study."""

    init: int
    order: int = 0


@dataclass(frozen=True)
class Part:
    """Where an instance's accuracies of some children are: copy number `copy` of a job."""

    job: Job
    copy: int


@dataclass(frozen=True)
class Measured:
    """What an experiment's instances measured; children in lexicographic order.

    `accuracy` `[instance, moment, child]` after `step` `[moment]` mini-batches; `judged` `[instance, child]` if asked for.
    """

    accuracy: np.ndarray
    step: np.ndarray
    judged: np.ndarray | None


@dataclass(frozen=True)
class Experiment:
    """Named instances; each is made of parts whose children together are all children of the space, once each."""

    name: str
    title: str
    instances: tuple[tuple[Part, ...], ...]

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job of the experiment once, in the order of the instances."""
        return tuple({part.job.id: part.job for instance in self.instances for part in instance}.values())

    def read(self, store: Store) -> Measured:
        """All results from the store; raises `StoreError` when one is missing or damaged."""
        records = {job.id: store.read(job) for job in self.jobs}
        step = records[self.jobs[0].id].step
        if any(not np.array_equal(record.step, step) for record in records.values()):
            raise StoreError(f"experiment {self.name}: its jobs were swept at different moments")
        space = self.jobs[0].space.build()
        children = [space.child(name).index for part in self.instances[0] for name in part.job.children]
        order = np.argsort(children)
        accuracy, judged = [], []
        for instance in self.instances:
            rows = [(records[part.job.id], part.copy) for part in instance]
            accuracy.append(np.concatenate([record.accuracy[copy] for record, copy in rows], axis=-1)[:, order])
            judged.append([record.judged[copy] for record, copy in rows if record.judged is not None])
        complete = all(len(parts) == len(self.instances[0]) for parts in judged)
        return Measured(
            np.stack(accuracy), step, np.stack([np.concatenate(p)[order] for p in judged]) if complete else None
        )


@dataclass(frozen=True)
class Setting:
    """A study whose images have been looked at: what a job needs to know of them."""

    study: Study
    fingerprint: str
    image_size: tuple[int, int]
    train_images: int
    sweep_images: int
    judge_images: int

    @property
    def children(self) -> tuple[Child, ...]:
        return tuple(self.study.space.build().children())

    def experiment(  # noqa: PLR0917
        self,
        name: str,
        title: str,
        partition: Partition,
        order: ChildOrder,
        members: Sequence[Member],
        judged: bool = False,
    ) -> Experiment:
        """Each group of the partition trained alone, once per member.

        Members that differ only in their initialisation are trained as stacked copies, at most `experiments.stack` in
        one job. With `judged` every job ends with a judgement on the images for ground truth.
        """
        places: dict[Member, list[Part]] = {member: [] for member in members}
        for group in partition:
            for stack in self._stacks(members):
                seeds = SeedSpec(
                    study=self.study.seed, init=tuple(member.init for member in stack), order=stack[0].order
                )
                job = self._job(group, order, seeds, judged)
                for copy, member in enumerate(stack):
                    places[member].append(Part(job, copy))
        return Experiment(name, title, tuple(tuple(places[member]) for member in members))

    def _stacks(self, members: Sequence[Member]) -> Iterable[tuple[Member, ...]]:
        size = self.study.experiments.stack
        for number in sorted({member.order for member in members}):
            alike = [member for member in members if member.order == number]
            yield from (tuple(alike[start : start + size]) for start in range(0, len(alike), size))

    def _job(self, group: Sequence[Child], order: ChildOrder, seeds: SeedSpec, judged: bool) -> Job:
        study = self.study
        return Job(
            images=ImagesSpec(
                fingerprint=self.fingerprint,
                train_images=self.train_images,
                augment=study.data.augment,
                sweep_images=self.sweep_images,
                judge_images=self.judge_images if judged else None,
            ),
            space=study.space,
            net=study.net,
            training=study.training,
            children=tuple(child.name for child in group),
            sharing=SharingSpec(),
            order=order,
            seeds=seeds,
            moments=MomentsSpec(precision=study.experiments.sweep_precision),
        ).normalised()


def settle(study: Study) -> Setting:
    """Read the study's images and settle what `None` means. Raises `DataError` when they cannot be read or do not fit."""
    raw = study_images(study.data)
    have = len(raw.validation_images)
    return Setting(
        study,
        raw.fingerprint,
        raw.train_images.shape[2:],
        len(raw.train_images),
        study.data.sweep_images or have,
        study.data.judge_images or have,
    )
