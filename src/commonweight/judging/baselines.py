"""What needs no training ranks children too: their number of parameters, and their multiply-adds."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from commonweight.own import Supernet, probe, scratch
from commonweight.own.calling import in_mode
from commonweight.space import Chosen

PARAMETERS, MULTIPLY_ADDS = "number of parameters", "multiply-adds"


def untrained_ranks(net: Supernet, images: Tensor, children: Sequence[Chosen]) -> dict[str, np.ndarray]:
    """By name, a number for each child `[child]`; a larger one is taken for a better child.

    Parameters are those of what `extract` gives; without it, the numbers in the module's parameters that get a gradient
    other than zero when they are probed, so that slices of a weight count as what they are. Multiply-adds are half of the
    operations that PyTorch counts for one image, in eval mode.
    """
    module = scratch(net, images.device)
    return {
        PARAMETERS: np.array([_parameters(net, module, images, child) for child in children], dtype=float),
        MULTIPLY_ADDS: np.array([_multiply_adds(net, module, images[:1], child) for child in children], dtype=float),
    }


def _parameters(net: Supernet, module: nn.Module, images: Tensor, child: Chosen) -> int:
    if net.extract is not None:
        return sum(parameter.numel() for parameter in net.extract(module, child).parameters())
    return sum(probe(net, module, images, child).used.values())


def _multiply_adds(net: Supernet, module: nn.Module, image: Tensor, child: Chosen) -> float:
    with in_mode(module, False), torch.no_grad(), FlopCounterMode(display=False) as counter:
        net.call(module, image, child)
    return counter.get_total_flops() / 2
