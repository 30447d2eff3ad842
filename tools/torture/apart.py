"""A deed in a process of its own: killed at will, bounded in time and memory, its words kept, nothing left behind it."""

import os
import resource
import select
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

MEMORY = 4 << 30  # bytes that a deed may take beyond what this process has
UNEXPECTED = 70  # exit code of a deed that ended with an exception
MARK = "COMMONWEIGHT_TORTURE"  # in the environment of all processes that a deed starts
LEFT_SECONDS = 10.0  # in which processes that a deed started must have ended
KILLED = -signal.SIGKILL


@dataclass(frozen=True)
class Ended:
    """How a deed ended: its exit code, minus a signal's number when one killed it, and what it said. None: it hung."""

    code: int | None
    out: str
    err: str

    @property
    def wrong(self) -> str:
        """What no fault excuses: a traceback, a hang; nothing when there is none of it."""
        if self.code is None:
            return "it hung"
        traced = self.code == UNEXPECTED or "Traceback" in self.err
        return f"traceback: {self.err.strip().splitlines()[-1:]}" if traced else ""


class Apart:
    """The deed in a forked process, which has all imports already; what it returns is its exit code."""

    def __init__(self, deed: Callable[[], int], memory: int | None = MEMORY) -> None:
        self._out, self._err = tempfile.TemporaryFile(), tempfile.TemporaryFile()  # noqa: SIM115 - closed by ended()
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of threads: those of libraries here hold no lock
            self.process = os.fork()
        if not self.process:
            self._do(deed, memory)

    def kill(self, number: int = signal.SIGKILL) -> None:
        """Send it a signal, by default the one that it cannot hear."""
        with suppress(ProcessLookupError):
            os.kill(self.process, number)

    def wait(self, seconds: float) -> bool:
        """Whether it ends within so many seconds; it is not yet buried."""
        descriptor = os.pidfd_open(self.process)
        try:
            return bool(select.select([descriptor], [], [], max(0, seconds))[0])
        finally:
            os.close(descriptor)

    def ended(self, seconds: float = 300) -> Ended:
        """Wait for its end and that of all that it started; what is left after `LEFT_SECONDS` is killed, and hung."""
        in_time = self.wait(seconds)
        self.kill()
        code = os.waitstatus_to_exitcode(os.waitpid(self.process, 0)[1])
        deadline = time.monotonic() + LEFT_SECONDS
        while (left := offspring(self.process)) and time.monotonic() < deadline:
            time.sleep(0.05)
        for process in left:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        said = []
        for file in (self._out, self._err):
            file.seek(0)
            said.append(file.read().decode(errors="replace"))
            file.close()
        return Ended(code if in_time and not left else None, *said)

    def _do(self, deed: Callable[[], int], memory: int | None) -> NoReturn:
        try:
            os.setsid()
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # as a new program has it, until it says otherwise
            for descriptor, file in ((1, self._out), (2, self._err)):
                os.dup2(file.fileno(), descriptor)
            sys.stdout, sys.stderr = (
                os.fdopen(descriptor, "w", encoding="utf-8", closefd=False) for descriptor in (1, 2)
            )
            os.environ[MARK] = str(os.getpid())
            if memory is not None:
                pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
                limit = pages * resource.getpagesize() + memory
                resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            code = deed()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else int(end.code is not None)
        except BaseException:
            traceback.print_exc()
            code = UNEXPECTED
        with suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def offspring(process: int) -> list[int]:
    """The processes that a deed started and that live, wherever they have been moved."""
    found, mark = [], f"{MARK}={process}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return found
