"""Tasks and events as lines of JSON, so that nothing has to be importable or picklable where they are read."""

import json
from pathlib import Path

from commonweight.study.executors.contract import Advanced, Event, Failed, Finished, Noted, Started, Task
from commonweight.study.failures import Cause
from commonweight.study.jobs import Job
from commonweight.study.schema import DataSpec


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
    values = {name: value for name, value in vars(event).items() if name != "job"}
    if isinstance(event, Failed):
        values["cause"] = event.cause.value
    return json.dumps([type(event).__name__, values])


def decode_event(line: str, job: Job) -> Event:
    """The event that `encode_event` wrote, of this job."""
    name, values = json.loads(line)
    kinds: dict[str, type[Event]] = {kind.__name__: kind for kind in (Started, Advanced, Noted, Finished, Failed)}
    if "cause" in values:
        values["cause"] = Cause(values["cause"])
    return kinds[name](job, **values)
