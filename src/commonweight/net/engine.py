"""The engine's contract."""

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from commonweight.net.native.library import Library
from commonweight.net.supernet import SuperNet
from commonweight.net.sweep import Precision
from commonweight.space import Child


class Engine(Protocol):
    """Computes what a super-net needs for training and for its sweep; all engines give the same numbers, to rounding.

    It reads the weights of `net`'s own tensors and moves its running statistics; it keeps neither. The tensors must stay
    where they are while the engine is used (change them in place; make a new engine after `net.to`).
    """

    @property
    def name(self) -> str:
        """What a record says of how it was made."""
        ...

    @property
    def net(self) -> SuperNet: ...

    @property
    def library(self) -> Library | None:
        """The native part, if the engine runs on it."""
        ...

    def through_pytorch(self) -> tuple[Child, ...]:
        """Children of the net that the native part has no kernels for, so that they run through PyTorch; none without it."""
        ...

    def gradients(self, images: Tensor, labels: Tensor, child: Child) -> list[tuple[nn.Parameter, Tensor]]:
        """Forward and backward of one mini-batch in training mode: parameters that the child reached, each with its gradient.

        Images `[batch, channel, height, width]`, labels `[batch]`. The loss of each copy is its mean cross-entropy;
        running statistics move. A gradient may be overwritten by the next call.
        """
        ...

    def sweep(
        self,
        images: Tensor,
        labels: Tensor,
        children: Sequence[Child],
        precision: Precision = Precision.FLOAT32,
    ) -> Tensor:
        """Accuracies `[copy, child]` in [0, 1], float64, in eval mode, equal to evaluating each child on its own."""
        ...
