"""Layers of stacked copies: channel block i of a tensor belongs to copy i, and no layer mixes two blocks.

Activations are `[batch, copies × channel, height, width]`. The leading dimension of every weight and statistic is
`copies × something`, so `tensor.chunk(copies)[i]` is copy i's part of it. Primitives of your own are built from these.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

BN_EPSILON = 1e-5  # PyTorch's own; the paper names only the momentum


class Conv(nn.Module):
    """Convolution without bias, `channels_in` → `channels_out` in each copy; padding keeps the size, which `stride` divides.

    Weight `[copies × channels_out, channels_in / groups, kernel, kernel]`. `common_input`: all copies read the same
    `[batch, channels_in, height, width]` (the images) instead of a block each.
    """

    def __init__(  # noqa: PLR0917
        self,
        channels_in: int,
        channels_out: int,
        kernel: int,
        copies: int,
        groups: int = 1,
        dilation: int = 1,
        common_input: bool = False,
        stride: int = 1,
    ) -> None:
        super().__init__()
        self.copies = copies
        self.stride = stride
        self.common_input = common_input
        self.dilation = dilation
        self.groups = groups if common_input else groups * copies
        self.padding = dilation * (kernel // 2)
        self.weight = nn.Parameter(torch.empty(copies * channels_out, channels_in // groups, kernel, kernel))

    def draw(self, rngs: Sequence[np.random.Generator]) -> None:
        """Uniform in ±1/√fan_in, PyTorch's own initialisation; generator i fills copy i."""
        draw_uniform(self.weight, self.weight[0].numel(), rngs)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(
            x, self.weight, stride=self.stride, padding=self.padding, dilation=self.dilation, groups=self.groups
        )


class Norm(nn.Module):
    """Batch normalisation; weights and running statistics are `[copies × channel]`, and belong to the slot.

    `momentum` is PyTorch's: the share of a mini-batch's statistics in the running ones.
    """

    def __init__(self, channels: int, copies: int, momentum: float, affine: bool = False) -> None:
        super().__init__()
        width = copies * channels
        self.momentum = momentum
        self.weight = nn.Parameter(torch.ones(width)) if affine else None
        self.bias = nn.Parameter(torch.zeros(width)) if affine else None
        self.running_mean: Tensor
        self.running_var: Tensor
        self.register_buffer("running_mean", torch.zeros(width))
        self.register_buffer("running_var", torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return F.batch_norm(
            x, self.running_mean, self.running_var, self.weight, self.bias, self.training, self.momentum, BN_EPSILON
        )


class Head(nn.Module):
    """Global average pool and linear classifier: `[batch, copies × features, height, width]` → `[copy, batch, class]`.

    `relu`: of what passes ReLU.
    """

    def __init__(self, features: int, classes: int, copies: int, relu: bool = False) -> None:
        super().__init__()
        self.relu = relu
        self.weight = nn.Parameter(torch.empty(copies, classes, features))
        self.bias = nn.Parameter(torch.empty(copies, 1, classes))

    def draw(self, rngs: Sequence[np.random.Generator]) -> None:
        """Weight, then bias, uniform in ±1/√features, PyTorch's own initialisation; generator i fills copy i."""
        for parameter in (self.weight, self.bias):
            draw_uniform(parameter, self.weight.shape[2], rngs)

    def forward(self, x: Tensor) -> Tensor:
        copies, _, features = self.weight.shape
        pooled = (F.relu(x) if self.relu else x).mean(dim=(2, 3)).view(-1, copies, features).transpose(0, 1)
        return torch.baddbmm(self.bias, pooled, self.weight.transpose(1, 2))


def draw_uniform(parameter: Tensor, fan_in: int, rngs: Sequence[np.random.Generator]) -> None:
    """Fill copy i of `parameter` from generator i, uniform in ±1/√fan_in."""
    bound = 1 / math.sqrt(fan_in)
    with torch.no_grad():
        for block, rng in zip(parameter.chunk(len(rngs)), rngs, strict=True):
            block.copy_(torch.from_numpy(rng.uniform(-bound, bound, size=tuple(block.shape)).astype(np.float32)))
