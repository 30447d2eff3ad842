"""What a child uses of a module, by one forward and one backward pass."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.own.calling import in_mode
from commonweight.own.randomness import OwnRandomness
from commonweight.seeds import Stream
from commonweight.space import Chosen

if TYPE_CHECKING:
    from commonweight.own.declared import Supernet


REPEATED = 4  # with other signs, at most, while numbers of a parameter have no gradient


@dataclass(frozen=True, eq=False)
class Probe:
    """What one child did with some images.

    `logits` `[image, class]` in eval mode, and `others` on noise with other signs of all weights: options whose difference
    these images do not show differ there. `used`: for each parameter with a gradient other than zero, by its name in the
    module, how many of its numbers have one, on the images or, with other signs of all weights, on noise: a unit that is
    silent on some images, or a pixel that is black in all, does not make a weight unused. `masked`: parameters that the
    loss reaches by zeros alone. `moved`: buffers that a forward pass in training mode changes, such as the running
    statistics of batch norm.
    """

    child: Chosen
    logits: Tensor
    others: tuple[Tensor, ...]
    used: Mapping[str, int]
    masked: frozenset[str]
    moved: frozenset[str]


def scratch(net: "Supernet", device: torch.device | str) -> nn.Module:
    """A module to probe, whose parameters are never all zero.

    A head or a last normalisation that begins at zero, as residual nets have it, would hide from the gradient, and from the
    logits, all that stands before it. Raises `UsageError` when two instances would be one module.
    """
    stream = Stream(0).fork("probe")
    module = net.built(stream, device, again=False)
    if module is net.built(stream, device, again=False):
        raise UsageError("module gives the same module each time it is called; expected it to make a new one")
    rng = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.requires_grad_(True)  # frozen ones are used too
            if not parameter.any():
                parameter.copy_(torch.randn(parameter.shape, generator=rng) / 10)
    return module


def probe(net: "Supernet", module: nn.Module, images: Tensor, child: Chosen) -> Probe:
    """Probe the child on images `[image, …]`; the module's buffers and modes are put back.

    Raises `UsageError` for a module that fails, and for logits that no parameter reaches.
    """
    logits = answer(net, module, images, child)
    others = []
    for number in range(2):
        with _other_signs(module, number):
            others.append(answer(net, module, _noise(images, number), child))
    before = {name: buffer.clone() for name, buffer in module.named_buffers()}
    masks = _reached(net, module, images, child)
    now = dict(module.named_buffers())
    moved = frozenset(name for name, old in before.items() if name in now and not torch.equal(old, now[name]))
    for number in range(REPEATED):
        if all(mask.all() for mask in masks.values()):
            break
        with _other_signs(module, number):
            for name, mask in _reached(net, module, _noise(images, number), child).items():
                masks[name] = mask | masks[name] if name in masks else mask
    with torch.no_grad():
        for name, old in before.items():
            if name in now:
                now[name].copy_(old)
    used = {name: int(mask.sum()) for name, mask in masks.items() if mask.any()}
    return Probe(child, logits, tuple(others), used, frozenset(masks.keys() - used.keys()), moved)


def _reached(net: "Supernet", module: nn.Module, images: Tensor, child: Chosen) -> dict[str, Tensor]:
    """For each parameter that the logits depend on, by name, which of its numbers have a gradient other than zero."""
    with in_mode(module, True), OwnRandomness(Stream(0).fork("probe", "forward"), images.device)():
        logits = net.call(module, images, child)
        if not logits.requires_grad:
            raise UsageError(
                f"no parameter reaches the logits of child {child}; expected at least the classifier: does forward detach?"
            )
        # Any direction that is not special: the sum of all logits, for one, may be constant behind a normalisation.
        direction = torch.randn(logits.shape, generator=torch.Generator().manual_seed(1)).to(logits)
        parameters = dict(module.named_parameters())
        gradients = torch.autograd.grad((logits * direction).sum(), list(parameters.values()), allow_unused=True)
    return {name: g != 0 for name, g in zip(parameters, gradients, strict=True) if g is not None}


@contextmanager
def _other_signs(module: nn.Module, number: int) -> Iterator[None]:
    """Every number of the parameters with a sign drawn at random inside, and with its own afterwards.

    Draw 1 has the opposite signs of draw 0, and so on: a unit that is silent with one bias speaks with the other.
    """
    rng, turn = torch.Generator().manual_seed(number // 2), (-1) ** number
    signed = [(p, (turn * (2 * torch.randint(2, p.shape, generator=rng) - 1)).to(p)) for p in module.parameters()]
    with torch.no_grad():
        for parameter, signs in signed:
            parameter.mul_(signs)
    try:
        yield
    finally:
        with torch.no_grad():
            for parameter, signs in signed:
                parameter.mul_(signs)


def _noise(images: Tensor, number: int) -> Tensor:
    """Normal numbers, half as large as the images to 256 times; what is not floating (words, say) as it is."""
    if not images.is_floating_point():
        return images
    rng = torch.Generator().manual_seed(number)
    size = 2 ** torch.linspace(-1, 8, len(images)).reshape(-1, *[1] * (images.ndim - 1))
    return (torch.randn(images.shape, generator=rng) * size).to(images) * images.std()


def answer(net: "Supernet", module: nn.Module, images: Tensor, child: Chosen) -> Tensor:
    """The child's logits `[image, class]` in eval mode, without a gradient."""
    with in_mode(module, False), torch.no_grad():
        return net.call(module, images, child)


def same(a: Tensor, b: Tensor) -> bool:
    """Whether these are the same logits, to the rounding of float32."""
    return a.shape == b.shape and torch.allclose(a, b, rtol=1e-4, atol=1e-5)
