"""Every primitive by name: the plain PyTorch module with the same weights, whole shapes, no mixing of copies."""

import importlib

import numpy as np
import oracle
import pytest
import torch
from torch import nn

from commonweight.errors import UsageError
from commonweight.net import Conv, UnitShape, primitive, primitive_names, register_primitive
from commonweight.sharing import share_all
from commonweight.space import PAPER_PRIMITIVES, SearchSpace
from plain import opponent

EVERY = tuple(opponent.PRIMITIVES)
registry = importlib.import_module("commonweight.net.primitives")  # `primitives` the module, not a name of its package


def images(copies: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=(5, 3 * copies, 7, 7))) - 1  # mostly below zero


def unit_of(name: str, copies: int) -> nn.Module:
    """A unit with random weights and statistics, `[batch, copies × 3, height, width]`."""
    unit = primitive(name)(UnitShape(channels=3, copies=copies, bn_momentum=0.4)).double()
    rng = np.random.default_rng(len(name))
    with torch.no_grad():
        for value in (*unit.parameters(), *unit.buffers()):
            value.copy_(torch.from_numpy(rng.uniform(0.5, 1.5, size=tuple(value.shape)) * rng.choice([-1, 1])).abs())
        for weight in unit.parameters():
            weight.copy_(torch.from_numpy(rng.normal(size=tuple(weight.shape))))
    return unit


def plain_of(name: str, unit: nn.Module, copies: int, copy: int) -> nn.Module:
    plain = opponent.PRIMITIVES[name](3, 0.4).double()
    ours = (*unit.parameters(), *unit.buffers())
    theirs = [v for v in (*plain.parameters(), *plain.buffers()) if v.ndim > 0]  # without num_batches_tracked
    with torch.no_grad():
        for value, plain_value in zip(ours, theirs, strict=True):
            plain_value.copy_(oracle.copy_of(value, copies, copy))
    return plain


def test_the_known_names():
    assert set(primitive_names()) == set(EVERY)
    assert set(PAPER_PRIMITIVES) < set(EVERY)


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("copies", [1, 3])
@pytest.mark.parametrize("name", EVERY)
def test_each_copy_is_the_plain_module(name, copies, training):
    unit = unit_of(name, copies).train(training)
    plains = [plain_of(name, unit, copies, copy).train(training) for copy in range(copies)]
    x = images(copies)
    out = unit(x)
    assert out.shape == x.shape
    for copy, (plain, block) in enumerate(zip(plains, x.chunk(copies, dim=1), strict=True)):
        torch.testing.assert_close(out.chunk(copies, dim=1)[copy], plain(block))
        statistics = [value for value in plain.buffers() if value.ndim > 0]
        for ours, theirs in zip(unit.buffers(), statistics, strict=True):
            torch.testing.assert_close(oracle.copy_of(ours, copies, copy), theirs)


@pytest.mark.parametrize("name", EVERY)
def test_a_copy_sees_no_other(name):
    unit, x = unit_of(name, 3), images(3)
    before = unit(x)
    x[:, :3] = images(1, seed=1)  # copy 0 gets other images
    torch.testing.assert_close(unit(x)[:, 3:], before[:, 3:], rtol=0, atol=0)


def test_skip_and_none():
    x = images(2)
    assert torch.equal(unit_of("skip_connect", 2)(x), x)
    assert torch.equal(unit_of("none", 2)(x), torch.zeros_like(x))


@pytest.mark.parametrize(("name", "reduce"), [("max_pool_3x3", np.max), ("avg_pool_3x3", np.mean)])
def test_pools_see_only_the_image_at_its_border(name, reduce):
    unit = primitive(name)(UnitShape(3, 1, 0.4))
    pooled = unit[0](images(1)).numpy()  # before batch norm
    x = images(1).numpy()
    for row, column in np.ndindex(7, 7):
        window = x[:, :, max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
        np.testing.assert_allclose(pooled[:, :, row, column], reduce(window, axis=(2, 3)))


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(UsageError, match=r"unknown primitive 'sep_conv_33'; known are .*did you mean 'sep_conv_3x3'\?"):
        primitive("sep_conv_33")
    with pytest.raises(UsageError, match=r"known are max_pool_3x3, .*none$"):
        primitive("zzz")


@pytest.fixture
def registering(monkeypatch):
    """The registry is global: put it back afterwards."""
    monkeypatch.setattr(registry, "_PRIMITIVES", dict(registry._PRIMITIVES))


@pytest.mark.usefixtures("registering")
def test_a_primitive_of_ones_own():
    register_primitive("mine", lambda shape: Conv(shape.channels, shape.channels, 1, shape.copies))
    assert primitive_names()[-1] == "mine"
    space = SearchSpace(1, ("skip_connect", "mine"))
    net = oracle.make_net(share_all(space.children(), 1), copies=2)
    pixels, _ = oracle.random_batch(4)
    outputs = [net(pixels, child) for child in space.children()]
    assert outputs[0].shape == outputs[1].shape == (2, 4, 4)
    assert not torch.equal(*outputs)
    conv = net.path(space.child("2")).cells[0].edges[0]
    assert 0 < conv.weight.abs().max() <= 2**-0.5  # drawn like the others


@pytest.mark.usefixtures("registering")
def test_no_name_twice():
    with pytest.raises(UsageError, match="primitive 'none' exists already; choose another name"):
        register_primitive("none", primitive("skip_connect"))


def test_the_registry_is_as_it_was():
    assert set(primitive_names()) == set(EVERY)
