"""What weight sharing means in training: who is touched by a step, what a plan or a group changes."""

import itertools
from dataclasses import replace

import oracle
import pytest
import torch
from safetensors import numpy

from commonweight.net import unit_names
from commonweight.sharing import Kind, share_all, share_all_but, share_none, share_prefix
from commonweight.space import SearchSpace
from commonweight.training import (
    SGD,
    ChildOrder,
    Course,
    Inactive,
    Snapshot,
    train_step,
)

PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())
GROUP = tuple(map(PAPER.child, ("111", "143", "144", "344", "424")))
inactives = pytest.mark.parametrize("inactive", Inactive, ids=lambda inactive: inactive.value)


def everything(net, sgd) -> dict[str, torch.Tensor]:
    """Weights, statistics and momentum by name; all parameters have been trained."""
    momentum = {f"momentum {name}": sgd.velocity[p].clone() for name, p in net.named_parameters()}
    return oracle.state(net) | momentum


def names_used(net, child) -> set[str]:
    """Names in `everything` of what a child uses: a tensor of several units has one in each."""
    path = net.path(child)
    units = [path.stem, path.head, *itertools.chain(*((cell.pre, *cell.edges) for cell in path.cells))]
    tensors = {id(value) for unit in units for value in (*unit.parameters(), *unit.buffers())}
    all_names = (*net.named_parameters(remove_duplicate=False), *net.named_buffers(remove_duplicate=False))
    names = {name for name, value in all_names if id(value) in tensors}
    return names | {f"momentum {name}" for name, _ in net.named_parameters() if name in names}


@oracle.backends
@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(share_all(CHILDREN, 2), id="all"),
        pytest.param(share_prefix(GROUP, 2, 1), id="prefix"),
        pytest.param(share_none(GROUP, 2), id="none"),
        *oracle.plans_by_kind(CHILDREN, 2),
    ],
)
def test_freeze_leaves_what_the_child_does_not_use_bit_identical(plan, backend):
    engine, sgd = oracle.warm(plan, Inactive.FREEZE, plan.children, backend)
    net, child = engine.net, PAPER.child("143")
    before, used = everything(net, sgd), names_used(net, child)
    train_step(engine, sgd, child, *backend.batch(6, seed=99), 0.05)
    after = everything(net, sgd)
    assert {name for name in before if not torch.equal(before[name], after[name])} == used
    assert len(used) < len(before) * 0.7


@oracle.backends
def test_coast_moves_what_the_child_does_not_use_by_momentum_and_decay_alone(backend):
    engine, sgd = oracle.warm(share_all(CHILDREN, 2), Inactive.COAST, CHILDREN, backend)
    net, child, lr = engine.net, PAPER.child("143"), 0.05
    before, used = everything(net, sgd), names_used(net, child)
    train_step(engine, sgd, child, *backend.batch(6, seed=99), lr)
    after = everything(net, sgd)
    statistics = {name for name, _ in net.named_buffers()}
    idle = [name for name, _ in net.named_parameters() if name not in used]
    assert idle
    nearly = {"rtol": 1e-12, "atol": 1e-15} if backend is oracle.REFERENCE else {"rtol": 1e-5, "atol": 1e-7}
    for name in idle:
        velocity = oracle.RECIPE.momentum * before[f"momentum {name}"] + oracle.RECIPE.weight_decay * before[name]
        torch.testing.assert_close(after[f"momentum {name}"], velocity, **nearly)
        torch.testing.assert_close(after[name], before[name] - lr * velocity, **nearly)
        assert not torch.equal(after[name], before[name])
    for name in statistics:
        assert torch.equal(before[name], after[name]) == (name not in used)


@oracle.backends
@inactives
def test_what_was_never_trained_does_not_move(inactive, backend):
    first, second = PAPER.child("143"), PAPER.child("424")
    fresh = backend.net(share_all(CHILDREN, 2), copies=2)
    net = oracle.warm(share_all(CHILDREN, 2), inactive, [first, second, first], backend)[0].net
    reached = names_used(net, first) | names_used(net, second)
    for name, value in net.state_dict().items():
        assert torch.equal(value, fresh.state_dict()[name]) == (name not in reached)


@oracle.backends
def test_behind_a_none_edge_nothing_is_trained(backend):
    """`none` on both edges from x0: the first cells and the stem get no gradient, so freeze leaves even them alone."""
    space = SearchSpace(2, ("none", "sep_conv_3x3"))
    child = space.child("112")
    engine, sgd = oracle.warm(share_all(space.children(), 1), Inactive.FREEZE, space.children(), backend)
    net = engine.net
    before = everything(net, sgd)
    train_step(engine, sgd, child, *backend.batch(6, seed=99), 0.05)
    path = net.path(child)
    for parameter in (*path.stem.parameters(), *path.cells[0].pre.parameters()):
        name = next(name for name, value in net.named_parameters() if value is parameter)
        assert torch.equal(before[name], parameter)
        assert torch.equal(before[f"momentum {name}"], sgd.velocity[parameter])
    assert not torch.equal(before["momentum " + oracle.name_of(net, path.head.bias)], sgd.velocity[path.head.bias])


# ------------------------------------------------------------------ plans and groups


@oracle.backends
@inactives
def test_a_group_is_its_own_super_net(inactive, backend):
    """Training only a group's children in the net of all 64 is training the net of the group."""
    recipe = replace(oracle.RECIPE, inactive=inactive)
    own = backend.net(share_all(GROUP, 2), copies=2)
    visits = oracle.trained(oracle.run(own, recipe, backend=backend))
    wide = backend.net(share_all(CHILDREN, 2), copies=2)
    engine = backend.engine(wide)
    sgd = SGD(recipe)
    for child, (epoch, batch, labels) in zip(visits, oracle.batches(backend.images(), recipe), strict=True):
        train_step(engine, sgd, child, batch, labels, recipe.lr_at(epoch))
    for name, value in own.state_dict().items():
        assert torch.equal(value, wide.state_dict()[name]), name


@oracle.backends
def test_no_sharing_is_each_child_alone(backend):
    """Under freeze, a child of plan `none` sees its own mini-batches only, as if the others did not exist."""
    together = backend.net(share_none(GROUP, 2), copies=2)
    visits = oracle.trained(oracle.run(together, course=Course(order=ChildOrder.UNIFORM), backend=backend))
    assert 1 < len(set(visits)) <= len(GROUP)
    for child in GROUP:
        alone = backend.net(share_all([child], 2), copies=2)
        engine = backend.engine(alone)
        sgd = SGD(oracle.RECIPE)
        for visitor, (epoch, batch, labels) in zip(
            visits, oracle.batches(backend.images(), oracle.RECIPE), strict=True
        ):
            if visitor == child:
                train_step(engine, sgd, child, batch, labels, oracle.RECIPE.lr_at(epoch))
        images, _ = backend.batch(5)
        assert torch.equal(together.eval()(images, child), alone.eval()(images, child))
        ours, theirs = together.path(child).parameters, alone.path(child).parameters
        assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))


@oracle.backends
def test_private_statistics_move_for_their_own_child_alone(backend):
    """All 64 with normalisations of their own: one step moves one child's statistics and no one else's."""
    net = backend.net(share_all_but(CHILDREN, 1, kinds={Kind.NORM}))
    engine = backend.engine(net)
    statistics = {
        child: [*itertools.chain(*(net.units[name].buffers() for name in unit_names(net.plan, child)))]
        for child in CHILDREN
    }
    for visitor in CHILDREN[::7]:
        before = {child: [value.clone() for value in values] for child, values in statistics.items()}
        engine.gradients(*backend.batch(6), visitor)
        for child, values in statistics.items():
            moved = [not torch.equal(ours, theirs) for ours, theirs in zip(values, before[child], strict=True)]
            assert all(moved) if child == visitor else not any(moved)


@pytest.mark.parametrize("plan", oracle.plans_by_kind(GROUP, 2))
@oracle.backends
def test_a_run_goes_on_from_a_stored_snapshot_of_shared_layers(backend, plan):
    """Their tensors have several names in a snapshot; it goes through safetensors and back, bit by bit."""
    whole, rest = backend.net(plan, copies=2), backend.net(plan, copies=2, seed=1)
    events = oracle.run(whole, course=Course(snapshots=(2,)), backend=backend)
    (snapshot,) = [event for event in events if isinstance(event, Snapshot)]
    assert set(snapshot.weights) == set(whole.state_dict())
    stored = {
        part: numpy.load(numpy.save({name: value.numpy() for name, value in tensors.items()}))
        for part, tensors in (("weights", snapshot.weights), ("momentum", snapshot.momentum))
    }
    read = {part: {name: torch.from_numpy(value) for name, value in arrays.items()} for part, arrays in stored.items()}
    oracle.run(rest, backend=backend, start=Snapshot(snapshot.step, **read))
    oracle.assert_same_tensors(whole.state_dict(), rest.state_dict())


def test_sharing_matters():
    """The tests above compare plans that do differ: each ends elsewhere."""
    images, _ = oracle.random_batch(5)
    ends = []
    by_kind = [param.values[0] for param in oracle.plans_by_kind(GROUP, 2)]
    for plan in (share_all(GROUP, 2), share_prefix(GROUP, 2, 1), share_none(GROUP, 2), *by_kind):
        net = oracle.make_net(plan)
        oracle.run(net)
        ends.append(torch.stack([net.eval()(images, child) for child in GROUP]))
    assert not any(torch.allclose(a, b) for a, b in itertools.combinations(ends, 2))
