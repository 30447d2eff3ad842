"""SGD with momentum on the weights of one child at a time."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.optim.sgd import sgd

from commonweight.net import Library
from commonweight.training.recipe import Inactive, Recipe


class SGD:
    """PyTorch's SGD rule, v ← μv + (g + λw), w ← w − ηv, for the parameters that a step trained.

    Momentum buffers belong to parameters, so they are shared exactly where the parameters are (paper appendix A.1). With
    a `library`, parameters are float32 on the CPU and the native part does the arithmetic.
    """

    def __init__(self, recipe: Recipe, library: Library | None = None) -> None:
        self._recipe = recipe
        self._library = library
        self.velocity: dict[nn.Parameter, Tensor] = {}  # of every parameter that ever had a gradient

    @torch.no_grad()
    def step(self, gradients: Sequence[tuple[nn.Parameter, Tensor]], lr: float) -> None:
        """Update parameters by their gradients, and under `coast` all that ever had one before by none."""
        moved = dict(gradients)
        if self._recipe.inactive is Inactive.COAST:
            moved |= {p: torch.zeros_like(p) for p in self.velocity if p not in moved}
        for parameter in moved:
            if parameter not in self.velocity:
                self.velocity[parameter] = torch.zeros_like(parameter)
        recipe, moves = self._recipe, [(p, gradient, self.velocity[p]) for p, gradient in moved.items()]
        if not moves:
            return
        if self._library is not None:
            moves = [(p, gradient.contiguous(), velocity) for p, gradient, velocity in moves]
            self._library.sgd(moves, lr, recipe.momentum, recipe.weight_decay)
            return
        sgd(
            [p for p, _, _ in moves],
            [gradient for _, gradient, _ in moves],
            [velocity for _, _, velocity in moves],
            foreach=True,
            weight_decay=recipe.weight_decay,
            momentum=recipe.momentum,
            lr=lr,
            dampening=0,
            nesterov=False,
            maximize=False,
        )
