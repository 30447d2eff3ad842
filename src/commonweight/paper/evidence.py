"""What the artefacts are computed from: the records of the experiments, and ground truth made of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from commonweight.ranking import s_tau
from commonweight.seeds import Stream
from commonweight.study.experiments import Measured
from commonweight.study.schema import Study


@dataclass(frozen=True)
class Evidence:
    """The measured experiments by name. Statistics that need random numbers draw them from the study's own stream."""

    study: Study
    measured: Mapping[str, Measured]

    def stream(self, *purpose: str) -> np.random.Generator:
        """Random numbers for one purpose, the same in every report of this study."""
        return Stream(self.study.seed).fork("report", *purpose).generator()

    @cached_property
    def judged(self) -> np.ndarray:
        """Final accuracies of children trained alone, `[seed, child]`: one rank for each initialisation."""
        judged = self.measured["ground-truth"].judged
        assert judged is not None
        return judged

    @cached_property
    def ground_truth(self) -> np.ndarray:
        """Ground truth `[child]`: the mean over initialisations of the final accuracy."""
        return self.judged.mean(axis=0)

    def final(self, experiment: str) -> np.ndarray:
        """Accuracies `[instance, child]` at the end; of ground truth, as judged."""
        return self.judged if experiment == "ground-truth" else self.measured[experiment].accuracy[:, -1]

    def epoch_steps(self) -> np.ndarray:
        """Mini-batches after each epoch, `[epoch]`; every experiment of a study has these moments."""
        epochs = self.study.training.epochs
        total = int(next(iter(self.measured.values())).step[-1])
        return np.arange(1, epochs + 1) * (total // epochs)

    def after_epochs(self, experiment: str) -> np.ndarray:
        """Accuracies `[instance, epoch, child]` after every epoch."""
        measured = self.measured[experiment]
        return measured.accuracy[:, np.searchsorted(measured.step, self.epoch_steps())]

    @cached_property
    def median_instance(self) -> int:
        """The instance of shuffled orders whose S-Tau over its last epochs is the (lower) median (paper §3.2)."""
        last = self.after_epochs("orders-shuffled")[:, -self.study.experiments.last_epochs :]
        taus = [s_tau(epochs).mean for epochs in last]
        return int(np.argsort(taus, kind="stable")[(len(taus) - 1) // 2])

    @cached_property
    def different_epochs(self) -> np.ndarray:
        """Accuracies `[epoch, child]` of the median instance after each of the last epochs."""
        return self.after_epochs("orders-shuffled")[self.median_instance, -self.study.experiments.last_epochs :]
