"""How long and with which step sizes to train, and at which moments to look."""

import math
from dataclasses import dataclass
from enum import Enum


class Inactive(Enum):
    """What happens to weights that a mini-batch's child does not use.

    `FREEZE`: nothing, and nothing to their momentum. `COAST`: they get a zero gradient, so momentum and weight decay
    still move them, from their first real gradient on (what old PyTorch versions did silently). Example: mini-batch 1
    trains child `111`, mini-batch 2 child `222`. In mini-batch 2 the weights that `111` alone uses stand still, or coast.
    """

    FREEZE = "freeze"
    COAST = "coast"


@dataclass(frozen=True)
class Recipe:
    """SGD and its cosine schedule without restart (paper §3.1, appendix A.1).

    With `mini_batches` the run stops after so many mini-batches, wherever in its epochs that is; with `lr` = `lr_min` the
    learning rate is constant.
    """

    epochs: int = 200
    batch: int = 256
    lr: float = 0.025
    lr_min: float = 0.001
    momentum: float = 0.9
    weight_decay: float = 1e-3
    inactive: Inactive = Inactive.FREEZE
    mini_batches: int | None = None

    def steps(self, batches_per_epoch: int) -> int:
        """Mini-batches of the whole run."""
        whole = self.epochs * batches_per_epoch
        return whole if self.mini_batches is None else min(whole, self.mini_batches)

    def lr_at(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0: the cosine from `lr` at 0 towards `lr_min` at `epochs`."""
        return self.lr_min + (self.lr - self.lr_min) * (1 + math.cos(math.pi * epoch / self.epochs)) / 2


@dataclass(frozen=True)
class Window:
    """The moments after each of the last `batches` mini-batches up to the end of epoch number `epoch`, from 1.

    Example: with 196 mini-batches in an epoch, `Window(100, 64)` is the moments 19,537 … 19,600.
    """

    epoch: int
    batches: int


@dataclass(frozen=True)
class Moments:
    """When all children are validated: after every epoch, after each of the last mini-batches of the run, and in windows.

    A moment is named by the number of mini-batches trained so far. The end of the run is always one.
    """

    every_epoch: bool = True
    last_batches: int = 0
    windows: tuple[Window, ...] = ()

    def steps(self, total: int, batches_per_epoch: int) -> frozenset[int]:
        """The moments of a run of `total` mini-batches."""
        ends = range(batches_per_epoch, total + 1, batches_per_epoch) if self.every_epoch else ()
        dense = [(total, max(1, self.last_batches))]
        dense += [(window.epoch * batches_per_epoch, window.batches) for window in self.windows]
        inside = [step for end, batches in dense for step in range(max(1, end - batches + 1), min(end, total) + 1)]
        return frozenset([*ends, *inside])
