"""What a terminal shows of something wide: side by side where there is room, else one below the other, and every digit."""

from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.measure import Measurement
from rich.table import Table as RichTable

ANY_WIDTH = 10_000


@dataclass(frozen=True)
class Fitting:
    """The wide form where it has its whole width, or `enough`; else the narrow one. A cell that is cut would lose digits."""

    wide: RichTable
    narrow: RenderableType
    enough: int | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        needed = self.enough or Measurement.get(console, options.update_width(ANY_WIDTH), self.wide).maximum
        yield self.wide if needed <= options.max_width else self.narrow
