"""How long and with which step sizes to train, and at which moments to look."""

import math
from dataclasses import dataclass
from enum import Enum


class Inactive(Enum):
    """What happens to weights that a mini-batch's child does not use.

    `FREEZE`: nothing, and nothing to their momentum. `COAST`: they get a zero gradient, so momentum and weight decay
    still move them, from their first real gradient on (what old PyTorch versions did silently).
    """

    FREEZE = "freeze"
    COAST = "coast"


@dataclass(frozen=True)
class Recipe:
    """SGD and its cosine schedule without restart (paper §3.1, appendix A.1)."""

    epochs: int = 200
    batch: int = 256
    lr: float = 0.025
    lr_min: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 1e-3
    inactive: Inactive = Inactive.FREEZE

    def lr_at(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0: the cosine from `lr` at 0 towards `lr_min` at `epochs`."""
        return self.lr_min + (self.lr - self.lr_min) * (1 + math.cos(math.pi * epoch / self.epochs)) / 2


@dataclass(frozen=True)
class Moments:
    """When all children are validated: after every epoch, and after each of the last mini-batches of the run.

    A moment is named by the number of mini-batches trained so far. The end of the run is always one.
    """

    every_epoch: bool = True
    last_batches: int = 0

    def steps(self, epochs: int, batches_per_epoch: int) -> frozenset[int]:
        """The moments of a run of this length."""
        total = epochs * batches_per_epoch
        ends = range(batches_per_epoch, total + 1, batches_per_epoch) if self.every_epoch else (total,)
        dense = range(max(1, total - self.last_batches + 1), total + 1)
        return frozenset([*ends, *dense])
