"""Tables as Markdown, as CSV for programs, and for the terminal."""

import csv
import io

from rich import box
from rich.table import Table as RichTable
from rich.text import Text

from commonweight.paper import Column, Number, Row, Table
from commonweight.report.wording import bullets, escaped, heading, row, statistic


def to_markdown(table: Table) -> str:
    """The table with its title and notes as GitHub's Markdown."""
    header = ["", "ranks", *(column.title for column in table.columns)]
    lines = [f"### {escaped(heading(table))}", "", row(header), row(["---", *["---:"] * (len(header) - 1)])]
    lines += [row([escaped(one.name), str(one.ranks), *_cells(table, one)]) for one in table.rows]
    return "\n".join([*lines, *bullets(table.notes)])


def to_csv(table: Table) -> str:
    """The table as CSV with full precision: `key`, and `key_std`, `key_low`, `key_high` where a row has them."""
    parts = {
        column.key: [part for part in _PARTS if any(_part(number, part) is not None for number in numbers)]
        for column, *numbers in zip(table.columns, *(one.numbers for one in table.rows), strict=True)
    }
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["experiment", "ranks", *(key + part for key, kinds in parts.items() for part in kinds)])
    for one in table.rows:
        values = [
            _part(number, part)
            for column, number in zip(table.columns, one.numbers, strict=True)
            for part in parts[column.key]
        ]
        writer.writerow([one.name, one.ranks, *("" if value is None else repr(float(value)) for value in values)])
    return out.getvalue()


def to_rich(table: Table) -> RichTable:
    """The table for a terminal; the paper's columns are dim."""
    rich = RichTable(title=Text(heading(table)), caption=Text("\n".join(table.notes)), box=box.SIMPLE_HEAD)
    rich.title_justify = rich.caption_justify = "left"
    rich.add_column("")
    rich.add_column("ranks", justify="right")
    for column in table.columns:
        rich.add_column(column.title, justify="right", style="dim" if column.paper else "")
    for one in table.rows:
        rich.add_row(Text(one.name), str(one.ranks), *map(Text, _cells(table, one, "\n")))
    return rich


def cell(number: Number | None, column: Column, break_with: str = " ") -> str:
    """`mean ± std [low, high]` with the column's digits; a dash for what was not measured or is undefined."""
    return statistic(number, column.digits, break_with)


_PARTS = ("", "_std", "_low", "_high")


def _part(number: Number | None, part: str) -> float | None:
    if number is None:
        return None
    match part:
        case "":
            return number.value
        case "_std":
            return number.std
        case _:
            return number.interval and getattr(number.interval, part[1:])


def _cells(table: Table, row: Row, break_with: str = " ") -> list[str]:
    return [cell(number, column, break_with) for column, number in zip(table.columns, row.numbers, strict=True)]
