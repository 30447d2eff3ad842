"""What a child is worth before any training: its size, its work, and two proxies at initialisation, all without images.

They stand beside ranks of super-nets, as what is had for nothing. A child is a function from images to logits, with its
parameters; so they serve our own children and anybody's.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from commonweight.errors import UsageError

Forward = Callable[[Tensor], Tensor]
"""Images `[batch, channel, height, width]` to logits, `[…, batch, class]`."""


def multiply_adds(forward: Forward, image: Tensor) -> int:
    """Multiplications with an addition in convolutions and linear layers, for one image `[1, channel, height, width]`.

    As PyTorch's flop counter has them, which counts each as two operations; taps that fall outside the image are counted.
    """
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        forward(image)
    return counter.get_total_flops() // 2


def synflow(forward: Forward, weights: Sequence[nn.Parameter], image: Tensor) -> float:
    """log(1 + Σ |w| · ∂R/∂|w|), R the sum of logits of an image of ones through the absolute weights (Tanaka et al., 2020).

    As a rank of architectures: Abdelfattah et al., 2021. The net must be in eval mode; its running statistics should be
    those of initialisation, 0 and 1, so that normalisation passes everything on. Weights have their values again
    afterwards. `image` gives the shape; give it and the net in float64, where products over many layers do not overflow.
    """
    with torch.no_grad():
        before = [weight.detach().clone() for weight in weights]
        for weight in weights:
            weight.abs_()
    try:
        with torch.enable_grad():
            flow = forward(torch.ones_like(image)).sum()
            gradients = torch.autograd.grad(flow, list(weights), allow_unused=True)
        pairs = zip(weights, gradients, strict=True)
        score = sum(float((weight.detach() * gradient).sum()) for weight, gradient in pairs if gradient is not None)
    finally:
        with torch.no_grad():
            for weight, value in zip(weights, before, strict=True):
                weight.copy_(value)
    return float(torch.log1p(torch.tensor(score, dtype=torch.float64)))


def naswot(forward: Forward, module: nn.Module, images: Tensor) -> float:
    """log |det K|, K[i, j] the number of ReLU inputs whose sign images i and j share (Mellor et al., 2021).

    Higher: the images are told apart by which ReLUs they switch on. Counted are the `nn.ReLU` of `module` that `forward`
    passes. −∞ where two images switch on the same ones. Raises `UsageError` when no ReLU is passed.
    """
    kernel = torch.zeros(len(images), len(images), dtype=torch.float64)

    def look(_: nn.Module, inputs: tuple[Tensor]) -> None:
        on = (inputs[0].detach().flatten(1) > 0).double().cpu()
        kernel.add_(on @ on.T + (1 - on) @ (1 - on).T)

    relus = [layer for layer in module.modules() if isinstance(layer, nn.ReLU)]
    handles = [relu.register_forward_pre_hook(look) for relu in relus]
    try:
        with torch.no_grad():
            forward(images)
    finally:
        for handle in handles:
            handle.remove()
    if not kernel.any():
        raise UsageError("the images pass no nn.ReLU; this proxy is of networks with ReLUs that are modules")
    sign, log_determinant = torch.linalg.slogdet(kernel)
    return float(log_determinant) if sign > 0 else float("-inf")
