"""A study that ranks a sample of its space: super-nets train the whole space, and only the sample is validated."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import PAIR, make_job, make_record, tiny_study

from commonweight.errors import StoreError, StudyError
from commonweight.net import sweep
from commonweight.space import convolutions
from commonweight.study.jobs import Population
from commonweight.study.record import ELSEWHERE
from commonweight.study.setting import Member, settle
from commonweight.study.store import Store
from commonweight.study.work import Runtime, Worker, make_engine
from commonweight.training import ChildOrder, Course, Streams, Trained, train

LARGE = {"space__nodes": 3, "space__primitives": [*PAIR, "conv_1x1", "none", "skip_connect"]}  # 15,625 children
SAMPLED = {"sample": {"children": 5}, "training__epochs": 4}


@pytest.fixture(scope="module")
def setting():
    return settle(tiny_study(**SAMPLED))


@pytest.fixture(scope="module")
def job(setting):
    """All children together, in two copies."""
    members = [Member(0), Member(1)]
    conditions = setting.conditions.looking(last_batches=6)
    (made,) = setting.experiment("x", (setting.children,), members, replace(conditions, judged=True)).jobs
    return made


def done(setting, job, store=None):
    work = Worker(setting.study.data, Runtime()).do(job, store or Store("nowhere"))
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_which_children_are_ranked():
    settings = [settle(tiny_study(**LARGE, sample={"children": 40}, seed=seed)) for seed in (1, 1, 2)]
    first, again, other = (setting.children for setting in settings)
    assert first == again != other
    assert len(first) == 40
    assert list(first) == sorted(first)
    assert (settings[0].together, settle(tiny_study()).together) == (15_625, 8)


def test_a_stratified_sample_has_equally_many_of_each_size():
    some = settle(tiny_study(**LARGE, sample={"children": 35, "by": "convolutions"})).children
    assert set(Counter(map(convolutions, some)).values()) == {5}


def test_all_children_together_are_trained_with_the_whole_space(setting, job):
    assert job.population is Population.SPACE
    assert len(job.children) == 5
    assert len(job.plan().children) == 8
    assert job.order is ChildOrder.UNIFORM
    halves = setting.experiment("x", (setting.children[:2], setting.children[2:]), [Member(0)], setting.conditions)
    assert {one.population for one in halves.jobs} == {Population.CHILDREN}
    alone = setting.experiment("x", ((child,) for child in setting.children), [Member(0)], setting.conditions)
    assert {len(one.plan().children) for one in alone.jobs} == {1}
    everything = settle(tiny_study())
    (whole,) = everything.experiment("x", (everything.children,), [Member(0)], everything.conditions).jobs
    assert (whole.population, whole.order) == (Population.CHILDREN, ChildOrder.FIXED)


def test_the_record_is_of_the_sample_in_a_net_that_trained_the_space(setting, job):
    """The same training by hand: drawn children of all eight, and the five validated at each moment."""
    record = done(setting, job).record
    worker = Worker(setting.study.data, Runtime())
    images = worker.images(job.images.augment)
    engine = make_engine(job, images, Runtime())
    visits = ChildOrder.UNIFORM.visits(8, job.mini_batches, job.seeds.stream("order"))
    every, names = [*job.space.children()], list(job.children)
    trained = [every[visit].name for visit in visits]
    assert set(trained) - set(names)  # or the test could not tell
    expected = [names.index(name) if name in names else ELSEWHERE for name in trained]
    assert record.trained.tolist() == [expected[step - 1] for step in record.step]
    record.require_fit(job)
    streams = Streams(*(job.seeds.stream(purpose) for purpose in ("order", "data", "augment")))
    course = Course(job.order, replace(job.moments, every_epoch=False, last_batches=0), 20)
    events = [*train(engine, images, job.training, course, streams)]
    assert [event.child.name for event in events if isinstance(event, Trained)] == trained
    for array, count in ((record.accuracy[:, -1], 20), *((final, 30) for final in record.final.values())):
        whole = sweep(engine.net, *images.validation(count), job.plan().children)
        index = [child.index for child in job.validated]
        torch.testing.assert_close(torch.from_numpy(array), whole[:, index])


def test_an_experiment_reads_who_was_trained(setting, job, tmp_path):
    store, result = Store(tmp_path), done(setting, job)
    store.write(job, result)
    conditions = replace(setting.conditions.looking(last_batches=6), judged=True)
    measured = setting.experiment("x", (setting.children,), [Member(0), Member(1)], conditions).read(store)
    positions = result.record.trained.tolist()
    assert measured.trained.shape == (2, len(positions), 5)
    for moment, position in enumerate(positions):
        expected = [] if position == ELSEWHERE else [position]
        assert np.flatnonzero(measured.trained[0, moment]).tolist() == expected
    assert measured.accuracy.shape == (2, len(positions), 5)


def test_a_child_is_fine_tuned_from_a_net_of_the_whole_space(setting, tmp_path):
    store = Store(tmp_path)
    source = setting.experiment("x", (setting.children,), [Member(0)], replace(setting.conditions, snapshots=(4,)))
    store.write(source.jobs[0], done(setting, source.jobs[0]))
    tuned = setting.finetuned("y", source, 4).jobs[0]
    assert tuned.population is Population.CHILDREN
    assert done(setting, tuned, store).record.accuracy.shape == (1, 3, 1)


def test_a_record_of_its_own_children_alone_trains_nobody_elsewhere():
    for population, fits in (("space", True), ("children", False)):
        job = make_job(population=population)
        record = make_record(job)
        record.trained[0] = ELSEWHERE
        if fits:
            record.require_fit(job)
        else:
            with pytest.raises(StoreError, match=r"trained children are not in 0 … 2"):
                record.require_fit(job)
    record.trained[0] = -2
    with pytest.raises(StoreError, match=r"trained children are not in -1 … 2"):
        record.require_fit(make_job(population="space"))


def test_a_large_space_is_refused_but_for_a_sample():
    with pytest.raises(StudyError, match=r"make 15625 children; .* so 3 … 4096; or rank a sample: sample\.children$"):
        tiny_study(**LARGE)
    more = ["nor_conv_3x3", "sep_conv_5x5", "dil_conv_5x5", "conv_3x3", "avg_pool_3x3"]
    ten = [*LARGE["space__primitives"], *more]
    with pytest.raises(StudyError, match=r"make 1000000 children; .* in super-nets, so 3 … 131072$"):
        tiny_study(space__nodes=3, space__primitives=ten, sample={"children": 5})
    with pytest.raises(StudyError, match=r"sharing\.kind: none with sample\.children, where super-nets train all 8"):
        tiny_study(sample={"children": 5}, sharing={"kind": "none"})
    assert tiny_study(**LARGE, sample={"children": 3}).space.size == 15_625
