"""What fine-tuning starts from, by the weights it ends with; and that every stack of copies sees the same images."""

import hashlib
import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import tiny_study

from commonweight.sharing import singletons
from commonweight.study.jobs import Job
from commonweight.study.record import Result
from commonweight.study.setting import Member, settle
from commonweight.study.store import Store
from commonweight.study.work import Runtime, Worker, make_engine
from commonweight.training import ChildOrder, ImageSet

EPOCHS, PER_EPOCH, BATCH, TUNED = 8, 8, 16, 16
LR, LR_MIN = 0.025, 0.001
RUNTIME = Runtime(engine="reference")


@pytest.fixture(scope="module")
def setting():
    """8 children that share everything for 64 mini-batches, eight each; fine-tuning takes two epochs."""
    training = {"epochs": EPOCHS, "batch": BATCH, "lr": LR, "lr_min": LR_MIN}
    experiments = {"instances": 3, "stack": 2, "last_epochs": 2, "finetune_batches": TUNED}
    augment = {"padding": 1, "flip": True}
    return settle(tiny_study(training=training, experiments=experiments, data__augment=augment))


@pytest.fixture(scope="module")
def worker(setting):
    return Worker(setting.study.data, RUNTIME)


def done(worker, job, store) -> Result:
    work = worker.do(job, store)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def changed(job, **fields):
    return Job.model_validate(job.model_dump(mode="json") | fields)


def shared(setting, members, **conditions):
    """All children under one super-net, as the experiments on seeds and orders have it."""
    these = replace(setting.conditions, **({"order": ChildOrder.SHUFFLED} | conditions))
    return setting.experiment("shared", (setting.children,), members, these)


@pytest.fixture(scope="module")
def source(setting, worker, tmp_path_factory):
    """Super-nets stored with their snapshots half-way and at the end."""
    experiment = shared(setting, [Member(init) for init in range(3)], snapshots=(EPOCHS // 2, EPOCHS))
    store = Store(tmp_path_factory.mktemp("source"))
    for job in experiment.jobs:
        store.write(job, done(worker, job, store))
    return experiment, store


# ------------------------------------------------------------------ weights, momentum, learning rate


def load(net, arrays):
    net.load_state_dict(
        {k.removeprefix("weights/"): torch.from_numpy(a) for k, a in arrays.items() if k.startswith("weights/")}
    )


def state_of(net, child):
    """Weights and statistics of what the child uses, in the order of its path."""
    path = net.path(child)
    modules = [path.stem, *(module for cell in path.cells for module in (cell.pre, *cell.edges)), path.head]
    return [tensor.detach().clone() for m in modules for tensor in (*m.parameters(), *m.buffers())]


def by_hand(job, store, images, lrs, *, keep_momentum=False):
    """The child trained on in the parent's own net by PyTorch's optimiser, one learning rate for each epoch."""
    parent = store.job(job.start.job)
    arrays = store.read_snapshot(parent, f"epoch-{job.start.epoch}")
    net = make_engine(parent, images, RUNTIME).net
    load(net, arrays)
    child = net.plan.space.child(job.children[0])
    parameters = net.path(child).parameters
    optimiser = torch.optim.SGD(parameters, lr=1, momentum=0.9, weight_decay=1e-3)
    names = {parameter: f"momentum/{name}" for name, parameter in net.named_parameters()}
    for parameter in parameters if keep_momentum else ():
        optimiser.state[parameter]["momentum_buffer"] = torch.tensor(arrays[names[parameter]])
    net.train()
    for epoch, lr in enumerate(lrs):
        optimiser.param_groups[0]["lr"] = lr
        streams = (job.seeds.stream(purpose).fork(epoch) for purpose in ("data", "augment"))
        for batch, labels in images.epoch(BATCH, *streams):
            optimiser.zero_grad()
            sum(torch.nn.functional.cross_entropy(logits, labels) for logits in net(batch, child)).backward()
            optimiser.step()
    return state_of(net, child)


def difference(first, second):
    """The largest difference of two states, in the largest deviation of a weight from another of its tensor."""
    assert len(first) == len(second)
    return max(float((a - b).abs().max() / a.std().clamp_min(1e-3)) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("epoch", [EPOCHS // 2, EPOCHS])
@pytest.mark.parametrize("name", ["111", "212", "222"])
def test_fine_tuning_goes_on_from_the_snapshot_with_fresh_momentum_and_its_constant_rate(
    setting, worker, source, epoch, name
):
    experiment, store = source
    tuned = setting.finetuned("tuned", experiment, epoch)
    images = worker.images(setting.study.data.augment)
    lr = LR_MIN + (LR - LR_MIN) * (1 + math.cos(math.pi * (epoch - 1) / EPOCHS)) / 2
    for parent in experiment.jobs:
        (job,) = [job for job in tuned.jobs if job.children == (name,) and job.start.job == parent.id]
        ends = {}
        for start, one in (
            ("snapshot", changed(job, snapshots=[2])),
            ("scratch", changed(job, snapshots=[2], start=None)),
        ):
            net = make_engine(one, images, RUNTIME).net
            load(net, done(worker, one, store).snapshots["epoch-2"])
            ends[start] = state_of(net, net.plan.children[0])
        expected = by_hand(job, store, images, [lr, lr])
        assert difference(ends["snapshot"], expected) < 1e-3
        others = {
            "scratch": ends["scratch"],
            "kept momentum": by_hand(job, store, images, [lr, lr], keep_momentum=True),
            "a falling rate": by_hand(job, store, images, [lr, (lr + LR_MIN) / 2]),
            "the next epoch's rate": by_hand(job, store, images, [lr * 0.9] * 2),
        }
        for why, other in others.items():
            assert difference(ends["snapshot"], other) > 1e-2, why


# ------------------------------------------------------------------ stacks see the same images


def seen(monkeypatch, worker, job, store):
    """A digest of the images and labels of each mini-batch that the job trains on."""
    digests, epoch = [], ImageSet.epoch

    def watched(*args, **named):
        for images, labels in epoch(*args, **named):
            digests.append(hashlib.sha256(images.numpy().tobytes() + labels.numpy().tobytes()).hexdigest())
            yield images, labels

    with monkeypatch.context() as patch:
        patch.setattr(ImageSet, "epoch", watched)
        done(worker, job, store)
    assert len(digests) == job.mini_batches
    return digests


def test_every_instance_sees_the_same_images_in_the_same_order_whatever_its_stack(monkeypatch, setting, worker, source):
    """Seeds in stacks of two and one, orders in jobs of their own, and children alone in stacks again."""
    store = source[1]
    inits, orders = [Member(init) for init in range(3)], [Member(0, order) for order in range(3)]
    alone = setting.experiment("alone", singletons(setting.children)[:2], inits, setting.conditions)
    jobs = [*shared(setting, inits).jobs, *shared(setting, orders).jobs, *alone.jobs]
    assert [job.copies for job in jobs] == [2, 1, 1, 1, 1, 2, 2, 1, 1]
    first, *others = (seen(monkeypatch, worker, job, store) for job in jobs)
    assert len(set(first)) == EPOCHS * PER_EPOCH  # no epoch repeats another
    assert all(other == first for other in others)


def test_every_fine_tuned_child_sees_the_same_images_and_none_of_its_super_nets_batches(
    monkeypatch, setting, worker, source
):
    experiment, store = source
    tuned = [
        job
        for epoch in (EPOCHS // 2, EPOCHS)
        for job in setting.finetuned("tuned", experiment, epoch).jobs
        if job.children[0] in ("111", "222")
    ]
    assert [job.copies for job in tuned] == [2, 2, 1, 1] * 2
    first, *others = (seen(monkeypatch, worker, job, store) for job in tuned)
    assert all(other == first for other in others)
    assert not set(first) & set(seen(monkeypatch, worker, experiment.jobs[0], store))


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_an_instance_has_the_weights_that_it_has_in_any_other_stack(setting, tmp_path, engine):
    """Trained for an epoch: rounding, which later magnifies, differs between widths in PyTorch."""
    worker, weights = Worker(setting.study.data, Runtime(engine=engine)), []
    for stack in (1, 2, 3):
        study = setting.study.model_copy(
            update={"experiments": setting.study.experiments.model_copy(update={"stack": stack})}
        )
        experiment = shared(replace(setting, study=study), [Member(init) for init in range(3)], snapshots=(1,))
        ends = {job.id: done(worker, changed(job, stop_after=PER_EPOCH), Store(tmp_path)) for job in experiment.jobs}
        assert len(ends) == {1: 3, 2: 2, 3: 1}[stack]
        weights.append([])
        for (part,) in experiment.instances:
            arrays = ends[part.job.id].snapshots["epoch-1"]
            weights[-1].append({name: np.split(array, part.job.copies)[part.copy] for name, array in arrays.items()})
    alone, *stacked = weights
    for instances in stacked:
        for one, other in zip(alone, instances, strict=True):
            assert one.keys() == other.keys()
            for name, array in one.items():
                np.testing.assert_allclose(other[name], array, rtol=1e-3, atol=1e-4)
    assert not np.allclose(*(instance["weights/units.stem::0.0.weight"] for instance in alone[:2]), atol=1e-2)
