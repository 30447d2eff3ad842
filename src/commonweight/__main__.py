"""`commonweight` and `python -m commonweight` are the command line."""

import os
import sys

from commonweight.interrupts import Interrupts


def main() -> None:
    """Run the command line; the version is told without importing it."""
    _open_streams()
    interrupts = Interrupts()
    interrupts.install()
    if sys.argv[1:] in (["--version"], ["-V"]):
        from importlib.metadata import version  # noqa: PLC0415

        print(version("commonweight"))
        return
    from commonweight.cli import main as command_line  # noqa: PLC0415

    command_line(interrupts)


def _open_streams() -> None:
    """Give a standard stream that is closed to the null device: else the next file, a result, would have its descriptor."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free one


if __name__ == "__main__":
    main()
