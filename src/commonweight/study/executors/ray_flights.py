"""Tasks at Ray: sent to some node, heard from by a stream of events, lost with their worker process."""

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import chdir, suppress
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError

from commonweight.errors import StoreError
from commonweight.study.durable import lives
from commonweight.study.executors.agenda import Agenda
from commonweight.study.executors.contract import Event, Failed, Finished, Started, Task
from commonweight.study.executors.perform import perform
from commonweight.study.executors.ray_session import await_results, one_line
from commonweight.study.executors.wire import decode_event, decode_task, encode_event, encode_task
from commonweight.study.failures import Cause
from commonweight.study.store import Store
from commonweight.study.work import Runtime, Workers

STOP_SECONDS = 10.0  # that nodes may take to kill their workers; one that is cut off is not waited for

PASSED_ON = "COMMONWEIGHT_NATIVE"
"""The variable of our environment that decides bits, so that workers elsewhere have it too."""

Lines = Any
"""An `ObjectRefGenerator`, which Ray's own types do not know: a reference to each line that a task yields, as it comes."""


@dataclass(eq=False)
class _Flight:
    """A task at Ray, the node and the process that it is in once these are known, and whether its start was told."""

    task: Task
    node: str | None = None
    process: int = 0
    begun: bool = False

    @property
    def seen_here(self) -> bool:
        """Whether its process is one of this machine's that has not ended yet."""
        return self.node == socket.gethostname() and lives(self.process)


@dataclass(eq=False)
class Flights:
    """At most `workers` tasks at Ray at a time, each a generator whose values are what `_perform` yields.

    So events arrive in order, their end and a lost worker in the same place, and no process stands between that could be
    lost itself, as an actor with a queue would.
    """

    workers: int
    runtime: Runtime
    _flying: dict[Lines, _Flight] = field(default_factory=dict, init=False)

    @property
    def resources(self) -> dict[str, float]:
        """What a node must have for a task, in Ray's words."""
        gpus = {"GPU": 1.0} if self.runtime.device == "cuda" else {}
        return {"CPU": float(self.runtime.threads), **gpus}

    @property
    def environment(self) -> dict[str, dict[str, str]]:
        """That of a worker process, as Ray's `runtime_env`; OpenMP reads its number before Python can say anything."""
        passed = {PASSED_ON: os.environ[PASSED_ON]} if PASSED_ON in os.environ else {}
        return {"env_vars": {"OMP_NUM_THREADS": str(self.runtime.threads), **passed}}

    def run(self, agenda: Agenda) -> Iterator[Event]:
        """Do all tasks; however the iterator ends, none is running afterwards."""
        try:
            while agenda.left:
                while agenda.ready and len(self._flying) < self.workers:
                    self._send(_Flight(agenda.take()))
                for event in self._hear():
                    yield from agenda.note(event)
        finally:
            self._stop()

    def _send(self, flight: _Flight) -> None:
        """Hand the task to Ray."""
        there = self._perform_there.options(name=f"job {flight.task.job.id}")
        lines = there.remote(self.runtime.model_dump_json(), str(Path.cwd()), sys.path, encode_task(flight.task))
        self._flying[lines] = flight

    @cached_property
    def _perform_there(self) -> Any:
        """`_perform` as Ray calls it; made once, since each one that is made stays with the cluster."""
        return ray.remote(
            num_returns="streaming",
            num_cpus=self.runtime.threads,
            num_gpus=self.resources.get("GPU", 0),
            max_retries=0,  # the agenda tries again, once; Ray would do it without end after a kill for want of memory
            max_calls=0,  # a process does one job after another, on a GPU too: it keeps the images
            runtime_env=self.environment,
        )(_perform)

    def _hear(self) -> list[Event]:
        """Wait for what one of the tasks says next."""
        lines: Lines = ray.wait(list(self._flying), num_returns=1)[0][0]
        flight = self._flying[lines]
        try:
            line = str(ray.get(next(lines)))
        except (RayError, StopIteration) as error:
            event = _lost(flight, error)
        else:
            if flight.node is None:
                flight.node, flight.process = json.loads(line)
                return []
            event = _seen(flight.task, decode_event(line, flight.task.job))
        if isinstance(event, Finished | Failed):
            del self._flying[lines]
        events = [event] if flight.begun or isinstance(event, Started) else [Started(event.job), event]
        flight.begun = True
        return events

    def _stop(self) -> None:
        """Kill the worker processes of all tasks, now."""
        with suppress(RayError):
            for lines in self._flying:
                ray.cancel(lines, force=True)
        deadline = time.monotonic() + STOP_SECONDS
        for lines, flight in self._flying.items():
            with suppress(RayError, StopIteration):
                while ray.wait([lines], timeout=max(0.0, deadline - time.monotonic()))[0]:
                    ray.get(next(lines))
            while flight.seen_here and time.monotonic() < deadline:  # its stream ends a little before it does
                time.sleep(0.005)
        self._flying.clear()


def _lost(flight: _Flight, error: BaseException) -> Failed:
    """The end of a task whose stream broke off: with its process or node, or since that could not even begin it."""
    job, where = flight.task.job, "of Ray" if flight.node is None else f"on node {flight.node}"
    if isinstance(error, RayTaskError):
        return Failed(job, f"its worker process {where} failed: {one_line(error)}", str(error))
    return Failed(job, f"its worker process {where} was lost: {type(error).__name__}", str(error), Cause.LOST)


def _seen(task: Task, event: Event) -> Event:
    """The event, when what it says is stored can be seen here."""
    if not isinstance(event, Finished):
        return event
    try:
        await_results(Store(task.out), [task.job.id])
    except StoreError as error:
        return Failed(task.job, f"StoreError: {error}", "")
    return event


def _perform(runtime: str, folder: str, importable: list[str], line: str) -> Iterator[str]:
    """On a node: do the task of this line, whose relative paths go from a folder; yields host and process, then events.

    A primitive of one's own is where the driver finds it.
    """
    sys.path += [path for path in importable if path not in sys.path]
    task = decode_task(line)
    yield json.dumps([socket.gethostname(), os.getpid()])
    with chdir(folder):
        await_results(Store(task.out), task.after)
        for event in perform(_workers(runtime).of(task.data), task):
            yield encode_event(event)


@cache
def _workers(runtime: str) -> Workers:
    """Those of this process, for all tasks that it gets."""
    return Workers(Runtime.model_validate_json(runtime))
