"""A super-net's weights inside the opponent, and back: for the tests and for the check before each race.

It goes through `SuperNet.path` and the one documented fact about stacking: copy i is block i of a tensor's leading
dimension.
"""

import re
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from commonweight.net import Conv, Head, Norm, SuperNet
from commonweight.space import Child, architecture
from plain import opponent
from plain.bench import BenchNet

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
        combine=shape.combine.value,
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


def bench_child(net: SuperNet, child: Child, copy: int = 0) -> BenchNet:
    """The plain net of this child of NAS-Bench-201 alone, with the weights and BN statistics of one copy."""
    shape, data = net.shape, net.data
    plain = BenchNet(
        [re.findall("[a-z0-9_]+", edge)[0] for edge in re.findall(r"[a-z0-9_]+~\d", architecture(child))],
        shape.cells // shape.stacks,
        shape.stacks,
        shape.channels,
        data.classes,
        data.image_channels,
        shape.bn_momentum,
    ).to(dtype_of(net))
    with torch.no_grad():
        for ours, theirs in bench_twins(net, child, plain):
            theirs.copy_(copy_of(ours, net.copies, copy).view_as(theirs))
    return plain


def bench_twins(net: SuperNet, child: Child, plain: BenchNet) -> Iterator[tuple[Tensor, Tensor]]:
    """All weights and statistics of a child of NAS-Bench-201, ours with every copy and the plain net's."""
    path = net.path(child)
    units = [path.stem, *(unit for cell in path.cells for unit in (cell.pre, *cell.edges)), path.tail, path.head]
    ours = [layer for unit in units if unit for layer in unit.modules() if isinstance(layer, tuple(PLAIN_LAYERS))]
    theirs = [layer for layer in plain.modules() if isinstance(layer, tuple(PLAIN_LAYERS.values()))]
    for pair in zip(ours, theirs, strict=True):
        yield from _tensors(*pair)


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
        yield from zip(ours, theirs, strict=True)


def twins(net: SuperNet, child: Child, plain: opponent.PlainSuperNet) -> Iterator[tuple[Tensor, Tensor]]:
    """All weights and statistics of a child, ours with every copy and the plain net's."""
    for pair in layers(net, child, plain):
        yield from _tensors(*pair)


def _tensors(layer: nn.Module, plain_layer: nn.Module) -> Iterator[tuple[Tensor, Tensor]]:
    """Weights and statistics of two layers that do the same."""
    assert isinstance(plain_layer, PLAIN_LAYERS[type(layer)])
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
