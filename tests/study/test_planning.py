"""What is there, what is missing, and in which turns it is done."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import flip_accuracy, make_job, make_record, tiny_study

from commonweight.paper import artefacts, named, needed
from commonweight.study.executors import Finished, Inline, Task
from commonweight.study.experiments import settle
from commonweight.study.planning import Plan, image_passes, makespan, plan, record_bytes
from commonweight.study.store import Result, Store


@pytest.fixture(scope="module")
def setting():
    return settle(tiny_study(experiments__instances=3, experiments__stack=1))


def experiments_of(setting, *targets):
    """What these targets need; all that this short study can have, if none is named."""
    return needed(named(targets) or artefacts((), setting)[0], setting)


def test_every_job_stands_once_over_all_targets(setting, tmp_path):
    experiments = experiments_of(setting)
    made = plan(experiments.values(), Store(tmp_path))
    ids = [job.id for job in made.jobs]
    # Seeds and orders share one; two seeds of 8 children; fine-tuning from 2 snapshots of 3 instances; other inactive;
    # the other data order shares one with seeds.
    assert len(ids) == len(set(ids)) == (3 + 3 - 1) + 3 + 8 * 2 + 8 * 2 * 3 + 3 + (3 - 1)
    assert set(ids) == {job.id for experiment in experiments.values() for job in experiment.jobs}
    assert made.missing == made.jobs
    assert made.done == ()
    assert made.damaged == {}
    again = plan([*experiments.values(), *experiments.values()], Store(tmp_path))
    assert [job.id for job in again.jobs] == ids


def test_done_missing_and_damaged(setting, tmp_path):
    experiments, store = experiments_of(setting, "table-1"), Store(tmp_path)
    jobs = plan(experiments.values(), store).jobs
    for job in jobs[:7]:
        store.write(job, Result(make_record(job)))
    stranger = make_job()
    store.write(stranger, Result(make_record(stranger)))  # what nobody asks for is in nobody's way
    flip_accuracy(store, jobs[0].id)
    (store.folder(jobs[1].id) / "done.json").unlink()
    made = plan(experiments.values(), store)
    assert {job.id for job in made.done} == {job.id for job in jobs[2:7]}
    assert {job.id for job in made.missing} == {job.id for job in (*jobs[:2], *jobs[7:])}
    assert made.damaged.keys() == {jobs[0].id, jobs[1].id}
    assert "does not agree with its checksum" in made.damaged[jobs[0].id]
    assert "done.json is missing" in made.damaged[jobs[1].id]
    costs = [image_passes(job) for job in made.missing]
    assert costs == sorted(costs, reverse=True)


def test_a_job_comes_in_a_turn_after_the_one_from_whose_snapshot_it_starts(setting, tmp_path):
    experiments, store = experiments_of(setting, "insight-2"), Store(tmp_path)
    made = plan(experiments.values(), store)
    first, second = made.waves
    assert sorted(job.id for wave in made.waves for job in wave) == sorted(job.id for job in made.missing)
    assert {job.start is None for job in first} == {True}
    assert {job.start.job for job in second} == {job.id for job in experiments["seeds"].jobs}
    assert len(second) == 8 * 2 * 3
    for wave in made.waves:  # within a turn the costliest first
        costs = [image_passes(job) for job in wave]
        assert costs == sorted(costs, reverse=True)


def test_turns_are_as_few_as_the_store_allows(setting, tmp_path):
    experiments, store = experiments_of(setting, "insight-2"), Store(tmp_path)
    seeds = experiments["seeds"].jobs
    for job in seeds:
        store.write(job, Result(make_record(job)))
    made = plan(experiments.values(), store)
    assert [set(wave) for wave in made.waves] == [set(made.missing)]  # all sources are there: one turn
    flip_accuracy(store, seeds[1].id)  # one is to be made again: those that start from it wait, and nobody else
    first, second = plan(experiments.values(), store).waves
    assert {job.start.job for job in second} == {seeds[1].id}
    assert {job.start and job.start.job for job in first} == {None, seeds[0].id, seeds[2].id}
    for experiment in experiments.values():
        for job in experiment.jobs:
            store.write(job, Result(make_record(job)))
    assert plan(experiments.values(), store).waves == ()


def test_turns_of_a_chain():
    """Jobs that start from each other, given in the wrong order."""
    first = make_job(snapshots=[1])
    second = make_job(start={"job": first.id, "epoch": 1}, snapshots=[1])
    third = make_job(start={"job": second.id, "epoch": 1})
    stranger = make_job(init=(5,), start={"job": "0" * 16, "epoch": 1})  # of a source that is not to be made
    made = Plan((), (third, stranger, second, first), {})
    assert made.waves == ((stranger, first), (second,), (third,))
    assert Plan((first,), (third, second), {}).waves == ((second,), (third,))
    assert Plan((first,), (), {}).waves == ()


def test_image_passes_by_hand():
    # 3 epochs of 100 images: 2 mini-batches of at most 64; 3 sweeps of 20 and a judgement of 30, for 3 children.
    job = make_job(init=(0, 1))
    assert image_passes(job) == pytest.approx(2 * (3 * 2 * 64 + 3 * (3 * 20 + 30) / 5))
    tuned = make_job(["111"], stop_after=5, moments={"every_epoch": False, "last_batches": 5})
    assert image_passes(tuned) == pytest.approx(5 * 64 + (5 * 20 + 30) / 5)


def slow_makespan(seconds, workers):
    """Time step by step: whoever is free takes the next job."""
    busy_until = [0] * workers
    for job in seconds:
        first = min(range(workers), key=lambda worker: busy_until[worker])
        busy_until[first] += job
    return max(busy_until)


@given(st.lists(st.integers(0, 20), max_size=12), st.integers(1, 5))
def test_makespan(seconds, workers):
    assert makespan(seconds, workers) == slow_makespan(seconds, workers)


def test_makespan_by_hand():
    assert makespan([], 3) == 0
    assert makespan([4, 3, 2, 1], 2) == 5
    assert makespan([1, 2, 3, 4], 2) == 6
    assert makespan([1, 2, 3], 1) == makespan([1, 2, 3], 0) == 6  # no workers: this process
    assert min(makespan(order, 2) for order in itertools.permutations([4, 3, 2, 1])) == 5


def test_record_bytes_is_within_a_fifth_of_the_files(tmp_path):
    for overrides in ({}, {"training__epochs": 30, "experiments__stack": 1}):
        setting = settle(tiny_study(space__primitives=["skip_connect", "max_pool_3x3", "conv_1x1"], **overrides))
        experiments, store = experiments_of(setting, "table-1"), Store(tmp_path)
        jobs = plan(experiments.values(), store).missing
        some = {(len(job.children), job.copies): job for job in jobs}.values()
        for event in Inline().run([Task(job, setting.study.data, tmp_path) for job in some]):
            if isinstance(event, Finished):
                files = store.folder(event.job.id).iterdir()
                size = sum(path.stat().st_size for path in files if not path.name.startswith("snapshot-"))
                assert record_bytes(event.job) == pytest.approx(size, rel=0.2)
        assert {job.id for job in some} <= set(store.ids())
