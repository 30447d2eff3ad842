"""Standard error, where everything goes that is no result."""

from rich.console import Console
from rich.text import Text


def say(text: str) -> None:
    """A line on standard error."""
    errors().print(Text(text), soft_wrap=True)


def errors() -> Console:
    """Standard error."""
    return Console(stderr=True)
