"""Planned experiments: each is one object, which says whom it trains and under which conditions, and gives views."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from commonweight.paper.looks import END, Epoch, Looks
from commonweight.paper.views import Refusal, View, all_of, of_study
from commonweight.sharing import Partition, run_bounds
from commonweight.study.jobs import Affinity, FinalAccuracy, FoundSpec
from commonweight.study.setting import Conditions, Experiment, Measured, Member, Setting

K = TypeVar("K")
T = TypeVar("T")


@dataclass(frozen=True, eq=False)
class Planned(ABC):
    """An experiment of the catalogue, whatever the study. Whoever looks at it names this object; its name is for people."""

    name: str
    title: str

    @abstractmethod
    def experiment(self, setting: Setting, looks: Looks, others: Callable[["Planned"], Experiment]) -> Experiment:
        """The study's jobs for it, which look at `looks`; `others` gives experiments that it has parts of."""


@dataclass(frozen=True, eq=False)
class Found:
    """`m` groups of equal size found `by` an affinity in the first instance of `source`, in which all children are trained.

    They are looked for over the last `ROUNDS` rounds of all children, or in the gradients of `BATCHES` mini-batches.
    """

    ROUNDS: ClassVar = 2
    BATCHES: ClassVar = 2

    source: "FromScratch"
    by: Affinity
    m: int

    def groups(self, setting: Setting, source: Experiment) -> list[FoundSpec]:
        """What their jobs know of them: the smaller groups first, as `by_affinity` has them."""
        (part,) = source.instances[0]
        rule = {"job": part.job.id, "number": part.copy, "by": self.by, "over": self.over(setting), "m": self.m}
        sizes = sorted(high - low for low, high in run_bounds(len(setting.children), self.m))
        return [FoundSpec(**rule, group=group, size=size) for group, size in enumerate(sizes)]

    def over(self, setting: Setting) -> int:
        """Mini-batches that are looked at, or whose gradients are taken of every child."""
        if self.by is Affinity.GRADIENTS:
            return min(self.BATCHES, setting.batches_per_epoch)
        return self.ROUNDS * len(setting.children)

    def shown(self) -> View[Any]:
        """What the source must look at, and keep, for them to be found."""
        return self.source.snapshot(END) if self.by is Affinity.GRADIENTS else self.source.window(self.ROUNDS)

    def child_epochs(self, setting: Setting) -> float:
        """What finding them costs: the source's first instance, and every child's gradients."""
        gradients = len(setting.children) * self.over(setting) if self.by is Affinity.GRADIENTS else 0
        return setting.study.training.epochs + gradients / setting.batches_per_epoch

    def epochs(self, setting: Setting) -> int:
        """Epochs of every group, so that all of them and the finding cost no more than `m` groups of the study's epochs.

        At least 1, which costs more in a study that `refused` tells of.
        """
        return max(1, self._left(setting))

    def refused(self, setting: Setting) -> str | None:
        """Why this study cannot find them, or has no epoch left to train them."""
        if self._left(setting) < 1:
            return (
                f"{self.m} groups of {setting.study.training.epochs} epochs cost too little to be found for less: finding "
                f"them by {self.by.value} takes {self.child_epochs(setting):.1f} child-epochs; raise training.epochs"
            )
        return self.shown().refused(setting)

    def _left(self, setting: Setting) -> int:
        return int(setting.study.training.epochs - self.child_epochs(setting) / self.m)


@dataclass(frozen=True, eq=False)
class FromScratch(Planned):
    """One instance for each of `members`, each of the `groups` trained together from new weights; or of those `found`.

    Where it is said, the first instance is that of the experiment `first`, and a group of one child is that child of the
    experiment `alone`, if it has this initialisation: so these are not trained again. If it has not, the child is trained
    as that experiment trains. `also` is looked at although no view asks for it.
    """

    members: Callable[[Setting], Sequence[Member]]
    groups: Callable[[Setting], Partition] = lambda setting: (setting.children,)
    conditions: Callable[[Setting], Conditions] = attrgetter("conditions")
    first: "FromScratch | None" = None
    alone: "FromScratch | None" = None
    also: Looks = Looks()
    found: Found | None = None

    def experiment(self, setting: Setting, looks: Looks, others: Callable[[Planned], Experiment]) -> Experiment:
        looks |= self.also
        conditions = looks.added_to(self.conditions(setting), setting)
        members = self.members(setting)
        if self.found is not None:
            return setting.experiment(
                self.name, self.found.groups(setting, others(self.found.source)), members, conditions
            )
        groups = self.groups(setting)
        if self.first is not None:
            rest = setting.experiment(self.name, groups, members[1:], conditions)
            return replace(rest, instances=(others(self.first).instances[0], *rest.instances))
        single = tuple(group for group in groups if len(group) == 1)
        if self.alone is None or not single:
            return setting.experiment(self.name, groups, members, conditions)
        known = [{part.job.children: part for part in parts} for parts in others(self.alone).instances[: len(members)]]
        first = [tuple(parts[child.name,] for (child,) in single) for parts in known]
        as_there = looks.added_to(self.alone.conditions(setting), setting)
        rest = setting.experiment(self.name, single, members[len(known) :], as_there)
        shared = setting.experiment(self.name, tuple(group for group in groups if len(group) > 1), members, conditions)
        instances = zip(shared.instances, (*first, *rest.instances), strict=True)
        return replace(shared, instances=tuple(together + alone for together, alone in instances))

    def last(self) -> View[np.ndarray]:
        """Accuracies `[instance, child]` at the end, of ground truth too, all on the validation images of sweeps."""
        return self._view(lambda _: Looks(), lambda measured, _: measured.accuracy[:, -1])

    def after_epochs(self) -> View[np.ndarray]:
        """Accuracies `[instance, epoch, child]` after every epoch."""

        def read(measured: Measured, setting: Setting) -> np.ndarray:
            ends = np.arange(1, self.conditions(setting).training.epochs + 1) * setting.batches_per_epoch
            return self._at(measured, ends).accuracy

        return self._view(lambda _: Looks(every_epoch=True), read)

    def last_epochs(self) -> View[np.ndarray]:
        """Accuracies `[instance, epoch, child]` after each of the last epochs (`Study.last_epochs`)."""
        return self.after_epochs().then(lambda every, setting: every[:, -setting.study.last_epochs :])

    def after(self, epoch: Epoch) -> View[np.ndarray]:
        """Accuracies `[instance, child]` after this epoch; `END` is the end of the run."""
        return self.after_epochs().then(lambda every, setting: every[:, -1 if epoch is END else epoch.of(setting) - 1])

    def window(self, rounds: int = 1, until: Epoch = END) -> View[Measured]:
        """What was measured after each mini-batch of the last `rounds` rounds of all children before the end of an epoch.

        `END` is the end of the run. So many mini-batches must be trained: in the study's own epochs even where this
        experiment trains longer, in its own where children alone, or groups that were found, are trained shorter.
        """

        def looks(setting: Setting) -> Looks:
            wanted = rounds * len(setting.children)
            return Looks(last_batches=wanted) if until is END else Looks(windows={until.of(setting): wanted})

        def read(measured: Measured, setting: Setting) -> Measured:
            end = measured.step[-1] if until is END else until.of(setting) * setting.batches_per_epoch
            return self._at(measured, np.arange(end - rounds * len(setting.children) + 1, end + 1))

        def refused(setting: Setting) -> str | None:
            wanted, epochs = rounds * len(setting.children), until.of(setting)
            own = min(epochs, self.conditions(setting).training.epochs)
            have = own * setting.batches_per_epoch
            if have >= wanted:
                return None
            key = "training.epochs" if own == epochs or self.found else "experiments.alone_epochs"
            return (
                f"it looks at each of {wanted} mini-batches ({rounds} × {len(setting.children)} children), and this "
                f"study trains {have} up to there; raise {key}"
            )

        return self._view(looks, read, refused)

    def rounds(self, rounds: int) -> View[Measured]:
        """`window`, where it must show each child's own trainings: of a sample hardly one is trained in it."""
        window = self.window(rounds)

        def refused(setting: Setting) -> str | None:
            if setting.study.sample is None:
                return window.refused(setting)
            return (
                f"it follows children from one of their trainings to the next, and of the {setting.together} that are "
                f"trained this study ranks {len(setting.children)}"
            )

        return View(window.looks, window.read, refused)

    def judged(self) -> View[np.ndarray]:
        """Final accuracies `[instance, child]` on the validation images of the final judgement."""
        return self.final(FinalAccuracy.JUDGED)

    def final(self, which: FinalAccuracy) -> View[np.ndarray]:
        """Accuracies `[instance, child]` of the final weights, read so."""
        return self._view(lambda _: Looks(final=frozenset([which])), lambda measured, _: measured.final[which])

    def snapshot(self, epoch: Epoch) -> View[None]:
        """The weights after this epoch, for others to start from; there is nothing to read."""
        return self._view(lambda setting: Looks(snapshots=frozenset([epoch.of(setting)])), lambda *_: None)

    def _at(self, measured: Measured, step: np.ndarray) -> Measured:
        """What was measured at these moments, without the final accuracies."""
        moments = np.searchsorted(measured.step, step)
        assert np.array_equal(measured.step[moments], step), f"{self.name} was not looked at at all of these moments"
        return Measured(measured.accuracy[:, moments], measured.step[moments], measured.trained[:, moments])

    def _view(
        self,
        looks: Callable[[Setting], Looks],
        read: Callable[[Measured, Setting], T],
        refused: Refusal = lambda setting: None,  # noqa: ARG005
    ) -> View[T]:
        return View(
            lambda setting: {**self._sources(setting), self: looks(setting)},
            lambda evidence: read(evidence.measured[self.name], evidence.setting),
            lambda setting: (
                self._refused_of_a_sample(setting) or (self.found and self.found.refused(setting)) or refused(setting)
            ),
        )

    def _refused_of_a_sample(self, setting: Setting) -> str | None:
        """Why a study that ranks a sample cannot have it: its super-nets of all children train the whole space."""
        if setting.study.sample is None:
            return None
        if self.conditions(setting).sharing.kind != "all":
            return (
                f"it gives weights of their own to each of the {setting.together} children that a super-net of the space "
                "trains; a study with sample.children shares all weights"
            )
        if self.found is not None or 1 < len(self.groups(setting)) < len(setting.children):
            return (
                f"it divides the children into groups to compare them with a super-net of all, which trains the whole space "
                f"of {setting.together} children; a study with sample.children has none"
            )
        return None

    def _sources(self, setting: Setting) -> Mapping[Planned, Looks]:
        """What must be trained before its groups are known."""
        return {} if self.found is None else self.found.shown().looks(setting)


@dataclass(frozen=True, eq=False)
class FineTuned(Planned):
    """Every child of every instance of `source` trained alone from its snapshot after this epoch (paper §3.3)."""

    source: FromScratch
    epoch: Epoch

    def experiment(self, setting: Setting, looks: Looks, others: Callable[[Planned], Experiment]) -> Experiment:  # noqa: ARG002
        return setting.finetuned(self.name, others(self.source), self.epoch.of(setting))

    def every_batch(self) -> View[Measured]:
        """After each mini-batch of fine-tuning: its jobs always look at all of them."""
        kept = self.source.snapshot(self.epoch)
        return View(
            lambda setting: {**kept.looks(setting), self: Looks()}, lambda evidence: evidence.measured[self.name]
        )


@dataclass(frozen=True, eq=False)
class Family(Generic[K]):
    """Experiments that differ in one thing alone: `RANDOM[16]` has 16 groups. A study has those of `keys`.

    `member` gives the same object for the same key (`functools.cache`).
    """

    member: Callable[[K], FromScratch]
    keys: Callable[[Setting], Iterable[K]]

    def __getitem__(self, key: K) -> FromScratch:
        return self.member(key)

    def each(self, look: Callable[[FromScratch], View[T]]) -> View[dict[K, T]]:
        """A view of every member that the study has, by key: `RANDOM.each(FromScratch.window)`."""

        def every(setting: Setting) -> View[dict[K, T]]:
            keys = list(self.keys(setting))
            return all_of(*(look(self[key]) for key in keys)).then(lambda read, _: dict(zip(keys, read, strict=True)))

        return of_study(every)

    def only(self, look: Callable[[FromScratch], View[T]], key: Callable[[Setting], K], unless: Refusal) -> View[T]:
        """A view of the one member that the study decides; it needs nothing of a study for which `unless` gives a reason."""

        def one(setting: Setting) -> View[T]:
            return look(self[key(setting)])

        return View(
            lambda setting: {} if unless(setting) else one(setting).looks(setting),
            lambda evidence: one(evidence.setting).read(evidence),
            lambda setting: unless(setting) or one(setting).refused(setting),
        )
