"""A session of Ray, and what its nodes must be: they see the folder of results, and have the same versions."""

import logging
import platform
import signal
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import chdir, contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import ray
import torch
from ray.exceptions import RayError, RayTaskError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from commonweight.errors import StoreError, UsageError
from commonweight.study.durable import make_folder, unfinished, write_durably, writing
from commonweight.study.jobs import NUMERICS
from commonweight.study.store import Store

OBJECT_STORE = 75 << 20  # bytes, the fewest that Ray takes: an event has some hundred
CONNECT_SECONDS = 10.0  # that the head of a cluster may take to be heard
ANSWER_SECONDS = 120.0  # that a node may take to start a process and answer
SEEN_SECONDS = 120.0  # until another node sees a new folder: NFS may remember for 60 that there was none


@contextmanager
def session(address: str | None, cores: int) -> Iterator[None]:
    """Inside, this process is in a session of Ray: of the cluster, or of a Ray of its own with so many cores.

    One that it is in already stays. Raises `UsageError` when that cannot be.
    """
    if ray.is_initialized():
        if address is not None:
            raise UsageError(
                "this process is in a session of Ray already; leave the address out, or call ray.shutdown()"
            )
        yield
        return
    try:
        with _left_alone():
            if address is None:
                ray.init(
                    "local",  # without it Ray joins whichever cluster it finds on this machine
                    num_cpus=cores,
                    object_store_memory=OBJECT_STORE,
                    include_dashboard=False,
                    log_to_driver=False,
                    configure_logging=False,
                )
            else:
                _require_heard(address)
                ray.init(address, log_to_driver=False, configure_logging=False)
    except Exception as error:  # Ray raises it, and more special ones
        ray.shutdown()
        failed = f"Ray cluster {address} cannot be joined" if address else "Ray did not start here"
        remedy = (
            "start this on one of its nodes" if address else "see Ray's logs in /tmp/ray, or choose the executor local"
        )
        raise UsageError(f"{failed}: {one_line(error)}; {remedy}") from error
    try:
        yield
    finally:
        ray.shutdown(wait_for_processes=True)


def require_fit_nodes(out: Path, resources: Mapping[str, float], environment: Mapping[str, Any]) -> None:
    """Raises `UsageError`, naming the node, unless all nodes that can do a job see the folder and have our versions.

    Each is asked for what a file holds that is written here, under its path as it is here; by a process with the environment
    of a worker, which it then is.
    """
    nodes = {
        node["NodeID"]: node["NodeManagerHostname"]
        for node in ray.nodes()
        if node["Alive"] and all(node["Resources"].get(name, 0) >= wanted for name, wanted in resources.items())
    }
    if not nodes:
        wanted = " and ".join(f"{number:g} {name}" for name, number in resources.items())
        raise UsageError(f"no node of the Ray cluster has {wanted} for a job; add one, or ask for less")
    with writing(out), unfinished(out / "probe") as probe:
        make_folder(out)
        token = uuid4().hex
        write_durably(probe, token.encode())
        ask = ray.remote(num_cpus=0, max_retries=0, runtime_env=dict(environment))(_look)
        places = (NodeAffinitySchedulingStrategy(node, soft=False) for node in nodes)
        answers = [ask.options(scheduling_strategy=place).remote(str(Path.cwd()), str(probe)) for place in places]
        for name, answer in zip(nodes.values(), answers, strict=True):
            _require_fit(name, out, token, _answer(name, answer))


def await_results(store: Store, job_ids: Iterable[str]) -> None:
    """Wait until these jobs, stored by other nodes, are seen here; raises `StoreError` when one is not after a while."""
    deadline = time.monotonic() + SEEN_SECONDS
    for job_id in job_ids:
        while not store.folder(job_id).is_dir():
            if time.monotonic() > deadline:
                raise StoreError(
                    f"job {job_id} was stored by another node, but {socket.gethostname()} does not see it below {store.jobs} "
                    f"after {SEEN_SECONDS:g} s; give an --out on a file system that all nodes share"
                )
            time.sleep(0.05)
            list(store.ids())  # a listing makes NFS ask its server again


def one_line(error: BaseException) -> str:
    """The error's name and the first line of what it says; of one that Ray brought from a worker, its cause's."""
    cause = error.cause if isinstance(error, RayTaskError) else error
    lines = str(cause).strip().splitlines()
    return f"{type(cause).__name__}: {lines[0]}" if lines else type(cause).__name__


def versions() -> str:
    """What must be the same wherever jobs of one study are done."""
    parts = {"commonweight": version("commonweight"), "numerics": NUMERICS, "torch": torch.__version__}
    return ", ".join(f"{name} {number}" for name, number in (parts | {"Python": platform.python_version()}).items())


def _require_heard(address: str) -> None:
    """Raises `OSError` or `OverflowError` when nobody listens there: Ray would try for more than five minutes."""
    host, _, port = address.rpartition(":")
    socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()


def _look(folder: str, probe: str) -> tuple[str, str]:
    """On a node: what the probe holds, or why it cannot be read there; and the versions."""
    try:
        with chdir(folder):
            return Path(probe).read_text(encoding="utf-8"), versions()
    except OSError as error:
        return str(error), versions()


def _answer(name: str, answer: ray.ObjectRef) -> tuple[str, str]:
    try:
        return ray.get(answer, timeout=ANSWER_SECONDS)
    except RayError as error:
        raise UsageError(
            f"node {name} of the Ray cluster cannot work: {one_line(error)}; install commonweight there as it is here"
        ) from error


def _require_fit(name: str, out: Path, token: str, answer: tuple[str, str]) -> None:
    held, theirs = answer
    if held != token:
        raise UsageError(
            f"node {name} of the Ray cluster does not see {out.absolute()} as it is here ({held}); give an --out on a file "
            "system that all nodes share, from a folder that they share"
        )
    if theirs != versions():
        raise UsageError(f"node {name} of the Ray cluster has {theirs}; expected {versions()}, as here")


@contextmanager
def _left_alone() -> Iterator[None]:
    """`ray.init` inside neither warns nor keeps the place of the handler of SIGTERM."""
    log = logging.getLogger("ray")
    level, main = log.level, threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    log.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        log.setLevel(level)
        if main:
            signal.signal(signal.SIGTERM, handler)
