"""The engine's contract."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from torch import Tensor, nn

from commonweight.net.supernet import SuperNet
from commonweight.net.sweep import Precision
from commonweight.space import Child


class Move(NamedTuple):
    """A weight and what moves it in one step of SGD: three tensors of one shape, type and device."""

    weight: nn.Parameter
    gradient: Tensor
    velocity: Tensor


class Engine(Protocol):
    """Computes what a super-net needs for training and for its sweep; all engines give the same numbers, to rounding.

    A mini-batch is two calls, `gradients` and, with what they gave, `update`. A sweep may come between any two mini-batches.
    One thread at a time calls an engine, and for one net there may be several engines.

    An engine works on the tensors of `net` itself: `gradients` moves the running statistics of what the child uses, `update`
    the weights that it is given, `sweep` nothing. The net's tensors must stay where they are while the engine is used:
    change them in place, and make a new engine after `net.to`.

    `gradients` and `sweep` raise `UsageError` for a child that is not in the net's plan. An engine may refuse images and
    labels that it cannot read, by a `UsageError` too.
    """

    @property
    def name(self) -> str:
        """What a record says of the engine that made it."""
        ...

    @property
    def net(self) -> SuperNet: ...

    def through_pytorch(self) -> tuple[Child, ...]:
        """Children of the net that run through PyTorch because the native part has no kernels for one of their units.

        The reference engine, which has no native part, names none.
        """
        ...

    def gradients(self, images: Tensor, labels: Tensor, child: Child) -> list[tuple[nn.Parameter, Tensor]]:
        """Forward and backward of one mini-batch in training mode: each parameter that the loss reaches, and its gradient.

        Images `[batch, channel, height, width]`, labels `[batch]`; a gradient has its parameter's shape. The loss of each
        copy is its mean cross-entropy. Running statistics move. The next call may overwrite the gradients of this one.
        """
        ...

    def update(self, moves: Sequence[Move], lr: float, momentum: float, weight_decay: float) -> None:
        """PyTorch's SGD rule, in place, for each move: v ← momentum · v + (g + weight_decay · w), then w ← w − lr · v.

        w is a weight of `net` (or another tensor of its type, on its device) and in one move only; g is what `gradients`
        gave, or any tensor like w; v is the caller's to keep from step to step, at first `torch.zeros_like(w)`. Without
        momentum v may be left alone. Gradients stay as they are. Nothing is checked, and nothing raised.
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
