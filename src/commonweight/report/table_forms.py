"""Tables as Markdown, as CSV for programs, and for the terminal."""

from typing import Any

from rich import box
from rich.console import Group
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from commonweight.paper import Column, Number, Row, Table
from commonweight.report.narrow import Fitting
from commonweight.report.wording import bullets, comma_separated, escaped, heading, row, statistic


def to_markdown(table: Table) -> str:
    """The table with its title and notes as GitHub's Markdown."""
    header = ["", "ranks", *(column.title for column in table.columns)]
    lines = [f"### {escaped(heading(table))}", "", row(header), row(["---", *["---:"] * (len(header) - 1)])]
    lines += [row([escaped(one.name), str(one.ranks), *_cells(table, one)]) for one in table.rows]
    return "\n".join([*lines, *bullets(table.notes)])


def to_csv(table: Table) -> str:
    """The table as CSV with full precision: `key`, and `key_std`, `key_low`, `key_high` where a row has them."""
    return comma_separated(columns_of(table))


def columns_of(table: Table) -> dict[str, list[str | int | float | None]]:
    """For programs: `experiment`, `ranks`, and of each column the parts that a row has, by `key`, `key_std` and so on."""
    found: dict[str, list[Any]] = {
        "experiment": [one.name for one in table.rows],
        "ranks": [one.ranks for one in table.rows],
    }
    for column, *numbers in zip(table.columns, *(one.numbers for one in table.rows), strict=True):
        for part in _PARTS:
            values = [_part(number, part) for number in numbers]
            if any(value is not None for value in values):
                found[column.key + part] = [None if value is None else float(value) for value in values]
    return found


def to_rich(table: Table) -> Fitting:
    """The table for a terminal, row below row where it is too wide; the paper's numbers are dim."""
    title, notes = Text(heading(table)), Text("\n".join(table.notes))
    wide = RichTable(title=title, caption=notes, box=box.SIMPLE_HEAD)
    wide.title_justify = wide.caption_justify = "left"
    wide.add_column("")
    wide.add_column("ranks", justify="right")
    for column in table.columns:
        wide.add_column(column.title, justify="right", style="dim" if column.paper else "")
    for one in table.rows:
        wide.add_row(Text(one.name), str(one.ranks), *map(Text, _cells(table, one, "\n")))
    rows = [Padding(_below(table, one), (1, 0, 0, 0)) for one in table.rows]
    return Fitting(wide, Group(Text(heading(table), "italic"), *rows, Padding(Text(notes.plain, "dim italic"), (1, 0))))


def _below(table: Table, one: Row) -> Group:
    """A row: its name, then a line for each of our numbers with the paper's beside it."""
    lines = RichTable.grid(padding=(0, 2))
    numbers = [(column, cell(number, column)) for column, number in zip(table.columns, one.numbers, strict=True)]
    beside = dict(zip(range(len(numbers)), numbers[1:], strict=False))
    for place, (column, shown) in enumerate(numbers):
        if not column.paper:
            after, told = beside.get(place, (column, ""))
            lines.add_row(Text(f"  {column.title}"), shown, Text(f"{after.title} {told}", "dim") if after.paper else "")
    return Group(Text.assemble((one.name, "bold"), f", {one.ranks} ranks"), lines)


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
