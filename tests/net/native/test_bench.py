"""NAS-Bench-201's network natively: the kernels of its frame and primitives against PyTorch in double precision."""

import importlib

import numpy as np
import oracle
import pytest
import torch

from commonweight.net import Combine, Frame, Native, Reference, SuperNet
from commonweight.sharing import Kind, SharingPlan, share_all, share_all_but
from commonweight.space import NAS_BENCH_201

pytestmark = oracle.needs_native
running = importlib.import_module("commonweight.net.native.running")
CHILDREN = NAS_BENCH_201.sample(24, np.random.default_rng(3))


def bench_net(plan: SharingPlan, stacks: int, channels: int, copies: int) -> SuperNet:
    shape = {"stacks": stacks, "combine": Combine.LAST, "frame": Frame.NAS_BENCH_201, "stem_multiplier": 1}
    return oracle.make_net(plan, copies, stirred=True, channels=channels, **shape).float()


CASES = [
    pytest.param((8, 8), 1, 2, 3, 2, 17, id="one-stack"),
    pytest.param((8, 8), 3, 3, 3, 2, 17, id="even"),
    pytest.param((7, 5), 2, 4, 4, 1, 33, id="odd"),
    pytest.param((1, 3), 3, 3, 2, 2, 40, id="a-row"),
    pytest.param((14, 14), 3, 3, 9, 1, 5, id="wide"),
]


@oracle.libraries
@pytest.mark.parametrize(("size", "stacks", "cells", "channels", "copies", "batch"), CASES)
def test_gradients_statistics_and_sweeps(library, size, stacks, cells, channels, copies, batch):  # noqa: PLR0917
    """Of every child; the bound, and why the best of three batches counts, are those of test_running.py.

    A child whose last node does not see the image has nothing but rounding behind it: there PyTorch's own is large.
    """
    plan = share_all(CHILDREN, cells, tail=True)
    net, single, exact = (bench_net(plan, stacks, channels, copies) for _ in range(3))
    engine, usual, right = Native(net, library), Reference(single), Reference(exact.double())
    assert not engine.through_pytorch()
    start = oracle.state(net)
    for child in CHILDREN:
        for seed in range(3):
            images, labels = oracle.random_batch(batch, size=size, seed=seed)
            for one in (net, single, exact):
                one.load_state_dict(start)
            ours, theirs = (oracle.outcome(one, images.float(), labels, child) for one in (engine, usual))
            truth = oracle.outcome(right, images, labels, child)
            for name, value in truth.statistics.items():
                torch.testing.assert_close(ours.statistics[name], value, rtol=1e-4, atol=1e-4, msg=name)
            if oracle.distance(ours, truth) < 1e-4 + 10 * oracle.distance(theirs, truth):
                break
        else:
            pytest.fail(f"gradients of {child.name} {child.primitives} differ by {oracle.distance(ours, truth)}")
    images, labels = oracle.random_batch(50, size=size)
    ours, theirs = engine.sweep(images.float(), labels, CHILDREN), right.sweep(images, labels, CHILDREN)
    assert ((ours - theirs).abs() * 50).sum() <= 1 + 1e-9  # a near tie may fall the other way
    assert torch.equal(engine.sweep(images.float(), labels, CHILDREN[::-1]), ours.flip(1))


@oracle.libraries
def test_the_kernels_are_held_to_something(library):
    """Every child's answers differ from image to image after some training, and agree with PyTorch's, image by image."""
    net = oracle.open_minded(bench_net(share_all(CHILDREN, 3, tail=True), 3, 4, 1))
    engine = Native(net, library)
    for seed, child in enumerate(CHILDREN):
        engine.gradients(oracle.vivid_images(30, seed=seed, size=7).float(), torch.arange(30) % 4, child)
    images = oracle.vivid_images(60, seed=9, size=7).float()
    wrong, kinds = 0, 0
    for child in CHILDREN:
        with torch.no_grad():
            answers = net.eval()(images, child)[0].argmax(-1)
        kinds += len(answers.unique()) > 1
        wrong += round(60 * (1 - engine.sweep(images, answers, [child]).item()))
    assert kinds >= 12
    assert wrong <= 2


@oracle.libraries
def test_shared_convolutions_under_normalisations_of_their_own(library):
    plan = share_all_but(CHILDREN[:4], 3, kinds={Kind.NORM}, tail=True)
    net, exact = (oracle.stir(bench_net(plan, 3, 3, 2)) for _ in range(2))
    images, labels = oracle.random_batch(50, size=6)
    ours = Native(net, library).sweep(images.float(), labels, plan.children)
    theirs = Reference(exact.double()).sweep(images, labels, plan.children)
    assert ((ours - theirs).abs() * 50).sum() <= 1 + 1e-9


def test_programs_and_their_memory_are_bounded(monkeypatch):
    """A sweep of more children than a program takes is several programs; of trained children the last few are kept."""
    net = bench_net(share_all(CHILDREN, 3, tail=True), 3, 3, 2)
    images, labels = (tensor.float() if tensor.is_floating_point() else tensor for tensor in oracle.random_batch(20))
    whole = oracle.NATIVE.engine(net).sweep(images, labels, CHILDREN)
    monkeypatch.setattr(running, "SWEEP_CHILDREN", 5)
    monkeypatch.setattr(running, "MOST_PROGRAMS", 4)
    engine = oracle.NATIVE.engine(net)
    assert torch.equal(engine.sweep(images, labels, CHILDREN), whole)
    assert [len(children) for _, children in engine._sweeps] == [4]
    for child in CHILDREN:
        engine.gradients(images, labels, child)
    assert list(engine._programs) == list(CHILDREN[-4:])
