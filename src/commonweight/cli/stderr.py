"""Standard error, where everything goes that is no result."""

import sys
from contextlib import suppress
from typing import TextIO, cast

from rich.console import Console
from rich.text import Text


def say(text: str) -> None:
    """A line on standard error."""
    errors().print(Text(text), soft_wrap=True)


def errors() -> Console:
    """Standard error. When it is closed, full or gone with its terminal, what is said there is lost and nothing else."""
    return Console(file=cast(TextIO, _Losing(sys.stderr)), stderr=True)


class _Losing:
    """A stream that loses what it cannot write."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream  # None: it was closed when this process began
        self.encoding = "utf-8" if stream is None else stream.encoding

    def write(self, text: str) -> int:
        with suppress(OSError, ValueError):  # the latter of a stream that was closed since
            if self._stream is not None:
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            if self._stream is not None:
                self._stream.flush()

    def isatty(self) -> bool:
        return self._stream is not None and self._stream.isatty()
