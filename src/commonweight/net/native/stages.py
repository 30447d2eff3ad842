"""Reading a unit's modules as stages that the native part knows, and what a step must be told of each stage."""

from dataclasses import dataclass
from enum import Enum

from torch import Tensor, nn

from commonweight.net.layers import Conv, Norm
from commonweight.net.native.library import StepKind
from commonweight.net.primitives import AvgPool, MaxPool, Zero
from commonweight.net.reduction import Halve

KNOWN = (nn.ReLU, Conv, Norm, MaxPool, AvgPool, Halve, nn.Identity, Zero)


class Work(Enum):
    """The kinds of stages: forward, backward and eval step of each."""

    SEPARABLE = (StepKind.SEPARABLE, StepKind.SEPARABLE_BACK, StepKind.SEPARABLE_EVAL)
    POINTWISE = (StepKind.POINTWISE, StepKind.POINTWISE_BACK, StepKind.POINTWISE_EVAL)
    DENSE = (StepKind.DENSE, StepKind.DENSE_BACK, StepKind.DENSE_EVAL)
    MAX_POOL = (StepKind.MAX_POOL, StepKind.MAX_POOL_BACK, StepKind.MAX_POOL_EVAL)
    AVERAGE_POOL = (StepKind.AVERAGE_POOL, StepKind.AVERAGE_POOL_BACK, StepKind.AVERAGE_POOL_EVAL)
    STRIDED = (StepKind.STRIDED, StepKind.STRIDED_BACK, StepKind.STRIDED_EVAL)
    HALVED = (StepKind.HALVED, StepKind.HALVED_BACK, StepKind.HALVED)
    AVERAGE = (StepKind.AVERAGE, StepKind.AVERAGE_BACK, StepKind.AVERAGE)
    NORM = (StepKind.NORM, StepKind.NORM_BACK, StepKind.NORM_EVAL)

    @property
    def forward(self) -> StepKind:
        return self.value[0]

    @property
    def back(self) -> StepKind:
        return self.value[1]

    @property
    def eval(self) -> StepKind:
        return self.value[2]

    @property
    def halvings(self) -> int:
        """How much smaller its output is than its input."""
        return int(self in (Work.STRIDED, Work.HALVED))


@dataclass(frozen=True)
class Stage:
    """One pass, which ends in a batch normalisation if it has `statistics`.

    Names of `numbers`, `parameters` and `statistics` are a step's fields.
    """

    work: Work
    channels: int | None  # of its output, in one copy; None for as many as come in
    numbers: dict[str, float]
    parameters: dict[str, nn.Parameter]
    statistics: dict[str, Tensor]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        return *self.parameters.values(), *self.statistics.values()


class NoConnection:
    """The primitive `none`, in the place of a list of stages."""


def stages(unit: nn.Module, copies: int) -> list[Stage] | NoConnection | None:
    """The unit as stages (none at all for the identity); None for a unit that only PyTorch can run."""
    layers = list(unit) if type(unit) is nn.Sequential else [unit]
    if any(type(layer) not in KNOWN for layer in layers):  # a subclass may compute something else
        return None
    found: list[Stage] = []
    while layers:
        match layers:
            case [nn.ReLU(), Conv() as spatial, Conv() as mixing, Norm() as norm, *rest] if _is_depthwise(
                spatial, copies
            ) and _is_dense(mixing, copies, 1):
                found.append(_separable(spatial, mixing, norm, copies))
            case [nn.ReLU(), Conv() as conv, Norm() as norm, *rest] if _is_mixing(conv, copies):
                found.append(_mixing(conv, norm, copies, relu=True))
            case [Conv() as conv, Norm() as norm, *rest] if _is_mixing(conv, copies):
                found.append(_mixing(conv, norm, copies, relu=False))
            case [MaxPool() | AvgPool() as pool, Norm() as norm, *rest]:
                work = Work.MAX_POOL if isinstance(pool, MaxPool) else Work.AVERAGE_POOL
                found.append(_stage(work, norm, copies, {}, {}))
            case [AvgPool(), *rest]:
                found.append(Stage(Work.AVERAGE, None, {}, {}, {}))
            case [Halve(), Conv() as conv, *rest] if _is_dense(conv, copies, 1):
                found.append(Stage(Work.HALVED, len(conv.weight) // copies, {}, {"mixing": conv.weight}, {}))
            case [Norm() as norm, *rest]:
                found.append(_stage(Work.NORM, norm, copies, {}, {}))
            case [nn.Identity(), *rest]:
                pass
            case [Zero()] if not found:
                return NoConnection()
            case _:
                return None
        layers = rest
    return found


def _is_depthwise(conv: Conv, copies: int) -> bool:
    width, channels_in, kernel, _ = conv.weight.shape
    alone = conv.groups == width and channels_in == 1 and width % copies == 0 and conv.stride == 1
    return alone and kernel in (3, 5, 7) and conv.dilation in (1, 2)  # for_kernel in units.h


def _is_dense(conv: Conv, copies: int, *kernels: int, stride: int = 1) -> bool:
    """Whether the convolution mixes all channels of a copy, undilated, with one of these kernels and this stride."""
    whole = conv.groups == 1 if conv.common_input else conv.groups == copies
    return whole and conv.dilation == 1 and conv.weight.shape[2] in kernels and conv.stride == stride


def _is_mixing(conv: Conv, copies: int) -> bool:
    return _is_dense(conv, copies, 1, 3) or _is_dense(conv, copies, 3, stride=2)


def _separable(spatial: Conv, mixing: Conv, norm: Norm, copies: int) -> Stage:
    numbers = {"kernel": spatial.weight.shape[2], "dilation": spatial.dilation, "relu": 1}
    return _stage(Work.SEPARABLE, norm, copies, numbers, {"spatial": spatial.weight, "mixing": mixing.weight})


def _mixing(conv: Conv, norm: Norm, copies: int, *, relu: bool) -> Stage:
    kernel = conv.weight.shape[2]
    work = Work.POINTWISE if kernel == 1 else Work.DENSE if conv.stride == 1 else Work.STRIDED
    return _stage(work, norm, copies, {"kernel": kernel, "relu": int(relu)}, {"mixing": conv.weight})


def _stage(work: Work, norm: Norm, copies: int, numbers: dict[str, int], parameters: dict[str, nn.Parameter]) -> Stage:
    affine = {"gamma": norm.weight, "beta": norm.bias}
    return Stage(
        work,
        len(norm.running_mean) // copies,
        {**numbers, "momentum": norm.momentum},
        {**parameters, **{name: parameter for name, parameter in affine.items() if parameter is not None}},
        {"mean": norm.running_mean, "variance": norm.running_var},
    )
