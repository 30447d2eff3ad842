"""What experiments measured as named curves over mini-batches, for programs that draw curves."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import TRUTH
from commonweight.paper.truth import GROUND_TRUTH
from commonweight.ranking import gt_tau


@dataclass(frozen=True, eq=False)
class Scalars:
    """Of one instance of an experiment: values `[moment]` by their names, after `step` `[moment]` mini-batches."""

    experiment: str
    instance: int
    step: np.ndarray
    values: Mapping[str, np.ndarray]


def scalars_of(evidence: Evidence) -> Iterator[Scalars]:
    """Each child's accuracy, their mean, and GT-Tau where ground truth was measured; of every instance."""
    known = TRUTH.name in evidence.measured
    truth = GROUND_TRUTH.read(evidence) if known else None
    names = [child.name for child in evidence.setting.children]
    for experiment, measured in evidence.measured.items():
        for instance, accuracy in enumerate(measured.accuracy):  # [moment, child]
            values = {f"accuracy/{name}": accuracy[:, place] for place, name in enumerate(names)}
            values["mean accuracy"] = accuracy.mean(axis=1)
            if truth is not None:
                values["GT-Tau"] = gt_tau(accuracy, truth)
            yield Scalars(experiment, instance, measured.step, values)
