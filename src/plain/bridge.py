"""A super-net's weights inside the opponent, and back: for the tests and for the check before each race.

It goes through `SuperNet.path` and the one documented fact about stacking: copy i is block i of a tensor's leading
dimension.
"""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from commonweight.net import Combine, Conv, Head, Norm, SuperNet
from commonweight.space import Child
from plain import opponent

PLAIN_LAYERS: dict[type[nn.Module], type[nn.Module]] = {Conv: nn.Conv2d, Norm: nn.BatchNorm2d, Head: nn.Linear}


def sizes_of(net: SuperNet) -> opponent.Sizes:
    """The opponent's sizes for the same network."""
    shape, data = net.shape, net.data
    return opponent.Sizes(
        image_channels=data.image_channels,
        classes=data.classes,
        channels=shape.channels,
        stem_multiplier=shape.stem_multiplier,
        cells=shape.cells,
        combine={Combine.CONCAT: "concat", Combine.SUM: "sum"}[shape.combine],
        bn_momentum=shape.bn_momentum,
    )


def dtype_of(net: SuperNet) -> torch.dtype:
    return next(net.parameters()).dtype


def plain_super_net(net: SuperNet, copy: int = 0) -> opponent.PlainSuperNet:
    """The plain net with the weights and BN statistics of one copy; for a plan that shares everything."""
    space = net.plan.space
    plain = opponent.PlainSuperNet([space.primitives] * len(space.edges), space.nodes, sizes_of(net)).to(dtype_of(net))
    for child in net.plan.children:
        load(net, child, copy, plain)
    return plain


def plain_child(net: SuperNet, child: Child, copy: int = 0) -> opponent.PlainChild:
    """The plain net of this child alone with the weights and BN statistics of one copy; for any plan."""
    plain = opponent.PlainChild(child.primitives, child.space.nodes, sizes_of(net)).to(dtype_of(net))
    load(net, child, copy, plain)
    return plain


def layers(net: SuperNet, child: Child, plain: opponent.PlainSuperNet) -> Iterator[tuple[nn.Module, nn.Module]]:
    """The layers that hold weights or statistics on a child's path, and those in the same places of the plain net."""
    path = net.path(child)
    units = [(path.stem, plain.stem), (path.head, plain.head)]
    for cell, plain_cell in zip(path.cells, plain.cells, strict=True):
        assert isinstance(plain_cell, opponent.PlainCell)
        units.append((cell.pre, plain_cell.pre))
        for unit, name, candidates in zip(cell.edges, child.primitives, plain_cell.edges, strict=True):
            assert isinstance(candidates, nn.ModuleDict)
            units.append((unit, candidates[name]))
    for unit, plain_unit in units:
        ours = [module for module in unit.modules() if isinstance(module, tuple(PLAIN_LAYERS))]
        theirs = [module for module in plain_unit.modules() if isinstance(module, tuple(PLAIN_LAYERS.values()))]
        for layer, plain_layer in zip(ours, theirs, strict=True):
            assert isinstance(plain_layer, PLAIN_LAYERS[type(layer)])
            yield layer, plain_layer


def twins(net: SuperNet, child: Child, plain: opponent.PlainSuperNet) -> Iterator[tuple[Tensor, Tensor]]:
    """All weights and statistics of a child, ours with every copy and the plain net's."""
    for layer, plain_layer in layers(net, child, plain):
        theirs = {**dict(plain_layer.named_parameters()), **dict(plain_layer.named_buffers())}
        theirs.pop("num_batches_tracked", None)
        ours = {**dict(layer.named_parameters()), **dict(layer.named_buffers())}
        assert ours.keys() == theirs.keys() - ({"bias"} if theirs.get("bias") is None else set())
        yield from ((ours[name], theirs[name]) for name in ours)


def copy_of(tensor: Tensor, copies: int, copy: int) -> Tensor:
    """Block `copy` of the leading dimension."""
    return tensor.chunk(copies)[copy]


@torch.no_grad()
def load(net: SuperNet, child: Child, copy: int, plain: opponent.PlainSuperNet) -> None:
    """Copy what the child uses into the plain net."""
    for ours, theirs in twins(net, child, plain):
        theirs.copy_(copy_of(ours, net.copies, copy).view_as(theirs))
