"""The training loop against plain PyTorch; its events, its errors, and what it leaves alone."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace

import oracle
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from commonweight.errors import UsageError
from commonweight.images import RawImages
from commonweight.net import Combine, DataShape, Engine, NetShape, Precision, Reference, SuperNet
from commonweight.seeds import Stream
from commonweight.sharing import share_all, share_none, share_prefix, similar, singletons
from commonweight.space import SearchSpace
from commonweight.training import (
    Augmentation,
    ChildOrder,
    Course,
    ImageSet,
    Inactive,
    Moments,
    Recipe,
    Snapshot,
    Swept,
    Trained,
    train,
    train_step,
)
from plain import opponent

PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())
GROUP = tuple(map(PAPER.child, ("111", "143", "144", "344", "424")))
inactives = pytest.mark.parametrize("inactive", Inactive, ids=lambda inactive: inactive.value)


def train_plain(plain, recipe: Recipe, visits, images: ImageSet) -> Iterator[int]:
    """The same run by torch.optim.SGD and PyTorch's cosine schedule, yielding the number of steps done."""
    optimiser = torch.optim.SGD(
        plain.parameters(), lr=recipe.lr, momentum=recipe.momentum, weight_decay=recipe.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs, eta_min=recipe.lr_min)
    coast, now = recipe.inactive is Inactive.COAST, 0
    steps = enumerate(zip(oracle.batches(images, recipe), visits, strict=True), start=1)
    for step, ((epoch, batch, labels), child) in steps:
        if epoch > now:
            schedule.step()
            now = epoch
        opponent.train_step(plain, optimiser, batch, labels, child.primitives, coast=coast)
        yield step


NOTHING_TOO = SearchSpace(2, ("none", "skip_connect", "sep_conv_3x3"))


@pytest.mark.parametrize(
    ("children", "epochs", "batch", "combine"),
    [
        pytest.param(CHILDREN, 11, 6, Combine.CONCAT, id="64-children"),
        pytest.param(similar(CHILDREN, 8)[1], 4, 6, Combine.CONCAT, id="8-children"),
        pytest.param(GROUP, 4, 9, Combine.SUM, id="sum"),
        pytest.param(tuple(NOTHING_TOO.children()), 6, 6, Combine.CONCAT, id="none-edges"),
    ],
)
@inactives
def test_a_run_is_the_plain_run(children, epochs, batch, combine, inactive):
    """Weights, statistics and every sweep, for two copies at once; with 64 children each one is visited."""
    recipe = replace(oracle.RECIPE, epochs=epochs, batch=batch, inactive=inactive)
    images = oracle.image_set()
    net = oracle.make_net(share_all(children, 2), copies=2, combine=combine)
    plains = [oracle.plain_super_net(net, copy) for copy in range(2)]
    begun = oracle.state(net)
    moments = Moments(every_epoch=len(children) < 20, last_batches=2)
    events = oracle.run(net, recipe, Course(order=ChildOrder.SHUFFLED, moments=moments), images=images)
    visits = oracle.trained(events)
    assert len(visits) == epochs * images.batches_per_epoch(batch)
    assert set(visits) == set(children)
    swept = {event.step: event.accuracy for event in events if isinstance(event, Swept)}
    validation = images.validation()
    for copy, plain in enumerate(plains):
        for step in train_plain(plain, recipe, visits, images):
            if step in swept:
                accuracies = [opponent.accuracy(plain, *validation, child.primitives) for child in children]
                assert swept[step][copy].tolist() == accuracies
        for child in children:
            oracle.assert_same_state(net, child, copy, plain, rtol=1e-6, atol=1e-8)
    moved = [name for name, value in oracle.state(net).items() if not torch.equal(value, begun[name])]
    assert len(moved) > 0.8 * len(begun)  # or nothing was compared


@oracle.needs_native
@pytest.mark.parametrize("children", [GROUP, tuple(NOTHING_TOO.children())], ids=["group", "none-edges"])
@inactives
def test_a_native_run_is_the_plain_run(children, inactive):
    """In single precision, which a few mini-batches already magnify: 12 of them, and as close as the plain run in float32
    is to the plain run in double (that one is held to the reference engine above)."""
    recipe = replace(oracle.RECIPE, inactive=inactive)
    net = oracle.NATIVE.net(share_all(children, 2), copies=2)
    begun = [oracle.plain_super_net(net, copy).double() for copy in range(2)]
    course = Course(order=ChildOrder.SHUFFLED, moments=Moments(False))
    events = oracle.run(net, recipe, course, oracle.NATIVE)
    visits = oracle.trained(events)
    (accuracy,) = [event.accuracy for event in events if isinstance(event, Swept)]
    images = oracle.image_set()
    for copy, plain in enumerate(begun):
        assert list(train_plain(plain, recipe, visits, images))[-1] == 12
        expected = [opponent.accuracy(plain, *images.validation(), child.primitives) for child in children]
        torch.testing.assert_close(accuracy[copy], torch.tensor(expected, dtype=torch.float64), rtol=0, atol=1.01 / 24)
        for child in children:
            oracle.assert_same_state(net, child, copy, plain.float(), rtol=1e-3, atol=1e-4)


@oracle.backends
@inactives
def test_a_single_child_is_its_plain_training(inactive, backend):
    """Ground truth: the partition into singletons is ordinary training."""
    recipe = replace(oracle.RECIPE, inactive=inactive)
    exact = backend is oracle.REFERENCE
    for (child,) in singletons(GROUP):
        net = backend.net(share_all([child], 2))
        plain = oracle.plain_child(net, child)
        visits = oracle.trained(oracle.run(net, recipe, backend=backend))
        assert visits == [child] * 12
        assert list(train_plain(plain, recipe, visits, backend.images()))[-1] == 12
        oracle.assert_same_state(net, child, 0, plain, rtol=1e-7 if exact else 1e-3, atol=1e-9 if exact else 1e-4)


@oracle.backends
@pytest.mark.parametrize("plan", [share_all(GROUP, 2), share_prefix(GROUP, 2, 1), share_none(GROUP, 2)])
@inactives
def test_a_stack_trains_as_each_copy_alone(plan, inactive, backend):
    """Nearly, where PyTorch's kernels see other widths; to the bit in the native engine."""
    recipe = replace(oracle.RECIPE, inactive=inactive)
    stack = backend.net(plan, copies=3)
    events = oracle.run(stack, recipe, Course(), backend)
    nearly = {"rtol": 1e-7, "atol": 1e-9} if backend is oracle.REFERENCE else {"rtol": 0, "atol": 0}
    for copy in range(3):
        alone = SuperNet(plan, stack.shape, stack.data, [Stream(0).fork("init", copy)]).to(backend.dtype)
        own = oracle.run(alone, recipe, Course(), backend)
        assert oracle.trained(own) == oracle.trained(events)
        for ours, theirs in zip(events, own, strict=True):
            if isinstance(theirs, Swept):
                assert torch.equal(ours.accuracy[copy], theirs.accuracy[0])
        for name, value in alone.state_dict().items():
            block = oracle.copy_of(stack.state_dict()[name], 3, copy)
            torch.testing.assert_close(block, value, **nearly)


# ------------------------------------------------------------------ events


@pytest.mark.parametrize(
    "moments", [Moments(), Moments(False), Moments(False, 5), Moments(True, 6), Moments(False, 100)]
)
@pytest.mark.parametrize("snapshots", [(), (1, 3)])
def test_events_come_when_asked_and_in_order(moments, snapshots):
    """40 images in batches of 12: 4 mini-batches an epoch, 3 epochs."""
    events = oracle.run(
        oracle.make_net(share_all(GROUP, 1), copies=2), course=Course(moments=moments, snapshots=snapshots)
    )
    expected = []
    for step in range(1, 13):
        expected.append(("trained", step))
        if step == 12 or (moments.every_epoch and step % 4 == 0) or step > 12 - moments.last_batches:
            expected.append(("swept", step))
        if step % 4 == 0 and step // 4 in snapshots:
            expected.append(("snapshot", step))
    names = {Trained: "trained", Swept: "swept", Snapshot: "snapshot"}
    assert [(names[type(e)], e.step) for e in events] == expected
    assert all(e.accuracy.shape == (2, len(GROUP)) for e in events if isinstance(e, Swept))


@pytest.mark.parametrize("order", ChildOrder)
def test_children_are_visited_in_their_order(order):
    net = oracle.make_net(share_all(GROUP, 1))
    visits = order.visits(len(GROUP), 12, oracle.streams().order)
    assert oracle.trained(oracle.run(net, course=Course(order=order))) == [GROUP[visit] for visit in visits]


@pytest.mark.parametrize("precision", Precision)
def test_sweeps_are_of_the_precision_that_their_moments_say(precision, monkeypatch):
    used, sweep = [], Reference.sweep

    def noted(self, images, labels, children, precision=Precision.FLOAT32):
        used.append(precision)
        return sweep(self, images, labels, children, precision)

    monkeypatch.setattr(Reference, "sweep", noted)
    oracle.run(oracle.make_net(share_all(GROUP, 1)), course=Course(moments=Moments(False, 2, precision=precision)))
    assert used == [precision] * 2


def test_a_sweep_may_take_only_some_images():
    images = oracle.image_set()
    nets = [oracle.make_net(share_all(GROUP, 1)) for _ in range(2)]
    few, everything = (
        [
            event.accuracy
            for event in oracle.run(net, course=Course(sweep_images=count), images=images)
            if isinstance(event, Swept)
        ]
        for net, count in zip(nets, (7, None), strict=True)
    )
    assert all(torch.equal((a * 7).round(), a * 7) for a in few)
    assert any(not torch.equal(a, b) for a, b in zip(few, everything, strict=True))
    oracle.assert_same_tensors(nets[0].state_dict(), nets[1].state_dict())


class Stranger:
    """An engine with nothing but the members of the contract; `idle`: no weight moves."""

    name = "a stranger's"

    def __init__(self, engine: Engine, *, idle: bool) -> None:
        self.net = engine.net
        self.through_pytorch, self.gradients, self.sweep = engine.through_pytorch, engine.gradients, engine.sweep
        self.update = (lambda *_: None) if idle else engine.update


@oracle.backends
@inactives
@pytest.mark.parametrize("idle", [False, True])
def test_a_run_asks_nothing_of_an_engine_but_its_contract(inactive, backend, idle):
    """And weights move in its `update` alone."""
    recipe, plan = replace(oracle.RECIPE, inactive=inactive), share_all(GROUP, 2)
    usual, net = backend.net(plan, copies=2), backend.net(plan, copies=2)
    begun = oracle.state(net)
    oracle.run(usual, recipe, backend=backend)
    strange = oracle.Backend(lambda net: Stranger(backend.engine(net), idle=idle), backend.dtype)
    oracle.run(net, recipe, backend=strange)
    if idle:
        moved = {name for name, value in oracle.state(net).items() if not torch.equal(value, begun[name])}
        assert moved == {name for name, _ in net.named_buffers()}
    else:
        oracle.assert_same_tensors(oracle.state(net), oracle.state(usual))


# ------------------------------------------------------------------ no side effects, no waiting


@oracle.backends
def test_global_generators_are_left_alone(backend):
    with oracle.global_generators_left_alone():
        net = backend.net(share_all(GROUP, 2), copies=2)
        oracle.run(net, course=Course(order=ChildOrder.UNIFORM, snapshots=(1,)), backend=backend)


class HostVisits(TorchDispatchMode):
    """Counts operations that wait for the device: reading a number, sizes that depend on values, copies elsewhere."""

    WAITING = ("_local_scalar_dense", "nonzero", "masked_select", "_unique", "unique_", "_to_copy", "is_nonzero")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.__name__.split(".")[0]
        if name.startswith(self.WAITING):
            self.seen.append(name)
        return func(*args, **(kwargs or {}))


@contextlib.contextmanager
def counting_host_visits(monkeypatch) -> Iterator[list[str]]:
    visits = HostVisits()
    with visits, monkeypatch.context() as patch:
        for name in ("item", "__bool__", "__int__", "__float__", "tolist", "cpu", "numpy"):
            method = getattr(torch.Tensor, name)

            def counted(self, *args, _name=name, _method=method, **kwargs):
                visits.seen.append(_name)
                return _method(self, *args, **kwargs)

            patch.setattr(torch.Tensor, name, counted)
        yield visits.seen


@inactives
def test_a_step_never_waits_for_the_device(monkeypatch, inactive):
    engine, sgd = oracle.warm(share_all(GROUP, 2), inactive, GROUP)
    batch, labels = oracle.random_batch(6)
    with counting_host_visits(monkeypatch) as seen:
        for child in GROUP:
            train_step(engine, sgd, child, batch, labels, 0.05)
    assert seen == []
    with counting_host_visits(monkeypatch) as seen:  # the counter counts
        _ = bool(batch.sum() > 0), labels.tolist(), batch[batch > 0], batch.cpu(), labels.sum().item()
    assert {"__bool__", "tolist", "cpu", "item", "_local_scalar_dense"} <= set(seen)


@inactives
def test_a_whole_run_reads_nothing_back_but_whether_it_is_finite(monkeypatch, inactive):
    """On the device `meta` there are no numbers to read, and no tensor may be elsewhere."""
    looks = []
    monkeypatch.setattr("commonweight.training.loop.require_finite", lambda net, sgd, step: looks.append(step))  # noqa: ARG005
    pixels, labels = oracle.random_arrays(40)
    images = ImageSet(RawImages(pixels, labels, pixels, labels, 4), Augmentation(1, flip=True), device="meta")
    with torch.device("meta"):
        net = SuperNet(share_all(GROUP, 2), NetShape(2, channels=2), DataShape(3, 4), [Stream(0), Stream(1)])
    events = oracle.run(net, replace(oracle.RECIPE, inactive=inactive), Course(), images=images)
    assert len(oracle.trained(events)) == 12
    assert looks == [4, 8, 12]  # once an epoch
    assert all(event.accuracy.device.type == "meta" for event in events if isinstance(event, Swept))


# ------------------------------------------------------------------ errors


def snapshot_of(net) -> Snapshot:
    (snapshot,) = [event for event in oracle.run(net, course=Course(snapshots=(1,))) if isinstance(event, Snapshot)]
    return snapshot


def test_a_snapshot_of_another_plan():
    snapshot = snapshot_of(oracle.make_net(share_all(GROUP, 2)))
    for plan in (share_all(GROUP[:2], 2), share_none(GROUP, 2), share_all(GROUP, 1)):
        with pytest.raises(UsageError, match=r"the snapshot is of another net: units\..* differs; start the net that"):
            oracle.run(oracle.make_net(plan), start=snapshot)


@pytest.mark.parametrize("other", [{"copies": 2}, {"channels": 3}, {"classes": 5}])
def test_a_snapshot_of_another_size(other):
    snapshot = snapshot_of(oracle.make_net(share_all(GROUP, 2)))
    net = oracle.make_net(share_all(GROUP, 2), **other)
    before = oracle.state(net)
    with pytest.raises(UsageError, match=r"the snapshot is of another net: units\..* differs"):
        oracle.run(net, start=snapshot)
    oracle.assert_same_tensors(oracle.state(net), before)


@pytest.mark.parametrize("wrong", ["units.of_nothing", None])
def test_a_snapshot_with_momentum_that_does_not_fit(wrong):
    net = oracle.make_net(share_all(GROUP, 1))
    snapshot = snapshot_of(net)
    name = wrong or next(name for name, value in snapshot.momentum.items() if value.dim() == 4)
    momentum = snapshot.momentum | {name: torch.zeros(1)}
    with pytest.raises(UsageError, match=f"the snapshot is of another net: {name} differs"):
        oracle.run(net, start=replace(snapshot, momentum=momentum))


@pytest.mark.parametrize("step", [12, 13, -1])
def test_a_snapshot_outside_the_run(step):
    net = oracle.make_net(share_all(GROUP, 1))
    snapshot = replace(snapshot_of(net), step=step)
    with pytest.raises(UsageError, match=rf"the snapshot is after mini-batch {step}; a run of 12 cannot go on there"):
        oracle.run(net, start=snapshot)


@pytest.mark.parametrize("epoch", [0, 4, -1])
def test_a_snapshot_wanted_outside_the_run(epoch):
    with pytest.raises(UsageError, match=rf"a snapshot after epoch {epoch} of a run of 3; expected 1 … 3"):
        oracle.run(oracle.make_net(share_all(GROUP, 1)), course=Course(snapshots=(1, epoch)))


def test_more_sweep_images_than_there_are():
    with pytest.raises(UsageError, match="25 validation images asked for; this data set has 1 … 24"):
        oracle.run(oracle.make_net(share_all(GROUP, 1)), course=Course(sweep_images=25))


def test_a_child_that_is_not_in_the_plan():
    engine, sgd = oracle.warm(share_all(GROUP, 1), Inactive.FREEZE, GROUP)
    with pytest.raises(UsageError, match="child 444 is not one of the 5 children"):
        train_step(engine, sgd, PAPER.child("444"), *oracle.random_batch(4), 0.1)


@oracle.backends
@pytest.mark.parametrize(("images", "batch", "trained"), [(5, 2, 2), (5, 4, 1), (1, 2, 0)])
def test_one_image_of_one_pixel_is_refused_by_every_engine(backend, images, batch, trained):
    """Left over by the last mini-batch, or the only image that there is: a recipe has batches of two or more."""
    net = backend.net(share_all(GROUP, 2), copies=2)
    run = train(
        backend.engine(net),
        backend.images(train=images, padding=0, size=1),
        replace(oracle.RECIPE, batch=batch),
        oracle.SILENT,
        oracle.streams(),
    )
    assert [type(next(run)) for _ in range(trained)] == [Trained] * trained
    before = oracle.state(net)
    with pytest.raises(
        UsageError, match=r"^a mini-batch of one image of 1 × 1 pixel has no .*; expected .*: choose [^\n]*$"
    ):
        next(run)
    oracle.assert_same_tensors(oracle.state(net), before)


@oracle.backends
@pytest.mark.parametrize(("images", "batch", "height", "width"), [(4, 2, 1, 1), (3, 2, 1, 2), (3, 2, 2, 1)])
def test_two_pixels_are_enough(backend, images, batch, height, width):
    pixels, labels = oracle.random_arrays(images, size=2)
    pixels, kind = pixels[:, :, :height, :width], type(backend.images())
    few = kind(RawImages(pixels, labels, pixels, labels, 4))
    recipe = replace(oracle.RECIPE, batch=batch)
    events = oracle.run(backend.net(share_all(GROUP, 2)), recipe, backend=backend, images=few)
    assert len(oracle.trained(events)) == 3 * few.batches_per_epoch(batch)
