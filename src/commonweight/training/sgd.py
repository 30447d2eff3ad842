"""SGD with momentum on the weights of one child at a time."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from commonweight.net import AnyEngine, Move
from commonweight.training.recipe import Inactive, Recipe


class SGD:
    """Which weights a mini-batch moves, and their momentum; how they move is `AnyEngine.update`.

    Momentum buffers belong to parameters, so they are shared exactly where the parameters are (paper appendix A.1).
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self.velocity: dict[nn.Parameter, Tensor] = {}  # of every parameter that ever had a gradient

    def step(self, engine: AnyEngine[Any], gradients: Sequence[tuple[nn.Parameter, Tensor]], lr: float) -> None:
        """Have the engine move these parameters by their gradients.

        Under `coast` it also moves, by a gradient of zero, every other parameter that had a gradient in an earlier step.
        """
        moved = dict(gradients)
        if self._recipe.inactive is Inactive.COAST:
            moved |= {p: torch.zeros_like(p) for p in self.velocity if p not in moved}
        for parameter in moved:
            if parameter not in self.velocity:
                self.velocity[parameter] = torch.zeros_like(parameter)
        moves = [Move(p, gradient, self.velocity[p]) for p, gradient in moved.items()]
        engine.update(moves, lr, self._recipe.momentum, self._recipe.weight_decay)
