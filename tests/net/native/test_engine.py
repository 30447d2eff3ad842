"""The native kernels against the reference engine in double, over shapes, builds and images; and what only they promise."""

import functools
import importlib
from dataclasses import dataclass

import numpy as np
import oracle
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from commonweight.errors import UsageError
from commonweight.net import Combine, Engine, Native, NetShape, Reference, SuperNet, find_library
from commonweight.net.native.library import Batch, Kind
from commonweight.net.native.memory import Value, step
from commonweight.seeds import Stream
from commonweight.sharing import share_all
from commonweight.space import Child, SearchSpace

pytestmark = oracle.needs_native
running = importlib.import_module("commonweight.net.native.engine")
PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())


# ------------------------------------------------------------------ parity over shapes


@dataclass(frozen=True)
class Case:
    """A shape of net and images."""

    channels: int
    size: tuple[int, int]
    batch: int
    copies: int = 1
    image_channels: int = 3
    nodes: int = 2
    combine: Combine = Combine.CONCAT
    every: int = 1  # take one child of so many

    def __str__(self) -> str:
        height, width = self.size
        return f"{self.channels}c-{self.image_channels}x{height}x{width}-{self.batch}-{self.copies}x-{self.nodes}n"

    @property
    def children(self) -> tuple[Child, ...]:
        return oracle.children_with_every_primitive(self.nodes)[:: self.every]

    def net(self) -> SuperNet:
        """In float32; every call makes the same."""
        shape = {"channels": self.channels, "image_channels": self.image_channels, "combine": self.combine}
        return oracle.make_net(share_all(self.children, 2), self.copies, stirred=True, **shape).float()

    def images(self, seed: int) -> tuple[Tensor, Tensor]:
        pixels, labels = oracle.random_batch(self.batch, channels=self.image_channels, size=self.size, seed=seed)
        return pixels.float(), labels


CASES = (
    Case(1, (1, 1), 17, image_channels=1),
    Case(2, (1, 1), 33, copies=2, nodes=1),
    Case(3, (2, 2), 2, copies=2, image_channels=1, combine=Combine.SUM),
    Case(5, (2, 2), 15, nodes=3),
    Case(1, (7, 7), 16, copies=3, combine=Combine.SUM),
    Case(2, (7, 7), 33, copies=3, nodes=1),
    Case(3, (9, 4), 80, image_channels=1, nodes=3, every=3),
    Case(5, (5, 9), 17, copies=2),
    Case(8, (7, 7), 16, copies=2, image_channels=1, combine=Combine.SUM, every=2),
    Case(16, (7, 7), 33, every=4),
    Case(8, (14, 14), 17, image_channels=1, every=4),
    Case(2, (3, 1), 80, nodes=3, combine=Combine.SUM, every=2),
)


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


@functools.cache
def expected(case: Case, child: Child, seed: int) -> tuple[Outcome, float]:
    """What double precision gives, and how far PyTorch's own float32 is from it."""
    images, labels = case.images(seed)
    truth = outcome(Reference(case.net().double()), images.double(), labels, child)
    return truth, distance(outcome(Reference(case.net()), images, labels, child), truth)


@oracle.libraries
@pytest.mark.parametrize("case", CASES, ids=str)
def test_gradients_and_statistics(case, library):
    """As near to the truth as float32 comes: 1e-4, or ten times as far as PyTorch where a batch is ill-conditioned.

    A ReLU's input or a pool's rivals within rounding of each other may fall to the other side, which moves a gradient by
    up to a percent. That is luck of the images, an error is not: of three batches the best one counts. Statistics do not
    jump and are held at each.
    """
    net = case.net()
    engine, start = Native(net, library), oracle.state(net)
    for child in case.children:
        for seed in range(3):
            net.load_state_dict(start)
            truth, usual = expected(case, child, seed)
            ours = outcome(engine, *case.images(seed), child)
            for name, value in truth.statistics.items():
                torch.testing.assert_close(ours.statistics[name], value, rtol=1e-4, atol=1e-4, msg=name)
            if distance(ours, truth) < 1e-4 + 10 * usual:
                break
        else:
            pytest.fail(f"{child.name} {child.primitives}: gradients differ by {distance(ours, truth)}, {usual} usual")


def test_the_cases_are_sharp():
    """PyTorch's own float32 is mostly within a few millionths, or the bound above would let anything through."""
    usual = [expected(case, child, 0)[1] for case in CASES for child in case.children]
    assert np.median(usual) < 2e-5
    assert np.quantile(usual, 0.8) < 5e-4


@oracle.libraries
def test_a_batch_of_two_single_pixels(library):
    """Batch normalisation sees two numbers and makes ±1 of them: gradients are rounding, statistics are not."""
    case = Case(2, (1, 1), 2, copies=2)
    for child in case.children:
        net = case.net()
        truth, _ = expected(case, child, 0)
        ours = outcome(Native(net, library), *case.images(0), child)
        assert ours.gradients.keys() == truth.gradients.keys()
        assert all(gradient.isfinite().all() for gradient in ours.gradients.values())
        for name, value in truth.statistics.items():
            torch.testing.assert_close(ours.statistics[name], value, rtol=1e-4, atol=1e-4, msg=name)
        head = [name for name in truth.gradients if "head" in name]
        assert len(head) == 2
        for name in head:
            torch.testing.assert_close(ours.gradients[name], truth.gradients[name], rtol=1e-3, atol=1e-4)


# ------------------------------------------------------------------ what a large mean or a large value does


@oracle.libraries
def test_a_large_mean_costs_statistics_no_precision(library):
    """Images around 100 with deviation 1: a variance of squares would lose four digits."""
    case = Case(3, (6, 6), 40)
    net, exact = case.net(), case.net().double()
    images, labels = case.images(0)
    images = images + 100
    ours = outcome(Native(net, library), images, labels, case.children[2])
    truth = outcome(Reference(exact), images.double(), labels, case.children[2])
    for name, value in truth.statistics.items():
        torch.testing.assert_close(ours.statistics[name], value, rtol=3e-4, atol=3e-4, msg=name)


@oracle.libraries
def test_large_logits_do_not_overflow(library):
    net = Case(2, (4, 4), 20).net()
    child = net.plan.children[0]
    with torch.no_grad():
        net.path(child).head.weight.mul_(1e4)
    images, labels = oracle.random_batch(20, size=4)
    found = Native(net, library).gradients(images.float(), labels, child)
    assert all(gradient.isfinite().all() for _, gradient in found)


# ------------------------------------------------------------------ ties of max pooling


def lanes(x: Tensor) -> Tensor:
    """`[batch, channel, height, width]` as the kernels hold it: `[block, channel, pixel, 16]`, zeros past the end."""
    blocks = -(-len(x) // 16)
    padded = torch.zeros(blocks * 16, x.shape[1], x.shape[2] * x.shape[3], dtype=x.dtype)
    padded[: len(x)] = x.flatten(2)
    return padded.view(blocks, 16, *padded.shape[1:]).permute(0, 2, 3, 1).contiguous()


def images_of(held: Tensor, like: Tensor) -> Tensor:
    """Back again, without the lanes that hold no image."""
    return held.permute(0, 3, 1, 2).reshape(-1, *like.shape[1:])[: len(like)]


@oracle.libraries
@pytest.mark.parametrize("pixels", ["same", "steps", "coins", "all different"])
def test_the_first_of_equal_pixels_wins_a_pool(library, pixels):
    """The first in the order of the window, exactly PyTorch's choice; and its gradient goes there."""
    rng = np.random.default_rng(0)
    shape = (20, 3, 5, 7)
    values = {
        "same": np.full(shape, -2),
        "steps": np.broadcast_to(np.arange(7) // 3, shape),
        "coins": rng.integers(-1, 1, size=shape),
        "all different": rng.permutation(np.prod(shape)).reshape(shape) - 1000,
    }[pixels]
    x = torch.from_numpy(np.array(values, dtype=np.float32)).requires_grad_()
    d_out = torch.from_numpy(rng.normal(size=shape).astype(np.float32))
    pooled, winners = F.max_pool2d(x, 3, stride=1, padding=1, return_indices=True)
    F.batch_norm(pooled, torch.zeros(3), torch.ones(3), training=True).backward(d_out)
    value, out = (Value(3, lanes(x.detach()), torch.zeros(2, 3, 35, 16)) for _ in range(2))
    tensors = {
        "middle": torch.zeros(2, 3, 35, 16, dtype=torch.uint8),
        "inverse": torch.zeros(3),
        "mean": torch.zeros(3),
        "variance": torch.ones(3),
        "d_out": lanes(d_out),
    }
    steps = [step(kind, [value], out.data, 3, {}, tensors) for kind in (Kind.MAX_POOL, Kind.MAX_POOL_BACK)]
    steps[1].d_in[0] = value.gradient.data_ptr()
    library.run(running.packed(steps), Batch(count=20, height=5, width=7))
    rows, columns = np.divmod(images_of(tensors["middle"], x).numpy(), 3)
    row, column = np.mgrid[:5, :7]
    assert np.array_equal((row + rows - 1) * 7 + column + columns - 1, winners.numpy())
    torch.testing.assert_close(images_of(value.gradient, x), x.grad, rtol=1e-4, atol=1e-4 * float(x.grad.abs().max()))


# ------------------------------------------------------------------ lanes without an image


@oracle.libraries
@pytest.mark.parametrize("count", [1, 15, 17, 31])
def test_lanes_without_an_image_hold_nothing_of_the_batch_before(library, count):
    """A full batch first, then a part of one: the bits of an engine that never saw the full one."""
    children = oracle.children_with_every_primitive(2)
    used, fresh = (oracle.make_net(share_all(children, 2), copies=2).float() for _ in range(2))
    engine = Native(used, library)
    full, full_labels = oracle.random_batch(48, seed=1)
    start = oracle.state(used)
    images, labels = oracle.random_batch(count)
    for child in children:
        engine.gradients(full.float() * 100, full_labels, child)
        engine.sweep(full.float() * 100, full_labels, children)
        used.load_state_dict(start)
        ours = outcome(engine, images.float(), labels, child)
        fresh.load_state_dict(start)
        theirs = outcome(Native(fresh, library), images.float(), labels, child)
        oracle.assert_same_tensors(ours.gradients, theirs.gradients)
        oracle.assert_same_tensors(ours.statistics, theirs.statistics)
    sweeps = [one.sweep(images.float(), labels, children) for one in (engine, Native(used, library))]
    assert torch.equal(*sweeps)


# ------------------------------------------------------------------ builds, sizes, refusals


def test_the_builds_agree():
    """To rounding; a net of the paper's size in its channels, one mini-batch."""
    nets = [Case(16, (8, 8), 20, every=6).net() for _ in oracle.builds()]
    found = []
    for net, flavour in zip(nets, ("portable", "avx2", "avx512"), strict=True):
        library, _ = find_library(flavour)
        if library is not None:
            engine = Native(net, library)
            assert engine.name == f"native {flavour}"
            batch = Case(16, (8, 8), 20).images(0)
            found.append([outcome(engine, *batch, child) for child in net.plan.children])
    for other in found[1:]:
        distances = [distance(ours, theirs) for ours, theirs in zip(other, found[0], strict=True)]
        assert min(distances) < 1e-4  # one ReLU on the other side moves the others


def test_more_nodes_than_the_kernels_take_run_through_pytorch():
    space = SearchSpace(9, ("skip_connect", "conv_1x1"))
    children = [Child(space, tuple(1 + (edge + first) % 2 for edge in range(45))) for first in range(2)]
    net = oracle.NATIVE.net(share_all(children, 1))
    images, labels = oracle.NATIVE.batch(9)
    found = dict(oracle.NATIVE.engine(net).gradients(images, labels, children[0]))
    expected = dict(Reference(net).gradients(images, labels, children[0]))
    assert all(torch.equal(found[p], expected[p]) for p in expected)
    sweeps = [engine.sweep(images, labels, children) for engine in (oracle.NATIVE.engine(net), Reference(net))]
    assert torch.equal(*sweeps)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda net: net.double(),
            r"needs float32 on a CPU, the net has torch\.float64 on cpu; use the reference engine",
        ),
        (lambda net: net.to("meta"), r"needs float32 on a CPU, the net has torch\.float32 on meta; use the reference"),
    ],
    ids=["double", "meta"],
)
def test_other_nets_are_refused(change, words):
    net = change(oracle.make_net(share_all(CHILDREN[:2], 1)).float())
    with pytest.raises(UsageError, match=words):
        oracle.NATIVE.engine(net)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda x, y: (x.double(), y),
            r"needs torch\.float32 \[9, 3, 6, 6\] on a CPU, got torch\.float64 \[9, 3, 6, 6\]",
        ),
        (
            lambda x, y: (x[:, :1], y),
            r"needs torch\.float32 \[9, 3, 6, 6\] on a CPU, got torch\.float32 \[9, 1, 6, 6\]",
        ),
        (lambda x, y: (x, y.int()), r"needs torch\.int64 \[9\] on a CPU, got torch\.int32 \[9\] on cpu"),
        (lambda x, y: (x, y[:8]), r"needs torch\.int64 \[9\] on a CPU, got torch\.int64 \[8\] on cpu"),
        (lambda x, y: (x.to("meta"), y), r"got torch\.float32 \[9, 3, 6, 6\] on meta"),
    ],
    ids=["double", "channels", "int32", "labels", "meta"],
)
def test_other_images_and_labels_are_refused(change, words):
    """The kernels read raw memory: what does not fit would be read as garbage."""
    engine = oracle.NATIVE.engine(oracle.NATIVE.net(share_all(CHILDREN[:2], 1)))
    batch = change(*oracle.NATIVE.batch(9))
    with pytest.raises(UsageError, match=words):
        engine.gradients(*batch, CHILDREN[0])
    if len(batch[0]) == len(batch[1]):  # `split` refuses the others
        with pytest.raises(UsageError, match=words):
            engine.sweep(*batch, CHILDREN[:2])


@oracle.libraries
def test_the_papers_net_by_another_road(library):
    """A sanity check without the reference engine: the loss falls along the negative gradient as its length says."""
    net = SuperNet(share_all(CHILDREN[:1], 2), NetShape(3, 10, channels=4), [Stream(3)])
    engine, (images, labels) = Native(net, library), oracle.random_batch(40, classes=10)
    found = engine.gradients(images.float(), labels, CHILDREN[0])
    exact = SuperNet(net.plan, net.shape, [Stream(3)]).double()
    square = sum(float(gradient.double().square().sum()) for _, gradient in found)

    def loss(step: float) -> float:
        names = {parameter: name for name, parameter in net.named_parameters()}
        start = {name: value.double() for name, value in net.state_dict().items()}
        moved = {names[p]: p.detach().double() - step * gradient.double() for p, gradient in found}
        exact.load_state_dict(start | moved)
        with torch.no_grad():
            return float(F.cross_entropy(exact(images, CHILDREN[0])[0], labels))

    step = 1e-5
    assert (loss(-step) - loss(step)) / (2 * step) == pytest.approx(square, rel=1e-2)
