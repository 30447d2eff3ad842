"""A bar on standard error for what takes long in Python, where that is a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import Progress


@contextmanager
def watched(total: int, what: str) -> Iterator[Callable[[int], None]]:
    """What is to be told of each part of `total` that is done; shows nothing where standard error is no terminal."""
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(f"{total:,} {what}", total=total)
        yield lambda parts: progress.update(task, advance=parts)
