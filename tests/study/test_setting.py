"""Experiments as jobs, and back: a hand-made store whose every accuracy says where it belongs."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from tiny import PAIR, all_images, tiny_study, write_idx_folder

from commonweight.errors import ResultMissing, StoreError, StudyError
from commonweight.paper.artefacts import catalogue
from commonweight.sharing import at_random, similar, singletons
from commonweight.study.jobs import FinalAccuracy
from commonweight.study.record import Record, Result
from commonweight.study.setting import Experiment, Member, Setting, settle
from commonweight.study.store import Store
from commonweight.training import ChildOrder


def setting(**overrides):
    """A setting without images: 128 of them for training."""
    return Setting(tiny_study(**overrides), "f" * 64, (7, 7), 128, 20, 30)


def value(child_index, init, order, moment, judged=False):
    """An accuracy that names its place: no two places have the same."""
    return (child_index * 1000 + init * 100 + order * 10 + moment * 2 + judged) / 10**5


def fill(store, experiment, index):
    """Records for all jobs of the experiment; `index` gives the place of a child's name."""
    for job in experiment.jobs:
        accuracy = np.array(
            [
                [[value(index[name], init, job.seeds.order, moment) for name in job.children] for moment in (0, 1)]
                for init in job.seeds.init
            ]
        )
        final = {}
        if job.images.judge_images:
            final[FinalAccuracy.JUDGED] = np.array(
                [[value(index[n], init, job.seeds.order, 1, True) for n in job.children] for init in job.seeds.init]
            )
        store.write(job, Result(Record(accuracy, np.array([2, 4]), np.array([0, 0]), final)))


def indexes(some):
    return {child.name: child.index for child in some.children}


PARTITIONS = {
    "together": lambda children: (children,),
    "random 3": lambda children: at_random(children, 3, np.random.default_rng(5)),
    "similar 4": lambda children: similar(children, 4),
    "alone": singletons,
}
MEMBERS = {
    "seeds": [Member(init) for init in (0, 1, 2, 3, 4)],
    "orders": [Member(0, order) for order in (0, 1, 2)],
    "both": [Member(1, 1), Member(0, 0), Member(2, 1), Member(1, 0), Member(0, 1)],
    "data orders": [Member(0), Member(1, 0, 2), Member(2, 0, 3), Member(3, 0, 2)],
}


@pytest.mark.parametrize("partition", PARTITIONS)
@pytest.mark.parametrize("members", MEMBERS)
@pytest.mark.parametrize("stack", [1, 2, 10])
@pytest.mark.parametrize("judged", [False, True])
def test_parts_cover_every_child_once_and_are_read_back_in_their_place(tmp_path, partition, members, stack, judged):
    some, group = setting(experiments__stack=stack), MEMBERS[members]
    conditions = replace(some.conditions, judged=judged)
    experiment = some.experiment("x", PARTITIONS[partition](some.children), group, conditions)
    for member, parts in zip(group, experiment.instances, strict=True):
        names = [name for part in parts for name in part.job.children]
        assert sorted(names) == [child.name for child in some.children]
        for part in parts:
            assert part.job.seeds.init[part.copy] == member.init
            assert part.job.seeds.order == (member.order if len(part.job.children) > 1 else 0)
            assert part.job.copies <= stack
            assert (part.job.seeds.data, part.job.seeds.augment) == (member.data, member.data)
            assert part.job.images.judge_images == (30 if judged else None)
    fill(Store(tmp_path), experiment, indexes(some))
    measured = experiment.read(Store(tmp_path))
    assert measured.step.tolist() == [2, 4]
    order_counts = partition != "alone"
    expected = [
        [[value(child, m.init, m.order * order_counts, moment) for child in range(8)] for moment in (0, 1)]
        for m in group
    ]
    assert np.array_equal(measured.accuracy, expected)
    if judged:
        expected = [[value(child, m.init, m.order * order_counts, 1, True) for child in range(8)] for m in group]
        assert np.array_equal(measured.final[FinalAccuracy.JUDGED], expected)
    else:
        assert measured.final == {}


@pytest.mark.parametrize(("stack", "jobs"), [(1, 5), (2, 3), (3, 2), (4, 2), (5, 1), (99, 1)])
def test_instances_that_differ_in_their_initialisation_are_stacked(stack, jobs):
    some = setting(experiments__stack=stack, experiments__instances=5, experiments__ground_truth_seeds=5)
    built = {name: make() for name, make in catalogue(some).items()}
    assert len(built["seeds"].jobs) == jobs
    assert len(built["ground-truth"].jobs) == 8 * jobs
    assert len(built["orders"].jobs) == len(built["orders-shuffled"].jobs) == 5  # each order is its own job
    assert built["orders"].instances[0] == built["seeds"].instances[0]  # trained once
    for name in ("seeds", "ground-truth"):
        inits = [init for job in built[name].jobs for init in job.seeds.init]
        assert sorted(inits) == sorted(list(range(5)) * (len(inits) // 5))


@pytest.mark.parametrize("primitives", [PAIR, [*PAIR, "skip_connect"]])  # 8 children; 27, some of them groups of one
def test_what_two_experiments_share_is_one_job(primitives):
    some = setting(experiments__stack=1, experiments__instances=2, space__primitives=primitives)
    built = {name: make() for name, make in catalogue(some).items()}
    trainings = {}
    looks = ("moments", "snapshots", "calibration_batches")
    for experiment in built.values():
        for job in experiment.jobs:
            content = {k: v for k, v in job.model_dump(mode="json").items() if k not in looks}
            content["images"].pop("judge_images")
            trainings.setdefault(str(content), set()).add(job.id)
    assert all(len(ids) == 1 for ids in trainings.values())  # nothing is trained twice to look at it otherwise


def test_a_child_alone_is_one_job_under_every_order():
    some = setting()
    groups = singletons(some.children)
    members = [Member(0, order) for order in (0, 1)]
    fixed, shuffled = (
        some.experiment("x", groups, members, replace(some.conditions, order=order))
        for order in (ChildOrder.FIXED, ChildOrder.SHUFFLED)
    )
    assert [job.id for job in fixed.jobs] == [job.id for job in shuffled.jobs]
    assert len(fixed.jobs) == 8
    assert fixed.instances[0] == fixed.instances[1]


def test_children_of_ten_primitives_are_read_in_lexicographic_order(tmp_path):
    """Names are 1 … 10 there: as text, 10 would come before 2."""
    primitives = ["max_pool_3x3", "avg_pool_3x3", "skip_connect", "sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7"]
    primitives += ["dil_conv_3x3", "dil_conv_5x5", "conv_1x1", "conv_3x3"]
    some = setting(space__nodes=1, space__primitives=primitives)
    experiment = some.experiment("x", similar(some.children, 2), [Member(0)], replace(some.conditions, judged=True))
    fill(Store(tmp_path), experiment, indexes(some))
    measured = experiment.read(Store(tmp_path))
    assert measured.accuracy[0, 1].tolist() == [value(child, 0, 0, 1) for child in range(10)]
    assert measured.final[FinalAccuracy.JUDGED][0].tolist() == [value(child, 0, 0, 1, True) for child in range(10)]


@pytest.mark.parametrize("name", ["seeds", "orders", "orders-shuffled", "ground-truth", "random-2", "similar-4"])
def test_moments_and_who_was_trained_are_read_back_in_their_place(tmp_path, name):
    """Jobs of one experiment may look at other moments (the first of `orders` is one of `seeds`)."""
    some, store = setting(training__epochs=10, experiments__instances=3), Store(tmp_path)
    experiment, index = catalogue(some)[name](), indexes(some)
    for job in experiment.jobs:
        rng, steps = np.random.default_rng(int(job.id, 16)), np.array(sorted(moments_of(job)))
        accuracy = rng.random((job.copies, len(steps), len(job.children)))
        judged = [FinalAccuracy.JUDGED] if job.images.judge_images else []
        others = [FinalAccuracy.UNDER_BATCH_STATISTICS, FinalAccuracy.RECALIBRATED] if job.calibration_batches else []
        final = {which: rng.random((job.copies, len(job.children))) for which in judged + others}
        trained = rng.integers(0, len(job.children), len(steps))
        store.write(job, Result(Record(accuracy, steps, trained, final)))
    measured = experiment.read(store)
    common = set.intersection(*(set(moments_of(job)) for job in experiment.jobs))
    assert measured.step.tolist() == sorted(common)
    for instance, parts in enumerate(experiment.instances):
        for part in parts:
            record = store.read(part.job)
            for moment, step in enumerate(measured.step):
                at = record.step.tolist().index(step)
                for place, child in enumerate(part.job.children):
                    assert measured.accuracy[instance, moment, index[child]] == record.accuracy[part.copy, at, place]
                    assert measured.trained[instance, moment, index[child]] == (record.trained[at] == place)
            for which, final in measured.final.items():
                for place, child in enumerate(part.job.children):
                    assert final[instance, index[child]] == record.final[which][part.copy, place]
    asked = {"ground-truth": {FinalAccuracy.JUDGED}, "seeds": set(FinalAccuracy) - {FinalAccuracy.JUDGED}}
    assert set(measured.final) == asked.get(name, set())


def moments_of(job):
    return job.moments.steps(job.mini_batches, job.batches_per_epoch)


@pytest.mark.parametrize("alone_epochs", [3, 5])
def test_runs_of_several_lengths_are_read_from_their_ends(tmp_path, alone_epochs):
    """A group's accuracies at its own t-th last mini-batch (paper §4.2): an epoch has 2, super-nets 4 of them."""
    some = setting(training__epochs=4)
    looking = some.conditions.looking(every_epoch=False, last_batches=3)
    alone = replace(looking, training=replace(looking.training, epochs=alone_epochs))
    children = some.children
    lonely = some.experiment("x", (children[:1],), [Member(0)], alone)
    together = some.experiment("x", (children[1:4], children[4:]), [Member(0)], looking)
    experiment, store = Experiment("x", (lonely.instances[0] + together.instances[0],)), Store(tmp_path)
    assert [job.mini_batches for job in experiment.jobs] == [2 * alone_epochs, 8, 8]
    for job in experiment.jobs:
        place = np.array([child.index for child in children if child.name in job.children])
        step = np.arange(job.mini_batches - 2, job.mini_batches + 1)
        accuracy = (10 * place + (job.mini_batches - step)[:, None]) / 100  # who, and how many before the end
        store.write(job, Result(Record(accuracy[None], step, np.zeros(3, dtype=np.int64))))
    measured = experiment.read(store)
    assert measured.step.tolist() == [6, 7, 8]
    assert (100 * measured.accuracy).round() == pytest.approx(10 * np.arange(8) + np.array([[[2], [1], [0]]]))
    assert measured.trained[0].nonzero()[1].tolist() == 3 * [0, 1, 4]


def test_missing_and_disagreeing_jobs(tmp_path):
    some, store = setting(), Store(tmp_path)
    experiment = some.experiment("x", similar(some.children, 2), [Member(0)], some.conditions)
    with pytest.raises(ResultMissing, match=r"job [0-9a-f]{16} .* has no result"):
        experiment.read(store)
    fill(store, experiment, indexes(some))
    last = experiment.jobs[-1]
    earlier = replace(store.read(last), step=np.array([1, 4]))
    shutil.rmtree(store.folder(last.id))
    store.write(last, Result(earlier))
    with pytest.raises(StoreError, match="experiment x: its jobs were swept at different moments"):
        experiment.read(store)


def test_settle_settles_what_none_means(tmp_path):
    data = all_images("idx", write_idx_folder(tmp_path, train=60, validation=24)) | {"train_images": 50}
    found = settle(tiny_study(data=data))
    assert (found.train_images, found.sweep_images, found.judge_images) == (50, 24, 24)
    assert found.image_size == (7, 7)
    found = settle(tiny_study(data=data | {"sweep_images": 5, "judge_images": 6, "resize": 3}))
    assert (found.sweep_images, found.judge_images, found.image_size) == (5, 6, (3, 3))
    assert (
        len({settle(tiny_study(data=data | more)).fingerprint for more in ({}, {"resize": 3}, {"train_images": 49})})
        == 3
    )
    with pytest.raises(StudyError, match="61"):
        settle(tiny_study(data=data | {"train_images": 61}))


def test_the_jobs_say_what_the_study_says():
    some = setting(training__epochs=5, seed=9, data__augment={"padding": 2, "flip": True}, net__combine="sum")
    for name, make in catalogue(some).items():
        for job in make().jobs:
            assert job.space == some.study.space
            if name in ("seeds", "orders", "orders-shuffled", "ground-truth"):
                assert (job.net, job.training) == (some.study.net, some.study.training)
                assert set(range(2, 11, 2)) <= job.moments.steps(job.mini_batches, job.batches_per_epoch)
            assert job.seeds.study == 9
            assert job.images.augment == some.study.data.augment
            assert (job.images.fingerprint, job.images.train_images, job.images.sweep_images) == ("f" * 64, 128, 20)
            tuned = int(name.startswith("finetuned"))
            if name != "other-data-order":  # of which test_experiments.py of paper/ says more
                assert (job.seeds.data, job.seeds.augment) == (tuned, tuned)


def test_a_studys_own_sharing_is_that_of_its_super_nets():
    """Where an experiment does not say another one; and a child alone shares with nobody."""
    own = {"kind": "all-but", "kinds": ["norm"]}
    for name, make in catalogue(setting(training__epochs=5, sharing=own)).items():
        for job in make().jobs:
            says = name.startswith(("prefix", "unshared", "only"))
            if len(job.children) == 1:
                assert job.sharing.kind == "all"
            elif not says:
                assert job.sharing.model_dump(mode="json") == {
                    "kind": "all-but",
                    "k": None,
                    "kinds": ["norm"],
                    "edges": [],
                }


def test_jobs_are_called_after_the_experiment_and_what_they_are_in_it():
    some = setting(experiments__stack=2)
    members = [Member(init) for init in range(3)] + [Member(0, order=1)]
    whole = some.experiment("all", [some.children], members, some.conditions)
    assert list(whole.labels().values()) == ["all, copies 1–2", "all, instance 3", "all, instance 4"]
    assert whole.labels().keys() == {job.id for job in whole.jobs}
    halves = some.experiment("halves", similar(some.children, 2), members[:2], some.conditions)
    assert list(halves.labels().values()) == ["halves, group 1 of 2, copies 1–2", "halves, group 2 of 2, copies 1–2"]
    alone = some.experiment("alone", [(child,) for child in some.children], members[:1], some.conditions)
    assert list(alone.labels().values()) == [f"alone, child {child.name}, instance 1" for child in some.children]
    one_of_two = Experiment("orders", whole.instances[1:2])
    assert list(one_of_two.labels().values()) == ["orders, instance 1 (of 2 copies)"]
