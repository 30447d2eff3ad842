"""What the training loop needs of the data, whoever holds it."""

from collections.abc import Iterator
from typing import Protocol

from torch import Tensor

from commonweight.seeds import Stream


class Batches(Protocol):
    """Training mini-batches and a validation set on one device: `ImageSet` is one.

    Images are `[batch, channel, height, width]`, or whatever the net reads, with the batch first; labels `[batch]` are
    integers. The same arguments give the same batches.
    """

    def batches_per_epoch(self, batch: int) -> int:
        """Mini-batches in one pass over the training images."""
        ...

    def epoch(self, batch: int, order: Stream, augment: Stream, *, seen: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The mini-batches of one epoch but the first `seen`.

        `order` decides which images come together, `augment` how they are changed.
        """
        ...

    def validation(self, count: int | None = None) -> tuple[Tensor, Tensor]:
        """The first `count` validation images and labels, or all."""
        ...
