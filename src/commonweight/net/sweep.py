"""The sweep: validation accuracy of every child of a super-net at one moment, sharing what children have in common."""

from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext
from enum import Enum

import torch
from torch import Tensor, nn

from commonweight.net.supernet import Plain, SuperNet
from commonweight.sharing import Site
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

    Equal to evaluating each child on its own in eval mode: stem, preprocessing and edges of the first cell are computed
    once for all children that send the same input through the same unit. The net's mode is put back afterwards.
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


class _Remembering(Plain):
    """Runs each unit of the stem and the first cell once for each input, and each sum of its inner nodes.

    After the first cell no two children share an input. What is kept holds its inputs, so no identity is ever reused.
    """

    def __init__(self, net: SuperNet) -> None:
        super().__init__(net)
        self._kept: dict[tuple[object, ...], tuple[Tensor, object]] = {}

    def unit(self, site: Site, module: nn.Module, x: Tensor) -> Tensor:
        if site.cell not in (None, 0):
            return module(x)
        return self._once((module, id(x)), x, lambda: module(x))

    def add(self, name: str, values: Sequence[Tensor]) -> Tensor:
        if not name.startswith("cell0.") or len(values) == self.net.plan.space.nodes:
            return super().add(name, values)
        return self._once(tuple(map(id, values)), values, lambda: super(_Remembering, self).add(name, values))

    def _once(self, key: tuple[object, ...], inputs: object, compute: Callable[[], Tensor]) -> Tensor:
        if key not in self._kept:
            self._kept[key] = (compute(), inputs)
        return self._kept[key][0]
