"""`commonweight` and `python -m commonweight` are the command line."""

import sys
from importlib.metadata import version


def main() -> None:
    """Run the command line; the version is told without importing it, which takes two seconds."""
    if sys.argv[1:] in (["--version"], ["-V"]):
        print(version("commonweight"))
        return
    from commonweight.cli import main as command_line  # noqa: PLC0415

    command_line()


if __name__ == "__main__":
    main()
