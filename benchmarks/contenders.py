"""Who races: the plain opponents, the engines, and the second ones, each as a turn of work that can be timed.

A turn of `Work.COPIES` trains one child in all copies once, one of `Work.SUPERNET` trains one child of a super-net of
all 64, one of `Work.SWEEP` measures the accuracy of all 64 (its child is ignored). A training step is forward,
backward and SGD's update. Making nets and optimisers is not part of a turn.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial

import machine
import torch
from shapes import CHILDREN, RECIPE, Shape, Work
from torch import Tensor
from torch.nn import functional as F

from commonweight.net import Engine, Native, Reference, SuperNet
from commonweight.space import Child
from commonweight.training import SGD, train_step
from plain import opponent

Turn = Callable[[Child], object]


class Side(Enum):
    """How much of the work a contender does: both plain ones and the native builds meet on the same children and repeats."""

    PLAIN = auto()
    NATIVE = auto()
    SECOND = auto()


@dataclass(frozen=True)
class Contender:
    """`prepare(shape, work, children, copies)` makes a turn."""

    name: str
    side: Side
    prepare: Callable[[Shape, Work, Sequence[Child], int], Turn]
    works: tuple[Work, ...] = tuple(Work)

    def copies(self, shape: Shape) -> int:
        """Copies in a turn of `Work.COPIES`."""
        return {Side.PLAIN: shape.plain_copies, Side.NATIVE: shape.copies, Side.SECOND: shape.second_copies}[self.side]

    def children(self, shape: Shape) -> tuple[Child, ...]:
        """Children that are trained."""
        return shape.second if self.side is Side.SECOND else shape.children

    def repeats(self, shape: Shape, repeats: int) -> int:
        """Of so many that are asked for."""
        return min(repeats, shape.second_repeats) if self.side is Side.SECOND else repeats


def optimiser(parameters: Sequence[Tensor]) -> torch.optim.SGD:
    """SGD as a PyTorch user makes it, with the paper's numbers."""
    return torch.optim.SGD(parameters, lr=RECIPE.lr, momentum=RECIPE.momentum, weight_decay=RECIPE.weight_decay)


def placed(net: opponent.PlainSuperNet, memory_format: torch.memory_format) -> opponent.PlainSuperNet:
    """The net with its weights in this layout."""
    return net.to(memory_format=memory_format)  # pyright: ignore[reportCallIssue] - a missing overload


def plain_turn(
    memory_format: torch.memory_format, shape: Shape, work: Work, children: Sequence[Child], copies: int
) -> Turn:
    """The opponent, copy after copy; one pass over all validation images for each child of a sweep."""
    images, labels = shape.images(shape.sweep_images if work is Work.SWEEP else shape.batch)
    images = images.contiguous(memory_format=memory_format)

    if work is Work.COPIES:
        alone = {
            child: [
                placed(opponent.PlainChild(child.primitives, sizes=shape.plain), memory_format) for _ in range(copies)
            ]
            for child in children
        }
        stacks = {child: [(net, optimiser(list(net.parameters()))) for net in nets] for child, nets in alone.items()}

        def copies_turn(child: Child) -> None:
            for net, sgd in stacks[child]:
                opponent.train_step(net, sgd, images, labels, child.primitives)

        return copies_turn

    space = CHILDREN[0].space
    net = placed(opponent.PlainSuperNet([space.primitives] * len(space.edges), space.nodes, shape.plain), memory_format)
    if work is Work.SWEEP:
        return lambda _: [opponent.accuracy(net, images, labels, child.primitives) for child in CHILDREN]
    sgd = optimiser(list(net.parameters()))
    return lambda child: opponent.train_step(net, sgd, images, labels, child.primitives)


def engine_turn(
    engine_of: Callable[[SuperNet], Engine], shape: Shape, work: Work, children: Sequence[Child], copies: int
) -> Turn:
    """commonweight's, with images as its `ImageSet` hands them out (channels_last)."""
    images, labels = shape.images(shape.sweep_images if work is Work.SWEEP else shape.batch)
    images = images.contiguous(memory_format=torch.channels_last)

    def racer(some: Sequence[Child], count: int) -> tuple[Engine, SGD]:
        engine = engine_of(shape.net(some, count))
        return engine, SGD(RECIPE)

    if work is Work.COPIES:
        stacks = {child: racer([child], copies) for child in children}
        return lambda child: train_step(*stacks[child], child, images, labels, RECIPE.lr)
    engine, sgd = racer(CHILDREN, 1)
    if work is Work.SWEEP:
        return lambda _: engine.sweep(images, labels, CHILDREN).tolist()
    return lambda child: train_step(engine, sgd, child, images, labels, RECIPE.lr)


class Stacked:
    """`torch.func`: the opponent's child vmapped over stacked weights, gradients by `grad`, one SGD over all copies.

    BN runs without running statistics (`replace_all_batch_norm_modules_`, PyTorch's own advice: the transforms allow no
    update in place of what they do not map), so this contender does a little less than the others.
    """

    def __init__(self, nets: Sequence[opponent.PlainChild]) -> None:
        for net in nets:
            torch.func.replace_all_batch_norm_modules_(net)
        self.weights, self.buffers = torch.func.stack_module_state(list(nets))
        self.base = nets[0]
        self.sgd = optimiser(list(self.weights.values()))
        self.step = torch.func.vmap(torch.func.grad(self._loss), in_dims=(0, 0, None, None))

    def _loss(self, weights: dict[str, Tensor], buffers: dict[str, Tensor], images: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(torch.func.functional_call(self.base, (weights, buffers), (images,)), labels)

    def gradients(self, images: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Of each copy's mean loss, `[copy, …]`, by the names of the child's parameters."""
        with torch.no_grad():
            return self.step({k: w.detach() for k, w in self.weights.items()}, self.buffers, images, labels)

    def train_step(self, images: Tensor, labels: Tensor) -> None:
        for name, gradient in self.gradients(images, labels).items():
            self.weights[name].grad = gradient
        self.sgd.step()


def vmap_turn(shape: Shape, work: Work, children: Sequence[Child], copies: int) -> Turn:
    assert work is Work.COPIES
    images, labels = shape.images(shape.batch)
    stacks = {
        child: Stacked([opponent.PlainChild(child.primitives, sizes=shape.plain) for _ in range(copies)])
        for child in children
    }
    return lambda child: stacks[child].train_step(images, labels)


NCHW = Contender("opponent, NCHW", Side.PLAIN, partial(plain_turn, torch.contiguous_format))
CHANNELS_LAST = Contender("opponent, channels_last", Side.PLAIN, partial(plain_turn, torch.channels_last))
PLAIN = (NCHW, CHANNELS_LAST)
ENGINES: dict[str, Callable[[SuperNet], Engine]] = {
    f"native {library.flavour}": partial(Native, library=library) for library in machine.builds()
}
NATIVE = tuple(Contender(name, Side.NATIVE, partial(engine_turn, engine)) for name, engine in ENGINES.items())
WIDE = "native avx512"  # which no processor without AVX-512 runs
REFERENCE = Contender(Reference.name, Side.SECOND, partial(engine_turn, Reference))
VMAP = Contender("torch.func.vmap", Side.SECOND, vmap_turn, (Work.COPIES,))


def contender(name: str) -> Contender:
    """By its name; a `KeyError` for another."""
    return {each.name: each for each in (*PLAIN, *NATIVE, REFERENCE, VMAP)}[name]
