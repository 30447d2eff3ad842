"""What needs no training ranks children too: their number of parameters, and their multiply-adds."""

from collections.abc import Sequence
from functools import partial

import numpy as np
from torch import Tensor, nn

from commonweight.net.proxies import multiply_adds
from commonweight.own import Supernet, probe, scratch
from commonweight.own.calling import in_mode
from commonweight.space import Chosen

PARAMETERS, MULTIPLY_ADDS = "number of parameters", "multiply-adds"


def untrained_ranks(net: Supernet, images: Tensor, children: Sequence[Chosen]) -> dict[str, np.ndarray]:
    """By name, a number for each child `[child]`; a larger one is taken for a better child.

    Parameters are those of what `extract` gives; without it, the numbers in the module's parameters that get a gradient
    other than zero when they are probed, so that slices of a weight count as what they are. Multiply-adds are those of
    one image, in eval mode.
    """
    module = scratch(net, images.device)
    return {
        PARAMETERS: np.array([_parameters(net, module, images, child) for child in children], dtype=float),
        MULTIPLY_ADDS: np.array([_work(net, module, images[:1], child) for child in children], dtype=float),
    }


def _parameters(net: Supernet, module: nn.Module, images: Tensor, child: Chosen) -> int:
    if net.extract is not None:
        return sum(parameter.numel() for parameter in net.extract(module, child).parameters())
    return sum(probe(net, module, images, child).used.values())


def _work(net: Supernet, module: nn.Module, image: Tensor, child: Chosen) -> int:
    with in_mode(module, False):
        return multiply_adds(partial(net.call, module, child=child), image)
