"""Primitives of one's own: every engine runs them beside the others, under every sharing by kind of weight."""

import importlib
import itertools

import oracle
import pytest
import torch
from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.net import Conv, Native, Norm, Reference, UnitShape, register_primitive
from commonweight.sharing import Kind, share_all, share_all_but, share_none
from commonweight.space import SearchSpace

registry = importlib.import_module("commonweight.net.primitives")


class Squash(nn.Module):
    """Plain PyTorch, with a weight for each channel."""

    def __init__(self, shape: UnitShape) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, shape.channels * shape.copies))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x) * self.scale[:, None, None]


class Residual(nn.Sequential):
    """Looks like a list of layers, and is more."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


def bottleneck(shape: UnitShape) -> nn.Module:
    c, copies = shape.channels, shape.copies
    return nn.Sequential(
        nn.ReLU(),
        Conv(c, 2 * c, 1, copies),
        Norm(2 * c, copies, shape.bn_momentum),
        nn.Identity(),
        nn.ReLU(),
        Conv(2 * c, 2 * c, 5, copies, groups=2 * c, dilation=2),
        Conv(2 * c, 3, 1, copies),
        Norm(3, copies, shape.bn_momentum),
        Conv(3, c, 3, copies),
        Norm(c, copies, 0.1, affine=True),
    )


def residual(shape: UnitShape) -> nn.Module:
    c, copies = shape.channels, shape.copies
    return Residual(nn.ReLU(), Conv(c, c, 3, copies), Norm(c, copies, shape.bn_momentum))


def affine_pool(shape: UnitShape) -> nn.Module:
    return nn.Sequential(registry.MaxPool(), Norm(shape.channels, shape.copies, shape.bn_momentum, affine=True))


def wide_kernel(shape: UnitShape) -> nn.Module:
    """A depthwise 7×7 convolution of dilation 3: its margin is wider than the kernels have room for."""
    c, copies = shape.channels, shape.copies
    return nn.Sequential(
        nn.ReLU(),
        Conv(c, c, 7, copies, groups=c, dilation=3),
        Conv(c, c, 1, copies),
        Norm(c, copies, shape.bn_momentum),
    )


def twice(shape: UnitShape) -> nn.Module:
    """The same layer at two places: its gradients add up."""
    conv = Conv(shape.channels, shape.channels, 1, shape.copies)
    norms = [Norm(shape.channels, shape.copies, shape.bn_momentum) for _ in range(2)]
    return nn.Sequential(nn.ReLU(), conv, norms[0], nn.ReLU(), conv, norms[1])


class Scaled(nn.Module):
    """A weight beside a normalisation in one module."""

    def __init__(self, shape: UnitShape) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.linspace(0.5, 1.5, shape.channels * shape.copies))
        self.norm = Norm(shape.channels, shape.copies, shape.bn_momentum)

    def forward(self, x: Tensor) -> Tensor:
        return self.norm(x) * self.scale[:, None, None]


class Offset(Scaled):
    """And a buffer."""

    def __init__(self, shape: UnitShape) -> None:
        super().__init__(shape)
        self.register_buffer("offset", torch.zeros(1))


OWN = {
    "scaled": Scaled,
    "squash": Squash,
    "bottleneck": bottleneck,
    "residual": residual,
    "affine_pool": affine_pool,
    "wide_kernel": wide_kernel,
    "twice": twice,
}


@pytest.fixture
def registering(monkeypatch):
    """The registry is global: put it back afterwards."""
    monkeypatch.setattr(registry, "_PRIMITIVES", dict(registry._PRIMITIVES))
    for name, build in OWN.items():
        register_primitive(name, build)


@pytest.mark.usefixtures("registering")
@pytest.mark.parametrize("kinds", [(), {Kind.NORM}, {Kind.CONV}], ids=["all", "norm-private", "conv-private"])
@pytest.mark.parametrize("own", OWN)
@oracle.backends
def test_a_primitive_of_ones_own_beside_the_others(backend, own, kinds):
    """Also fed by `none`, where weights without an input's gradient still have one of their own."""
    space = SearchSpace(2, ("sep_conv_3x3", "none", own))
    children = tuple(space.children())
    plan = share_all_but(children, 2, kinds)
    net = backend.net(plan, copies=2)
    exact = oracle.Backend(oracle.REFERENCE.engine, torch.float64)
    truth = exact.net(plan, copies=2)
    truth.load_state_dict(net.state_dict())
    engine, judge = backend.engine(net), exact.engine(truth)
    names = {p: name for name, p in itertools.chain(net.named_parameters(), truth.named_parameters())}
    images, labels = backend.batch(21)
    for child in children:
        found = {names[p]: g.double() for p, g in oracle.copied(engine.gradients(images, labels, child)).items()}
        expected = {names[p]: g for p, g in oracle.copied(judge.gradients(images.double(), labels, child)).items()}
        assert found.keys() == expected.keys()
        for name, gradient in expected.items():
            torch.testing.assert_close(found[name], gradient, **backend.tolerance)
    found = net.state_dict()
    for name, value in truth.state_dict().items():
        torch.testing.assert_close(found[name].double(), value, **backend.tolerance)
    answers = torch.stack([truth.eval()(images.double(), child)[1].argmax(-1) for child in children])
    for place in (0, 5, 26):
        accuracy = engine.sweep(images, answers[place], children)
        expected = (answers == answers[place]).double().mean(1)
        torch.testing.assert_close(accuracy[1], expected, rtol=0, atol=1.01 / 21)  # a tie may fall the other way
        assert accuracy[1, place] >= 1 - 1.01 / 21


@pytest.mark.usefixtures("registering")
@pytest.mark.parametrize("own", OWN)
@oracle.backends
def test_the_engine_names_the_children_that_it_leaves_to_pytorch(backend, own, monkeypatch):
    """They alone reach PyTorch when each child is trained; a net of what the native part knows has none."""
    space = SearchSpace(2, ("sep_conv_3x3", own))
    children = tuple(space.children())
    engine = backend.engine(backend.net(share_all(children, 1)))
    told = engine.through_pytorch()
    if not isinstance(engine, Native):
        assert told == ()
        return
    through = []
    monkeypatch.setattr(Reference, "gradients", lambda _, *batch: through.append(batch[-1]) or [])
    for child in children:
        engine.gradients(*backend.batch(3), child)
    assert told == tuple(through)
    assert set(told) in ({child for child in children if 2 in child.digits}, set())
    assert backend.engine(backend.net(share_all([space.child("111")], 1))).through_pytorch() == ()


@pytest.mark.usefixtures("registering")
@pytest.mark.parametrize("own", OWN)
def test_every_layer_of_ones_own_that_is_not_a_norm_counts_as_a_convolution(own):
    """By the tensors themselves: what normalisations hold is shared or not, and all else is the other."""
    space = SearchSpace(2, (own, "skip_connect"))
    children = space.child("111"), space.child("112")
    for kind in (Kind.CONV, Kind.NORM):
        net = oracle.make_net(share_all_but(children, 1, kinds={kind}))
        first, second = (net.path(child).cells[0].edges[0] for child in children)
        normalising = {id(value) for layer in first.modules() if isinstance(layer, Norm) for value in state_of(layer)}
        for ours, theirs in zip(state_of(first), state_of(second), strict=True):
            assert torch.equal(ours, theirs)
            assert (ours is theirs) == ((id(ours) in normalising) != (kind is Kind.NORM))


def state_of(module: nn.Module) -> list[Tensor]:
    return [*module.parameters(), *module.buffers()]


@pytest.mark.usefixtures("registering")
def test_a_buffer_beside_a_normalisation_cannot_be_told_apart():
    register_primitive("offset", Offset)
    children = tuple(SearchSpace(2, ("offset", "skip_connect")).children())
    oracle.make_net(share_none(children, 1))  # where the two go together it is fine
    with pytest.raises(
        UsageError, match="primitive 'offset' keeps a buffer beside a Norm in a Offset; give it a module"
    ):
        oracle.make_net(share_all_but(children, 1, kinds={Kind.NORM}))
