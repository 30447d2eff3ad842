"""What an experiment's instances measured, as whoever reads results wants it: arrays with names, and data frames."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from commonweight.study.frames import data_frame
from commonweight.study.setting import Experiment
from commonweight.study.store import Store
from commonweight.values import brief

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True, eq=False)
class ExperimentRecord:
    """The accuracies of one experiment, fractions in [0, 1].

    `accuracy` `[instance, moment, child]` on the validation images of sweeps, after `step` `[moment]` mini-batches, the last
    of which `trained` `[instance, moment, child]` (bool) this child. `final` are accuracies `[instance, child]` at the end
    by their names: `judged` on the images for ground truth, others under other batch-norm statistics.
    """

    __repr__ = brief

    name: str
    children: tuple[str, ...]
    accuracy: np.ndarray
    step: np.ndarray
    trained: np.ndarray
    final: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, experiment: Experiment, store: Store) -> ExperimentRecord:
        """From the store; raises what `Experiment.read` raises."""
        measured = experiment.read(store)
        children = tuple(child.name for child in experiment.jobs[0].space.children())
        final = {which.value: array for which, array in measured.final.items()}
        return cls(experiment.name, children, measured.accuracy, measured.step, measured.trained, final)

    def to_frame(self) -> DataFrame:
        """A row for each accuracy: `instance` (from 0), `step`, `child`, `accuracy`, `trained`; needs pandas."""
        instances, moments, children = self.accuracy.shape
        columns = {
            "instance": np.repeat(np.arange(instances), moments * children),
            "step": np.tile(np.repeat(self.step, children), instances),
            "child": np.tile(self.children, instances * moments),
            "accuracy": self.accuracy.ravel(),
            "trained": self.trained.ravel(),
        }
        return data_frame({name: column.tolist() for name, column in columns.items()})

    def final_to_frame(self) -> DataFrame:
        """A row for each child of each instance: `instance` (from 0), `child`, and one column for each of `final`."""
        instances, children = self.accuracy.shape[0], len(self.children)
        columns = {
            "instance": np.repeat(np.arange(instances), children),
            "child": np.tile(self.children, instances),
            **{name: array.ravel() for name, array in self.final.items()},
        }
        return data_frame({name: column.tolist() for name, column in columns.items()})
