"""What only tasks at Ray can go through: here on a cluster of two nodes, on this one machine."""

import contextlib
import os
import re
import signal
import threading
import tomllib
from dataclasses import replace
from importlib.metadata import EntryPoint
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
    on_ray,
    ray_flights,
    ray_session,
    registry,
)
from commonweight.study.executors.local import cores
from commonweight.study.executors.on_ray import OnRay, make_ray
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


def test_a_cluster_that_nobody_hears_is_refused_at_once(setting, tmp_path):
    with pytest.raises(
        UsageError, match=r"^Ray cluster 127.0.0.1:1 cannot be joined: ConnectionRefusedError: .*; start this on one "
    ):
        list(OnRay(1, address="127.0.0.1:1").run(tasks_of(setting, tmp_path)))


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


def test_a_node_must_see_the_folder_and_have_our_versions(tmp_path, monkeypatch):
    (tmp_path / "probe").write_text("token")
    seen = ray_session._look(str(tmp_path), "probe")
    assert seen == ("token", ray_session.versions())
    ray_session._require_fit("far", tmp_path, "token", seen)
    hidden = ray_session._look(str(tmp_path), str(tmp_path / "nothing" / "probe"))
    for held in (hidden, ray_session._look(str(tmp_path / "nothing"), "probe"), ("another", seen[1])):
        with pytest.raises(UsageError, match=rf"^node far of the Ray cluster does not see {tmp_path} as it is here \("):
            ray_session._require_fit("far", tmp_path, "token", held)
    monkeypatch.setattr(ray_session, "NUMERICS", 77)
    with pytest.raises(
        UsageError, match=r"^node far of the Ray cluster has commonweight .*, numerics 2, .*; expected .* 77,"
    ):
        ray_session._require_fit("far", tmp_path, "token", seen)


def test_a_result_may_be_seen_late_but_not_never(tmp_path, monkeypatch):
    store, late = Store(tmp_path), "a" * 16
    threading.Timer(0.2, store.folder(late).mkdir, kwargs={"parents": True}).start()
    ray_session.await_results(store, [late])
    monkeypatch.setattr(ray_session, "SEEN_SECONDS", 0.2)
    with pytest.raises(StoreError, match=f"^job {'b' * 16} was stored by another node, but .* does not see it below "):
        ray_session.await_results(store, [late, "b" * 16])


@pytest.mark.usefixtures("joined")
def test_a_job_is_finished_when_its_result_is_seen_here(setting, tmp_path, monkeypatch):
    def unseen(store, job_ids):
        raise StoreError(f"{[*job_ids]} below {store.out}")

    monkeypatch.setattr(ray_flights, "await_results", unseen)
    (task,) = tasks_of(setting, tmp_path, jobs_of(setting)[:1])
    *_, end = OnRay(1).run([task])
    assert end == Failed(task.job, f"StoreError: ['{task.job.id}'] below {tmp_path}", "")


@pytest.mark.parametrize("address", ["auto", "local", "ray://head:10001", "head", ":6379", "head:6379/x", "a b:1"])
def test_a_cluster_is_named_by_host_and_port(address):
    with pytest.raises(
        UsageError, match=r"^Ray cluster '.*'; expected HOST:PORT of its head, as `ray start --head` told "
    ):
        OnRay(1, address=address)


@pytest.mark.usefixtures("joined")
def test_another_cluster_is_not_joined_from_within_a_session(setting, tmp_path):
    with pytest.raises(UsageError, match=r"^this process is in a session of Ray already; "):
        list(OnRay(1, address="127.0.0.1:1").run(tasks_of(setting, tmp_path)))


def test_the_factory(monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert make_ray(Runtime(), 3) == OnRay(3)
    assert make_ray(Runtime(), None) == OnRay(cores())
    assert make_ray(Runtime(device="cuda"), None) == OnRay(1, Runtime(device="cuda"))
    for workers in (0, -1):
        with pytest.raises(UsageError, match=f"^{workers} workers; expected at least 1 "):
            make_ray(Runtime(), workers)
    with pytest.raises(UsageError, match=r"^device 'cuda:1' for the executor ray, .*; choose cuda$"):
        make_ray(Runtime(device="cuda:1"), None)
    monkeypatch.setenv("RAY_ADDRESS", "local")
    assert make_ray(Runtime(), 2) == OnRay(2)
    monkeypatch.setenv("RAY_ADDRESS", "head:6379")
    assert make_ray(Runtime(), 2) == OnRay(2, address="head:6379")
    with pytest.raises(UsageError, match=r"^no number of workers for the Ray cluster head:6379; .* \(--workers\)$"):
        make_ray(Runtime(), None)
    monkeypatch.setenv("RAY_ADDRESS", "auto")
    with pytest.raises(UsageError, match=r"^Ray cluster 'auto'; "):
        make_ray(Runtime(), 2)


def test_without_the_extra_it_says_so_in_one_line(monkeypatch):
    monkeypatch.setattr(on_ray, "find_spec", lambda _: None)
    with pytest.raises(UsageError, match=r"^the executor ray needs the extra ray: pip install 'commonweight\[ray\]'$"):
        make_ray(Runtime(), 1)


def test_it_is_offered_under_its_name():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    offer = EntryPoint("ray", project["entry-points"][registry.GROUP]["ray"], registry.GROUP)
    assert offer.load() is make_ray


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
