"""The native engine: programs of native steps, copy after copy, for what the kernels know; PyTorch for the rest."""

import ctypes
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.net.engine import Move
from commonweight.net.layers import Head
from commonweight.net.native.layouts import Sweep, Training, know_apart, runs_natively
from commonweight.net.native.library import MAX_INPUTS, Batch, Library, Step
from commonweight.net.native.memory import Memory
from commonweight.net.reference import Reference
from commonweight.net.supernet import SuperNet
from commonweight.net.sweep import Precision
from commonweight.space import Child

SWEEP_BYTES = 2**18  # of one activation of a sweep, so that the few that a step needs stay in the processor's cache
SWEEP_CHILDREN = 512  # in one program, which has a few dozen kilobytes for each
MOST_PROGRAMS = 1024  # of children in training, each as large, that are kept


@dataclass(frozen=True)
class _Program:
    """A training program, and the parameters that its gradients reach, each with the tensor where its gradient will be."""

    steps: "ctypes.Array[Step]"
    reached: list[tuple[nn.Parameter, Tensor]]


@dataclass(frozen=True)
class _Sweep:
    """A sweep's two programs, and the layout that owns the tensors to which the programs point."""

    layout: Sweep
    fold: "ctypes.Array[Step]"
    steps: "ctypes.Array[Step]"


class Native:
    """An `Engine` on the processor's vector units. Net and images must be float32 on a CPU, labels int64.

    A child with a unit that the native part does not know (a primitive of your own) runs through PyTorch as a whole. The
    order of the arithmetic does not depend on other copies and children: copy i of a stack gives the bits that the same
    copy gives alone. Raises `UsageError` for another net and, where kernels run, for other images and labels.
    """

    def __init__(self, net: SuperNet, library: Library) -> None:
        wrong = [t for t in net.state_dict().values() if t.device.type != "cpu" or t.dtype != torch.float32]
        if wrong:
            raise UsageError(
                f"the native engine needs float32 on a CPU, the net has {wrong[0].dtype} on {wrong[0].device}; "
                "use the reference engine"
            )
        self.net = net
        self.name = f"native {library.flavour}"
        self._library = library
        self._reference = Reference(net)
        self._gradients: dict[nn.Parameter, Tensor] = {}
        self._known: dict[Child, bool] = {}
        self._memory: Memory | None = None
        self._programs: dict[Child, _Program | None] = {}
        self._sweeps: dict[tuple[tuple[int, int], tuple[Child, ...]], _Sweep] = {}
        # Where it knows all units of a net in which no two share a weight, it knows all children.
        self._knows_all = net.plan.space.nodes <= MAX_INPUTS and know_apart(
            (unit for unit in net.units.values() if not isinstance(unit, Head)), net.copies
        )

    def through_pytorch(self) -> tuple[Child, ...]:
        return tuple(child for child in self.net.plan.children if not self._knows(child))

    def gradients(self, images: Tensor, labels: Tensor, child: Child) -> list[tuple[nn.Parameter, Tensor]]:
        program = self._training(images, child)
        if program is None:
            return self._reference.gradients(images, labels, child)
        batch = self._batch(images, labels := labels.contiguous())
        for copy in range(self.net.copies):
            batch.copy = copy
            self._library.run(program.steps, batch)
        return program.reached

    def update(self, moves: Sequence[Move], lr: float, momentum: float, weight_decay: float) -> None:
        # Gradients through PyTorch may lie in memory as channels_last images leave them.
        together = [(weight, gradient.contiguous(), velocity) for weight, gradient, velocity in moves]
        self._library.sgd(together, lr, momentum, weight_decay)

    def sweep(
        self,
        images: Tensor,
        labels: Tensor,
        children: Sequence[Child],
        precision: Precision = Precision.FLOAT32,
    ) -> Tensor:
        if precision is not Precision.FLOAT32:
            return self._reference.sweep(images, labels, children, precision)
        native = [self._knows(child) for child in children]
        known = tuple(itertools.compress(children, native))
        others = [child for child, is_known in zip(children, native, strict=True) if not is_known]
        accuracy = torch.zeros(self.net.copies, len(children), dtype=torch.float64)
        if known:
            some = [known[first : first + SWEEP_CHILDREN] for first in range(0, len(known), SWEEP_CHILDREN)]
            found = [self._sweep(images, labels, children) for children in some]
            accuracy[:, torch.tensor(native)] = torch.cat(found, dim=1)
        if others:
            accuracy[:, ~torch.tensor(native)] = self._reference.sweep(images, labels, others)
        return accuracy

    def _sweep(self, images: Tensor, labels: Tensor, children: tuple[Child, ...]) -> Tensor:
        size, pixels = (images.shape[2], images.shape[3]), images.shape[2] * images.shape[3]
        lanes = self._library.lanes
        blocks = max(1, SWEEP_BYTES // (4 * lanes * pixels * self.net.shape.channels))
        if (size, children) not in self._sweeps:
            layout = Sweep(self.net, Memory(blocks, size, lanes), children)
            self._sweeps = {(size, children): _Sweep(layout, packed(layout.fold), packed(layout.steps))}
        program = self._sweeps[size, children]
        right = program.layout.right.zero_()
        labels = labels.contiguous()
        for copy in range(self.net.copies):
            some = blocks * lanes
            for number, (some_images, target) in enumerate(zip(images.split(some), labels.split(some), strict=True)):
                batch = self._batch(some_images, target)
                batch.copy = copy
                if number == 0:
                    self._library.run(program.fold, batch)
                self._library.run(program.steps, batch)
        return right.T.to(torch.float64) / len(images)

    def _knows(self, child: Child) -> bool:
        if self._knows_all:
            self.net.plan.position(child)
            return True
        if child not in self._known:
            self._known[child] = runs_natively(self.net, child)
        return self._known[child]

    def _training(self, images: Tensor, child: Child) -> _Program | None:
        """The child's program, laid out when first needed; None when only PyTorch can run the child."""
        blocks, size = -(-len(images) // self._library.lanes), (images.shape[2], images.shape[3])
        if self._memory is None or self._memory.blocks < blocks or self._memory.size != size:
            self._memory, self._programs = Memory(blocks, size, self._library.lanes), {}
        if child not in self._programs:
            if len(self._programs) == MOST_PROGRAMS:
                del self._programs[next(iter(self._programs))]
            self._programs[child] = None
            if self._knows(child):
                layout = Training(self.net, self._memory, self._gradients, child)
                reached = [(parameter, self._gradients[parameter]) for parameter in layout.reached]
                self._programs[child] = _Program(packed(layout.steps), reached)
        return self._programs[child]

    def _batch(self, images: Tensor, labels: Tensor) -> Batch:
        """The images and labels as the native part reads them; the tensors must outlive the `Batch`."""
        shape = (len(images), self.net.data.image_channels, *images.shape[2:])
        for tensor, dtype, expected in ((images, torch.float32, shape), (labels, torch.int64, shape[:1])):
            if tensor.dtype != dtype or tensor.device.type != "cpu" or tensor.shape != expected:
                raise UsageError(
                    f"the native engine needs {dtype} {list(expected)} on a CPU, got {tensor.dtype} "
                    f"{list(tensor.shape)} on {tensor.device}"
                )
        return Batch.of(images, labels)


def packed(steps: Sequence[Step]) -> "ctypes.Array[Step]":
    """The steps one after another in memory, as the native part reads them."""
    return (Step * len(steps))(*steps)
