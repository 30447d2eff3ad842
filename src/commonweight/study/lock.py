"""One driver for each folder of results: the others are refused and told who has it."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from commonweight.errors import UsageError
from commonweight.study.durable import writing

LOCK = "lock"
"""The locked file of a folder of results, which stays there. Who reads results needs no lock."""


@contextmanager
def locked(out: Path) -> Iterator[None]:
    """This process alone drives the folder inside; the kernel releases the lock when the process dies, however it dies.

    Raises `UsageError` when another has the lock, with its process, host and beginning, and on a file system without locks;
    `ReadOnly` where the file cannot be made.
    """
    with writing(out / LOCK):
        out.mkdir(parents=True, exist_ok=True)
        file = (out / LOCK).open("a+", encoding="utf-8")  # not "w+": what the holder wrote must stay
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UsageError(f"{out} is in use by {_holder(file)}; wait for its end, or give another --out") from None
        except OSError as error:
            raise UsageError(
                f"{out / LOCK} cannot be locked: {error.strerror}; give an --out on a file system that has locks"
            ) from None
        since = datetime.now(UTC).isoformat(timespec="seconds")
        told = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
        with writing(out / LOCK):
            file.truncate(0)
            os.write(file.fileno(), told.encode())
        yield


def _holder(file: IO[str]) -> str:
    """Who has the lock, as it wrote when it began."""
    file.seek(0)
    try:
        told = json.loads(file.read(1000))
        return f"process {told['pid']} on {told['host']} since {told['since']}"
    except (ValueError, KeyError, TypeError):
        return "another process"
