"""What a job measured, as arrays and as the file that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from commonweight.errors import StoreError
from commonweight.study.jobs import FinalAccuracy, Job

RECORD = "accuracy.safetensors"
SWEPT = ("accuracy", "step", "trained")
"""The arrays that every record has, by their names on disk; those of the final accuracies stand beside them."""


@dataclass(frozen=True)
class Record:
    """What a job measured. Accuracies are fractions in [0, 1].

    `accuracy` `[copy, moment, child]`, after `step` `[moment]` mini-batches, just after one that trained the child at
    position `trained` `[moment]`. `final` are the accuracies at the end that the job asked for, `[copy, child]` each.
    """

    accuracy: np.ndarray
    step: np.ndarray
    trained: np.ndarray
    final: Mapping[FinalAccuracy, np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Record":
        """From the arrays by the names they have on disk; raises `KeyError` or `ValueError` for other names."""
        final = {FinalAccuracy(name): array for name, array in arrays.items() if name not in SWEPT}
        accuracy, step, trained = (arrays[name] for name in SWEPT)
        return cls(accuracy, step, trained, final)

    def at(self, step: np.ndarray) -> "Record":
        """The record at these of its moments alone."""
        moments = np.searchsorted(self.step, step)
        return replace(self, accuracy=self.accuracy[:, moments], step=step, trained=self.trained[moments])

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by the names they have on disk."""
        swept = {name: getattr(self, name) for name in SWEPT}
        final = {which.value: array for which, array in self.final.items()}
        return {name: np.ascontiguousarray(array) for name, array in (swept | final).items()}

    def require_fit(self, job: Job) -> None:
        """Raises `StoreError` unless the arrays have the shapes and range that the job asks for."""
        copies, moments, children = job.copies, job.sweeps, len(job.children)
        expected = {
            "accuracy": (copies, moments, children),
            "step": (moments,),
            "trained": (moments,),
            **{which.value: (copies, children) for which in job.final_accuracies},
        }
        found = {name: array.shape for name, array in self.arrays().items()}
        if found != expected:
            raise StoreError(f"job {job.id}: the record has shapes {found}, the job asked for {expected}")
        if not all((a >= 0).all() and (a <= 1).all() for a in (self.accuracy, *self.final.values())):
            raise StoreError(f"job {job.id}: an accuracy lies outside [0, 1]")


@dataclass(frozen=True)
class Result:
    """A record, the snapshots by name (arrays by name), and facts about how the job ran (JSON)."""

    record: Record
    snapshots: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)
