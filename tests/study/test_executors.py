"""The executor's contract, one suite for all of them; then what only worker processes can go through."""

import os
import re
import signal
import sys
import threading
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from study import contributed, ray_here
from tiny import PAIR, all_images, record_files, write_idx_folder

from commonweight.errors import UsageError
from commonweight.sharing import similar, singletons
from commonweight.study.executors import Advanced, Failed, Finished, Inline, Local, Noted, Started, Task, wire
from commonweight.study.executors.on_ray import OnRay
from commonweight.study.failures import Cause
from commonweight.study.jobs import Job
from commonweight.study.load import load_study
from commonweight.study.setting import Member, settle
from commonweight.study.store import Store
from commonweight.study.work import Runtime
from commonweight.training import ChildOrder

EXECUTORS = {"inline": Inline(), "local": Local(2), "ray": OnRay(2), "of CONTRIBUTING": contributed.remote()(Runtime())}


@pytest.fixture(params=EXECUTORS)
def executor(request):
    if request.param == "ray":
        request.getfixturevalue("ray")
    return EXECUTORS[request.param]


@pytest.fixture(scope="module")
def ray():
    with ray_here.session():
        yield


@pytest.fixture(scope="module")
def setting(tmp_path_factory):
    folder = write_idx_folder(tmp_path_factory.mktemp("images"), validation=120)
    sets = {"data": all_images("idx", folder), "space.primitives": PAIR}
    return settle(load_study("smoke", sets | {"training.batch": 16, "net.cells": 1, "net.channels": 2}))


def jobs_of(setting):
    """Eight different jobs: each half of the children in two shuffled orders, two copies; and four children alone."""
    members = [Member(init, order) for order in (0, 1) for init in (0, 1)]
    shuffled = replace(setting.conditions, order=ChildOrder.SHUFFLED)
    halves = setting.experiment("x", similar(setting.children, 2), members, shuffled)
    judged = replace(setting.conditions, judged=True)
    alone = setting.experiment("y", singletons(setting.children), [Member(0)], judged)
    return [*halves.jobs, *alone.jobs[:4]]


def change(job, section, **values):
    content = job.model_dump(mode="json")
    content[section] |= values
    return Job.model_validate(content)


def endless(job):
    """The job made so long that no test sees its end."""
    return change(change(job, "training", epochs=100_000), "moments", every_epoch=False)


def tasks_of(setting, out, jobs=None):
    return [Task(job, setting.study.data, Path(out)) for job in jobs or jobs_of(setting)]


def processes():
    """Ids of the processes that this one has started and that still run."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except OSError:
            continue  # it has just ended
        if int(parent) == os.getpid() and state != "Z":
            found.append(int(folder.name))
    return found


@pytest.fixture(autouse=True)
def no_process_is_left(request):
    for shared in {"executor", "ray"} & set(request.fixturenames):
        request.getfixturevalue(shared)  # what all tests use starts before
    before = set(processes())
    yield
    assert set(processes()) <= before


def snapshot_and_three_from_it(setting):
    """Jobs of which the last three are children that go on alone from the snapshot of the first."""
    shared = jobs_of(setting)[0].model_dump(mode="json")
    source = Job.model_validate(shared | {"snapshots": [1]})
    start = {"job": source.id, "epoch": 1}
    alone = [Job.model_validate(shared | {"children": [name], "start": start}) for name in source.children[:3]]
    return [source, *(job.normalised() for job in alone)]


def after(task, *sources):
    return replace(task, after=tuple(source.job.id for source in sources))


def check_story(tasks, events):
    """Every job ends exactly once, after its start, with whatever it advanced between; and after its sources.

    Between two notes it only advances.
    """
    stories = {task.job.id: [event for event in events if event.job.id == task.job.id] for task in tasks}
    assert sum(map(len, stories.values())) == len(events)
    for story in stories.values():
        assert isinstance(story[0], Started)
        assert isinstance(story[-1], Finished | Failed)
        assert all(isinstance(event, Advanced | Noted) for event in story[1:-1])
        for one, other in pairwise(story[1:-1]):
            assert isinstance(one, Noted) or isinstance(other, Noted) or one.done <= other.done
        advanced = [event for event in story if isinstance(event, Advanced)]
        assert all(0 < event.done <= event.total == event.job.mini_batches for event in advanced)
    for task in tasks:
        for source in task.after:
            assert events.index(stories[source][-1]) < events.index(stories[task.job.id][0])


def started(events):
    return [event.job.id for event in events if isinstance(event, Started)]


def test_each_task_ends_once_after_its_start_and_is_stored_before_that_is_told(executor, setting, tmp_path):
    tasks, events = tasks_of(setting, tmp_path), []
    for event in executor.run(tasks):
        events.append(event)
        if isinstance(event, Finished):
            Store(tmp_path).read(event.job)
            assert event.seconds > 0
    check_story(tasks, events)
    assert all(not isinstance(event, Failed) for event in events)
    assert sorted(Store(tmp_path).ids()) == sorted(task.job.id for task in tasks)


def test_a_failing_job_leaves_the_others_alone(executor, setting, tmp_path):
    jobs = jobs_of(setting)
    stranger = change(jobs[0], "images", fingerprint="0" * 64)  # as if the images had changed
    greedy = change(jobs[1], "images", sweep_images=121)  # one more than there are
    mixed = [stranger, jobs[2], greedy, *jobs[3:6]]
    tasks = tasks_of(setting, tmp_path, mixed)
    events = list(executor.run(tasks))
    check_story(tasks, events)
    failed = {event.job.id: event for event in events if isinstance(event, Failed)}
    assert failed.keys() == {stranger.id, greedy.id}
    assert failed[stranger.id].reason.startswith("DataError: data 'idx' has changed since the study was planned")
    assert failed[greedy.id].reason.startswith("UsageError: 121 validation images asked for")
    for event in failed.values():
        assert "\n" not in event.reason
        assert event.cause is Cause.ERROR
        assert event.trace.startswith("Traceback")
        assert event.trace.rstrip().endswith(event.reason)
    assert set(Store(tmp_path).ids()) == {task.job.id for task in tasks} - failed.keys()
    assert not [event for event in events if isinstance(event, Noted)]  # an exception would come again: no second try


def test_a_job_that_diverges_is_a_failed_job_and_nothing_of_it_is_stored(executor, setting, tmp_path):
    jobs = jobs_of(setting)
    wild = change(change(jobs[1], "training", lr=1e30), "moments", every_epoch=False)
    tasks = tasks_of(setting, tmp_path, [jobs[0], wild, jobs[2]])
    events = list(executor.run(tasks))
    check_story(tasks, events)
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert failed.job.id == wild.id
    assert failed.cause is Cause.DIVERGED
    assert re.fullmatch(
        r"DivergedError: training diverged: after mini-batch \d+ units\.\S+ is not finite \(copy 0, 1 of 2\); "
        r"lower training\.lr",
        failed.reason,
    )
    assert list(Store(tmp_path).ids()) == sorted([jobs[0].id, jobs[2].id])


def test_tasks_begin_in_the_order_given(executor, setting, tmp_path):
    tasks = tasks_of(setting, tmp_path)[::-1]
    wanted = [task.job.id for task in tasks]
    order = [wanted.index(job_id) for job_id in started(executor.run(tasks))]
    assert sorted(order) == list(range(8))
    for place, number in enumerate(
        order
    ):  # what stands before it has begun, or is another worker's that still wakes up
        assert len(set(range(number)) - set(order[:place])) < max(1, executor.workers)


def test_a_task_begins_when_what_it_comes_after_is_stored(executor, setting, tmp_path):
    """A diamond, given from its end to its beginning, and one alone."""
    a, b, c, d, alone = tasks_of(setting, tmp_path)[:5]
    tasks = [after(d, b, c), after(c, a), after(b, a), a, alone]
    sources, events = {task.job.id: task.after for task in tasks}, []
    for event in executor.run(tasks):
        events.append(event)
        if isinstance(event, Started):
            assert set(sources[event.job.id]) <= set(Store(tmp_path).ids())
    check_story(tasks, events)
    assert not [event for event in events if isinstance(event, Failed)]
    if executor.workers < 2:
        assert started(events) == [task.job.id for task in (a, c, b, d, alone)]


def test_what_comes_after_a_failed_job_fails_untried_and_the_rest_is_done(executor, setting, tmp_path):
    jobs = jobs_of(setting)
    stranger = change(jobs[0], "images", fingerprint="0" * 64)
    bad, good, lost, between, further, fine = tasks_of(setting, tmp_path, [stranger, *jobs[1:6]])
    tasks = [after(further, between), after(between, good, lost), after(fine, good), after(lost, bad), good, bad]
    events = list(executor.run(tasks))
    check_story(tasks, events)
    failed = {event.job.id: event for event in events if isinstance(event, Failed)}
    assert failed.pop(bad.job.id).reason.startswith("DataError: ")
    assert {job_id: (event.reason, event.trace, event.cause) for job_id, event in failed.items()} == {
        task.job.id: (f"job {source.job.id}, from which it starts, failed", "", Cause.SOURCE)
        for task, source in ((lost, bad), (between, lost), (further, between))
    }
    assert not [event for event in events if isinstance(event, Advanced) and event.job.id in failed]
    assert set(Store(tmp_path).ids()) == {good.job.id, fine.job.id}


def test_tasks_that_can_have_no_order_are_refused(executor, setting, tmp_path):
    first, second = tasks_of(setting, tmp_path)[:2]
    for tasks in ([first, second, first], [after(first, second)], [after(first, second), after(second, first)]):
        with pytest.raises(
            UsageError, match=r"^jobs? \w{16}.*( two of the tasks| no job of this run| wait for each other)"
        ):
            list(executor.run(tasks))
    assert not (tmp_path / "jobs").exists()


def test_closing_keeps_what_is_finished_and_nothing_of_the_rest(executor, setting, tmp_path):
    jobs = jobs_of(setting)
    tasks = tasks_of(setting, tmp_path, [jobs[0], endless(jobs[1]), endless(jobs[2]), jobs[3]])
    tasks[3] = after(tasks[3], tasks[0], tasks[1])
    events = executor.run(tasks)
    for event in events:
        if isinstance(event, Finished):
            break
    events.close()
    assert list(Store(tmp_path).ids()) == [jobs[0].id]
    Store(tmp_path).verify(jobs[0].id)
    assert [path.name for path in Store(tmp_path).jobs.iterdir()] == [jobs[0].id]


def test_an_interrupt_passes_through_and_nothing_goes_on(executor, setting, tmp_path):
    jobs = jobs_of(setting)
    tasks = tasks_of(setting, tmp_path, [jobs[0], endless(jobs[1]), endless(jobs[2]), jobs[3]])
    tasks[3] = after(tasks[3], tasks[1])
    ended, ctrl_c = [], threading.Timer(0.2, os.kill, [os.getpid(), signal.SIGINT])
    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        for event in executor.run(tasks):
            assert not isinstance(event, Failed)  # an interrupt is no failure of a job
            assert event.job.id != jobs[3].id
            if isinstance(event, Finished):
                ended.append(event)
            if isinstance(event, Advanced) and event.job.id != jobs[0].id and ended and not ctrl_c.ident:
                ctrl_c.start()
    assert [event.job.id for event in ended] == [jobs[0].id]
    assert list(Store(tmp_path).ids()) == [jobs[0].id]


def test_no_tasks(executor):
    assert list(executor.run([])) == []


@pytest.mark.usefixtures("ray")
def test_results_are_the_same_bits_whoever_makes_them_and_in_whichever_order(setting, tmp_path):
    runs = {
        "inline": (Inline(), 1),
        "inline reversed": (Inline(), -1),
        "local": (Local(2), 1),
        "local reversed": (Local(1), -1),
        "ray": (OnRay(2), 1),
        "ray reversed": (OnRay(1), -1),
    }
    files = {}
    for name, (executor, step) in runs.items():
        tasks = tasks_of(setting, tmp_path / name)
        source, *tuned = tasks_of(setting, tmp_path / name, snapshot_and_three_from_it(setting))
        tasks += [source, *(after(task, source) for task in tuned)]
        events = list(executor.run(tasks[::step]))
        assert not [event for event in events if isinstance(event, Failed)]
        files[name] = record_files(Store(tmp_path / name))
    assert len(files["inline"]) == 8 + 4
    assert len(set(files["inline"].values())) > 4  # two children may have learnt nothing alike
    for name in runs:
        assert files[name] == files["inline"]


# Worker processes


@pytest.mark.parametrize(
    ("script", "reasons"),
    [
        ("echo no such library >&2; exit 7", ("ended with exit code 7", "no such library\n")),
        ("kill -11 $$", ("was killed by signal 11", "the process wrote nothing to standard error")),
        ("printf '[\"Started\", '; exit 1", ("ended with exit code 1", "the process wrote nothing to standard error")),
    ],
)
def test_a_worker_that_dies_before_it_says_anything(setting, tmp_path, monkeypatch, script, reasons):
    """Each job has its `Started` all the same, so that who watches need not know, and its second try."""
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    tasks = tasks_of(setting, tmp_path)
    events = list(Local(2).run(tasks))
    check_story(tasks, events)
    ends = [event for event in events if isinstance(event, Failed)]
    assert len(ends) == len(tasks)
    assert len([event for event in events if isinstance(event, Noted)]) == len(tasks)
    assert {event.reason for event in ends} == {f"its worker process {reasons[0]}"}
    assert {event.trace for event in ends} == {reasons[1]}


def test_never_more_processes_than_tasks(setting, tmp_path):
    before, seen = set(processes()), set()
    for _ in Local(5).run(tasks_of(setting, tmp_path, jobs_of(setting)[:1])):
        seen |= set(processes()) - before
    assert len(seen) == 1


def test_nobody_waits_for_what_he_does_not_come_after(setting, tmp_path):
    """Four that follow each other are done beside one that has no end, by two workers that stay the same."""
    jobs = jobs_of(setting)
    tasks = tasks_of(setting, tmp_path, [endless(jobs[0]), *jobs[1:5]])
    tasks[2:] = [after(task, source) for source, task in pairwise(tasks[1:])]
    before, seen, finished, deadline = set(processes()), set(), [], time.monotonic() + 60
    events = Local(2).run(tasks)
    for event in events:
        assert time.monotonic() < deadline
        seen |= set(processes()) - before
        finished += [event.job.id] if isinstance(event, Finished) else []
        if len(finished) == 4:
            break
    events.close()
    assert finished == [job.id for job in jobs[1:5]]
    assert len(seen) == 2


def test_a_worker_that_dies_while_it_waits_is_no_failure(setting, tmp_path):
    first, second, *rest = tasks_of(setting, tmp_path)[:5]
    tasks = [first, second, *(after(task, first, second) for task in rest)]
    before, seen, killed, events = set(processes()), set(), None, []
    for event in Local(2).run(tasks):
        events.append(event)
        seen |= set(processes()) - before
        if killed is None and [type(event) for event in events].count(Finished) == 2:  # now both wait
            killed = min(seen)
            os.kill(killed, signal.SIGKILL)
            os.waitid(os.P_PID, killed, os.WEXITED | os.WNOWAIT)  # its last thread too, as the executor sees it
    check_story(tasks, events)
    assert not [event for event in events if isinstance(event, Failed)]
    assert len(seen) == 3


def test_workers_have_the_runtimes_threads(setting, tmp_path):
    job = jobs_of(setting)[0]
    list(Local(1, Runtime(threads=2)).run(tasks_of(setting, tmp_path, [job])))
    assert Store(tmp_path).how(job.id)["threads"] == 2


def test_no_workers_is_refused():
    with pytest.raises(UsageError, match="0 workers; expected at least 1"):
        Local(0)


def test_tasks_and_events_cross_the_pipe_as_one_line(setting):
    task = after(*tasks_of(setting, "some/where ünï")[:2])
    assert wire.decode_task(wire.encode_task(task)) == task
    job = task.job
    failures = [Failed(job, "why: 'ü'", "line 1\nline 2\n", cause) for cause in Cause]
    for event in (Started(job), Advanced(job, 3, 9), Noted(job, "'ü'"), Finished(job, 1.5), *failures):
        line = wire.encode_event(event)
        assert "\n" not in line
        assert wire.decode_event(line, job) == event
