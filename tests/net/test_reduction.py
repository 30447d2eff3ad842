"""The frame of NAS-Bench-201 against its network in plain PyTorch: every operation, sizes odd and even, copies, stacks."""

import importlib

import numpy as np
import oracle
import pytest
import torch
from torch import nn

from commonweight.errors import UsageError
from commonweight.net import Combine, DataShape, Frame, NetShape, SuperNet, sweep, unit_names
from commonweight.seeds import Stream
from commonweight.sharing import share_all, share_none, share_prefix
from commonweight.space import NAS_BENCH_201
from plain.bridge import bench_child, bench_twins

CHILDREN = NAS_BENCH_201.sample(24, np.random.default_rng(3))


def test_the_children_have_every_primitive_on_every_edge():
    assert all(len({child.digits[edge] for child in CHILDREN}) == 5 for edge in range(6))


def bench_net(plan=None, copies=2, **shape) -> SuperNet:
    """Three stacks of one cell, or others, its statistics and affine parameters drawn at random."""
    shape = {"stacks": 3, "combine": Combine.LAST, "frame": Frame.NAS_BENCH_201, "stem_multiplier": 1} | shape
    return oracle.make_net(plan or share_all(CHILDREN, 3, tail=True), copies, stirred=True, **shape)


@pytest.mark.parametrize("size", [(8, 8), (7, 5), (1, 3)], ids=str)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_every_child_is_the_plain_network(training, size):
    """Logits, gradients and statistics. Behind `none` theirs are zero gradients, ours none at all."""
    net = bench_net()
    net.train(training)
    images, _ = oracle.random_batch(6, size=size)
    start = oracle.state(net)
    for child in CHILDREN:
        net.load_state_dict(start)
        plains = [bench_child(net, child, copy).train(training) for copy in range(2)]
        logits = net(images, child)
        for copy, plain in enumerate(plains):
            expected = plain(images)
            torch.testing.assert_close(logits[copy], expected, rtol=1e-8, atol=1e-8)
            pairs = list(bench_twins(net, child, plain))
            ours, theirs = zip(*((own, one) for own, one in pairs if isinstance(own, nn.Parameter)), strict=True)
            assert {id(parameter) for parameter in ours} == {id(p) for p in net.path(child).parameters}
            weight = torch.linspace(-1, 2, expected.numel(), dtype=expected.dtype).view_as(expected)
            found = torch.autograd.grad((logits[copy] * weight).sum(), ours, retain_graph=True, allow_unused=True)
            wanted = torch.autograd.grad((expected * weight).sum(), theirs)
            for gradient, right in zip(found, wanted, strict=True):
                block = torch.zeros_like(right) if gradient is None else oracle.copy_of(gradient, 2, copy)
                torch.testing.assert_close(block.view_as(right), right, rtol=1e-7, atol=1e-7)
            for own, one in pairs:
                torch.testing.assert_close(oracle.copy_of(own, 2, copy).view_as(one), one, rtol=1e-8, atol=1e-8)


def test_children_differ():
    """Otherwise the comparisons above could not fail."""
    net, (images, _) = bench_net().eval(), oracle.random_batch(6, size=8)
    logits = [net(images, child) for child in CHILDREN]
    assert len({round(one.sum().item(), 9) for one in logits}) > 20


@pytest.mark.parametrize(("stacks", "cells"), [(1, 2), (2, 4), (3, 3)])
def test_where_stacks_begin(stacks, cells):
    net = bench_net(share_all(CHILDREN, cells, tail=True), stacks=stacks, channels=2)
    path, each = net.path(CHILDREN[0]), cells // stacks
    kinds = [type(cell.pre).__name__ for cell in path.cells]
    assert kinds == ["Reduction" if cell and cell % each == 0 else "Identity" for cell in range(cells)]
    assert path.head.weight.shape[2] == 2 * 2 ** (stacks - 1)


def test_private_weights_stand_apart():
    """Also those of the tail, which children behind a shared prefix have of their own."""
    for plan, tails in ((share_none(CHILDREN[:3], 3, tail=True), 3), (share_prefix(CHILDREN[:3], 3, 3, tail=True), 3)):
        net = bench_net(plan)
        assert len({net.path(child).tail for child in plan.children}) == tails
        assert all(name in net.units for child in plan.children for name in unit_names(plan, child))
    shared = bench_net()
    assert len({shared.path(child).tail for child in CHILDREN}) == 1


def test_a_sweep_is_each_child_on_its_own():
    net = oracle.stir(bench_net()).eval()
    images, labels = oracle.random_batch(40, size=8)
    accuracy = sweep(net, images, labels, CHILDREN)
    alone = [(net(images, child).argmax(-1) == labels).double().mean(-1) for child in CHILDREN]
    torch.testing.assert_close(accuracy, torch.stack(alone, dim=1))


@pytest.mark.parametrize(
    ("shape", "words"),
    [
        ({"stacks": 2}, r"NetShape\.stacks: 2 for 3 cells; as many cells in each"),
        ({"stem_multiplier": 3}, r"NetShape\.stem_multiplier: 3; 1 with frame nas-bench-201"),
        ({"combine": Combine.CONCAT}, r"NetShape\.combine: concat; last or sum with frame nas-bench-201"),
    ],
)
def test_sizes_that_do_not_go_together(shape, words):
    with pytest.raises(UsageError, match=words):
        bench_net(**shape)


def test_the_papers_frame_has_one_stack():
    with pytest.raises(UsageError, match=r"NetShape\.stacks: 3; the frame paper has 1, nas-bench-201 any number"):
        SuperNet(share_all(CHILDREN, 3), NetShape(cells=3, stacks=3), DataShape(1, 4), [Stream(1)])


@pytest.mark.parametrize("tail", [True, False])
def test_a_plan_for_the_other_frame(tail):
    frame = Frame.PAPER if tail else Frame.NAS_BENCH_201
    shape = NetShape(cells=3, frame=frame, stem_multiplier=1, combine=Combine.LAST)
    with pytest.raises(UsageError, match=f"plan with tail={tail} for the frame {frame.value}; make it with tail"):
        SuperNet(share_all(CHILDREN, 3, tail=tail), shape, DataShape(1, 4), [Stream(1)])


def test_a_net_of_a_large_space_is_made_at_once_and_keeps_few_paths(monkeypatch):
    """Its units are those of every edge and primitive, whichever children; a path that was forgotten is made again alike."""
    supernets = importlib.import_module("commonweight.net.supernet")
    monkeypatch.setattr(supernets, "MOST_PATHS", 3)
    every = bench_net(share_all(NAS_BENCH_201.children(), 3, tail=True), copies=1)
    assert every.units.keys() == bench_net().units.keys()
    assert len(every.units) == 1 + 3 * (1 + 6 * 5) + 2
    first = every.path(CHILDREN[0])
    for child in CHILDREN[1:8]:
        every.path(child)
        assert len(every._paths) <= 3
    assert every.path(CHILDREN[0]) == first


def test_what_a_sweep_keeps_does_not_grow_with_children(monkeypatch):
    """Five values at each of six edges of the first cell, the stem, what is in front of the cell, and inner nodes' last."""
    sweeping = importlib.import_module("commonweight.net.sweep")
    made = []
    flow = sweeping._Remembering
    monkeypatch.setattr(sweeping, "_Remembering", lambda net: made.append(flow(net)) or made[-1])
    some = NAS_BENCH_201.sample(200, np.random.default_rng(0))
    net = bench_net(share_all(some, 3, tail=True), copies=1)
    sweep(net, *oracle.random_batch(2, size=4), some)
    (remembered,) = made
    assert sum(len(values) for _, values in remembered._kept._of.values()) <= 30 + 2 + 2
