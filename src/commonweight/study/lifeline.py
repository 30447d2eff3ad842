"""A worker process that ends when its driver does: `python -m commonweight.study.lifeline RUNTIME`.

Its standard input is a pipe that brings one task per line, and that ends with the driver, however the driver dies. A thread
waits for that end, so a worker notices it in the middle of a sweep of minutes too, and while it still imports PyTorch. On
Linux the kernel ends it even where no thread of Python can: in a native call that does not let others run.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Thread

PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main() -> None:
    """Serve tasks until standard input ends."""
    ask_the_kernel()
    lines = held()
    from commonweight.study.executors.process import serve  # noqa: PLC0415 - seconds in which the driver may die

    serve(lines, sys.argv[1])


def held() -> Iterator[str]:
    """The lines of standard input; this process ends, whatever it is doing, as soon as there will be no more."""
    lines: SimpleQueue[str] = SimpleQueue()

    def read() -> None:
        for line in sys.stdin:
            lines.put(line)
        os._exit(1)

    Thread(target=read, daemon=True).start()
    return iter(lines.get, None)


def ask_the_kernel() -> None:
    """Have this process killed when the thread that started it ends; other systems than Linux have no such call."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ctypes.c_ulong(signal.SIGKILL))


if __name__ == "__main__":
    main()
