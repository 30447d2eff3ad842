"""What jobs are asked to look at: the part of an experiment that its readers decide, and not the experiment."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import Enum

from commonweight.study.jobs import FinalAccuracy
from commonweight.study.setting import Conditions, Setting
from commonweight.training import Window


class Epoch(Enum):
    """After which of a study's epochs: half of them (paper §3.3: 100 of 200), or all."""

    HALF = "half-way"
    END = "end"

    def of(self, setting: Setting) -> int:
        """The number of epochs trained by then."""
        epochs = setting.study.training.epochs
        return max(1, epochs // 2) if self is Epoch.HALF else epochs


HALF, END = Epoch


@dataclass(frozen=True)
class Looks:
    """When the jobs of an experiment validate all children, which snapshots they keep, and how they read the final weights.

    `windows` are the mini-batches before the end of an epoch that are looked at one by one, by that epoch; the rest is as in
    `Moments`. The last moment of a run is always looked at.
    """

    every_epoch: bool = False
    last_batches: int = 0
    windows: Mapping[int, int] = field(default_factory=dict)
    snapshots: frozenset[int] = frozenset()
    final: frozenset[FinalAccuracy] = frozenset()

    def __or__(self, other: "Looks") -> "Looks":
        """All that either asks for; of two windows before the end of one epoch the longer one holds the other."""
        epochs = self.windows.keys() | other.windows.keys()
        return Looks(
            self.every_epoch or other.every_epoch,
            max(self.last_batches, other.last_batches),
            {epoch: max(self.windows.get(epoch, 0), other.windows.get(epoch, 0)) for epoch in epochs},
            self.snapshots | other.snapshots,
            self.final | other.final,
        )

    def added_to(self, conditions: Conditions, setting: Setting) -> Conditions:
        """The conditions of an experiment whose jobs look at this and at nothing else."""
        windows = tuple(Window(epoch, batches) for epoch, batches in sorted(self.windows.items()))
        looking = conditions.looking(every_epoch=self.every_epoch, last_batches=self.last_batches, windows=windows)
        calibrated = self.final - {FinalAccuracy.JUDGED}
        return replace(
            looking,
            snapshots=tuple(sorted(self.snapshots)),
            judged=FinalAccuracy.JUDGED in self.final,
            calibration_batches=setting.study.experiments.calibration_batches if calibrated else None,
        )
