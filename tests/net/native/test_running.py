"""The native engine against the reference engine in double, over shapes, builds and images; and what only it promises."""

import functools
from dataclasses import dataclass

import numpy as np
import oracle
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from commonweight.net import Combine, DataShape, Native, NetShape, Reference, SuperNet, find_library
from commonweight.seeds import Stream
from commonweight.sharing import share_all
from commonweight.space import Child, SearchSpace

pytestmark = oracle.needs_native
outcome, distance = oracle.outcome, oracle.distance
CHILDREN = tuple(SearchSpace().children())


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
    Case(13, (3, 5), 19, copies=2, every=2),
    Case(13, (1, 1), 5, image_channels=1, every=3),
    Case(5, (1, 17), 9, every=3),  # two tiles of a row
    Case(1, (18, 1), 6, image_channels=1, every=3),
    Case(13, (11, 19), 3, every=5),  # strips and bands
)


@functools.cache
def expected(case: Case, child: Child, seed: int) -> tuple[oracle.Outcome, float]:
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


# ------------------------------------------------------------------ what is not a number


POISONED = ("max_pool_3x3", "avg_pool_3x3", "sep_conv_3x3", "dil_conv_5x5", "conv_1x1", "conv_3x3", "skip_connect")


@oracle.libraries
@pytest.mark.parametrize("name", POISONED)
@pytest.mark.parametrize("where", ["a pixel", "a weight"])
def test_a_nan_passes_as_in_pytorch(library, name, where):
    """Through every kernel, forward and backward, into the same gradients, statistics and accuracies."""
    space = SearchSpace(1, (name, "none"))
    child = space.child("1")
    nets = [oracle.make_net(share_all([child], 2), image_channels=2, stirred=True).float() for _ in range(2)]
    images, labels = oracle.random_batch(20, channels=2, size=5)
    images = images.float()
    if where == "a pixel":
        images[3, 1, 2, 2] = torch.nan
    else:
        for net in nets:
            unit = next((unit for unit in net.path(child).cells[0].edges if [*unit.parameters()]), net.path(child).stem)
            with torch.no_grad():
                next(unit.parameters()).view(-1)[0] = torch.nan
    ours, theirs = Native(nets[0], library), Reference(nets[1])
    for engine in (ours, theirs):
        accuracy = engine.sweep(images, labels, [child])
        found, expected = (outcome(engine, images, labels, child) for engine in (ours, theirs))
    assert torch.equal(accuracy, ours.sweep(images, labels, [child]))
    for mine, right in ((found.gradients, expected.gradients), (found.statistics, expected.statistics)):
        assert any(value.isnan().any() for value in right.values())
        for key, value in right.items():
            assert torch.equal(mine[key].isnan(), value.isnan()), key


# ------------------------------------------------------------------ lanes without an image


@oracle.libraries
def test_a_last_block_of_every_fill(library):
    """Whatever number of images the last block holds, the gradients are those of the reference engine."""
    case = Case(2, (3, 5), 1, copies=2)
    net = case.net()
    engine, exact = Native(net, library), Reference(case.net().double())
    child = case.children[1]
    for count in range(1, library.lanes + 2):
        images, labels = oracle.random_batch(library.lanes + count, size=(3, 5), seed=count)
        images = images.float()
        ours, truth = outcome(engine, images, labels, child), outcome(exact, images.double(), labels, child)
        assert distance(ours, truth) < 1e-3, count
        assert torch.equal(engine.sweep(images, labels, [child]), exact.sweep(images.double(), labels, [child]))


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


# ------------------------------------------------------------------ builds, and another road


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


@oracle.libraries
def test_the_papers_net_by_another_road(library):
    """A sanity check without the reference engine: the loss falls along the negative gradient as its length says."""
    net = SuperNet(share_all(CHILDREN[:1], 2), NetShape(2, channels=4), DataShape(3, 10), [Stream(3)])
    engine, (images, labels) = Native(net, library), oracle.random_batch(40, classes=10)
    found = engine.gradients(images.float(), labels, CHILDREN[0])
    exact = SuperNet(net.plan, net.shape, net.data, [Stream(3)]).double()
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
