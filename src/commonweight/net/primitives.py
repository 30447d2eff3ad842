"""The primitives by name: each builds one unit, the module on one edge for one slot, for stacked copies.

A unit maps `[batch, copies × channel, height, width]` to the same shape. Batch normalisation inside cells has no affine
parameters (paper appendix A.1; DARTS does the same), but for `nor_conv`, which is NAS-Bench-201's.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from commonweight.errors import UsageError, nearest
from commonweight.net.imported import imported, is_import_path
from commonweight.net.layers import Conv, Norm


@dataclass(frozen=True)
class UnitShape:
    """What a primitive needs to know to build a unit: channels of one copy, copies, batch-norm momentum."""

    channels: int
    copies: int
    bn_momentum: float


Primitive = Callable[[UnitShape], nn.Module]


class MaxPool(nn.Module):
    """3×3 max pooling, stride 1; at the border a window holds only the pixels inside the image."""

    def forward(self, x: Tensor) -> Tensor:
        return F.max_pool2d(x, 3, stride=1, padding=1)


class AvgPool(nn.Module):
    """3×3 average pooling, stride 1; at the border the mean of the pixels inside the image, as in DARTS."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 3, stride=1, padding=1, count_include_pad=False)


class Zero(nn.Module):
    """The primitive `none`: no connection."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def _norm(shape: UnitShape, *, affine: bool = False) -> Norm:
    return Norm(shape.channels, shape.copies, shape.bn_momentum, affine)


def _pooled(pool: Callable[[], nn.Module]) -> Primitive:
    return lambda shape: nn.Sequential(pool(), _norm(shape))


def _conv(kernel: int, *, affine: bool = False) -> Primitive:
    def build(shape: UnitShape) -> nn.Module:
        conv = Conv(shape.channels, shape.channels, kernel, shape.copies)
        return nn.Sequential(nn.ReLU(), conv, _norm(shape, affine=affine))

    return build


def _separable(kernel: int, *, times: int, dilation: int = 1) -> Primitive:
    """(ReLU, depthwise kernel×kernel, pointwise, BN) `times` times."""

    def build(shape: UnitShape) -> nn.Module:
        c = shape.channels
        return nn.Sequential(
            *(
                layer
                for _ in range(times)
                for layer in (
                    nn.ReLU(),
                    Conv(c, c, kernel, shape.copies, groups=c, dilation=dilation),
                    Conv(c, c, 1, shape.copies),
                    _norm(shape),
                )
            )
        )

    return build


_PRIMITIVES: dict[str, Primitive] = {
    "max_pool_3x3": _pooled(MaxPool),
    "sep_conv_3x3": _separable(3, times=2),
    "sep_conv_5x5": _separable(5, times=2),
    "dil_conv_5x5": _separable(5, times=1, dilation=2),
    "skip_connect": lambda shape: nn.Identity(),  # noqa: ARG005
    "avg_pool_3x3": _pooled(AvgPool),
    "sep_conv_7x7": _separable(7, times=2),
    "dil_conv_3x3": _separable(3, times=1, dilation=2),
    "conv_1x1": _conv(1),
    "conv_3x3": _conv(3),
    "nor_conv_1x1": _conv(1, affine=True),
    "nor_conv_3x3": _conv(3, affine=True),
    "avg_pool_3x3_alone": lambda shape: AvgPool(),  # noqa: ARG005
    "none": lambda shape: Zero(),  # noqa: ARG005
}


def primitive(name: str) -> Primitive:
    """The primitive of this name, or of this import path (`net/imported.py`); raises `UsageError` with the known names."""
    if is_import_path(name):
        return imported(name)
    try:
        return _PRIMITIVES[name]
    except KeyError:
        known = ", ".join(primitive_names())
        raise UsageError(f"unknown primitive {name!r}; known are {known}{nearest(name, primitive_names())}") from None


def primitive_names() -> tuple[str, ...]:
    """The names that `primitive` knows."""
    return tuple(_PRIMITIVES)


def register_primitive(name: str, build: Primitive) -> None:
    """Add a primitive of your own to this process; `build(shape)` returns a module that keeps shapes and mixes no copies.

    The name is part of a job's identity, the code behind it is not: another operation needs another name. A primitive named
    by its import path, `my_ops:wide`, needs no registering, is there in every process, and its code is in the identity.
    Raises `UsageError` when the name is taken.
    """
    if name in _PRIMITIVES or is_import_path(name):
        raise UsageError(f"primitive {name!r} exists already; choose another name")
    _PRIMITIVES[name] = build
