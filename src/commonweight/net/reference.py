"""The reference engine: plain PyTorch on any device."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim.sgd import sgd

from commonweight.net.engine import Move
from commonweight.net.supernet import SuperNet
from commonweight.net.sweep import Precision, sweep
from commonweight.space import Child


class Reference:
    """An `Engine` of PyTorch's own operations and autograd."""

    name = "reference"

    def __init__(self, net: SuperNet) -> None:
        self.net = net.train()

    def through_pytorch(self) -> tuple[Child, ...]:
        return ()

    def gradients(self, images: Tensor, labels: Tensor, child: Child) -> list[tuple[nn.Parameter, Tensor]]:
        logits = self.net(images, child)
        # The sum over copies of their mean losses: no copy's gradient depends on another.
        loss = F.cross_entropy(logits.flatten(0, 1), labels.repeat(self.net.copies)) * self.net.copies
        parameters = self.net.path(child).parameters
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
        # A unit gets no gradient where all its ways to the head lead over `none` edges.
        return [(p, g) for p, g in zip(parameters, gradients, strict=True) if g is not None]

    def update(self, moves: Sequence[Move], lr: float, momentum: float, weight_decay: float) -> None:
        move_by_sgd(moves, lr, momentum, weight_decay)

    def sweep(
        self,
        images: Tensor,
        labels: Tensor,
        children: Sequence[Child],
        precision: Precision = Precision.FLOAT32,
    ) -> Tensor:
        return sweep(self.net, images, labels, children, precision)


@torch.no_grad()
def move_by_sgd(moves: Sequence[Move], lr: float, momentum: float, weight_decay: float) -> None:
    """`AnyEngine.update` by PyTorch's own SGD."""
    sgd(
        [move.weight for move in moves],
        [move.gradient for move in moves],
        [move.velocity for move in moves],
        foreach=True,
        weight_decay=weight_decay,
        momentum=momentum,
        lr=lr,
        dampening=0,
        nesterov=False,
        maximize=False,
    )
