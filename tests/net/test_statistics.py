"""Sweeps under other batch-norm statistics, against plain nets of `nn.BatchNorm2d`; and nothing of the net moves."""

import functools
import importlib
import itertools

import oracle
import pytest
import torch
from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.net import Norm, Statistics, SuperNet, register_primitive, sweep, sweep_under
from commonweight.sharing import share_all, share_none, share_prefix
from commonweight.space import SearchSpace

registry = importlib.import_module("commonweight.net.primitives")
PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())
GROUP = tuple(map(PAPER.child, ("143", "344", "424", "141")))
IMAGES = oracle.vivid_images(23)
CALIBRATION = [oracle.vivid_images(images, seed=seed) for seed, images in enumerate((7, 4, 9), start=1)]
kinds_of_statistics = pytest.mark.parametrize("statistics", Statistics, ids=lambda statistics: statistics.value)
PLANS = [
    pytest.param(share_all(CHILDREN, 2), id="all"),
    pytest.param(share_prefix(GROUP, 2, 1), id="prefix"),
    pytest.param(share_none(GROUP, 2), id="none"),
    pytest.param(share_all(oracle.children_with_every_primitive(3), 2), id="every-primitive"),
    *oracle.plans_by_kind(GROUP, 2),
]


def make_net(plan, copies: int = 1) -> SuperNet:
    """Weights, affine parameters and statistics that all differ, and answers that the images decide."""
    return oracle.open_minded(oracle.stir(oracle.make_net(plan, copies), seed=3))


def answers(net: SuperNet) -> Tensor:
    """Labels for all children to be held to: those of one of them with the statistics of the whole batch."""
    return oracle.plain_child(net, net.plan.children[1]).train()(IMAGES).argmax(1)


def accuracies(net: SuperNet, labels: Tensor, right) -> Tensor:
    """`[copy, child]` from how often `right(plain, labels)` says a plain child is right."""
    every = [
        [right(oracle.plain_child(net, child, copy), labels) for child in net.plan.children]
        for copy in range(net.copies)
    ]
    return torch.tensor(every, dtype=torch.float64) / len(labels)


@torch.no_grad()
def right_by_batch(sizes: list[int], plain: nn.Module, labels: Tensor) -> int:
    plain.train()
    parts = zip(IMAGES.split(sizes), labels.split(sizes), strict=True)
    return sum(int((plain(images).argmax(1) == target).sum()) for images, target in parts)


@torch.no_grad()
def right_recalibrated(plain: nn.Module, labels: Tensor) -> int:
    for layer in plain.modules():
        if isinstance(layer, nn.BatchNorm2d):
            layer.reset_running_stats()
            layer.momentum = None  # PyTorch's cumulative average
    for images in CALIBRATION:
        plain.train()(images)
    return int((plain.eval()(IMAGES).argmax(1) == labels).sum())


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("copies", [1, 3])
def test_statistics_of_the_validation_batch(plan, copies):
    net = make_net(plan, copies)
    labels = answers(net)
    found = sweep_under(net, Statistics.BATCH, IMAGES, labels, plan.children, 9, [])
    assert found.dtype == torch.float64
    assert torch.equal(found, accuracies(net, labels, functools.partial(right_by_batch, [9, 14])))
    assert len(found.unique()) > 1  # or this could not fail


@pytest.mark.parametrize(
    ("batch", "sizes"),
    [(2, [2] * 10 + [3]), (5, [5, 5, 5, 8]), (11, [11, 12]), (12, [23]), (22, [23]), (23, [23]), (1000, [23])],
)
def test_what_does_not_fill_a_batch_joins_the_last_one(batch, sizes):
    net = make_net(share_all(GROUP, 1))
    labels, seen = answers(net), []
    net.path(GROUP[0]).stem.register_forward_hook(lambda _module, inputs, _out: seen.append(len(inputs[0])))
    found = sweep_under(net, Statistics.BATCH, IMAGES, labels, GROUP, batch, [])
    assert seen == sizes  # the stem once for all children
    assert torch.equal(found, accuracies(net, labels, functools.partial(right_by_batch, sizes)))


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("copies", [1, 3])
def test_statistics_recalibrated_for_each_child(plan, copies):
    net = make_net(plan, copies)
    labels = answers(net)
    found = sweep_under(net, Statistics.RECALIBRATED, IMAGES, labels, plan.children, 9, CALIBRATION)
    assert found.dtype == torch.float64
    assert torch.equal(found, accuracies(net, labels, right_recalibrated))
    assert len(found.unique()) > 1


def test_statistics_as_trained_are_the_sweeps():
    net = make_net(share_all(CHILDREN, 2), copies=2)
    labels = answers(net)
    found = sweep_under(net, Statistics.AS_TRAINED, IMAGES, labels, CHILDREN, 9, [])
    assert torch.equal(found, sweep(net, IMAGES, labels, CHILDREN))


def test_the_three_differ():
    """And what one does beside another does not matter."""
    net = make_net(share_all(CHILDREN, 2), copies=2)
    labels = answers(net)
    found = [sweep_under(net, how, IMAGES, labels, CHILDREN, 9, CALIBRATION) for how in (*Statistics, *Statistics)]
    assert all(torch.equal(first, again) for first, again in zip(found[:3], found[3:], strict=True))
    assert not any(torch.equal(a, b) for a, b in itertools.combinations(found[:3], 2))


@pytest.mark.parametrize("plan", PLANS)
@kinds_of_statistics
def test_a_child_does_not_depend_on_the_others_asked(plan, statistics):
    net = make_net(plan, copies=2)

    def ask(children) -> Tensor:
        return sweep_under(net, statistics, IMAGES, labels, children, 9, CALIBRATION)

    labels, children = answers(net), plan.children
    everything = ask(children)
    order = [3, 0, 2, 3]
    assert torch.equal(ask([children[place] for place in order]), everything[:, order])
    assert torch.equal(ask(children[1:2]), everything[:, 1:2])
    assert ask([]).shape == (2, 0)


# ------------------------------------------------------------------ nothing of the net moves


def everything(net: SuperNet) -> dict[str, object]:
    """What a sweep must leave: where tensors are, the layers' own settings, gradients."""
    named = [*net.named_parameters(remove_duplicate=False), *net.named_buffers(remove_duplicate=False)]
    return {
        "tensors": [(name, id(value), value.data_ptr(), value.requires_grad) for name, value in named],
        "modes": [module.training for module in net.modules()],
        "momenta": [module.momentum for module in net.modules() if isinstance(module, Norm)],
    }


@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
@pytest.mark.parametrize("plan", PLANS)
@kinds_of_statistics
def test_the_net_is_left_as_it_was(plan, statistics, training):
    net = make_net(plan, copies=2).train(training)
    values, settings = oracle.state(net), everything(net)
    sweep_under(net, statistics, IMAGES, answers(net), plan.children, 9, CALIBRATION)
    oracle.assert_same_tensors(oracle.state(net), values)
    assert everything(net) == settings
    assert net(IMAGES, plan.children[0]).requires_grad  # training can go on


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize(
    ("statistics", "calls"),
    [
        *((Statistics.AS_TRAINED, calls) for calls in (1, 4)),
        *((Statistics.BATCH, calls) for calls in (1, 4, 8)),  # 2 batches of 4 children
        *((Statistics.RECALIBRATED, calls) for calls in (1, 3, 4, 14, 16)),  # 3 batches, then validation, of each child
    ],
)
def test_the_net_is_left_as_it_was_by_an_interruption(statistics, calls, error):
    """In the middle of a child's way through the net."""
    net = make_net(share_all(GROUP, 2), copies=2)
    labels, values, settings = answers(net), oracle.state(net), everything(net)
    left = itertools.count(calls, -1)

    def interrupt(*_) -> None:
        if next(left) == 1:
            raise error

    for unit in {net.path(child).cells[1].edges[1] for child in GROUP}:
        unit.register_forward_hook(interrupt)
    with pytest.raises(error):
        sweep_under(net, statistics, IMAGES, labels, GROUP, 9, CALIBRATION)
    oracle.assert_same_tensors(oracle.state(net), values)
    assert everything(net) == settings


@oracle.needs_native
@kinds_of_statistics
def test_a_native_engine_goes_on_as_if_nothing_had_been(statistics):
    """Its programs hold the addresses of the statistics."""
    nets = [oracle.NATIVE.net(share_all(CHILDREN, 2), copies=2) for _ in range(2)]
    engines = [oracle.NATIVE.engine(net) for net in nets]
    images, labels = oracle.NATIVE.batch(20)
    for engine, child in itertools.product(engines, GROUP):
        engine.gradients(images, labels, child)
        if engine is engines[0]:
            sweep_under(engine.net, statistics, images, labels, GROUP, 9, [images])
    oracle.assert_same_tensors(nets[0].state_dict(), nets[1].state_dict())
    assert torch.equal(*(engine.sweep(images, labels, CHILDREN) for engine in engines))


@kinds_of_statistics
def test_only_normalisations_are_in_training_mode(statistics, monkeypatch):
    """A primitive of one's own with PyTorch's own layers: no dropping out, no other statistics."""
    monkeypatch.setattr(registry, "_PRIMITIVES", dict(registry._PRIMITIVES))
    register_primitive("own", lambda shape: nn.Sequential(nn.Dropout(), nn.BatchNorm2d(shape.channels * shape.copies)))
    children = tuple(SearchSpace(1, ("own", "skip_connect")).children())
    net = oracle.make_net(share_all(children, 1), stirred=True)
    labels, before = torch.arange(23) % 4, oracle.state(net)
    with oracle.global_generators_left_alone():
        sweep_under(net, statistics, IMAGES, labels, children, 9, CALIBRATION)
    oracle.assert_same_tensors(oracle.state(net), before)


# ------------------------------------------------------------------ errors


@pytest.mark.parametrize(("images", "batch"), [(23, 1), (23, 0), (1, 9)])
def test_batches_too_small_for_a_variance(images, batch):
    net = make_net(share_all(GROUP, 1))
    pixels, labels = oracle.random_batch(images)
    with pytest.raises(UsageError, match=rf"batches of {min(images, batch)} images; a batch needs at least 2"):
        sweep_under(net, Statistics.BATCH, pixels, labels, GROUP, batch, CALIBRATION)


def test_a_recalibration_without_batches():
    net = make_net(share_all(GROUP, 1))
    with pytest.raises(UsageError, match="need at least one calibration batch, got none"):
        sweep_under(net, Statistics.RECALIBRATED, *oracle.random_batch(5), GROUP, 9, [])


@kinds_of_statistics
def test_a_child_that_is_not_trained_here(statistics):
    net = make_net(share_all(GROUP, 1))
    with pytest.raises(UsageError, match="child 444 is not one of the 4 children"):
        sweep_under(net, statistics, *oracle.random_batch(5), CHILDREN[-1:], 9, CALIBRATION)
