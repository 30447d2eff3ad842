"""What was made shows itself: in a notebook, as Markdown, as a data frame, as a drawing. The forms are `report`'s own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commonweight.ondemand import later

if TYPE_CHECKING:
    from pandas import DataFrame


class Listed:
    """A table or a list of claims."""

    def to_markdown(self) -> str:
        """With its title and notes, as GitHub's Markdown."""
        return later("report", "to_text")(self)

    def to_frame(self) -> DataFrame:
        """With full precision, the columns those of its CSV file; raises `UsageError` when pandas is not installed."""
        return later("report", "to_frame")(self)

    def _repr_markdown_(self) -> str:
        """For a notebook."""
        return self.to_markdown()


class Plotted:
    """A figure of curves or boxes."""

    def plot(self, ax: Any = None) -> Any:
        """Draw it into these `Axes` of matplotlib, or into those of a new figure; returns the axes."""
        return later("report", "plot")(self, ax)

    def _repr_png_(self) -> bytes:
        """For a notebook."""
        return later("report", "render")(later("report", "draw")(self), "png")
