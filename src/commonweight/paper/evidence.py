"""What the artefacts are computed from: the records of the experiments, and ground truth made of them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from commonweight.paper.experiments import random_groups
from commonweight.paper.figures import Identity
from commonweight.ranking import MeanStd, gt_tau, last_k, ranks, s_tau
from commonweight.seeds import Stream
from commonweight.study.experiments import Measured, Setting
from commonweight.study.schema import Study

Randomness = Callable[..., np.random.Generator]
"""Random numbers for a purpose that is named in a few words."""


@dataclass(frozen=True)
class Evidence:
    """The measured experiments by name. Statistics that need random numbers draw them from the study's own stream."""

    setting: Setting
    measured: Mapping[str, Measured]

    @property
    def study(self) -> Study:
        return self.setting.study

    @property
    def children(self) -> int:
        return len(self.setting.children)

    def stream(self, *purpose: str) -> np.random.Generator:
        """Random numbers for one purpose, the same in every report of this study."""
        return Stream(self.study.seed).fork("report", *purpose).generator()

    @cached_property
    def judged(self) -> np.ndarray:
        """Final accuracies `[seed, child]` of children trained alone, on the images of the truth: of these `ground_truth` is
        made. What stands beside ranks of super-nets is `final`, read on the images that those are read on.
        """
        judged = self.measured["ground-truth"].judged
        assert judged is not None
        return judged

    @cached_property
    def ground_truth(self) -> np.ndarray:
        """Ground truth `[child]`: the mean of `judged` over initialisations."""
        return self.judged.mean(axis=0)

    @cached_property
    def identities(self) -> tuple[Identity, ...]:
        """What a figure says of each child."""
        facts = zip(self.setting.children, ranks(self.ground_truth), self.ground_truth, strict=True)
        return tuple(Identity(child.name, child.primitives, int(rank), float(best)) for child, rank, best in facts)

    def final(self, experiment: str) -> np.ndarray:
        """Accuracies `[instance, child]` at the end, of ground truth too, all on the same validation images."""
        return self.measured[experiment].accuracy[:, -1]

    def after_epochs(self, experiment: str) -> np.ndarray:
        """Accuracies `[instance, epoch, child]` after every epoch."""
        measured = self.measured[experiment]
        epochs = np.arange(1, self.study.training.epochs + 1) * self.setting.batches_per_epoch
        return measured.accuracy[:, np.searchsorted(measured.step, epochs)]

    def window(self, experiment: str, batches: int, before_epoch: int | None = None) -> Measured:
        """What was measured after each of the last `batches` mini-batches of the run, or before the end of an epoch."""
        measured = self.measured[experiment]
        end = measured.step[-1] if before_epoch is None else before_epoch * self.setting.batches_per_epoch
        wanted = np.arange(end - batches + 1, end + 1)
        moments = np.searchsorted(measured.step, wanted)
        assert np.array_equal(measured.step[moments], wanted), (
            f"{experiment} was not looked at mini-batch by mini-batch"
        )
        return Measured(measured.accuracy[:, moments], measured.step[moments], measured.trained[:, moments])

    def gt_tau_window(self, experiment: str) -> MeanStd:
        """GT-Tau-Mean-k and -Std-k `[instance]` over the last k mini-batches, one for each child (paper §4.1)."""
        taus = gt_tau(self.window(experiment, self.children).accuracy, self.ground_truth)
        return last_k(taus, self.children)

    def groups(self, m: int) -> list[np.ndarray]:
        """Indices of the children in each group of the random partition into `m` groups."""
        return [np.array([child.index for child in group]) for group in random_groups(self.setting, m)]

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
