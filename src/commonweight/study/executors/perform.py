"""From one task to its events: what every executor does for a job, wherever it does it."""

import time
import traceback
from collections.abc import Iterator

from commonweight.study.executors.contract import Advanced, Event, Failed, Finished, Started, Task
from commonweight.study.store import Store
from commonweight.study.work import Worker

ADVANCE_SECONDS = 0.2  # how often progress is told


def perform(worker: Worker, task: Task) -> Iterator[Event]:
    """Do the task's job, store its result, and tell. An error of the job becomes a `Failed`, never an exception."""
    job, begun = task.job, time.monotonic()
    yield Started(job)
    store = Store(task.out)
    told, steps = begun, worker.do(job, store)
    try:
        while True:
            try:
                done, total = next(steps)
            except StopIteration as end:
                store.write(job, end.value)
                break
            if time.monotonic() - told >= ADVANCE_SECONDS:
                told = time.monotonic()
                yield Advanced(job, done, total)
    except Exception as error:
        yield Failed(job, f"{type(error).__name__}: {error}", traceback.format_exc())
    else:
        yield Finished(job, time.monotonic() - begun)
