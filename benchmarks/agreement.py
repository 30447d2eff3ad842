"""Before a race: the contenders compute the same, from the same weights."""

from collections.abc import Sequence
from copy import deepcopy
from statistics import median

import torch
from contenders import ENGINES, Stacked, placed
from shapes import CHILDREN, CORNERS, Shape
from torch import Tensor, nn
from torch.nn import functional as F

from commonweight.net import Engine, Reference
from commonweight.space import Child
from plain import opponent
from plain.bridge import copy_of, plain_child, plain_super_net, twins

# Where a ReLU's input is 0 or two pixels of a max pooling are equal to rounding, float32 in another order of sums may
# take the other way. One such flip moves a gradient by about 1/√pixels of its length, and a step has a few; between
# flips the difference is some 1e-6.
FLIPPED = 0.05  # any copy of any child
TYPICAL = 1e-3  # the median over copies and children
EXACT = 1e-9  # in float64, where hardly anything is equal to rounding
SMOOTH = 1e-4  # of running statistics, which do not jump
COPIES = 2
IMAGES = 64  # of the mini-batch at most


class Disagreement(Exception):
    """Two contenders computed different numbers; no time of theirs is worth printing."""


def check(shape: Shape, engines: Sequence[str]) -> dict[str, float]:
    """Plain NCHW's numbers against every other contender's; returns the differences, by what was compared.

    `engines` are names in `contenders.ENGINES`; the reference engine is compared as well. Relative differences (length of
    the difference over length) of the gradients of one mini-batch, copy by copy, and of BN running statistics, for four
    children (at the paper's shape one) in two copies; differences of accuracies of all children in [0, 1], of which two
    images are allowed. Raises `Disagreement` above the limits.
    """
    found: dict[str, list[float]] = {}
    makers = {**{name: ENGINES[name] for name in engines}, Reference.name: Reference}
    images, labels = shape.images(min(shape.batch, IMAGES))
    for child in CORNERS if shape.size < 32 else CORNERS[:1]:
        nets = [plain_child(shape.net([child], COPIES), child, copy) for copy in range(COPIES)]
        doubles, for_vmap = ([deepcopy(net).double() for net in nets], deepcopy(nets))
        for net in nets:
            F.cross_entropy(net(images), labels).backward()
        for name, make in makers.items():
            gradients, statistics = _compare(make(shape.net([child], COPIES)), child, nets, images, labels)
            found.setdefault(f"gradients, {name}", []).extend(gradients)
            found.setdefault(f"running statistics, {name}", []).extend(statistics)
        stacked = Stacked(for_vmap).gradients(images, labels)
        for copy, net in enumerate(nets):
            theirs = _gradients(net)
            ours = {name: stacked[name][copy] for name in theirs}
            found.setdefault("gradients, torch.func.vmap", []).append(_relative(ours, theirs))
        found.setdefault("gradients in float64, channels_last", []).extend(
            _layouts(net, images, labels) for net in doubles
        )
    images, labels = shape.images(shape.sweep_images)
    net = shape.net(CHILDREN)
    Reference(net).gradients(*shape.images(shape.batch), CHILDREN[0])  # moves the statistics of what all share
    plain_net = plain_super_net(net)
    right = torch.tensor([opponent.accuracy(plain_net, images, labels, child.primitives) for child in CHILDREN])
    for name, make in makers.items():
        found[f"accuracies, {name}"] = [float((make(net).sweep(images, labels, CHILDREN)[0] - right).abs().max())]
    for what, values in found.items():
        most = {
            "gradients": FLIPPED,
            "gradients in float64": EXACT,
            "running statistics": SMOOTH,
            "accuracies": 2.5 / len(images),
        }[what.split(",")[0]]
        typical = TYPICAL if what.startswith("gradients,") and shape.size < 32 else most
        if not (max(values) <= most and median(values) <= typical):
            raise Disagreement(
                f"{shape.name}: {what} differ from the opponent's by {median(values):.2g} (median) and {max(values):.2g} "
                f"(most); the limits are {typical:.2g} and {most:.2g}"
            )
    return {
        f"{what}, {name}": of(values)
        for what, values in found.items()
        for name, of in (("median", median), ("most", max))
    }


def _gradient(parameter: Tensor) -> Tensor:
    assert parameter.grad is not None
    return parameter.grad


def _gradients(net: opponent.PlainSuperNet) -> dict[str, Tensor]:
    return {name: _gradient(weight) for name, weight in net.named_parameters()}


def _layouts(net: opponent.PlainSuperNet, images: Tensor, labels: Tensor) -> float:
    """The relative difference between a float64 net's gradients with NCHW and with channels_last images and weights."""
    last = placed(deepcopy(net), torch.channels_last)
    images = images.double()
    F.cross_entropy(net(images), labels).backward()
    F.cross_entropy(last(images.contiguous(memory_format=torch.channels_last)), labels).backward()
    return _relative(_gradients(last), _gradients(net))


def _relative(ours: dict[str, Tensor], theirs: dict[str, Tensor]) -> float:
    difference = sum(float((ours[name] - theirs[name]).square().sum()) for name in theirs)
    return (difference / sum(float(value.square().sum()) for value in theirs.values())) ** 0.5


def _compare(
    engine: Engine, child: Child, plain: list[opponent.PlainChild], images: Tensor, labels: Tensor
) -> tuple[list[float], list[float]]:
    """Relative differences of gradients and of running statistics, by copy; the opponent has run its backward pass."""
    gradients = dict(engine.gradients(images.contiguous(memory_format=torch.channels_last), labels, child))
    differences: tuple[list[float], list[float]] = ([], [])
    for copy, net in enumerate(plain):
        parts: tuple[tuple[dict[str, Tensor], dict[str, Tensor]], ...] = (({}, {}), ({}, {}))
        for place, (value, theirs) in enumerate(twins(engine.net, child, net)):
            trained = isinstance(value, nn.Parameter)
            ours = copy_of(gradients[value] if trained else value, engine.net.copies, copy).view_as(theirs)
            expected = _gradient(theirs) if trained else theirs
            for part, tensor in zip(parts[not trained], (ours, expected), strict=True):
                part[str(place)] = tensor
        for found, (ours, theirs) in zip(differences, parts, strict=True):
            found.append(_relative(ours, theirs))
    return differences
