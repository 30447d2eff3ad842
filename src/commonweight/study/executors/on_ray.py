"""Runs jobs as tasks of Ray: on a cluster that was named, else on a Ray of its own on this machine."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

from commonweight.errors import UsageError
from commonweight.study.executors.agenda import Agenda
from commonweight.study.executors.contract import Event, Task
from commonweight.study.executors.local import make_local
from commonweight.study.work import Runtime

ADDRESS = "RAY_ADDRESS"
"""The environment variable that names a cluster, as Ray itself has it."""

HOST_PORT = re.compile(r"[^\s/]+:[0-9]{1,5}")

SETTINGS = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": "."}
"""What Ray reads when it is imported, where the user has not set it: nobody is told of our runs, and Ray's own notes on dead
workers are not printed among the tables on standard output, since events say what happened to a job."""


@dataclass(frozen=True)
class OnRay:
    """An `Executor` of `workers` tasks of Ray at a time, each with the runtime's device and threads, on a GPU one of its own.

    `address` is `HOST:PORT` of the head of a running cluster. Without one no cluster is joined: Ray is started on this
    machine, and ended with the run. In a process that has called `ray.init` itself, that session is used and left open.
    Results go through the study's folder, which every node must see: nothing but tasks and events goes through Ray.

    Raises `UsageError`, when it runs, for a cluster that cannot be joined, and for a node that does not see the folder or has
    another version of what decides the numbers.
    """

    workers: int
    runtime: Runtime = Runtime()
    address: str | None = None

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers; expected at least 1 (the executor inline has none)")
        if self.address is not None and not HOST_PORT.fullmatch(self.address):
            raise UsageError(
                f"Ray cluster {self.address!r}; expected HOST:PORT of its head, as `ray start --head` told it"
            )
        if self.runtime.device.startswith("cuda:"):
            raise UsageError(
                f"device {self.runtime.device!r} for the executor ray, which gives every job a GPU of its own; choose cuda"
            )

    def run(self, tasks: Sequence[Task]) -> Iterator[Event]:
        agenda = Agenda(tasks)
        if not agenda.left:
            return
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        # Imported when there is work: it takes seconds, and is an extra.
        from commonweight.study.executors.ray_flights import Flights  # noqa: PLC0415
        from commonweight.study.executors.ray_session import require_fit_nodes, session  # noqa: PLC0415

        with session(self.address, self.workers * self.runtime.threads):
            flights = Flights(self.workers, self.runtime)
            for out in dict.fromkeys(task.out for task in tasks):
                require_fit_nodes(out, flights.resources, flights.environment)
            yield from flights.run(agenda)


def make_ray(runtime: Runtime, workers: int | None) -> OnRay:
    """The `Factory` of ray: on the cluster that RAY_ADDRESS names, else with as many workers as local.

    Raises `UsageError` without the extra `ray`, and for a cluster without a number of workers: how many of its cores are ours
    it does not say.
    """
    if find_spec("ray") is None:
        raise UsageError("the executor ray needs the extra ray: pip install 'commonweight[ray]'")
    address = os.environ.get(ADDRESS, "")
    if address in ("", "local"):
        return OnRay(make_local(runtime, workers).workers, runtime)
    if workers is None:
        raise UsageError(
            f"no number of workers for the Ray cluster {address}; expected how many jobs it may do at a time (--workers)"
        )
    return OnRay(workers, runtime, address)
