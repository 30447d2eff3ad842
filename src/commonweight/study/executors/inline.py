"""Runs jobs one after another in this process."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from commonweight.study.executors.contract import Event, Task
from commonweight.study.executors.perform import perform
from commonweight.study.work import Runtime, Workers


@dataclass(frozen=True)
class Inline:
    """An `Executor` without processes of its own: for debugging, for notebooks, and for one GPU."""

    runtime: Runtime = Runtime()

    def run(self, tasks: Sequence[Task]) -> Iterator[Event]:
        workers = Workers(self.runtime)
        for task in tasks:
            yield from perform(workers.of(task.data), task)
