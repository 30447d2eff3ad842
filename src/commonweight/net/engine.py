"""The engine's contract, and what the training loop needs of a net."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from torch import Tensor, nn

from commonweight.net.supernet import SuperNet
from commonweight.net.sweep import Precision
from commonweight.space import AnyChild, Child

C = TypeVar("C", bound=AnyChild)


class Move(NamedTuple):
    """A weight and what moves it in one step of SGD: three tensors of one shape, type and device."""

    weight: nn.Parameter
    gradient: Tensor
    velocity: Tensor


class Together(Protocol[C]):
    """The children that one net trains, as a plan names them: `SharingPlan` is one."""

    @property
    def children(self) -> tuple[C, ...]: ...

    def position(self, child: C) -> int:
        """Place of the child in `children`; raises `UsageError` for a child that is not trained here."""
        ...


class Trainable(Protocol[C]):
    """All that the training loop needs of a net: `SuperNet` is one, and a module of the user's own is put behind another.

    Names of parameters and buffers are those of `state_dict`; `named_buffers` are the statistics that training moves.
    """

    @property
    def plan(self) -> Together[C]: ...

    @property
    def copies(self) -> int: ...

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]: ...

    def named_buffers(self) -> Iterator[tuple[str, Tensor]]: ...

    def state_dict(self) -> dict[str, Tensor]: ...

    def load_state_dict(self, state_dict: Mapping[str, Any], /) -> object: ...


class AnyEngine(Protocol[C]):
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
    def net(self) -> Trainable[C]: ...

    def through_pytorch(self) -> tuple[C, ...]:
        """Children of the net that run through PyTorch because the native part has no kernels for one of their units.

        The reference engine, which has no native part, names none.
        """
        ...

    def gradients(self, images: Tensor, labels: Tensor, child: C) -> list[tuple[nn.Parameter, Tensor]]:
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
        children: Sequence[C],
        precision: Precision = Precision.FLOAT32,
    ) -> Tensor:
        """Accuracies `[copy, child]` in [0, 1], float64, in eval mode, equal to evaluating each child on its own."""
        ...


class Engine(AnyEngine[Child], Protocol):
    """An engine for the super-net of stacked copies."""

    @property
    def net(self) -> SuperNet: ...
