"""What several test files need: small nets and data, and a super-net's weights inside the plain PyTorch net.

`plain.opponent` was written independently of commonweight, so it is the oracle of `net` and `training`; `plain.bridge`
carries weights there.
"""

import contextlib
import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from commonweight.images import RawImages
from commonweight.net import DataShape, Engine, Head, Native, NetShape, Norm, Reference, SuperNet, find_library
from commonweight.seeds import Stream
from commonweight.sharing import Kind, SharingPlan, share_all_but
from commonweight.space import Child, SearchSpace
from commonweight.training import (
    SGD,
    Augmentation,
    Course,
    ImageSet,
    Inactive,
    Moments,
    Recipe,
    Snapshot,
    Streams,
    Swept,
    Trained,
    train,
    train_step,
)
from plain import opponent
from plain.bridge import copy_of, dtype_of, layers, load, plain_child, plain_super_net, sizes_of, twins  # noqa: F401

EVERY_PRIMITIVE = tuple(opponent.PRIMITIVES)


def make_net(
    plan: SharingPlan,
    copies: int = 1,
    seed: int = 0,
    *,
    image_channels: int = 3,
    classes: int = 4,
    stirred: bool = False,
    **shape,
) -> SuperNet:
    """A super-net in double precision with few channels; `stirred`: BN statistics and affine parameters are random."""
    sizes = NetShape(**{"cells": plan.cells, "channels": 2, "stem_multiplier": 2} | shape)
    streams = [Stream(seed).fork("init", copy) for copy in range(copies)]
    net = SuperNet(plan, sizes, DataShape(image_channels, classes), streams).double()
    if stirred:
        rng = np.random.default_rng(seed)
        with torch.no_grad():
            for norm in (module for module in net.modules() if isinstance(module, Norm)):
                for value in (*norm.parameters(), *norm.buffers()):
                    value.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, size=tuple(value.shape))))
    return net


@dataclass(frozen=True)
class Backend:
    """An engine and the precision that it is tested in; where it can, double: float32 hides an error behind its rounding."""

    engine: Callable[[SuperNet], Engine]
    dtype: torch.dtype

    @property
    def tolerance(self) -> dict[str, float]:
        """Of numbers around 1."""
        return {"rtol": 1e-8, "atol": 1e-9} if self.dtype == torch.float64 else {"rtol": 1e-3, "atol": 1e-4}

    def net(self, plan: SharingPlan, copies: int = 1, seed: int = 0, **shape) -> SuperNet:
        return make_net(plan, copies, seed, **shape).to(self.dtype)

    def batch(self, images: int, **sizes) -> tuple[Tensor, Tensor]:
        pixels, labels = random_batch(images, **sizes)
        return pixels.to(self.dtype), labels

    def images(self, **sizes) -> ImageSet:
        return image_set(DoubleImages if self.dtype == torch.float64 else ImageSet, **sizes)


def _native(net: SuperNet) -> Native:
    library, reason = find_library()
    assert library is not None, reason
    return Native(net, library)


REFERENCE = Backend(Reference, torch.float64)
NATIVE = Backend(_native, torch.float32)
needs_native = pytest.mark.skipif(find_library()[0] is None, reason=find_library()[1])


def builds() -> list:
    """Each build of the native part that this processor runs."""
    found = [(flavour, *find_library(flavour)) for flavour in ("portable", "avx2", "avx512")]
    return [
        pytest.param(library, id=flavour, marks=[needs_native, pytest.mark.skipif(library is None, reason=reason)])
        for flavour, library, reason in found
    ]


libraries = pytest.mark.parametrize("library", builds())
backends = pytest.mark.parametrize(
    "backend", [pytest.param(REFERENCE, id="reference"), pytest.param(NATIVE, id="native", marks=needs_native)]
)


def copied(gradients: Iterable[tuple[nn.Parameter, Tensor]]) -> dict[nn.Parameter, Tensor]:
    """An engine's gradients to keep: its next call may overwrite them. No parameter comes twice."""
    gradients = list(gradients)
    kept = {parameter: gradient.clone() for parameter, gradient in gradients}
    assert len(kept) == len(gradients)
    return kept


@dataclass(frozen=True)
class Outcome:
    """Gradients of what was reached and statistics after one mini-batch, in double, by name."""

    gradients: dict[str, Tensor]
    statistics: dict[str, Tensor]


def outcome(engine: Engine, images: Tensor, labels: Tensor, child: Child) -> Outcome:
    names = {parameter: name for name, parameter in engine.net.named_parameters()}
    found = {names[p]: gradient.double().clone() for p, gradient in engine.gradients(images, labels, child)}
    return Outcome(found, {name: value.double().clone() for name, value in engine.net.named_buffers()})


def distance(ours: Outcome, truth: Outcome) -> float:
    """The largest distance of a gradient, relative to its length or a thousandth of that of all together."""
    assert ours.gradients.keys() == truth.gradients.keys()
    floor = 1e-3 * torch.cat([gradient.flatten() for gradient in truth.gradients.values()]).norm()
    return max(float((ours.gradients[k] - g).norm() / (g.norm() + floor)) for k, g in truth.gradients.items())


def children_with_every_primitive(nodes: int) -> tuple[Child, ...]:
    """As many children as primitives; each primitive stands once on each edge, and one child is `none` throughout."""
    space, count = SearchSpace(nodes, EVERY_PRIMITIVE), len(EVERY_PRIMITIVE)
    edges = range(len(space.edges))
    diagonal = [Child(space, tuple((first + 3 * edge) % count + 1 for edge in edges)) for first in range(count)]
    nothing = Child(space, (1 + EVERY_PRIMITIVE.index("none"),) * len(edges))
    return tuple(dict.fromkeys([*diagonal, nothing]))


def plans_by_kind(children: Iterable[Child], cells: int) -> list:
    """Sharing by kind of weight, as parameters of tests: what the reference implementation explored, and a mixture."""
    children = tuple(children)
    last = len(children[0].space.edges) - 1
    plans = {
        "norm-private": share_all_but(children, cells, kinds={Kind.NORM}),
        "conv-private": share_all_but(children, cells, kinds={Kind.CONV}),
        "only-conv-shared": share_all_but(children, cells, kinds={Kind.NORM, Kind.LINEAR}),
        "edge-private": share_all_but(children, cells, edges={0}),
        "conv-and-edge-private": share_all_but(children, cells, kinds={Kind.CONV}, edges={last}),
    }
    return [pytest.param(plan, id=name) for name, plan in plans.items()]


def stir(net: SuperNet, seed: int = 0) -> SuperNet:
    """Slots start alike and statistics at 0 and 1: make them all differ."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for value in (*net.parameters(), *net.buffers()):
            value.copy_(torch.rand(value.shape, generator=generator, dtype=value.dtype) - 0.3)
        for name, value in net.named_buffers():
            if name.endswith("running_var"):
                value.abs_().add_(0.1)
    return net


def open_minded(net: SuperNet) -> SuperNet:
    """Give its classifiers no bias, so that the image decides."""
    with torch.no_grad():
        for head in net.modules():
            if isinstance(head, Head):
                head.bias.zero_()
    return net


def assert_same_state(net: SuperNet, child: Child, copy: int, plain: opponent.PlainSuperNet, **tolerance) -> None:
    """All weights and BN statistics that the child uses are the plain net's."""
    for ours, theirs in twins(net, child, plain):
        torch.testing.assert_close(copy_of(ours, net.copies, copy).view_as(theirs), theirs, **tolerance)


def assert_same_tensors(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    """Bit-identical, name by name."""
    assert first.keys() == second.keys()
    for name, value in first.items():
        assert torch.equal(value, second[name]), name


def state(net: SuperNet) -> dict[str, Tensor]:
    """A copy of all weights and statistics, to compare with later."""
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def random_batch(
    images: int, channels: int = 3, size: int | tuple[int, int] = 6, classes: int = 4, seed: int = 0
) -> tuple[Tensor, Tensor]:
    """Normal images in double precision, and labels."""
    rng = np.random.default_rng(seed)
    height, width = size if isinstance(size, tuple) else (size, size)
    pixels = torch.from_numpy(rng.normal(size=(images, channels, height, width)))
    return pixels, torch.from_numpy(rng.integers(0, classes, size=images))


def vivid_images(images: int, channels: int = 3, size: int = 6, seed: int = 0) -> Tensor:
    """Normal images in double precision, each of a brightness of its own: classifiers give them different answers."""
    rng = np.random.default_rng(seed)
    brightness = rng.normal(size=(images, channels, 1, 1))
    return torch.from_numpy(brightness + 0.5 * rng.normal(size=(images, channels, size, size)))


def random_arrays(images: int, channels: int = 3, size: int = 6, classes: int = 4, seed: int = 0):
    """uint8 images and labels in NumPy; each channel has a brightness and contrast of its own."""
    rng = np.random.default_rng(seed)
    low = np.arange(10, 10 + 20 * channels, 20).reshape(1, channels, 1, 1)
    pixels = rng.integers(low, low + 100 + low, size=(images, channels, size, size)).astype(np.uint8)
    return pixels, rng.integers(0, classes, size=images)


@contextlib.contextmanager
def global_generators_left_alone() -> Iterator[None]:
    """Assert that the body neither draws from a global generator nor seeds one."""

    def states():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002

    random.random(), np.random.random(), torch.rand(1)  # noqa: NPY002 - away from where a seed would put them
    before = states()
    yield
    assert states() == before


class DoubleImages(ImageSet):
    """An image set in double precision: where float32 would hide an error behind its rounding."""

    def epoch(self, batch: int, order: Stream, augment: Stream, *, seen: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        for images, labels in super().epoch(batch, order, augment, seen=seen):
            yield images.double(), labels

    def validation(self, count: int | None = None) -> tuple[Tensor, Tensor]:
        images, labels = super().validation(count)
        return images.double(), labels


def image_set(
    kind: type[ImageSet] = DoubleImages, train: int = 40, validation: int = 24, padding: int = 1, seed: int = 0, **sizes
) -> ImageSet:
    """Random images with crop and flip; the labels mean nothing."""
    arrays = *random_arrays(train, seed=seed, **sizes), *random_arrays(validation, seed=seed + 1, **sizes)
    return kind(RawImages(*arrays, classes=sizes.get("classes", 4)), Augmentation(padding, flip=True))


def streams(seed: int = 0) -> Streams:
    root = Stream(seed)
    return Streams(root.fork("order"), root.fork("data"), root.fork("augment"))


RECIPE = Recipe(epochs=3, batch=12, lr=0.05, lr_min=0.002, weight_decay=1e-2)
"""12 mini-batches of `image_set()`: its 40 images are 3 batches of 12 and one of 4."""

SILENT = Course(moments=Moments(every_epoch=False))


def run(  # noqa: PLR0917
    net: SuperNet,
    recipe: Recipe = RECIPE,
    course: Course = SILENT,
    backend: Backend = REFERENCE,
    images: ImageSet | None = None,
    start: Snapshot | None = None,
    due: Callable[[], bool] = lambda: False,
) -> list[Trained | Swept | Snapshot]:
    """All events of a run."""
    return list(train(backend.engine(net), images or backend.images(), recipe, course, streams(), start, due))


def trained(events: Iterable[Trained | Swept | Snapshot]) -> list[Child]:
    """The child of every mini-batch."""
    return [event.child for event in events if isinstance(event, Trained)]


def batches(images: ImageSet, recipe: Recipe) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Epoch and mini-batch of every step of a run."""
    these = streams()
    for epoch in range(recipe.epochs):
        for batch, labels in images.epoch(recipe.batch, these.data.fork(epoch), these.augment.fork(epoch)):
            yield epoch, batch, labels


def warm(
    plan: SharingPlan, inactive: Inactive, steps: Iterable[Child], backend: Backend = REFERENCE
) -> tuple[Engine, SGD]:
    """The engine of a net of two copies that has trained these children, and its SGD."""
    engine = backend.engine(backend.net(plan, copies=2))
    sgd = SGD(replace(RECIPE, inactive=inactive))
    for step, child in enumerate(steps):
        train_step(engine, sgd, child, *backend.batch(6, seed=step), 0.05)
    return engine, sgd


def name_of(net: SuperNet, parameter: nn.Parameter) -> str:
    """The name of a parameter in `SuperNet.state_dict`."""
    return next(name for name, value in net.named_parameters() if value is parameter)
