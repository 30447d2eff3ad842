"""Which forms each kind of thing has: files, Markdown, and what a terminal shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from matplotlib.figure import Figure
from rich.console import RenderableType

from commonweight.paper import Boxes, Claims, Curves, Made, Table
from commonweight.report import claim_forms, table_forms
from commonweight.report.static import FORMATS, render
from commonweight.study.frames import data_frame

if TYPE_CHECKING:
    from pandas import DataFrame


def to_text(made: Made) -> str | None:
    """A table or a list of claims as Markdown; None for a figure."""
    match made:
        case Table():
            return table_forms.to_markdown(made)
        case Claims():
            return claim_forms.to_markdown(made)
        case Curves() | Boxes():
            return None


def to_terminal(made: Made) -> RenderableType | None:
    """A table or a list of claims for a terminal; None for a figure."""
    match made:
        case Table():
            return table_forms.to_rich(made)
        case Claims():
            return claim_forms.to_rich(made)
        case Curves() | Boxes():
            return None


def to_frame(made: Table | Claims) -> DataFrame:
    """The same as the CSV file, as a data frame; raises `UsageError` when pandas is not installed."""
    return data_frame(table_forms.columns_of(made) if isinstance(made, Table) else claim_forms.columns_of(made))


def to_files(made: Made, drawn: Mapping[str, Figure]) -> dict[str, bytes]:
    """The files of what was made, by their paths below the report's folder; figures as they were `drawn`, by their names.

    Example: Table 1 has `tables/table-1.md` and `tables/table-1.csv`; Figure 2 has `figures/figure-2.pdf`, `.svg`, `.png`.
    """
    match made:
        case Table():
            texts = {"md": table_forms.to_markdown(made), "csv": table_forms.to_csv(made)}
        case Claims():
            texts = {"md": claim_forms.to_markdown(made), "csv": claim_forms.to_csv(made)}
        case Curves() | Boxes():
            return figure_files(made.name, drawn[made.name])
    return {f"tables/{made.name}.{kind}": text.encode() for kind, text in texts.items()}


def figure_files(name: str, figure: Figure) -> dict[str, bytes]:
    """A figure in every format, by its paths below the report's folder."""
    return {f"figures/{name}.{kind}": render(figure, kind) for kind in FORMATS}
