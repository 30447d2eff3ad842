"""What jobs cost: measured by a clock that only the work moves, counted by hand; and by the engines themselves."""

import importlib
from collections import Counter
from dataclasses import replace

import oracle
import pytest
from tiny import PAIR, make_job, tiny_study
from torch import nn

from commonweight.net import find_library, register_primitive
from commonweight.paper import artefacts, needed
from commonweight.space import SearchSpace
from commonweight.study import calibration
from commonweight.study.calibration import Cost, Estimate, estimate, spread_out
from commonweight.study.inventory import Inventory, take_inventory
from commonweight.study.jobs import Job
from commonweight.study.setting import settle
from commonweight.study.store import Store
from commonweight.study.work import Runtime, Worker, make_engine

registry = importlib.import_module("commonweight.net.primitives")


@pytest.fixture(scope="module")
def setting():
    return settle(tiny_study(experiments__instances=3, experiments__stack=1))


def job_of(setting, children=("111", "112", "221"), **fields):
    """A job of children of the tiny space, or of another, on the study's images."""
    images = {
        "fingerprint": setting.fingerprint,
        "train_images": 128,
        "augment": {"padding": 0, "flip": False},
        "sweep_images": 20,
        "judge_images": 30,
    }
    return make_job(children, **{"images": images} | fields).normalised()


# ------------------------------------------------------------------ by a clock that only the work moves


class World:
    """Engines that do nothing but take their time: so many seconds of an image for each digit of its child.

    The machine is busy with other things: of three runs of a work only the second is as quick as the work itself.
    """

    LATE = (10, 1, 7)
    OTHER_STATISTICS = 7e-6  # of an image through a child
    BFLOAT16 = 3  # times as long as float32

    def __init__(self):
        self.training = {1: 1e-5, 2: 3e-5, 3: 1e-5, 4: 1e-5}
        self.validation = {1: 2e-6, 2: 5e-6, 3: 1e-6, 4: 1e-6}
        self.now = 0.0
        self.calls = Counter()
        self.engines, self.trained, self.swept, self.batches = [], set(), [], []

    def process_time(self):
        return self.now

    def take(self, what, seconds):
        self.now += seconds * self.LATE[self.calls[what] % len(self.LATE)]
        self.calls[what] += 1

    def make_engine(self, job, images, runtime, plan):
        self.engines.append(Clockwork(self, make_engine(job, images, runtime, plan).net))
        return self.engines[-1]

    def sweep_under(self, net, how, images, labels, children, batch, calibration):  # noqa: ARG002, PLR0917
        recalibration = sum(map(len, calibration)) if how.value == "recalibrated" else 0
        self.take((net, how), self.OTHER_STATISTICS * (len(images) + recalibration) * len(children))


class Clockwork:
    name = "clockwork"

    def __init__(self, world, net):
        self.world, self.net = world, net

    def through_pytorch(self):
        return ()

    def gradients(self, images, labels, child):  # noqa: ARG002
        self.world.trained.add(child)
        self.world.batches.append(len(images))
        self.world.take((self, child), len(images) * sum(self.world.training[digit] for digit in child.digits))
        return []

    def update(self, moves, lr, momentum, weight_decay):  # noqa: ARG002
        assert moves == []

    def sweep(self, images, labels, children, precision):  # noqa: ARG002
        self.world.swept.append(children)
        seconds = sum(self.world.validation[digit] for child in children for digit in child.digits)
        times = self.world.BFLOAT16 if precision.value == "bfloat16" else 1
        self.world.take((self, *children), times * len(images) * seconds)


@pytest.fixture
def world(monkeypatch):
    world = World()
    monkeypatch.setattr(calibration, "time", world)
    monkeypatch.setattr(calibration, "make_engine", world.make_engine)
    monkeypatch.setattr(calibration, "sweep_under", world.sweep_under)
    return world


def costs_of(setting, *jobs):
    found = estimate(jobs, Worker(setting.study.data, Runtime()))
    assert found.engine == "clockwork"
    return [found.costs[job.id] for job in jobs]


@pytest.mark.usefixtures("world")
def test_costs_are_those_of_the_mean_child_times_the_work(setting):
    job = job_of(setting, moments={"every_epoch": True, "last_batches": 2})
    (cost,) = costs_of(setting, job)
    image = 3 / 2 * (2e-6 + 5e-6)  # three edges, on which two primitives are equally often
    assert cost.mini_batches == 6
    assert cost.moments == (2, 4, 5, 6)
    assert cost.mini_batch == pytest.approx(64 * 3 / 2 * (1e-5 + 3e-5))
    assert cost.sweep == pytest.approx(3 * 20 * image)
    assert cost.end == pytest.approx(3 * 30 * image)
    assert cost.seconds == pytest.approx(6 * cost.mini_batch + 4 * cost.sweep + cost.end)


def test_the_ratio_of_sweeps_to_training_is_measured(setting, world):
    (first,) = costs_of(setting, job_of(setting))
    world.validation = {digit: 2 * seconds for digit, seconds in world.validation.items()}
    (second,) = costs_of(setting, job_of(setting))
    assert second.mini_batch == pytest.approx(first.mini_batch)
    assert second.sweep == pytest.approx(2 * first.sweep)


@pytest.mark.usefixtures("world")
def test_sweeps_in_another_precision_take_their_own_time_and_one_more_in_float32(setting):
    rough = {"precision": "bfloat16"}
    plain, other = costs_of(setting, job_of(setting), job_of(setting, moments=rough))
    assert other.sweep == pytest.approx(World.BFLOAT16 * plain.sweep)
    assert other.end == pytest.approx(plain.end + plain.sweep)
    plain, other = costs_of(setting, job_of(setting, ["111"]), job_of(setting, ["111"], moments=rough))
    assert other.sweep == pytest.approx(World.BFLOAT16 * plain.sweep)
    assert other.end == pytest.approx(plain.end)  # a child alone has no order that could change


@pytest.mark.usefixtures("world")
def test_accuracies_under_other_statistics_are_part_of_the_end(setting):
    plain, more = costs_of(setting, job_of(setting), job_of(setting, calibration_batches=2))
    assert more.end - plain.end == pytest.approx(3 * World.OTHER_STATISTICS * (20 + 20 + 2 * 64))
    assert (plain.mini_batch, plain.sweep) == (more.mini_batch, more.sweep)


def test_large_batches_are_measured_in_part(setting, world, monkeypatch):
    monkeypatch.setattr(calibration, "IMAGE_FLOATS", 50 * 2 * 7 * 7)
    training = {"epochs": 3, "batch": 128}
    (cost,) = costs_of(setting, job_of(setting, training=training))
    assert cost.mini_batch == pytest.approx(128 * 3 / 2 * (1e-5 + 3e-5))
    assert set(world.batches) == {50}  # never what is left of an epoch, 28


def test_a_few_children_speak_for_thousands(setting, world):
    """Whatever jobs ask: 4,096 at once, or each alone."""
    space = {"nodes": 3, "primitives": [*PAIR, "skip_connect", "none"]}
    names = [child.name for child in SearchSpace(**space).children()]
    assert len(names) == 4096
    jobs = [job_of(setting, names, space=space), *(job_of(setting, [name], space=space) for name in names[:50])]
    costs = costs_of(setting, *jobs)
    assert len(world.trained) == 4
    assert max(map(len, world.swept)) == 32 == calibration.SWEEP_CHILDREN
    assert max(len(engine.net.plan.children) for engine in world.engines) == 32
    assert len(world.engines) == 4  # one looked at, one trained, two swept
    assert len({id(cost.moments) for cost in costs}) == 1  # all look at the same
    image = 6 / 4 * (2e-6 + 5e-6 + 1e-6 + 1e-6)
    assert costs[0].sweep == pytest.approx(4096 * 20 * image, rel=0.1)
    assert costs[1].sweep == pytest.approx(20 * image)
    assert costs[1].mini_batch == pytest.approx(64 * 6 / 4 * 6e-5)


@pytest.mark.parametrize(("times", "runs"), [(10, 2), (200, 1)])
def test_what_takes_long_is_not_measured_often(setting, world, times, runs):
    world.LATE = (1,)
    world.training = {digit: times * seconds for digit, seconds in world.training.items()}
    (cost,) = costs_of(setting, job_of(setting))
    assert len(world.batches) == 2 * runs  # of two children
    assert cost.mini_batch == pytest.approx(times * 64 * 3 / 2 * (1e-5 + 3e-5))


@pytest.mark.parametrize(("nodes", "primitives", "count"), [(2, 4, 1), (2, 4, 16), (2, 4, 64), (1, 1, 5), (3, 5, 30)])
def test_children_are_spread_out(nodes, primitives, count):
    names = ("max_pool_3x3", "sep_conv_3x3", "skip_connect", "none", "conv_1x1")[:primitives]
    space = SearchSpace(nodes, names)
    children = spread_out(space, count)
    assert len(set(children)) == len(children) >= min(count, space.size)
    assert len(children) < count + primitives
    for edge in range(len(space.edges)):
        often = Counter(child.digits[edge] for child in children)
        assert len(often) == primitives
        assert max(often.values()) - min(often.values()) <= (0 if count in (1, 64) else 3)


# ------------------------------------------------------------------ a job on its way

COST = Cost(mini_batches=10, moments=(4, 8, 9, 10), mini_batch=2.0, sweep=5.0, end=7.0)


def test_a_job_on_its_way_step_by_step():
    """Against the story of the job, told one thing after another."""
    clock, trained, swept = 0.0, {0: 0.0}, {}
    for step in range(1, 11):
        clock += 2
        trained[step] = clock
        if step in COST.moments:
            clock += 5
            swept[step] = clock
    swept[10] += 7  # after the last sweep the job ends
    assert COST.seconds == swept[10]
    for done in range(11):
        assert COST.after(done) == trained[done]
        assert COST.next_sweep_over(done) == min(time for step, time in swept.items() if step >= done)
        assert COST.sweeps(done) == sum(step < done for step in swept)


def test_all_jobs_of_an_inventory_one_after_its_source():
    first, second = make_job(snapshots=[1]), make_job(["111"])
    third = make_job(start={"job": first.id, "epoch": 1})
    seconds = {first.id: 3.0, second.id: 2.0, third.id: 4.0}
    found = Estimate({job: Cost(1, (1,), time, 0.0, 0.0) for job, time in seconds.items()})
    inventory = Inventory((), (first, second, third), {})
    assert found.seconds(inventory, 1) == found.seconds(inventory, 0) == 9
    assert found.seconds(inventory, 2) == 3 + 4
    slow = Estimate(found.costs | {second.id: Cost(1, (1,), 6.0, 0.0, 0.0)})
    assert slow.seconds(inventory, 2) == 3 + 4  # the third has not waited for the second
    assert found.seconds(Inventory((first,), (third,), {}), 2) == 4


# ------------------------------------------------------------------ by the engines


def test_estimate_is_positive_and_grows_with_the_work(setting):
    experiments = needed(artefacts((), setting)[0], setting)
    jobs = take_inventory(experiments.values(), Store("nowhere")).missing
    worker = Worker(setting.study.data, Runtime())
    found = estimate(jobs, worker)
    assert found.costs.keys() == {job.id for job in jobs}
    assert all(0 < cost.seconds < 60 for cost in found.costs.values())
    jobs = [job for job in jobs if job.start is None]  # fine-tuning is as long as it is, whatever the epochs
    some = jobs[0], next(job for job in jobs if len(job.children) == 1)
    longer = [Job.model_validate(job.model_dump() | {"training": replace(job.training, epochs=20)}) for job in some]
    assert {len(job.children) for job in longer} == {1, 8}
    found = estimate([*some, *longer], worker)  # each kind of work is measured once for all of them
    for short, long in zip(some, longer, strict=True):
        assert found.costs[short.id].seconds < found.costs[long.id].seconds
    assert estimate([], worker) == Estimate({}, None, ())


@oracle.libraries
def test_an_estimate_is_of_the_build_that_will_run(setting, monkeypatch, library):
    monkeypatch.setenv("COMMONWEIGHT_NATIVE", library.flavour)
    find_library.cache_clear()
    try:
        found = estimate([job_of(setting)], Worker(setting.study.data, Runtime()))
        other = estimate([job_of(setting)], Worker(setting.study.data, Runtime(engine="reference")))
    finally:
        find_library.cache_clear()
    assert (found.engine, other.engine) == (f"native {library.flavour}", "reference")


@oracle.needs_native
def test_primitives_without_a_kernel_are_named(setting, monkeypatch):
    monkeypatch.setattr(registry, "_PRIMITIVES", dict(registry._PRIMITIVES))
    register_primitive("squash", lambda _: nn.Tanh())
    space = {"nodes": 2, "primitives": ["max_pool_3x3", "squash", "conv_1x1"]}
    jobs = [job_of(setting), job_of(setting, space=space)]
    for engine, left in (("auto", ("squash",)), ("reference", ())):
        found = estimate(jobs, Worker(setting.study.data, Runtime(engine=engine)))
        assert found.through_pytorch == left
    assert estimate(jobs[:1], Worker(setting.study.data, Runtime())).through_pytorch == ()
