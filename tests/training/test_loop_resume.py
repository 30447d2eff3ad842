"""The same run twice, and a run that goes on from a snapshot: bit by bit."""

from dataclasses import replace

import oracle
import pytest
import torch

from commonweight.net import Reference
from commonweight.seeds import Stream
from commonweight.sharing import share_all, share_prefix
from commonweight.space import SearchSpace
from commonweight.training import (
    ChildOrder,
    Course,
    Inactive,
    Moments,
    Snapshot,
    Swept,
    Trained,
    Window,
    train,
)

PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())
GROUP = tuple(map(PAPER.child, ("111", "143", "144", "344", "424")))
inactives = pytest.mark.parametrize("inactive", Inactive, ids=lambda inactive: inactive.value)


def assert_same_events(first: list, second: list) -> None:
    assert [type(event) for event in first] == [type(event) for event in second]
    for ours, theirs in zip(first, second, strict=True):
        match ours:
            case Trained():
                assert ours == theirs
            case Swept():
                assert ours.step == theirs.step
                assert torch.equal(ours.accuracy, theirs.accuracy)
            case Snapshot():
                assert ours.step == theirs.step
                oracle.assert_same_tensors(ours.weights, theirs.weights)
                oracle.assert_same_tensors(ours.momentum, theirs.momentum)


SINGLE = oracle.Backend(Reference, torch.float32)


@pytest.mark.parametrize(
    "backend",
    [pytest.param(SINGLE, id="reference"), pytest.param(oracle.NATIVE, id="native", marks=oracle.needs_native)],
)
@pytest.mark.parametrize("order", ChildOrder)
def test_the_same_run_twice_is_bit_identical(order, backend):
    course = Course(order=order, snapshots=(1, 3))
    first, second = (backend.net(share_all(GROUP, 2), copies=2) for _ in range(2))
    second.eval()  # the mode that a net comes in does not matter
    assert_same_events(
        oracle.run(first, course=course, backend=backend), oracle.run(second, course=course, backend=backend)
    )
    oracle.assert_same_tensors(first.state_dict(), second.state_dict())


@pytest.mark.parametrize("changed", ["order", "data", "augment"])
def test_every_stream_changes_the_run(changed):
    streams = oracle.streams()
    other = replace(streams, **{changed: Stream(1).fork(changed)})
    ends, visits = [], []
    for these in (streams, other):
        net = oracle.make_net(share_all(GROUP, 1))
        events = train(Reference(net), oracle.image_set(), oracle.RECIPE, oracle.SILENT, these)
        visits.append(oracle.trained(events))
        ends.append(net.path(GROUP[0]).head.weight.detach().clone())
    assert not torch.equal(*ends)
    assert (visits[0] != visits[1]) == (changed == "order")


@pytest.mark.parametrize(
    "momentum",
    [pytest.param(0.9, id="momentum"), pytest.param(0.0, id="no-momentum")],
)
@inactives
@pytest.mark.parametrize("epoch", [1, 3])
@oracle.backends
def test_a_run_goes_on_from_a_snapshot_as_if_it_had_never_stopped(backend, epoch, inactive, momentum):
    recipe = replace(oracle.RECIPE, epochs=4, inactive=inactive, momentum=momentum)
    course = Course(order=ChildOrder.SHUFFLED, moments=Moments(True, last_batches=2), snapshots=(epoch, 4))
    plan = share_all(CHILDREN[::3], 2)  # 16 steps, 22 children: some weights are not trained yet
    whole = backend.net(plan, copies=2)
    events = oracle.run(whole, recipe, course, backend)
    place = next(place for place, event in enumerate(events) if isinstance(event, Snapshot))
    snapshot = events[place]
    assert snapshot.step == 4 * epoch
    assert (len(snapshot.momentum) < len(list(whole.parameters()))) == (epoch == 1)
    rest = backend.net(plan, copies=2, seed=1)  # another start, which must not matter
    assert_same_events(oracle.run(rest, recipe, course, backend, start=snapshot), events[place + 1 :])
    oracle.assert_same_tensors(whole.state_dict(), rest.state_dict())


@pytest.mark.parametrize("order", ChildOrder)
@inactives
@oracle.backends
def test_a_run_goes_on_between_any_two_mini_batches_and_asking_for_that_changes_nothing(backend, inactive, order):
    """In an epoch and at its end, before its small last mini-batch, in a window, beside a snapshot that was planned."""
    recipe = replace(oracle.RECIPE, inactive=inactive)
    moments = Moments(True, last_batches=3, windows=(Window(2, 2),))
    course = Course(order=order, moments=moments, snapshots=(2,), stop_after=11)
    plan = share_all(CHILDREN[::3], 2)
    undisturbed, asked = (backend.net(plan, copies=2) for _ in range(2))
    expected = oracle.run(undisturbed, recipe, course, backend)
    events = oracle.run(asked, recipe, course, backend, due=lambda: True)

    def planned(some):
        return [event for event in some if not isinstance(event, Snapshot) or event.step == 8]

    assert_same_events(planned(events), expected)
    snapshots = {place: event for place, event in enumerate(events) if isinstance(event, Snapshot)}
    assert [snapshot.step for snapshot in snapshots.values()] == list(
        range(1, 11)
    )  # at the end nothing is left to go on to
    for place, snapshot in snapshots.items():
        rest = backend.net(plan, copies=2, seed=1)
        assert_same_events(oracle.run(rest, recipe, course, backend, start=snapshot), planned(events[place + 1 :]))
        oracle.assert_same_tensors(undisturbed.state_dict(), rest.state_dict())


def test_a_snapshot_is_not_changed_by_what_follows():
    net = oracle.make_net(share_all(GROUP, 1))
    copies, events = [], []
    for event in train(Reference(net), oracle.image_set(), oracle.RECIPE, Course(snapshots=(1, 2)), oracle.streams()):
        if isinstance(event, Snapshot):
            copies.append({name: value.clone() for name, value in (event.weights | event.momentum).items()})
            oracle.assert_same_tensors(event.weights, oracle.state(net))
            events.append(event)
    oracle.run(net, start=events[0])
    assert [event.step for event in events] == [4, 8]
    for event, copy in zip(events, copies, strict=True):
        oracle.assert_same_tensors(event.weights | event.momentum, copy)
    assert not torch.equal(*(event.weights[oracle.name_of(net, net.path(GROUP[0]).head.bias)] for event in events))


@oracle.backends
@pytest.mark.parametrize("epochs", [1, 3])
def test_snapshots_hold_everything_by_the_names_of_the_net(epochs, backend):
    """Momentum of what has been trained: in the first epoch 4 mini-batches, so not all 5 children."""
    net = backend.net(share_prefix(GROUP, 2, 1))
    events = oracle.run(net, course=Course(snapshots=(epochs,)), backend=backend)
    (place,) = [place for place, event in enumerate(events) if isinstance(event, Snapshot)]
    snapshot = events[place]
    assert set(snapshot.weights) == set(net.state_dict())
    trained = {id(p) for child in oracle.trained(events[:place]) for p in net.path(child).parameters}
    assert set(snapshot.momentum) == {name for name, p in net.named_parameters() if id(p) in trained}
    assert (len(trained) == len(list(net.parameters()))) == (epochs == 3)
