"""The engine for a module of the user's own: plain PyTorch on any device."""

from collections.abc import Callable, Sequence
from contextlib import nullcontext

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from commonweight.errors import UsageError
from commonweight.net import Move, Precision, move_by_sgd
from commonweight.own.calling import in_mode
from commonweight.own.module_net import ModuleNet
from commonweight.own.randomness import OwnRandomness
from commonweight.seeds import Stream
from commonweight.space import Chosen

SWEEP_IMAGES = 512  # of one batch of a sweep


class ModuleEngine:
    """An `AnyEngine` that runs the module's own forward and autograd.

    `gradients` gives what the loss reaches, but for what discovery found to be another choice's: a net that multiplies what
    is not chosen by zero reaches everything. Dropout and the like draw from `stream`, whatever else draws meanwhile; after a
    snapshot they go on from the stream's start.
    """

    name = "module"

    def __init__(self, net: ModuleNet, stream: Stream) -> None:
        self.net = net
        self._randomness = OwnRandomness(stream, next(iter(net.module.parameters())).device)

    def through_pytorch(self) -> tuple[Chosen, ...]:
        return ()

    def gradients(self, images: Tensor, labels: Tensor, child: Chosen) -> list[tuple[nn.Parameter, Tensor]]:
        self.net.plan.position(child)
        with in_mode(self.net.module, True), self._randomness():
            logits = self.net.logits(images, child)
            if (top := int(labels.max())) >= logits.shape[1]:
                raise UsageError(f"label {top}, and the module has {logits.shape[1]} classes; expected less")
            loss = F.cross_entropy(logits, labels)
            parameters = list(self.net.parameters_of(child))
            if not (parameters and loss.requires_grad):
                return []  # all that the child uses is frozen
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        return [(p, g) for p, g in zip(parameters, gradients, strict=True) if g is not None]

    def update(self, moves: Sequence[Move], lr: float, momentum: float, weight_decay: float) -> None:
        move_by_sgd(moves, lr, momentum, weight_decay)

    def sweep(
        self,
        images: Tensor,
        labels: Tensor,
        children: Sequence[Chosen],
        precision: Precision = Precision.FLOAT32,
    ) -> Tensor:
        """Child by child; every child of the space may be asked for, unless there are private slots."""
        exact = precision is Precision.FLOAT32
        with (
            in_mode(self.net.module, False),
            torch.inference_mode(),
            nullcontext() if exact else torch.autocast(images.device.type, torch.bfloat16),
        ):
            return right_answers(self.net.logits, images.split(SWEEP_IMAGES), labels, children)


def right_answers(
    logits: Callable[[Tensor, Chosen], Tensor], batches: Sequence[Tensor], labels: Tensor, children: Sequence[Chosen]
) -> Tensor:
    """Accuracies `[1, child]`, float64, over batches of images, by the logits `[batch, class]` of each."""
    right = torch.zeros(1, len(children), dtype=torch.float64, device=labels.device)
    for place, child in enumerate(children):
        answers = torch.cat([logits(images, child).argmax(-1) for images in batches])
        right[0, place] = (answers == labels).sum()
    return right / len(labels)
