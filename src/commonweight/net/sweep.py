"""The sweep: validation accuracy of every child of a super-net at one moment, sharing what children have in common."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from enum import Enum
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn

from commonweight.net.supernet import Node, Plain, SuperNet
from commonweight.sharing import STEM, Site
from commonweight.space import Child


class Precision(Enum):
    """Arithmetic of a sweep. `BFLOAT16` is PyTorch's autocast: convolutions and products in bfloat16, the rest in float32."""

    FLOAT32 = "float32"
    BFLOAT16 = "bfloat16"


SWEEP_FLOATS = 2**20  # stem activations of one batch of a sweep: small enough for a processor's cache


def sweep(
    net: SuperNet,
    images: Tensor,
    labels: Tensor,
    children: Sequence[Child],
    precision: Precision = Precision.FLOAT32,
) -> Tensor:
    """Accuracies `[copy, child]` in [0, 1], float64, on the device; images `[image, channel, height, width]`.

    Equal to evaluating each child on its own in eval mode; what children have `in_common` is computed once. The net's mode
    is put back afterwards. Raises `UsageError` for a child that is not trained here.
    """
    stem_width = net.copies * net.shape.channels * net.shape.stem_multiplier
    batch = max(1, SWEEP_FLOATS // (stem_width * images.shape[2] * images.shape[3]))
    was_training = net.training
    exact = precision is Precision.FLOAT32
    try:
        net.eval()
        with torch.inference_mode(), nullcontext() if exact else torch.autocast(images.device.type, torch.bfloat16):
            right = right_answers(net, zip(images.split(batch), labels.split(batch), strict=True), children)
    finally:
        net.train(was_training)
    return right.T.to(torch.float64) / len(images)


def right_answers(net: SuperNet, batches: Iterable[tuple[Tensor, Tensor]], children: Sequence[Child]) -> Tensor:
    """Right answers `[child, copy]` over batches of images and labels, in the mode that the layers are in."""
    right = torch.zeros(len(children), net.copies, dtype=torch.int64, device=next(net.parameters()).device)
    for images, labels in batches:
        flow = _Remembering(net)
        for row, child in enumerate(children):
            logits = net.path(child).head(net.send(child, images, flow))
            right[row] += (logits.argmax(-1) == labels).sum(-1)
    return right


def in_common(place: Site | Node) -> bool:
    """Whether children of a sweep may have the value at this place in common, so that it is worth remembering.

    True of the stem, and of the first cell's preprocessing, edges and nodes but the last. All edges lead to the last node:
    there, and in all cells behind it, each child has a value of its own. Example: `143` and `144` differ on edge (1,2)
    alone; in the first cell they have the node x1 in common, and not x2. Whoever remembers a value must still tell inputs and
    units apart.
    """
    if isinstance(place, Node):
        return place.cell == 0 and not place.last
    return place == STEM or place.cell == 0


V = TypeVar("V")


class Remembered(Generic[V]):
    """What each place of the first cell made of its latest inputs, by the unit that made it.

    Children in lexicographic order that have a value in common stand side by side, so all of it is found and little is
    kept: of a cell of 3 nodes and 5 primitives 30 values at edges and 2 at nodes, whether there are 200 children or 15,625.
    Children in another order make some values again.
    """

    def __init__(self) -> None:
        self._of: dict[Site | Node, tuple[tuple[object, ...], dict[nn.Module | None, V]]] = {}

    def once(
        self, place: Site | Node, unit: nn.Module | None, inputs: Sequence[object], compute: Callable[[int], V]
    ) -> V:
        """The value at this place, if need be computed; `compute` is told how many the place has of these inputs.

        Inputs are the same if they are the same objects. They are kept with what was made of them: as long as they live,
        no other object has their identity.
        """
        before, made = self._of.get(place, ((), {}))
        if len(before) != len(inputs) or any(old is not new for old, new in zip(before, inputs, strict=True)):
            made = {}
            self._of[place] = tuple(inputs), made
        if unit not in made:
            made[unit] = compute(len(made))
        return made[unit]


class _Remembering(Plain):
    """Computes once, for each input, what children may have `in_common`."""

    def __init__(self, net: SuperNet) -> None:
        super().__init__(net)
        self._kept = Remembered[Tensor]()

    def unit(self, site: Site, module: nn.Module, x: Tensor) -> Tensor:
        if not in_common(site):
            return module(x)
        return self._kept.once(site, module, (x,), lambda _: module(x))

    def add(self, node: Node, values: Sequence[Tensor]) -> Tensor:
        add = super().add
        if not in_common(node):
            return add(node, values)
        return self._kept.once(node, None, values, lambda _: add(node, values))
