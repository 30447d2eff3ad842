"""A user's module in the training loop, against torch.optim.SGD on the same module, and what it leaves alone."""

import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from own.nets import CHILDREN, SITES, SPACE, Edges, by_select, images
from torch import nn
from torch.nn import functional as F

import commonweight as cw
from commonweight.errors import DivergedError, UsageError
from commonweight.net import Precision
from commonweight.own import ModuleEngine, ModuleNet, ModulePlan, batches_of, private_sites, sweep_by_batch
from commonweight.seeds import Stream
from commonweight.training import (
    SGD,
    ChildOrder,
    Course,
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

SEED = Stream(3)
STREAMS = Streams(SEED.fork("order"), SEED.fork("data"), SEED.fork("augment"))
DATA = batches_of(images(), images(30, seed=1))
RECIPE = Recipe(epochs=3, batch=20, lr=0.1, weight_decay=1e-2)


def engine(plan=None, net=None, **more):
    declared = net or by_select()
    found = declared.sharing(images(20)[0])
    plan = plan or ModulePlan(CHILDREN)
    return ModuleEngine(ModuleNet(declared, found, plan, SEED.fork("init"), **more), SEED.fork("forward"))


def run(one, recipe=RECIPE, **course):
    return list(train(one, DATA, recipe, Course(**course), STREAMS))


def plain_sgd(module, recipe, visits):
    """The same run as a user would write it, by `torch.optim.SGD`, whose gradients begin as None."""
    optimiser = torch.optim.SGD(module.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay)
    step = 0
    for epoch in range(recipe.epochs):
        for group in optimiser.param_groups:
            group["lr"] = recipe.lr_at(epoch)
        batches = DATA.epoch(recipe.batch, STREAMS.data.fork(epoch), STREAMS.augment.fork(epoch))
        for some, labels in batches:
            coast = recipe.inactive is Inactive.COAST
            for parameter in module.parameters():
                had = parameter in optimiser.state and coast
                parameter.grad = torch.zeros_like(parameter) if had else None
            module.choose(visits[step])
            F.cross_entropy(module(some), labels).backward()
            optimiser.step()
            step += 1


def accuracy(module, child, some, labels):
    module.eval()
    module.choose(child)
    with torch.no_grad():
        return float((module(some).argmax(1) == labels).double().mean())


@pytest.mark.parametrize("inactive", Inactive)
def test_a_run_is_the_plain_run(inactive):
    recipe = replace(RECIPE, inactive=inactive)
    one = engine()
    module = copy.deepcopy(one.net.module)
    events = run(one, recipe, order=ChildOrder.SHUFFLED, moments=Moments(every_epoch=False, last_batches=2))
    visits = [event.child for event in events if isinstance(event, Trained)]
    assert set(visits) == set(CHILDREN)
    plain_sgd(module, recipe, visits)
    trained = one.net.module.state_dict()
    for name, value in module.state_dict().items():
        torch.testing.assert_close(trained[name], value, rtol=1e-5, atol=1e-6)
    swept = [event for event in events if isinstance(event, Swept)]
    assert [event.step for event in swept] == [8, 9]
    expected = [accuracy(module, child, *DATA.validation()) for child in CHILDREN]
    assert swept[-1].accuracy.tolist() == [expected]


def test_what_a_child_does_not_use_stays_bit_identical():
    one = engine(ModulePlan((CHILDREN[0],)))
    before = copy.deepcopy(one.net.module.state_dict())
    run(one)
    child = CHILDREN[0]
    for name, value in one.net.module.state_dict().items():
        site, _, option = name.removeprefix("edges.").split(".")[0].partition("-")
        used = not name.startswith("edges.") or child[site] == option
        assert torch.equal(value, before[name]) != used


def test_what_a_mask_leaves_out_is_frozen_too():
    """All options run and are multiplied by zero or one, so that autograd reaches every weight."""

    class Mask(nn.Module):
        def __init__(self):
            super().__init__()
            self.options = nn.ModuleDict({option: nn.Linear(25, 3) for option in ("a", "b", "c")})

        def forward(self, x, child):
            return sum(layer(x.flatten(1)) * (name == child["o"]) for name, layer in self.options.items())

    space = cw.Choices({"o": ["a", "b", "c"]})
    children = tuple(space.children())
    one = engine(ModulePlan(children[:2]), cw.Supernet(Mask, space, forward=lambda m, x, c: m(x, c)), device="cpu")
    before = copy.deepcopy(one.net.module.state_dict())
    run(one)
    changed = {
        name.split(".")[1] for name, v in one.net.module.state_dict().items() if not torch.equal(v, before[name])
    }
    assert changed == {"a", "b"}


def test_a_sweep_leaves_everything_as_it_was():
    one = engine()
    one.net.module.edges["edge0-conv3"].eval()  # a part that the user keeps in another mode
    before, modes = copy.deepcopy(one.net.module.state_dict()), [part.training for part in one.net.module.modules()]
    some, labels = DATA.validation()
    exact = one.sweep(some, labels, CHILDREN)
    assert exact.dtype == torch.float64
    assert exact.shape == (1, len(CHILDREN))
    coarse = one.sweep(some, labels, CHILDREN, Precision.BFLOAT16)
    assert (coarse - exact).abs().max() < 0.2
    sweep_by_batch(one.net, some, labels, CHILDREN, 10)
    assert all(torch.equal(value, before[name]) for name, value in one.net.module.state_dict().items())
    assert [part.training for part in one.net.module.modules()] == modes


@pytest.mark.parametrize("private", [(), ("edge0",)])
def test_a_sweep_by_batch_is_training_mode_without_moving(private):
    one = engine(ModulePlan(CHILDREN, frozenset(private)))
    run(one)
    some, labels = DATA.validation()
    expected = []
    for child in CHILDREN:
        module = copy.deepcopy(one.net.module)
        for name, value in one.net._private[one.net.plan.position(child)].items():
            if isinstance(value, nn.Parameter):
                module.get_parameter(name).data.copy_(value)
        module.choose(child)
        module.train()
        right = sum(int((module(some[at]).argmax(1) == labels[at]).sum()) for at in (slice(0, 12), slice(12, 30)))
        expected.append(right / 30)
    assert sweep_by_batch(one.net, some, labels, CHILDREN, 12)[0].tolist() == expected
    with pytest.raises(UsageError, match=r"^statistics of batches of 1 images; a batch needs at least 2"):
        sweep_by_batch(one.net, some, labels, CHILDREN, 1)


def test_private_sites_give_each_child_its_own():
    """With every weight of edge0 and edge1 private, children share stem and head alone, whatever they choose."""
    found = by_select().sharing(images(20)[0])
    plan = ModulePlan(CHILDREN, private_sites(SITES, found))
    one = engine(plan)
    started = {child: {name: p.clone() for name, p in _own(one, child).items()} for child in CHILDREN}
    for name, value in started[CHILDREN[1]].items():
        if name in started[CHILDREN[0]]:
            assert torch.equal(value, started[CHILDREN[0]][name])  # the same numbers at first
    some, labels = DATA.validation()
    sgd = torch.optim.SGD([p for _, p in one.net.named_parameters()], 0.1)
    for parameter, gradient in one.gradients(some, labels, CHILDREN[0]):
        parameter.grad = gradient
    sgd.step()
    for child in CHILDREN[1:]:
        assert all(torch.equal(value, started[child][name]) for name, value in _own(one, child).items())
    moved = [n for n, v in _own(one, CHILDREN[0]).items() if not torch.equal(v, started[CHILDREN[0]][n])]
    assert len(moved) == len(started[CHILDREN[0]]) > 0
    assert len(started[CHILDREN[5]]) == 0  # skip/skip


def _own(one, child):
    """What the child uses at the edges, weights and statistics, by their names in the module."""
    copies = one.net._private[one.net.plan.position(child)]
    module = {**dict(one.net.module.named_parameters()), **dict(one.net.module.named_buffers())}
    names = [name for site in SITES for name in one.net.found.slot(child, site)]
    return {name: copies.get(name, module[name]) for name in names}


def test_private_everywhere_is_training_alone_but_for_what_everyone_shares():
    """A child whose edges are private, trained with others that share no weight with it, is as if alone.

    Stem and head are frozen here: only they are everyone's.
    """

    class Frozen(Edges):
        def __init__(self):
            super().__init__()
            self.stem.requires_grad_(False)
            self.head.requires_grad_(False)

    pair = (SPACE.child("conv3/skip"), SPACE.child("conv3/conv3"))
    together = engine(ModulePlan(pair, frozenset(SITES)), by_select(Frozen))
    alone = engine(ModulePlan(pair[1:]), by_select(Frozen))
    visits = [e.child for e in run(together, order=ChildOrder.FIXED) if isinstance(e, Trained)]
    run_of_pair = [step for step, child in enumerate(visits) if child == pair[1]]
    batches = [
        b
        for epoch in range(RECIPE.epochs)
        for b in DATA.epoch(RECIPE.batch, STREAMS.data.fork(epoch), STREAMS.augment.fork(epoch))
    ]
    sgd = SGD(RECIPE)
    for step in run_of_pair:
        train_step(alone, sgd, pair[1], *batches[step], RECIPE.lr_at(step // 3))
    ours, theirs = _own(together, pair[1]), _own(alone, pair[1])
    assert len(ours) == 12
    for name, value in ours.items():
        torch.testing.assert_close(value, theirs[name], rtol=1e-5, atol=1e-6)


def test_snapshots_go_on_where_they_stopped():
    for private in (frozenset(), frozenset(["edge0"])):
        plan = ModulePlan(CHILDREN, private)
        whole = engine(plan)
        events = run(whole, snapshots=(2,), order=ChildOrder.UNIFORM)
        (snapshot,) = [event for event in events if isinstance(event, Snapshot)]
        later = engine(plan)
        list(train(later, DATA, RECIPE, Course(order=ChildOrder.UNIFORM), STREAMS, snapshot))
        ours = later.net.state_dict()
        for name, value in whole.net.state_dict().items():
            assert torch.equal(value, ours[name])
        assert {n.split(".")[0] for n in ours} == {"stem", "edges", "head", *(["private"] if private else [])}
    Edges().load_state_dict({n: v for n, v in snapshot.weights.items() if not n.startswith("private.")})


def test_a_child_is_fine_tuned_from_a_snapshot():
    one = engine()
    (snapshot,) = [e for e in run(one, snapshots=(3,)) if isinstance(e, Snapshot)]
    alone = engine(ModulePlan(CHILDREN[:1]))
    start = Snapshot(0, snapshot.weights, {})
    events = list(
        train(alone, DATA, replace(RECIPE, epochs=1), Course(moments=Moments(last_batches=3)), STREAMS, start)
    )
    assert [type(event) for event in events] == [Trained, Swept] * 3
    unused = "edges.edge1-conv3.0.weight"
    assert CHILDREN[0].name == "conv3/conv3"
    assert not torch.equal(alone.net.state_dict()[unused], snapshot.weights[unused])
    assert torch.equal(
        alone.net.state_dict()["edges.edge0-conv1.0.weight"], snapshot.weights["edges.edge0-conv1.0.weight"]
    )


def test_dropout_draws_from_the_engines_stream():
    outcomes = []
    for noise in (0, 5):
        one = engine(net=by_select(lambda: Edges(dropout=0.5)))
        for event in train(one, DATA, RECIPE, Course(), STREAMS):
            torch.rand(noise)
            last = event
        assert isinstance(last, Swept)
        outcomes.append(one.net.state_dict())
    assert all(torch.equal(value, outcomes[1][name]) for name, value in outcomes[0].items())
    other = engine(net=by_select(lambda: Edges(dropout=0.5)))
    other._randomness = ModuleEngine(other.net, SEED.fork("other"))._randomness
    run(other)
    assert not torch.equal(other.net.state_dict()["stem.weight"], outcomes[0]["stem.weight"])


def test_only_some_children_may_be_swept():
    swept = CHILDREN[1:3]
    events = run(engine(), validated=swept)
    assert [event.accuracy.shape for event in events if isinstance(event, Swept)] == [(1, 2)] * 3


def test_divergence_is_told_and_constant_buffers_are_not():
    class Buffered(Edges):
        def __init__(self):
            super().__init__()
            self.register_buffer("mask", torch.tensor([-np.inf]))

    run(engine(net=by_select(Buffered)))
    with pytest.raises(DivergedError, match=r"after mini-batch 3 stem.weight is not finite"):
        run(engine(), replace(RECIPE, lr=1e30, lr_min=1e30))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ModulePlan(()), "a module without children to train"),
        (lambda: ModulePlan(CHILDREN[:1] * 2), "a child stands twice"),
        (
            lambda: engine(ModulePlan(CHILDREN[:1])).gradients(*DATA.validation(), CHILDREN[1]),
            "child .* is not one of the",
        ),
        (lambda: engine(ModulePlan(CHILDREN, frozenset(["edge2"]))), "no site 'edge2'; did you mean 'edge"),
        (
            lambda: engine().gradients(images()[0], images()[1] + 1, CHILDREN[0]),
            "label 3, and the module has 3 classes",
        ),
    ],
)
def test_what_is_refused(make, message):
    with pytest.raises(UsageError, match=rf"^{message}"):
        make()


def test_a_site_without_weights_cannot_be_private():
    class Activations(nn.Module):
        def __init__(self):
            super().__init__()
            self.head = nn.Linear(25, 3)

        def forward(self, x, child):
            return self.head(getattr(torch, child["act"])(x.flatten(1)))

    net = cw.Supernet(Activations, cw.Choices({"act": ["tanh", "relu"]}), forward=lambda m, x, c: m(x, c))
    with pytest.raises(UsageError, match=r"^site 'act' holds no weights of its own, so none can be private to a child"):
        private_sites(["act"], net.sharing(images(20)[0]))
