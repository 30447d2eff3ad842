"""The sweep is nothing but the accuracy of each child on its own."""

import importlib
from collections import defaultdict

import oracle
import pytest
import torch

from commonweight.errors import UsageError
from commonweight.net import Combine, Precision, sweep
from commonweight.net.sweep import in_common
from commonweight.sharing import Place, share_all, share_none, share_prefix
from commonweight.space import Child, SearchSpace
from plain import opponent

sweeping = importlib.import_module("commonweight.net.sweep")  # the module; the package's `sweep` is the function
PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())
THREE = SearchSpace(3, tuple(opponent.PRIMITIVES))
SOME_OF_THREE = tuple(Child(THREE, tuple((first + 2 * e) % 11 + 1 for e in range(6))) for first in range(11))


def accuracies_one_by_one(net, images, labels, children):
    """By the plain net of each copy of each child."""
    return torch.tensor(
        [
            [opponent.accuracy(oracle.plain_child(net, c, copy), images, labels, c.primitives) for c in children]
            for copy in range(net.copies)
        ],
        dtype=torch.float64,
    )


@pytest.mark.parametrize(
    ("plan", "combine"),
    [
        pytest.param(share_all(CHILDREN, 2), Combine.CONCAT, id="all"),
        pytest.param(share_all(CHILDREN, 2), Combine.SUM, id="all-sum"),
        pytest.param(share_all(CHILDREN, 1), Combine.CONCAT, id="1-cell"),
        *(pytest.param(share_prefix(CHILDREN, 2, k), Combine.CONCAT, id=f"prefix-{k}") for k in range(3)),
        pytest.param(share_none(CHILDREN, 2), Combine.CONCAT, id="none"),
        pytest.param(share_all(SOME_OF_THREE, 2), Combine.CONCAT, id="3-nodes"),
        pytest.param(share_prefix(SOME_OF_THREE, 2, 1), Combine.SUM, id="3-nodes-prefix-sum"),
        *(pytest.param(*param.values, Combine.CONCAT, id=param.id) for param in oracle.plans_by_kind(CHILDREN, 2)),
    ],
)
def test_equals_evaluating_each_child_alone(plan, combine):
    net = oracle.stir(oracle.make_net(plan, copies=2, combine=combine))
    images, labels = oracle.random_batch(23)
    accuracy = sweep(net, images, labels, plan.children)
    assert accuracy.shape == (2, len(plan.children))
    assert accuracy.dtype == torch.float64
    assert torch.equal(accuracy, accuracies_one_by_one(net, images, labels, plan.children))
    assert len(accuracy.unique()) > 3  # or this could not fail


@pytest.mark.parametrize("images_at_once", [1, 4, 22, 23, 1000])
def test_batches_do_not_matter(monkeypatch, images_at_once):
    net = oracle.stir(oracle.make_net(share_all(CHILDREN, 2), copies=2))
    images, labels = oracle.random_batch(23)
    expected = accuracies_one_by_one(net, images, labels, CHILDREN)
    sizes = []
    net.path(CHILDREN[0]).stem.register_forward_hook(lambda _module, inputs, _out: sizes.append(len(inputs[0])))
    monkeypatch.setattr(sweeping, "SWEEP_FLOATS", 2 * 4 * 6 * 6 * images_at_once)  # copies × stem channels × pixels
    assert torch.equal(sweep(net, images, labels, CHILDREN), expected)
    assert sum(sizes) == 23
    assert max(sizes) == min(images_at_once, 23)


def test_a_memory_of_nothing_still_takes_one_image(monkeypatch):
    net = oracle.stir(oracle.make_net(share_all(CHILDREN[:3], 1)))
    images, labels = oracle.random_batch(5)
    expected = sweep(net, images, labels, CHILDREN[:3])
    monkeypatch.setattr(sweeping, "SWEEP_FLOATS", 1)
    assert torch.equal(sweep(net, images, labels, CHILDREN[:3]), expected)


def test_the_first_cell_is_computed_once_for_all_children():
    net = oracle.make_net(share_all(CHILDREN, 2))
    counts = dict.fromkeys(("stem", "pre", "first edge", "head"), 0)

    def count(name):
        def hook(*_):
            counts[name] += 1

        return hook

    path = net.path(CHILDREN[0])
    for name, unit in zip(counts, (path.stem, path.cells[0].pre, path.cells[0].edges[0], path.head), strict=True):
        unit.register_forward_hook(count(name))
    sweep(net, *oracle.random_batch(5), CHILDREN)
    assert counts == {"stem": 1, "pre": 1, "first edge": 1, "head": 64}


class Expressions:
    """A flow of numbers, one for each expression: a unit or a sum, and what goes into it. Notes what came to each place."""

    def __init__(self) -> None:
        self.at = defaultdict(list)
        self._numbers = {}

    def unit(self, site, module, x):
        return self._noted(site, (module, x))

    def add(self, node, values):
        return self._noted(node, ("sum", *values))

    def combine(self, cell, nodes):
        return self._noted(cell, ("cell", *nodes))

    def _noted(self, place, expression):
        number = self._numbers.setdefault(expression, len(self._numbers))
        self.at[place].append(number)
        return number


@pytest.mark.parametrize("nodes", [2, 3])
def test_what_children_have_in_common_is_what_some_two_of_them_compute_alike(nodes):
    children = tuple(SearchSpace(nodes, ("conv_1x1", "max_pool_3x3")).children())
    net, flow = oracle.make_net(share_all(children, 3)), Expressions()
    for child in children:
        net.send(child, 0, flow)
    places = {place: numbers for place, numbers in flow.at.items() if not isinstance(place, int)}
    assert len(places) == len(net.plan.sites) - 1 + 3 * nodes  # all sites but the head, and all nodes
    for place, numbers in places.items():
        assert len(numbers) == len(children)
        assert in_common(place) == (len(set(numbers)) < len(numbers)), place.name
    assert not in_common(net.plan.sites[-1])
    assert net.plan.sites[-1].place is Place.HEAD  # whose weights children may share, and its input not


@pytest.mark.parametrize("training", [True, False])
def test_the_net_is_left_as_it_was(training):
    net = oracle.stir(oracle.make_net(share_all(CHILDREN, 2))).train(training)
    before = oracle.state(net)
    accuracy = sweep(net, *oracle.random_batch(9), CHILDREN)
    assert all(module.training is training for module in net.modules())
    oracle.assert_same_tensors(oracle.state(net), before)
    assert torch.equal(sweep(net, *oracle.random_batch(9), CHILDREN), accuracy)
    logits = net(oracle.random_batch(9)[0], CHILDREN[5])
    assert logits.requires_grad  # training can go on


def test_an_interrupted_sweep_leaves_the_nets_mode(monkeypatch):
    net = oracle.make_net(share_all(CHILDREN, 1))
    monkeypatch.setattr(sweeping, "right_answers", interrupted)
    with pytest.raises(KeyboardInterrupt):
        sweep(net, *oracle.random_batch(9), CHILDREN)
    assert all(module.training for module in net.modules())


def interrupted(*_):
    raise KeyboardInterrupt


def test_some_children_in_the_order_asked_for():
    net = oracle.stir(oracle.make_net(share_all(CHILDREN, 2), copies=2))
    images, labels = oracle.random_batch(23)
    everything = sweep(net, images, labels, CHILDREN)
    some = [CHILDREN[index] for index in (40, 3, 17)]
    assert torch.equal(sweep(net, images, labels, some), everything[:, [40, 3, 17]])


def test_copies_are_scored_apart():
    net = oracle.stir(oracle.make_net(share_all(CHILDREN, 1), copies=2))
    images, labels = oracle.random_batch(23)
    before = sweep(net, images, labels, CHILDREN)
    with torch.no_grad():
        for value in (*net.parameters(), *net.buffers()):
            oracle.copy_of(value, 2, 0).mul_(0.5).add_(0.05)
    after = sweep(net, images, labels, CHILDREN)
    assert torch.equal(after[1], before[1])
    assert not torch.equal(after[0], before[0])


def test_labels_decide():
    """All right, all wrong: 1 and 0, not percent."""
    net = oracle.stir(oracle.make_net(share_all(CHILDREN[:1], 1))).eval()
    images, _ = oracle.random_batch(10)
    answers = net(images, CHILDREN[0])[0].argmax(-1)
    assert sweep(net, images, answers, CHILDREN[:1]).tolist() == [[1.0]]
    assert sweep(net, images, (answers + 1) % 4, CHILDREN[:1]).tolist() == [[0.0]]


@oracle.backends
def test_bfloat16_is_only_coarser(backend):
    """Answers of a net whose classes are apart: float32's nearly always, and a half as many digits now and then."""
    net = oracle.open_minded(backend.net(share_all(CHILDREN, 2), copies=2)).float()
    engine = oracle.Backend(backend.engine, torch.float32).engine(net)
    for seed, child in enumerate(CHILDREN):
        engine.gradients(oracle.vivid_images(20, seed=seed).float(), torch.arange(20) % 4, child)
    images = oracle.vivid_images(60).float()
    labels = net.eval()(images, CHILDREN[3])[0].argmax(-1)
    net.train()
    before = oracle.state(net)
    fine, coarse = (engine.sweep(images, labels, CHILDREN, precision) for precision in Precision)
    assert fine.dtype == coarse.dtype == torch.float64
    assert 0 < (fine - coarse).abs().max() < 0.4
    assert (fine - coarse).abs().mean() < 0.05
    oracle.assert_same_tensors(oracle.state(net), before)


def test_a_child_that_is_not_trained_here():
    net = oracle.make_net(share_all(CHILDREN[:4], 1))
    with pytest.raises(UsageError, match="child 444 is not one of the 4 children"):
        sweep(net, *oracle.random_batch(3), CHILDREN[-1:])
