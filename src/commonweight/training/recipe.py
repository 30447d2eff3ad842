"""How long and with which step sizes to train, and at which moments to look."""

import math
from enum import Enum
from functools import lru_cache
from typing import Annotated

from pydantic import Field

from commonweight.net import Precision
from commonweight.values import Count, Flag, Index, NonNegative, Positive, value

MOST_EPOCHS = 100_000
"""Of any run: a sweep may follow each. The paper's longest runs have 2,000."""


class Inactive(Enum):
    """What happens to weights that a mini-batch's child does not use.

    `FREEZE`: nothing, and nothing to their momentum. `COAST`: they get a zero gradient, so momentum and weight decay
    still move them, from their first real gradient on (what old PyTorch versions did silently). Example: mini-batch 1
    trains child `111`, mini-batch 2 child `222`. In mini-batch 2 the weights that `111` alone uses stand still, or coast.
    """

    FREEZE = "freeze"
    COAST = "coast"


@value
class Recipe:
    """SGD and its cosine schedule without restart (paper §3.1, appendix A.1).

    With `lr` = `lr_min` the learning rate is constant.
    """

    epochs: Annotated[Count, Field(le=MOST_EPOCHS)] = 200
    batch: Annotated[Count, Field(ge=2)] = 256
    lr: Positive = 0.025
    lr_min: NonNegative = 0.001
    momentum: Annotated[float, Field(ge=0, lt=1, strict=True)] = 0.9
    weight_decay: NonNegative = 1e-3
    inactive: Inactive = Inactive.FREEZE  # the numbers in the paper were made under coast

    def steps(self, batches_per_epoch: int, stop_after: int | None = None) -> int:
        """Mini-batches of the whole run, or `stop_after` if those are fewer."""
        whole = self.epochs * batches_per_epoch
        return whole if stop_after is None else min(whole, stop_after)

    def lr_at(self, epoch: int) -> float:
        """Learning rate of an epoch, counted from 0: the cosine from `lr` at 0 towards `lr_min` at `epochs`."""
        return self.lr_min + (self.lr - self.lr_min) * (1 + math.cos(math.pi * epoch / self.epochs)) / 2


@value
class Window:
    """The moments after each of the last `batches` mini-batches up to the end of epoch number `epoch`, from 1.

    Example: with 196 mini-batches in an epoch, `Window(100, 64)` is the moments 19,537 … 19,600.
    """

    epoch: Count
    batches: Count


@value
class Moments:
    """When all children are validated: after every epoch, after each of the last mini-batches of the run, and in windows.

    A moment is named by the number of mini-batches trained so far. The end of the run is always one. `precision` is the
    arithmetic of these sweeps.
    """

    every_epoch: Flag = True
    last_batches: Index = 0
    windows: tuple[Window, ...] = ()
    precision: Precision = Precision.FLOAT32

    def steps(self, total: int, batches_per_epoch: int) -> frozenset[int]:
        """The moments of a run of `total` mini-batches; the same object for the same run, of which a study has thousands."""
        return _steps(self, total, batches_per_epoch)


@lru_cache(maxsize=256)
def _steps(moments: Moments, total: int, batches_per_epoch: int) -> frozenset[int]:
    ends = range(batches_per_epoch, total + 1, batches_per_epoch) if moments.every_epoch else ()
    dense = [(total, max(1, moments.last_batches))]
    dense += [(window.epoch * batches_per_epoch, window.batches) for window in moments.windows]
    inside = [step for end, batches in dense for step in range(max(1, end - batches + 1), min(end, total) + 1)]
    return frozenset([*ends, *inside])
