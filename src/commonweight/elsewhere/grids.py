"""Grids: the cells of what other programs wrote, from text, Parquet or JSON, still without a meaning.

Text has cells of text, and its first row may name the columns; other formats have numbers too, and say what they name.
"""

import csv
import io
import math
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from commonweight.errors import DataError, TableError
from commonweight.images.extra import from_extra_hub

STDIN = Path("-")
NO_NUMBERS = ("nan", "na", "n/a", "null", "none", "inf", "-inf", "")
PARQUET, INDEX = b"PAR1", "__index_level_0__"  # how a file begins; how pandas stores an index without a name


@dataclass(frozen=True, eq=False)
class Grid:
    """Rows of cells, as long as each other; `where` is what messages call their source.

    `names` are those of the columns, () where they have none, and None where the first row of a text may have them.
    `first_row` is the number of the first row for a reader. `told` says what the cells are like.
    """

    where: str
    names: tuple[str, ...] | None
    rows: Sequence[Sequence[Any]]
    told: tuple[str, ...] = ()
    first_row: int = 1

    def headed(self) -> "Grid":
        """The same with its first row as names."""
        return replace(self, names=tuple(str(cell).strip() for cell in self.rows[0]), rows=self.rows[1:], first_row=2)

    def unheaded(self) -> "Grid":
        """The same with columns that have no names."""
        return replace(self, names=())

    def column(self, place: int) -> list[str]:
        """The words of a column."""
        return [word(row[place]) for row in self.rows]

    def title(self, place: int) -> str:
        """What messages call a column."""
        return self.names[place] if self.names else f"column {place + 1}"


def read_content(path: Path) -> bytes:
    """All of a file, or for `-` of standard input. Raises `DataError`."""
    try:
        return sys.stdin.buffer.read() if path == STDIN else path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


def where_of(path: Path) -> str:
    """What messages call this source."""
    return "standard input" if path == STDIN else str(path)


def text_grid(where: str, content: bytes) -> Grid:
    """The table of a text, blank lines left out; what stands between its columns is found out. Raises `TableError`."""
    try:
        text = content.decode("utf-8-sig").removeprefix("#")  # NumPy's mark of a header
    except UnicodeDecodeError as error:
        raise TableError(f"{where}: cannot be read as UTF-8 text: {error}; expected CSV, JSON or Parquet") from None
    if not text.strip():
        raise TableError(f"{where}: the file is empty; expected rows of accuracies")
    read: dict[str, list[tuple[str, ...]]] = {}
    for delimiter in filter(
        text.__contains__, _DELIMITERS
    ):  # without one, a long line would be a field too long to read
        read[delimiter] = _split(where, text, delimiter)
        width = len(read[delimiter][0])
        if width > 1 and set(map(len, read[delimiter])) == {width}:
            return _delimited(where, read[delimiter], delimiter, text)
    single = [[line.strip().strip('"')] for line in text.splitlines() if line.strip()]
    title = re.split(r"[;\t, ]+", single[0][0])
    wordy = len(title) == 1 or not any(map(is_number, title))
    if wordy and all(len(row) == 1 for rows in read.values() for row in rows[1:]):
        return Grid(where, None, single, ("one column",))
    delimiter = max(read, key=lambda d: sum(len(row) > 1 for row in read[d]))
    expected = len(read[delimiter][0])
    number, odd = next((n, row) for n, row in enumerate(read[delimiter], start=1) if len(row) != expected)
    raise TableError(
        f"{where}, row {number}: {len(odd)} columns with {_DELIMITERS[delimiter]} between them; expected "
        f"{expected}, as in the first row"
    )


_DELIMITERS = {";": "semicolons", "\t": "tabs", ",": "commas", " ": "spaces"}  # the surest first
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


def _delimited(where: str, rows: list[tuple[str, ...]], delimiter: str, text: str) -> Grid:
    told = [f"{_DELIMITERS[delimiter]} between columns"]
    if delimiter != "," and "," in text and any(_DECIMAL_COMMA.fullmatch(c.strip()) for row in rows for c in row):
        rows = [tuple(c.replace(",", ".") if _DECIMAL_COMMA.fullmatch(c.strip()) else c for c in row) for row in rows]
        told.append("numbers have decimal commas")
    return Grid(where, None, rows, tuple(told))


def _split(where: str, text: str, delimiter: str) -> list[tuple[str, ...]]:
    if delimiter == " ":
        text = "\n".join(line.strip() for line in text.splitlines())
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=delimiter != "\t")
        rows = list(map(tuple, reader))  # a million lists would keep the garbage collector busy, longer than the reader
    except csv.Error as error:
        raise TableError(f"{where}: is no table of text: {error}; expected CSV, JSON or Parquet") from None
    return [row for row in rows if any(map(str.strip, row))]


def parquet_grid(where: str, content: bytes) -> Grid:
    """The table of a Parquet file, pandas' index first. Raises `TableError`, and `DataError` without the extra `hub`."""
    reader = from_extra_hub("pyarrow.parquet", where)
    try:
        table = reader.read_table(io.BytesIO(content))
        index = (table.schema.pandas_metadata or {}).get("index_columns", ())
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        raise TableError(f"{where}: cannot be read as Parquet ({str(error).splitlines()[0]}); write it again") from None
    counted = [
        one for one in index if isinstance(one, dict) and one["name"]
    ]  # only in the metadata: where it starts, ends
    places = sorted(range(table.num_columns), key=lambda place: table.column_names[place] not in index)
    names = [*(one["name"] for one in counted), *(table.column_names[place] for place in places)]
    columns = [range(one["start"], one["stop"], one["step"]) for one in counted]
    columns += [table.column(place).to_pylist() for place in places]
    rows = list(zip(*columns, strict=True))
    return Grid(where, tuple("" if name == INDEX else name for name in names), rows, ("Parquet",))


def numbers(grid: Grid, places: Sequence[int], who: int | None = None) -> np.ndarray:
    """`[row, column]` of these columns, all finite; raises `TableError` with the first cell that is no number.

    It names the columns of missing cells, or the children, where `who` is the column that has one in each row.
    """
    pick = itemgetter(*places)
    rows = list(map(pick, grid.rows)) if len(places) > 1 else [(pick(row),) for row in grid.rows]
    flat = list(chain.from_iterable(rows))
    try:
        values = np.fromiter(map(float, flat), np.float64, len(flat)).reshape(len(rows), len(places))
    except (TypeError, ValueError):
        values = np.array([])
    if values.size and np.isfinite(values).all() and not any("_" in cell for cell in flat if type(cell) is str):
        return values
    bad = [(row, column) for row, cells in enumerate(rows) for column, cell in enumerate(cells) if not is_number(cell)]
    row, column = bad[0]
    cell = rows[row][column]
    message = (
        f"{grid.where}, row {grid.first_row + row}, column {grid.title(places[column])!r}: {cell!r}; expected a number"
    )
    missing = [(r, c) for r, c in bad if word(rows[r][c]).lower() in NO_NUMBERS]
    if (row, column) in missing:
        children = None if who is None else grid.column(who)
        where = listed(dict.fromkeys(grid.title(places[c]) if children is None else children[r] for r, c in missing))
        message += f": {len(missing)} of {len(flat)} are missing, {'of' if children else 'in'} {where}"
        message += "; fill them or leave these out"
    raise TableError(message)


def word(cell: Any) -> str:
    """A cell as a name: text without space around it, `3` for 3.0, as a number that names a child may have become."""
    if cell is None:
        return ""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def is_number(cell: Any) -> bool:
    """Whether a cell is a finite number, or the text of one."""
    try:
        return not (isinstance(cell, str) and "_" in cell) and math.isfinite(float(cell))  # 1_1_2 is a child
    except (TypeError, ValueError):
        return False


def listed(names: Iterable[Any], most: int = 5) -> str:
    """`'a', 'b' and 7 more`."""
    known = [repr(name) for name in names]
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more
