"""What only tasks at Ray can go through: here on a cluster of two nodes, on this one machine."""

import contextlib
import os
import re
import signal
from dataclasses import replace
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster
from study import ray_here
from study.test_executors import after, change, check_story, endless, jobs_of, tasks_of
from study.test_executors import setting as setting  # noqa: PLC0414 - its fixture
from study.test_imported_primitive import MODULE, NAME
from tiny import record_files, tiny_study

from commonweight import api
from commonweight.errors import StoreError, UsageError
from commonweight.study.executors import (
    Advanced,
    Failed,
    Finished,
    Inline,
    Noted,
    Started,
    ray_flights,
    ray_session,
)
from commonweight.study.executors.on_ray import OnRay
from commonweight.study.failures import Cause
from commonweight.study.store import Store
from commonweight.study.work import Runtime

pytestmark = pytest.mark.cluster

LOST = r"its worker process on node \S+ was lost: WorkerCrashedError"


@pytest.fixture(scope="module")
def cluster():
    store = {"object_store_memory": 75 << 20}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OMP_NUM_THREADS", "7")  # that a worker has another number is due to its task
        head = {"num_cpus": 2, "include_dashboard": False, **store}
        cluster = ray_here.patiently(Cluster, initialize_head=True, head_node_args=head)
        ray_here.patiently(cluster.add_node, num_cpus=1, **store)
    yield cluster
    cluster.shutdown()


@pytest.fixture(scope="module")
def joined(cluster):
    """This process in a session of the cluster, so that worker processes stay from test to test."""
    with ray_here.session(cluster.address):
        yield


def longer(job):
    """The job for a second or two."""
    return change(change(job, "training", epochs=2000), "moments", every_epoch=False)


def worker_of(job):
    """The process that does the job now, by what Ray calls it; None when there is none."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if (folder / "cmdline").read_bytes().startswith(f"ray::job {job.id}".encode()):
                return int(folder.name)
    return None


def kill(job):
    worker = worker_of(job)
    if worker is not None:
        os.kill(worker, signal.SIGKILL)
    return worker


def test_a_study_on_a_named_cluster_whose_workers_are_killed(cluster, tmp_path):
    """What is stored is what one process stores."""
    study, killed = tiny_study(training__epochs=300), set()

    def progress(told):
        job = told.event.job
        if isinstance(told.event, Advanced) and len(killed) < 3 and job.id not in killed and kill(job):
            killed.add(job.id)

    api.run(study, ["table-2"], tmp_path / "ray", OnRay(3, address=cluster.address), progress)
    api.run(study, ["table-2"], tmp_path / "inline", Inline())
    assert len(killed) == 3
    files = record_files(Store(tmp_path / "ray"))
    assert len(files) > 8
    assert files == record_files(Store(tmp_path / "inline"))


@pytest.mark.usefixtures("joined")
def test_a_job_whose_worker_is_lost_twice_fails_and_the_others_are_done(setting, tmp_path):
    jobs = jobs_of(setting)
    tasks = tasks_of(setting, tmp_path, [endless(jobs[0]), *jobs[1:4]])
    tasks[3] = after(tasks[3], tasks[0])
    events, killed = [], set()
    for event in OnRay(1).run(tasks):
        events.append(event)
        if isinstance(event, Advanced) and event.job.id == tasks[0].job.id:
            killed.add(kill(event.job))
    check_story(tasks, events)
    assert len(killed - {None}) == 2
    failed, lost = [event for event in events if isinstance(event, Failed)]
    assert failed.job.id == tasks[0].job.id
    assert re.fullmatch(LOST, failed.reason)
    assert failed.cause is Cause.LOST
    assert lost.reason == f"job {failed.job.id}, from which it starts, failed"
    assert set(Store(tmp_path).ids()) == {job.id for job in jobs[1:3]}


@pytest.mark.usefixtures("joined")
def test_a_job_whose_worker_is_lost_once_is_done(setting, tmp_path):
    job = longer(jobs_of(setting)[0])
    tasks, events = tasks_of(setting, tmp_path, [job]), []
    for event in OnRay(1).run(tasks):
        events.append(event)
        if [type(one) for one in events] == [Started, Advanced]:
            assert kill(job)
    check_story(tasks, events)
    assert isinstance(events[-1], Finished)
    (noted,) = [event for event in events if isinstance(event, Noted)]
    assert re.fullmatch(rf"{LOST}; it is tried once more", noted.note)


@pytest.mark.usefixtures("joined")
def test_nothing_is_left_running_when_it_is_closed(setting, tmp_path):
    jobs = [endless(job) for job in jobs_of(setting)[:2]]
    events, seen = OnRay(2).run(tasks_of(setting, tmp_path, jobs)), set()
    for event in events:
        seen |= {event.job.id} if isinstance(event, Advanced) else set()
        if len(seen) == 2:
            break
    workers = [worker_of(job) for job in jobs]
    assert None not in workers
    events.close()
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]


@pytest.mark.usefixtures("joined")
def test_workers_have_the_runtimes_threads_and_our_choice_of_a_build(setting, tmp_path, monkeypatch):
    monkeypatch.setenv("COMMONWEIGHT_NATIVE", "off")
    job, executor = jobs_of(setting)[0], OnRay(1, Runtime(threads=2))
    *_, end = executor.run(tasks_of(setting, tmp_path, [job]))
    assert isinstance(end, Finished)
    how = Store(tmp_path).how(job.id)
    assert (how["threads"], how["engine"]) == (2, "reference")
    events = executor.run(tasks_of(setting, tmp_path, [endless(job)]))
    assert isinstance(next(events), Started)
    environ = Path(f"/proc/{worker_of(endless(job))}/environ").read_bytes().split(b"\0")
    events.close()
    assert [pair for pair in environ if pair.startswith(b"OMP_NUM_THREADS=")] == [b"OMP_NUM_THREADS=2"]


@pytest.mark.usefixtures("joined")
def test_a_primitive_of_ones_own_is_found_where_the_driver_finds_it(tmp_path, monkeypatch):
    (tmp_path / "ours_at_ray.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    study = tiny_study(space__primitives=["max_pool_3x3", f"ours_at_ray:{NAME.partition(':')[2]}"])
    for name, executor in (("ray", OnRay(2)), ("inline", Inline())):
        api.run(study, ["figure-2"], tmp_path / name, executor)
    assert record_files(Store(tmp_path / "ray")) == record_files(Store(tmp_path / "inline"))


@pytest.mark.usefixtures("joined")
def test_paths_go_from_the_folder_of_the_command(setting, tmp_path, monkeypatch):
    images = Path(setting.study.data.path)
    monkeypatch.chdir(images.parent)
    study = setting.study.model_copy(update={"data": setting.study.data.model_copy(update={"path": images.name})})
    (task,) = tasks_of(setting, os.path.relpath(tmp_path / "out"), jobs_of(setting)[:1])
    events = list(OnRay(1).run([replace(task, data=study.data)]))
    assert isinstance(events[-1], Finished)
    assert list(Store(tmp_path / "out").ids()) == [task.job.id]
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["jobs"]  # the probe is gone


@pytest.mark.usefixtures("joined")
def test_a_cluster_without_room_for_a_job_is_refused(setting, tmp_path):
    tasks = tasks_of(setting, tmp_path)
    for runtime, wanted in ((Runtime(threads=9), "9 CPU"), (Runtime(device="cuda"), "1 CPU and 1 GPU")):
        with pytest.raises(
            UsageError, match=f"^no node of the Ray cluster has {wanted} for a job; add one, or ask for less$"
        ):
            list(OnRay(1, runtime).run(tasks))


@pytest.mark.usefixtures("joined")
def test_a_node_that_cannot_work_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_session, "_look", lambda *_: (_ for _ in ()).throw(ImportError("no commonweight\nat all")))
    with pytest.raises(
        UsageError, match=r"^node \S+ of the Ray cluster cannot work: ImportError: no commonweight; install "
    ):
        ray_session.require_fit_nodes(tmp_path, {"CPU": 1.0}, {})
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("joined")
def test_a_job_is_finished_when_its_result_is_seen_here(setting, tmp_path, monkeypatch):
    def unseen(store, job_ids):
        raise StoreError(f"{[*job_ids]} below {store.out}")

    monkeypatch.setattr(ray_flights, "await_results", unseen)
    (task,) = tasks_of(setting, tmp_path, jobs_of(setting)[:1])
    *_, end = OnRay(1).run([task])
    assert end == Failed(task.job, f"StoreError: ['{task.job.id}'] below {tmp_path}", "")


@pytest.mark.usefixtures("joined")
def test_another_cluster_is_not_joined_from_within_a_session(setting, tmp_path):
    with pytest.raises(UsageError, match=r"^this process is in a session of Ray already; "):
        list(OnRay(1, address="127.0.0.1:1").run(tasks_of(setting, tmp_path)))


@pytest.mark.usefixtures("joined")
def test_a_study_goes_on_when_a_node_is_lost(cluster, setting, tmp_path):
    """It stands last here: the node stays away."""
    (node,), jobs, advanced, lost, ended = cluster.worker_nodes, jobs_of(setting), set(), 0, 0
    jobs = [*map(longer, jobs[:4]), *jobs[4:]]
    for event in OnRay(3).run(tasks_of(setting, tmp_path / "ray", jobs)):
        assert not isinstance(event, Failed)
        ended += isinstance(event, Finished)
        advanced |= {event.job.id} if isinstance(event, Advanced) else set()
        if len(advanced) == 3 and node in cluster.worker_nodes:  # one of them is on it
            cluster.remove_node(node, allow_graceful=False)
        lost += isinstance(event, Noted)
    assert lost == 1
    assert ended == len(jobs)
    list(Inline().run(tasks_of(setting, tmp_path / "inline", jobs)))
    assert record_files(Store(tmp_path / "ray")) == record_files(Store(tmp_path / "inline"))
