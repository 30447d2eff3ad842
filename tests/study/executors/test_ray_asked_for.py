"""A run at Ray before Ray has anything to do: what is asked for, what a node answers, what is refused."""

import threading
import tomllib
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest
from study.test_executors import setting as setting  # noqa: PLC0414 - its fixture
from study.test_executors import tasks_of

from commonweight.errors import StoreError, UsageError
from commonweight.study.executors import on_ray, ray_session, registry
from commonweight.study.executors.local import cores
from commonweight.study.executors.on_ray import OnRay, make_ray
from commonweight.study.store import Store
from commonweight.study.work import Runtime


def test_a_cluster_that_nobody_hears_is_refused_at_once(setting, tmp_path):
    with pytest.raises(
        UsageError, match=r"^Ray cluster 127.0.0.1:1 cannot be joined: ConnectionRefusedError: .*; start this on one "
    ):
        list(OnRay(1, address="127.0.0.1:1").run(tasks_of(setting, tmp_path)))


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


@pytest.mark.parametrize("address", ["auto", "local", "ray://head:10001", "head", ":6379", "head:6379/x", "a b:1"])
def test_a_cluster_is_named_by_host_and_port(address):
    with pytest.raises(
        UsageError, match=r"^Ray cluster '.*'; expected HOST:PORT of its head, as `ray start --head` told "
    ):
        OnRay(1, address=address)


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
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    offer = EntryPoint("ray", project["entry-points"][registry.GROUP]["ray"], registry.GROUP)
    assert offer.load() is make_ray
