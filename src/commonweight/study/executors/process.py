"""A worker process of the `local` executor: `python -m commonweight.study.executors.process RUNTIME`.

Reads one task per line as JSON from standard input and writes its events, one per line as JSON, to standard output;
ends at the end of its input. Plain text on both sides, so nothing has to be importable or picklable in the parent.
"""

import json
import os
import sys
from pathlib import Path

from commonweight.study.executors.contract import Advanced, Event, Failed, Finished, Started, Task
from commonweight.study.executors.perform import perform
from commonweight.study.jobs import Job
from commonweight.study.schema import DataSpec
from commonweight.study.work import Runtime, Workers


def encode_task(task: Task) -> str:
    """The task as one line."""
    job, data = (part.model_dump(mode="json") for part in (task.job, task.data))
    return json.dumps({"job": job, "data": data, "out": str(task.out), "after": task.after})


def decode_task(line: str) -> Task:
    """The task that `encode_task` wrote."""
    parts = json.loads(line)
    job, data = Job.model_validate(parts["job"]), DataSpec.model_validate(parts["data"])
    return Task(job, data, Path(parts["out"]), tuple(parts["after"]))


def encode_event(event: Event) -> str:
    """The event as one line, without its job: both sides know which one is running."""
    return json.dumps([type(event).__name__, {name: value for name, value in vars(event).items() if name != "job"}])


def decode_event(line: str, job: Job) -> Event:
    """The event that `encode_event` wrote, of this job."""
    name, values = json.loads(line)
    kinds: dict[str, type[Event]] = {kind.__name__: kind for kind in (Started, Advanced, Finished, Failed)}
    return kinds[name](job, **values)


def main() -> None:
    """Serve tasks until standard input ends."""
    # Events own the real standard output; anything that prints goes to standard error.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as events:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        workers = Workers(Runtime.model_validate_json(sys.argv[1]))
        for line in sys.stdin:
            task = decode_task(line)
            for event in perform(workers.of(task.data), task):
                print(encode_event(event), file=events, flush=True)


if __name__ == "__main__":
    main()
