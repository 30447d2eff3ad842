"""The super-net: the units of all children, stacked over copies, and the path of each child through them."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Protocol, TypeVar

import torch
from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.net.shape import Combine, DataShape, NetShape
from commonweight.net.units import Units
from commonweight.seeds import Stream
from commonweight.sharing import HEAD, STEM, TAIL, Place, SharingPlan, Site
from commonweight.space import Child

T = TypeVar("T")

MOST_PATHS = 4096  # kept: all of a small space, and a few megabytes of a large one


@dataclass(frozen=True)
class Cell:
    """One cell of one child: its preprocessing and the unit of each edge, in the order of the child's digits."""

    pre: nn.Module
    edges: tuple[nn.Module, ...]


@dataclass(frozen=True)
class ChildPath:
    """The modules that one child uses, and their parameters in a fixed order."""

    stem: nn.Module
    cells: tuple[Cell, ...]
    tail: nn.Module | None
    head: nn.Module
    parameters: tuple[nn.Parameter, ...]


@dataclass(frozen=True)
class Node:
    """A place in a cell where edges end: x1 … xn. `cell` counts from 0, `number` from 1; xn is `last`."""

    cell: int
    number: int
    last: bool

    @property
    def name(self) -> str:
        """`cell0.x1`."""
        return f"cell{self.cell}.x{self.number}"


class Flow(Protocol[T]):
    """What happens at each place of the network on a child's way through it; `T` is what flows.

    `Plain` lets tensors flow and runs every module. The flow of a sweep does so too, and remembers what children have in
    common; the flows of the native engine run nothing and lay out programs.
    """

    def unit(self, site: Site, module: nn.Module, x: T) -> T:
        """Stem, preprocessing, edge or tail."""
        ...

    def add(self, node: Node, values: Sequence[T]) -> T:
        """The node from what its edges bring, in the order of their sources."""
        ...

    def combine(self, cell: int, nodes: Sequence[T]) -> T:
        """The output of cell number `cell`, from 0, from its nodes x1..xn."""
        ...


class SuperNet(nn.Module):
    """The network that holds the weights of all children of `plan`, `len(streams)` copies stacked.

    Copy i is initialised from `streams[i]`, each unit from a fork named by its site and primitive, whatever its slots. So a
    child starts from the same weights under every sharing plan, and as the only child too. Raises `UsageError` without
    streams, for a plan of another number of cells or without the tail that the shape has (or with one that it has not), for
    a shape that is a misfit, and for an unknown primitive.
    """

    def __init__(self, plan: SharingPlan, shape: NetShape, data: DataShape, streams: Sequence[Stream]) -> None:
        super().__init__()
        if not streams:
            raise UsageError("a super-net needs at least one initialisation stream, one per copy")
        if plan.cells != shape.cells:
            raise UsageError(
                f"a sharing plan of {plan.cells} cells for a net of {shape.cells}; make it for as many cells"
            )
        if plan.tail != shape.has_tail:
            raise UsageError(
                f"a sharing plan with tail={plan.tail} for the frame {shape.frame.value}; make it with tail={shape.has_tail}"
            )
        if shape.misfit is not None:
            raise UsageError(f"NetShape.{shape.misfit}")
        self.plan = plan
        self.shape = shape
        self.data = data
        self.copies = len(streams)
        self._units = Units(plan, shape, data, streams)
        self._units.make_all()
        self.units = self._units.modules
        self._paths: dict[Child, ChildPath] = {}
        self._weights_of = {unit: tuple(unit.parameters()) for unit in self.units.values()}

    def path(self, child: Child) -> ChildPath:
        """The modules that this child uses; raises `UsageError` for a child that is not trained here."""
        self.plan.position(child)
        if child not in self._paths:
            if len(self._paths) == MOST_PATHS:
                self._paths.clear()
            self._paths[child] = self._build_path(child)
        return self._paths[child]

    def forward(self, images: Tensor, child: Child) -> Tensor:
        """Logits `[copy, batch, class]` of images `[batch, channel, height, width]`, the same for every copy."""
        return self.path(child).head(self.send(child, images, Plain(self)))

    def send(self, child: Child, x: T, flow: Flow[T]) -> T:
        """What reaches the head when `x`, the images, is sent through the child (paper eq. 1)."""
        path, count = self.path(child), self.plan.space.nodes
        x = flow.unit(STEM, path.stem, x)
        for place, cell in enumerate(path.cells):
            nodes = [flow.unit(Site(Place.PRE, place), cell.pre, x)]
            edges = iter(enumerate(cell.edges))
            for target in range(1, count + 1):
                incoming = [
                    flow.unit(Site(Place.EDGE, place, edge), module, source)
                    for source, (edge, module) in zip(nodes, edges, strict=False)
                ]
                nodes.append(flow.add(Node(place, target, last=target == count), incoming))
            x = flow.combine(place, nodes[1:])
        return x if path.tail is None else flow.unit(TAIL, path.tail, x)

    def combine(self, nodes: Sequence[Tensor]) -> Tensor:
        """A cell's output from its nodes x1..xn, each `[batch, copies × channel, height, width]`.

        Concatenated channels stay together copy by copy. Example: two copies a and b of one channel, two nodes: the nodes'
        channels are a1 b1 and a2 b2, those of the output a1 a2 b1 b2.
        """
        if self.shape.combine is not Combine.CONCAT:
            return nodes[-1] if self.shape.combine is Combine.LAST else reduce(torch.add, nodes)
        # Through [batch, height, width, copy, channel]: a 5-D concatenation of channels would leave channels_last.
        blocks = [node.permute(0, 2, 3, 1).unflatten(-1, (self.copies, -1)) for node in nodes]
        return torch.cat(blocks, dim=-1).flatten(-2).permute(0, 3, 1, 2)

    def _build_path(self, child: Child) -> ChildPath:
        units = self._units
        stem = units.unit(child, STEM)
        cells = tuple(
            Cell(
                pre=units.unit(child, Site(Place.PRE, cell)),
                edges=tuple(units.unit(child, Site(Place.EDGE, cell, edge)) for edge in range(len(child.digits))),
            )
            for cell in range(self.plan.cells)
        )
        tail = units.unit(child, TAIL) if self.plan.tail else None
        head = units.unit(child, HEAD)
        inside = (module for cell in cells for module in (cell.pre, *cell.edges))
        modules = [stem, *inside, *(() if tail is None else (tail,)), head]
        return ChildPath(stem, cells, tail, head, tuple(p for module in modules for p in self._weights_of[module]))


class Plain:
    """Tensors flow, and every module is run."""

    def __init__(self, net: SuperNet) -> None:
        self.net = net

    def unit(self, site: Site, module: nn.Module, x: Tensor) -> Tensor:  # noqa: ARG002
        return module(x)

    def add(self, node: Node, values: Sequence[Tensor]) -> Tensor:  # noqa: ARG002
        return reduce(torch.add, values)

    def combine(self, cell: int, nodes: Sequence[Tensor]) -> Tensor:  # noqa: ARG002
        return self.net.combine(nodes)
