"""What a worker process of the `local` executor does, once it hangs on its driver (`study/lifeline.py`)."""

import os
import sys
from collections.abc import Iterable

from commonweight.study.executors.perform import perform
from commonweight.study.executors.wire import decode_task, encode_event
from commonweight.study.work import Runtime, Workers


def serve(lines: Iterable[str], runtime: str) -> None:
    """Do the task of each line, under a runtime given as JSON, and write its events, one per line, to standard output."""
    # Events own the real standard output; anything that prints goes to standard error.
    with os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8") as events:
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        workers = Workers(Runtime.model_validate_json(runtime))
        for line in lines:
            task = decode_task(line)
            for event in perform(workers.of(task.data), task):
                print(encode_event(event), file=events, flush=True)
