"""What is there, what is missing, and what comes after what."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import flip_accuracy, make_job, make_record, tiny_study

from commonweight.paper import artefacts, named, needed
from commonweight.study.executors import Finished, Inline, Task
from commonweight.study.failures import Cause, note_failure
from commonweight.study.inventory import Inventory, image_passes, makespan, record_bytes, take_inventory
from commonweight.study.record import Result
from commonweight.study.setting import settle
from commonweight.study.store import Store


@pytest.fixture(scope="module")
def setting():
    return settle(tiny_study(experiments__instances=3, experiments__stack=1))


def experiments_of(setting, *targets):
    """What these targets need; all that this short study can have, if none is named."""
    return needed(named(targets) or artefacts((), setting)[0], setting)


def test_every_job_stands_once_over_all_targets(setting, tmp_path):
    experiments = experiments_of(setting)
    made = take_inventory(experiments.values(), Store(tmp_path))
    ids = [job.id for job in made.jobs]
    # Seeds and orders share one; two seeds of 8 children; fine-tuning from 2 snapshots of 3 instances; other inactive;
    # the other data order shares one with seeds; one other length and two other batches, with BN shared and not, and seeds
    # with BN not shared.
    assert len(ids) == len(set(ids)) == (3 + 3 - 1) + 3 + 8 * 2 + 8 * 2 * 3 + 3 + (3 - 1) + (1 + 2) * 2 * 3 + 3
    assert set(ids) == {job.id for experiment in experiments.values() for job in experiment.jobs}
    assert made.missing == made.jobs
    assert made.done == ()
    assert made.damaged == {}
    again = take_inventory([*experiments.values(), *experiments.values()], Store(tmp_path))
    assert [job.id for job in again.jobs] == ids


def test_done_missing_and_damaged(setting, tmp_path):
    experiments, store = experiments_of(setting, "table-1"), Store(tmp_path)
    jobs = take_inventory(experiments.values(), store).jobs
    for job in jobs[:7]:
        store.write(job, Result(make_record(job)))
    stranger = make_job()
    store.write(stranger, Result(make_record(stranger)))  # what nobody asks for is in nobody's way
    flip_accuracy(store, jobs[0].id)
    (store.folder(jobs[1].id) / "done.json").unlink()
    made = take_inventory(experiments.values(), store)
    assert {job.id for job in made.done} == {job.id for job in jobs[2:7]}
    assert {job.id for job in made.missing} == {job.id for job in (*jobs[:2], *jobs[7:])}
    assert made.damaged.keys() == {jobs[0].id, jobs[1].id}
    assert "does not agree with its checksum" in made.damaged[jobs[0].id]
    assert "done.json is missing" in made.damaged[jobs[1].id]
    costs = [image_passes(job) for job in made.missing]
    assert costs == sorted(costs, reverse=True)


def test_a_job_comes_after_the_one_from_whose_snapshot_it_starts(setting, tmp_path):
    experiments, store = experiments_of(setting, "insight-2"), Store(tmp_path)
    made = take_inventory(experiments.values(), store)
    assert list(made.after) == [job.id for job in made.missing]  # the costliest first
    assert all(made.after[job.id] == () for job in made.missing if job.start is None)
    sources = [sources for sources in made.after.values() if sources]
    assert set(sources) == {(job.id,) for job in experiments["seeds"].jobs}
    assert len(sources) == 8 * 2 * 3


def test_a_job_comes_after_none_that_is_there(setting, tmp_path):
    experiments, store = experiments_of(setting, "insight-2"), Store(tmp_path)
    seeds = experiments["seeds"].jobs
    for job in seeds:
        store.write(job, Result(make_record(job)))
    made = take_inventory(experiments.values(), store)
    assert set(made.after.values()) == {()}
    assert made.after.keys() == {job.id for job in made.missing}
    flip_accuracy(store, seeds[1].id)  # one is to be made again: those that start from it wait, and nobody else
    made = take_inventory(experiments.values(), store)
    assert set(made.after.values()) == {(), (seeds[1].id,)}
    assert {job.id for job in made.missing if made.after[job.id]} == {
        job.id for job in made.missing if job.start and job.start.job == seeds[1].id
    }
    for experiment in experiments.values():
        for job in experiment.jobs:
            store.write(job, Result(make_record(job)))
    assert take_inventory(experiments.values(), store).after == {}


def test_jobs_of_a_chain():
    """Jobs that start from each other, given in the wrong order."""
    first = make_job(snapshots=[1])
    second = make_job(start={"job": first.id, "epoch": 1}, snapshots=[1])
    third = make_job(start={"job": second.id, "epoch": 1})
    stranger = make_job(init=(5,), start={"job": "0" * 16, "epoch": 1})  # of a source that is not to be made
    made = Inventory((), (third, stranger, second, first), {})
    assert list(made.after.items()) == [
        (third.id, (second.id,)),
        (stranger.id, ()),
        (second.id, (first.id,)),
        (first.id, ()),
    ]
    assert Inventory((first,), (third, second), {}).after == {third.id: (second.id,), second.id: ()}


def test_what_diverged_is_given_up_with_what_starts_from_it_and_other_failures_are_not(setting, tmp_path):
    experiments, store = experiments_of(setting, "insight-2").values(), Store(tmp_path)
    jobs = take_inventory(experiments, store).jobs
    first, second, third = (job for job in jobs if len(job.children) > 1)
    tuned = {source.id: {job.id for job in jobs if source.id in job.sources} for source in (first, second, third)}
    assert all(tuned.values())
    note_failure(tmp_path, first, Cause.DIVERGED, "DivergedError: why", "")
    note_failure(tmp_path, second, Cause.LOST, "its worker process was killed by signal 9", "")
    store.write(third, Result(make_record(third)))
    for job in jobs:
        if third.id in job.sources:  # which has been done since, so they have not failed
            note_failure(tmp_path, job, Cause.SOURCE, f"job {third.id}, from which it starts, failed", "")
    note_failure(tmp_path, third, Cause.DIVERGED, "of another time", "")  # it is stored: nothing failed
    made = take_inventory(experiments, store)
    assert made.done == (third,)
    assert {job.id for job in made.given_up} == {first.id} | tuned[first.id]
    assert {job.id for job in made.missing} == {job.id for job in jobs} - {job.id for job in (*made.given_up, third)}
    assert sorted(map(str, made.jobs)) == sorted(map(str, jobs))
    assert made.failed.keys() == {first.id, second.id} | tuned[first.id] | tuned[second.id]
    for source, why in ((first, "DivergedError: why"), (second, "its worker process was killed by signal 9")):
        for job_id in tuned[source.id]:
            assert made.failed[job_id].cause is Cause.SOURCE
            assert made.failed[job_id].reason == f"job {source.id}, from which it starts, failed: {why}"
    assert list(made.failures()) == [  # each reason once
        f"job {source.id} ({source.label}) failed: {why}"
        for source, why in sorted(
            (
                (first, "DivergedError: why; not tried again without --retry-failed"),
                (second, "its worker process was killed by signal 9; to be tried again"),
            ),
            key=lambda pair: [*made.failed].index(pair[0].id),
        )
    ]
    again = take_inventory(experiments, store, retry_failed=True)
    assert again.given_up == ()
    assert again.failed == made.failed
    assert {job.id for job in again.missing} == {job.id for job in jobs} - {third.id}
    assert again.after.keys() == {job.id for job in again.missing}
    assert set(made.after) == {job.id for job in made.missing}


def test_image_passes_by_hand():
    # 3 epochs of 100 images: 2 mini-batches of at most 64; 3 sweeps of 20 and a judgement of 30, for 3 children.
    job = make_job(init=(0, 1))
    assert image_passes(job) == pytest.approx(2 * (3 * 2 * 64 + 3 * (3 * 20 + 30) / 5))
    tuned = make_job(["111"], stop_after=5, moments={"every_epoch": False, "last_batches": 5})
    assert image_passes(tuned) == pytest.approx(5 * 64 + (5 * 20 + 30) / 5)


def slow_makespan(seconds, after, workers):
    """Moment by moment, in whole seconds: whoever is free takes the first job whose sources are all over."""
    waiting, running, over, now = list(after), {}, set(), 0
    while waiting or running:
        over |= {name for name, end in running.items() if end <= now}
        running = {name: end for name, end in running.items() if end > now}
        free = [name for name in waiting if set(after[name]) <= over]
        for name in free[: max(1, workers) - len(running)]:
            waiting.remove(name)
            running[name] = now + seconds[name]
        now += bool(running)
    return now


@st.composite
def jobs_in_any_order(draw):
    """Seconds, sources and order of some jobs, called by numbers; each after some with lower ones."""
    seconds = draw(st.lists(st.integers(1, 20), max_size=12))
    after = [
        draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set() for number in range(len(seconds))
    ]
    order = draw(st.permutations(range(len(seconds))))
    return dict(enumerate(seconds)), {number: after[number] for number in order}


@given(jobs_in_any_order(), st.integers(0, 5))
def test_makespan(jobs, workers):
    assert makespan(*jobs, workers) == slow_makespan(*jobs, workers)


def alone(*seconds):
    """Jobs that come after nothing."""
    return dict(enumerate(seconds)), dict.fromkeys(range(len(seconds)), ())


def test_makespan_by_hand():
    assert makespan({}, {}, 3) == 0
    assert makespan(*alone(4, 3, 2, 1), 2) == 5
    assert makespan(*alone(1, 2, 3, 4), 2) == 6
    assert makespan(*alone(1, 2, 3), 1) == makespan(*alone(1, 2, 3), 0) == 6  # no workers: this process
    assert min(makespan(*alone(*order), 2) for order in itertools.permutations([4, 3, 2, 1])) == 5
    seconds, after = (
        {"a": 1.0, "b": 2.0, "c": 2.0, "d": 1.0, "x": 5.0},
        {"d": "bc", "c": "a", "b": "a", "a": "", "x": ""},
    )
    assert makespan(seconds, after, 1) == 11
    assert makespan(seconds, after, 2) == 1 + 2 + 2 + 1  # x begins beside a; b, c and d follow each other
    assert makespan(seconds, after, 3) == 5
    # a and b end together: d and e, which stand first, begin then, and x waits for the first of them.
    seconds, after = {"a": 1, "b": 1, "d": 1, "e": 1, "x": 3}, {"d": "b", "e": "b", "a": "", "b": "", "x": ""}
    assert makespan(seconds, after, 2) == 1 + 1 + 3


def test_record_bytes_is_within_a_fifth_of_the_files(tmp_path):
    for overrides in ({}, {"training__epochs": 30, "experiments__stack": 1}):
        setting = settle(tiny_study(space__primitives=["skip_connect", "max_pool_3x3", "conv_1x1"], **overrides))
        experiments, store = experiments_of(setting, "table-1"), Store(tmp_path)
        jobs = take_inventory(experiments.values(), store).missing
        some = {(len(job.children), job.copies): job for job in jobs}.values()
        for event in Inline().run([Task(job, setting.study.data, tmp_path) for job in some]):
            if isinstance(event, Finished):
                files = store.folder(event.job.id).iterdir()
                size = sum(path.stat().st_size for path in files if not path.name.startswith("snapshot-"))
                assert record_bytes(event.job) == pytest.approx(size, rel=0.2)
        assert {job.id for job in some} <= set(store.ids())
