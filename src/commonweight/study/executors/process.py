"""A worker process of the `local` executor: `python -m commonweight.study.executors.process RUNTIME`.

Reads one task per line from standard input and writes its events, one per line, to standard output; ends at the end of
its input.
"""

import os
import sys

from commonweight.study.executors.perform import perform
from commonweight.study.executors.wire import decode_task, encode_event
from commonweight.study.work import Runtime, Workers


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
