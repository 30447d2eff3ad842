"""A run that leaves the finite numbers ends with an error that says where, and nothing after it."""

import math
from dataclasses import replace

import oracle
import pytest
import torch

from commonweight.errors import DivergedError
from commonweight.sharing import share_all, share_none
from commonweight.space import SearchSpace
from commonweight.training import Course, Inactive, Moments, Snapshot, Swept, Trained, train
from commonweight.training.divergence import require_finite

PAPER = SearchSpace()
GROUP = tuple(map(PAPER.child, ("111", "143", "144", "344", "424")))
BAD = (math.nan, math.inf, -math.inf)


def told(name, copies, step=7):
    return f"training diverged: after mini-batch {step} {name} is not finite (copy {copies} of 2); lower training.lr"


def events_until_divergence(*args):
    """What a run yields before its `DivergedError`, and that error's message."""
    run, events = train(*args), []
    with pytest.raises(DivergedError) as error:
        events.extend(iter(run.__next__, None))
    return events, str(error.value)


@pytest.mark.parametrize("value", BAD)
@pytest.mark.parametrize("plan", [share_all(GROUP, 2), share_none(GROUP[:2], 2)], ids=["all", "none"])
def test_every_tensor_is_looked_at(plan, value):
    """One number of one tensor at a time: weights, statistics, and the momentum of what was trained."""
    engine, sgd = oracle.warm(plan, Inactive.FREEZE, plan.children[:2])
    net, generator = engine.net, torch.Generator().manual_seed(0)
    require_finite(net, sgd, 7)
    momentum = {f"the momentum of {n}": sgd.velocity[p] for n, p in net.named_parameters() if p in sgd.velocity}
    assert len(momentum) > 20
    for name, tensor in {**dict(net.named_parameters()), **dict(net.named_buffers()), **momentum}.items():
        whole = tensor.detach()
        place = int(torch.randint(whole.numel(), (), generator=generator))
        flat = whole.view(-1)
        kept, flat[place] = flat[place].item(), value
        with pytest.raises(DivergedError) as error:
            require_finite(net, sgd, 7)
        assert str(error.value) == told(name, 2 * place // whole.numel())
        flat[place] = kept
    require_finite(net, sgd, 7)


def test_the_first_of_several_is_named_weights_first_and_every_copy_of_it():
    engine, sgd = oracle.warm(share_all(GROUP, 2), Inactive.FREEZE, GROUP)
    names = [*dict(engine.net.named_parameters())]
    with torch.no_grad():
        for tensor in (*sgd.velocity.values(), *engine.net.buffers(), engine.net.get_parameter(names[-1])):
            tensor.fill_(math.nan)
        engine.net.get_parameter(names[3])[-1] = math.inf
    with pytest.raises(DivergedError) as error:
        require_finite(engine.net, sgd, 7)
    assert str(error.value) == told(names[3], "1")
    with torch.no_grad():
        engine.net.get_parameter(names[3]).fill_(math.nan)
    with pytest.raises(DivergedError) as error:
        require_finite(engine.net, sgd, 7)
    assert str(error.value) == told(names[3], "0, 1")


def test_huge_numbers_are_still_numbers():
    engine, sgd = oracle.warm(share_all(GROUP, 2), Inactive.FREEZE, GROUP)
    with torch.no_grad():
        for tensor in (*sgd.velocity.values(), *engine.net.buffers(), *engine.net.parameters()):
            tensor.fill_(torch.finfo(tensor.dtype).max)
    require_finite(engine.net, sgd, 7)


@oracle.backends
@pytest.mark.parametrize("children", [GROUP, GROUP[1:2]], ids=["group", "alone"])
def test_a_learning_rate_that_is_far_too_high_ends_the_run(backend, children):
    """At the end of the epoch in which it went wrong, before that epoch's snapshot."""
    recipe = replace(oracle.RECIPE, epochs=200, lr=1e30)
    net = backend.net(share_all(children, 2), copies=2)
    course = Course(moments=Moments(every_epoch=False), snapshots=range(1, 201))
    engine = backend.engine(net)
    events, message = events_until_divergence(engine, backend.images(), recipe, course, oracle.streams())
    trained = [event for event in events if isinstance(event, Trained)]
    assert 0 < len(trained) < 800
    assert len(trained) % 4 == 0
    assert f"after mini-batch {len(trained)} units." in message
    assert all(
        tensor.isfinite().all()
        for event in events
        if isinstance(event, Snapshot)
        for tensor in (*event.weights.values(), *event.momentum.values())
    )
    assert len([event for event in events if isinstance(event, Snapshot)]) == len(trained) // 4 - 1


def test_where_a_snapshot_is_due_in_the_middle_of_an_epoch_the_net_is_looked_at():
    net, asked = oracle.make_net(share_all(GROUP, 2), copies=2), []
    engine, images = oracle.REFERENCE.engine(net), oracle.REFERENCE.images()
    run = train(engine, images, oracle.RECIPE, oracle.SILENT, oracle.streams(), None, lambda: bool(asked))
    assert [next(run).step for _ in range(6)] == list(range(1, 7))
    asked.append(True)
    with torch.no_grad():
        net.path(GROUP[0]).head.bias[1] = math.nan
    with pytest.raises(DivergedError, match=r"after mini-batch 6 units\..* \(copy 1 of 2\)"):
        next(run)


@oracle.backends
def test_a_run_that_stops_inside_an_epoch_is_looked_at_there(backend):
    """After its last sweep comes the error, so that nobody takes that sweep for a result."""
    nets = [backend.net(share_all(GROUP, 2), copies=2) for _ in range(2)]
    first = oracle.run(nets[0], course=Course(snapshots=(1,)), backend=backend)
    (start,) = [event for event in first if isinstance(event, Snapshot)]
    start.weights[oracle.name_of(nets[0], nets[0].path(GROUP[0]).head.bias)][1] = math.nan
    course = replace(oracle.SILENT, stop_after=6)
    events, message = events_until_divergence(
        backend.engine(nets[1]), backend.images(), oracle.RECIPE, course, oracle.streams(), start
    )
    assert [type(event) for event in events] == [Trained, Trained, Swept]
    assert "after mini-batch 6 units." in message
    assert "(copy 1 of 2)" in message
