"""Which task is next: every executor takes its tasks from an agenda and tells it what happens to them."""

import heapq
from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter

from commonweight.errors import UsageError
from commonweight.study.executors.contract import Event, Failed, Finished, Noted, Started, Task
from commonweight.study.failures import Cause


class Agenda:
    """The tasks of one run, each ready when all that it comes after are finished.

    Raises `UsageError` for a job that stands twice, for an `after` that is no job of the run, and for tasks that wait
    for each other.
    """

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._place: dict[str, int] = {}
        for place, task in enumerate(tasks):
            if self._place.setdefault(task.job.id, place) != place:
                raise UsageError(f"job {task.job.id} is two of the tasks; expected each job once")
        for task in tasks:
            for source in task.after:
                if source not in self._place:
                    raise UsageError(
                        f"job {task.job.id} comes after {source}, which is no job of this run; leave stored jobs out"
                    )
        self._tasks = tasks
        self._waiting = TopologicalSorter({task.job.id: task.after for task in tasks})
        try:
            self._waiting.prepare()
        except CycleError as error:
            circle = ", ".join(dict.fromkeys(error.args[1]))
            raise UsageError(f"jobs {circle} wait for each other; expected an order in which they can begin") from None
        self._ready: list[int] = []  # places, a heap
        self._failed: set[str] = set()
        self._lost: set[str] = set()  # those that were tried again
        self._look()

    @property
    def left(self) -> bool:
        """Whether any task has not ended."""
        return self._waiting.is_active()

    @property
    def ready(self) -> bool:
        """Whether a task may begin now."""
        return bool(self._ready)

    def take(self) -> Task:
        """The first in the order given of those that may begin now, which the caller then begins."""
        return self._tasks[heapq.heappop(self._ready)]

    def note(self, event: Event) -> list[Event]:
        """What to tell when a task that was taken has this event: the event, then the failures of tasks that wait for it.

        The first loss of a task is no failure: it may begin again, and the second `Started` is not told.
        """
        again = event.job.id in self._lost
        if isinstance(event, Started) and again:
            return []
        if isinstance(event, Failed) and event.cause is Cause.LOST and not again:
            self._lost.add(event.job.id)
            heapq.heappush(self._ready, self._place[event.job.id])
            return [Noted(event.job, f"{event.reason}; it is tried once more")]
        if isinstance(event, Failed):
            self._failed.add(event.job.id)
        if not isinstance(event, Finished | Failed):
            return [event]
        self._waiting.done(event.job.id)
        return [event, *self._look()]

    def _look(self) -> list[Event]:
        """Make tasks ready that wait for nothing any more; those with a failed source fail, and their events are returned."""
        told: list[Event] = []
        while free := self._waiting.get_ready():
            for place in sorted(self._place[job_id] for job_id in free):
                task = self._tasks[place]
                lost = next((source for source in task.after if source in self._failed), None)
                if lost is None:
                    heapq.heappush(self._ready, place)
                    continue
                told += [
                    Started(task.job),
                    Failed(task.job, f"job {lost}, from which it starts, failed", "", Cause.SOURCE),
                ]
                self._failed.add(task.job.id)
                self._waiting.done(task.job.id)
        return told
