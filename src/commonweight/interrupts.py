"""How Ctrl-C, SIGTERM and SIGHUP end the command line: without a traceback, with an exit code that tells which."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
GRACE_SECONDS = 3.0  # for what a command does when it is interrupted: ending workers, removing what is not whole
LAST_WORDS = b"interrupted in the middle of a computation; finished jobs are kept\n"


class Interrupted(KeyboardInterrupt):
    """One of the signals has come; `code` is the exit code that a shell gives to a process killed by it."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.code = 128 + number


class Interrupts:
    """The signals that end this process. Nothing is heard before `install`, which a library must never call."""

    def __init__(self) -> None:
        self._heard: list[int] = []
        self._unwinds = False
        self._received: int | None = None

    def install(self) -> None:
        """From now on a signal ends the process at once, since nothing is at stake; but see `unwinding`.

        One that is ignored already stays so: by a program started with nohup, or by a shell in the background.
        """
        reader, writer = os.pipe()
        os.set_blocking(writer, False)
        Thread(target=self._watch, args=(reader,), daemon=True).start()
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        self._heard = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
        for number in self._heard:
            signal.signal(number, self._receive)

    @contextmanager
    def unwinding(self) -> Iterator[None]:
        """Inside, the first signal raises `Interrupted`, and the next ones change nothing; afterwards none does anything.

        Where the exception cannot be raised, as in a native sweep, the process ends after `GRACE_SECONDS`.
        """
        self._unwinds = True
        try:
            yield
        except BaseException:
            if self._received is None:
                raise
            raise Interrupted(self._received) from None  # whatever it has become on its way: imports make errors of it
        finally:
            for number in self._heard:
                signal.signal(number, signal.SIG_IGN)

    def _receive(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        if self._received is not None:
            return
        if not self._unwinds:
            os._exit(128 + number)
        self._received = number
        raise Interrupted(number)

    def _watch(self, reader: int) -> None:
        """Wait for the number of a signal, which the system writes even while the main thread is in a native call."""
        while (number := os.read(reader, 1)[0]) not in ENDING:
            pass
        if self._unwinds:
            time.sleep(GRACE_SECONDS)
            os.write(2, LAST_WORDS)
        os._exit(128 + number)
