"""Runs jobs one after another in this process."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from commonweight.errors import UsageError
from commonweight.study.executors.agenda import Agenda
from commonweight.study.executors.contract import Event, Task
from commonweight.study.executors.perform import perform
from commonweight.study.work import Runtime, Workers


@dataclass(frozen=True)
class Inline:
    """An `Executor` without processes of its own: for debugging, for notebooks, and for one GPU."""

    runtime: Runtime = Runtime()

    @property
    def workers(self) -> int:
        return 0

    def run(self, tasks: Sequence[Task]) -> Iterator[Event]:
        agenda, workers = Agenda(tasks), Workers(self.runtime)
        while agenda.left:
            task = agenda.take()
            for event in perform(workers.of(task.data), task):
                yield from agenda.note(event)


def make_inline(runtime: Runtime, workers: int | None) -> Inline:
    """The `Factory` of inline, which has no workers."""
    if workers:
        raise UsageError(f"{workers} workers for the executor inline, which has none; choose local, or leave them out")
    return Inline(runtime)
