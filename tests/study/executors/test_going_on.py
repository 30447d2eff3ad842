"""The executor's contract where a job was stopped: it goes on from its checkpoint, whoever made that, wherever it is."""

import os
import re
import signal
from dataclasses import replace

from study.test_executors import (  # noqa: F401
    after,
    change,
    check_story,
    endless,
    executor,
    jobs_of,
    no_process_is_left,
    processes,
    ray,
    setting,
    tasks_of,
)
from tiny import record_files

from commonweight.study.checkpoint import Checkpoint
from commonweight.study.executors import Advanced, Failed, Finished, Inline, Local, Noted
from commonweight.study.failures import Cause
from commonweight.study.store import Store
from commonweight.study.work import Runtime, Worker


def test_a_job_goes_on_from_the_checkpoint_that_is_in_its_store(executor, setting, tmp_path):  # noqa: F811
    """Whoever left it there; the result is the same bits, and nothing else is left."""
    (job,) = tasks_of(setting, tmp_path / "whole", jobs_of(setting)[:1])
    list(Inline().run([job]))
    store, task = Store(tmp_path / "on"), replace(job, out=tmp_path / "on")
    work = Worker(setting.study.data, Runtime(checkpoint_seconds=1e-9)).do(task.job, store)
    next(step for step in work if step[0] == 3)
    work.close()
    events = list(executor.run([task]))
    check_story([task], events)
    (note,) = [event.note for event in events if isinstance(event, Noted)]
    assert re.fullmatch(r"it goes on after mini-batch \d+ of \d+", note)
    assert record_files(store) == record_files(Store(tmp_path / "whole"))
    assert list(store.checkpoints.iterdir()) == []


def test_a_killed_workers_job_is_tried_again_and_goes_on_from_its_checkpoint(setting, tmp_path):  # noqa: F811
    """The result is the same bits as that of a run that nobody disturbed."""
    job = change(jobs_of(setting)[0], "training", epochs=400)
    (task,) = tasks_of(setting, tmp_path / "killed", [job])
    store, before, events, killed = Store(tmp_path / "killed"), set(processes()), [], None
    for event in Local(1, Runtime(checkpoint_seconds=0.01)).run([task]):
        events.append(event)
        if isinstance(event, Advanced) and not killed and Checkpoint(store.checkpoints / job.id).there:
            (killed,) = set(processes()) - before
            os.kill(killed, signal.SIGKILL)
    check_story([task], events)
    lost, on = [event.note for event in events if isinstance(event, Noted)]
    assert lost == "its worker process was killed by signal 9; it is tried once more"
    assert re.fullmatch(r"it goes on after mini-batch [\d,]+ of 1,600", on)
    assert isinstance(events[-1], Finished)
    list(Inline().run([replace(task, out=tmp_path / "whole")]))
    assert record_files(store) == record_files(Store(tmp_path / "whole"))
    assert list(store.checkpoints.iterdir()) == []


def test_a_worker_killed_twice_is_the_failure_of_its_job_alone(setting, tmp_path):  # noqa: F811
    jobs = jobs_of(setting)
    tasks = tasks_of(setting, tmp_path, [endless(jobs[0]), *jobs[1:4], jobs[4]])
    tasks[4] = after(tasks[4], tasks[0], tasks[1])
    before, events, killed = set(processes()), [], set()
    for event in Local(1).run(tasks):
        events.append(event)
        if isinstance(event, Advanced) and event.job.id == tasks[0].job.id:
            (worker,) = set(processes()) - before
            killed.add(worker)
            os.kill(worker, signal.SIGKILL)
    check_story(tasks, events)
    assert len(killed) == 2
    failed, lost = [event for event in events if isinstance(event, Failed)]
    assert (failed.job.id, lost.job.id) == (tasks[0].job.id, tasks[4].job.id)
    assert failed.reason == "its worker process was killed by signal 9"
    assert failed.cause is Cause.LOST
    assert failed.trace == "the process wrote nothing to standard error"
    assert lost.reason == f"job {tasks[0].job.id}, from which it starts, failed"
    assert set(Store(tmp_path).ids()) == {job.id for job in jobs[1:4]}
