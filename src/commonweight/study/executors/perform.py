"""From one task to its events: what every executor does for a job, wherever it does it."""

import time
import traceback
from collections.abc import Iterator

from commonweight.errors import DivergedError
from commonweight.study.checkpoint import Checkpoint
from commonweight.study.executors.contract import Advanced, Event, Failed, Finished, Noted, Started, Task
from commonweight.study.failures import Cause
from commonweight.study.store import Store
from commonweight.study.work import Worker

ADVANCE_SECONDS = 0.2  # how often progress is told


def perform(worker: Worker, task: Task) -> Iterator[Event]:
    """Do the task's job, store its result, and tell. An error of the job becomes a `Failed`, never an exception.

    Then its checkpoint goes; after an error it stays for the next try, but for that of a job that diverged.
    """
    job, begun = task.job, time.monotonic()
    yield Started(job)
    store = Store(task.out)
    checkpoint = Checkpoint(store.checkpoints / job.id)
    told, steps = begun, worker.do(job, store)
    try:
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                store.write(job, end.value)
                checkpoint.remove()
                break
            if isinstance(step, str):
                yield Noted(job, step)
            elif time.monotonic() - told >= ADVANCE_SECONDS:
                told = time.monotonic()
                yield Advanced(job, *step)
    except Exception as error:
        cause = Cause.ERROR
        if isinstance(error, DivergedError):
            cause = Cause.DIVERGED
            checkpoint.remove()
        yield Failed(job, f"{type(error).__name__}: {error}", traceback.format_exc(), cause)
    else:
        yield Finished(job, time.monotonic() - begun)
