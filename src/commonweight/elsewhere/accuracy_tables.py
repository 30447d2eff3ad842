"""Accuracy tables that other programs wrote: CSV files, whose conventions are detected and told.

Where a file can be read in two ways, the error says how to tell them apart: a silent guess would lose a row or a child.
Example: a first row `1, 2, 3` above whole percent may be three children or three accuracies.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from pathlib import Path

import numpy as np

from commonweight.errors import DataError, nearest

MOMENT_WORDS = (
    "step",
    "global_step",
    "epoch",
    "batch",
    "mini-batch",
    "minibatch",
    "iteration",
    "iter",
    "moment",
    "time",
)
INSTANCE_WORDS = ("instance", "seed", "run", "copy", "trial", "repeat")
ROW_WORDS = ("", "index", "row", "unnamed: 0")  # the last: pandas read an unnamed index and wrote it again
TRAINED_WORDS = ("trained", "child", "just trained", "just_trained", "arch")
NO_NUMBERS = ("nan", "na", "n/a", "null", "inf", "-inf", "")


class Rows(Enum):
    """What the rows of a table are."""

    MOMENTS = "moments"
    INSTANCES = "instances"


@dataclass(frozen=True, eq=False)
class AccuracyTable:
    """One table: accuracies `[row, child]` as fractions, and what was found of its form, in words.

    `index` `[row]` numbers the rows; `trained` names the child that each row's mini-batch trained, where a column says so.
    """

    children: tuple[str, ...]
    accuracy: np.ndarray
    index: np.ndarray
    rows: Rows | None
    trained: tuple[str, ...] | None
    conventions: tuple[str, ...]


def read_accuracy_table(path: Path) -> AccuracyTable:
    """The table in this file. Raises `DataError` with file, row and column of what is no number or does not fit.

    Rows are counted from 1, the header and no blank line included.
    """
    table, told = _cells(path)
    header = _header(path, table)
    body = table[1:] if header else table
    if not body:
        raise DataError(f"{path}: no rows of numbers; expected one row for each moment or instance")
    names = [name.strip() for name in header or [f"column {place}" for place in range(1, len(table[0]) + 1)]]
    columns = [[row[place] for row in body] for place in range(len(names))]
    first_row = 2 if header else 1
    rows, index, first = None, np.arange(1, len(body) + 1), 0
    place = next((p for p in range(len(names)) if header and _word(names[p]) in TRAINED_WORDS), None)
    word = _word(names[0]) if header else None
    beside = [column for p, column in enumerate(columns) if p != place]
    if word in MOMENT_WORDS + INSTANCE_WORDS + ROW_WORDS or (place != 0 and _counts(beside, named=bool(header))):
        rows = Rows.MOMENTS if word in MOMENT_WORDS else Rows.INSTANCES if word in INSTANCE_WORDS else None
        if rows is not Rows.INSTANCES or all(map(_is_number, columns[0])):  # runs may have names
            index = _numbers(path, columns[:1], names[:1], first_row)[:, 0]
            _require_index(path, index, rows, first_row)
        told.append(f"the first column ({names[0] or 'without a name'}) numbers the rows")
        first = 1
    trained = None if place is None else tuple(cell.strip() for cell in columns[place])
    if place is not None:
        told.append(f"column {names[place]!r} names the child that was just trained")
    chosen = [p for p in range(first, len(names)) if p != place]
    if header:
        children = tuple(names[p] for p in chosen)
        told.append("the first row names the children")
    else:
        children = tuple(str(number) for number in range(1, len(chosen) + 1))
        told.append(f"no header: the children are 1 … {len(chosen)}, by column")
    _require_children(path, children)
    accuracy = _numbers(path, [columns[p] for p in chosen], [names[p] for p in chosen], first_row)
    accuracy, unit = _fractions(path, accuracy, [names[p] for p in chosen], first_row)
    for row, name in enumerate(trained or (), start=first_row):
        if name not in children:
            raise DataError(
                f"{path}, row {row}: just trained child {name!r} is not a column; expected one of "
                f"{', '.join(children[:5])} …{nearest(name, children)}"
            )
    return AccuracyTable(children, accuracy, index, rows, trained, (*told, unit))


def read_ground_truth(path: Path, children: Sequence[str]) -> tuple[np.ndarray, str]:
    """Ground truth `[child]` in the order of `children`, higher is better, and in words how it was read.

    One number per line in the order of the children, or `child,number` lines in any order; other children may stand
    there too. Raises `DataError`.
    """
    table, (_, *told) = _cells(path)  # what stands between two columns needs no word here
    if len(table[0]) > 2:
        raise DataError(f"{path}: {len(table[0])} columns; expected one number per line, or child,number")
    first = table[0][-1].strip().lower()
    header = not (_is_number(first) or first in NO_NUMBERS) or not table[0][0].strip()
    body, first_row = (table[1:], 2) if header else (table, 1)
    if not body:
        raise DataError(f"{path}: no numbers below the first row; expected one for each child")
    values = _numbers(path, [[row[-1] for row in body]], ["number"], first_row)[:, 0]
    if len(table[0]) == 1:
        if len(values) != len(children):
            raise DataError(f"{path}: {len(values)} numbers for {len(children)} children; expected one for each")
        how = "one number per line, in the order of the table's children"
        return values, "; ".join((f"ground truth, higher is better: {how}", *told))
    known: dict[str, float] = {}
    for row, (name, value) in enumerate(zip([row[0].strip() for row in body], values, strict=True), start=first_row):
        if name in known:
            raise DataError(f"{path}, row {row}: child {name!r} stands twice; expected one line for each child")
        known[name] = float(value)
    missing = [child for child in children if child not in known]
    if missing:
        raise DataError(f"{path}: no ground truth for child {missing[0]!r}{nearest(missing[0], known)}; expected all")
    others = [name for name in known if name not in children]
    if others:
        told.append(f"{len(others)} children that are no column of the table are left out, {others[0]!r} the first")
    return (
        np.array([known[child] for child in children]),
        "; ".join(("ground truth, higher is better: child and number on each line", *told)),
    )


_DELIMITERS = {";": "semicolons", "\t": "tabs", ",": "commas", " ": "spaces"}  # the surest first
_DECIMAL_COMMA = re.compile(r"-?\d+,\d+")


def _cells(path: Path) -> tuple[list[list[str]], list[str]]:
    """The file's rows, all of one length, blank lines left out, and in words what its cells are like."""
    try:
        text = path.read_text(encoding="utf-8-sig").removeprefix("#")  # NumPy's mark of a header
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    if not text.strip():
        raise DataError(f"{path}: the file is empty; expected rows of accuracies")
    read = {delimiter: _split(path, text, delimiter) for delimiter in _DELIMITERS}
    fitting = [d for d, rows in read.items() if len(rows[0]) > 1 and all(len(row) == len(rows[0]) for row in rows)]
    single = [[line.strip().strip('"')] for line in text.splitlines() if line.strip()]
    title = re.split(r"[;\t, ]+", single[0][0])
    wordy = len(title) == 1 or not any(map(_is_number, title))
    if not fitting and wordy and all(len(row) == 1 for rows in read.values() for row in rows[1:]):
        return single, ["one column"]
    delimiter = fitting[0] if fitting else max(read, key=lambda d: sum(len(row) > 1 for row in read[d]))
    rows = read[delimiter]
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DataError(
                f"{path}, row {number}: {len(row)} columns with {_DELIMITERS[delimiter]} between them; expected "
                f"{len(rows[0])}, as in the first row"
            )
    told = [f"{_DELIMITERS[delimiter]} between columns"]
    if delimiter != "," and any(_DECIMAL_COMMA.fullmatch(cell.strip()) for row in rows for cell in row):
        rows = [[c.replace(",", ".") if _DECIMAL_COMMA.fullmatch(c.strip()) else c for c in row] for row in rows]
        told.append("numbers have decimal commas")
    return rows, told


def _split(path: Path, text: str, delimiter: str) -> list[list[str]]:
    if delimiter == " ":
        text = "\n".join(line.strip() for line in text.splitlines())
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=delimiter != "\t"))
    except csv.Error as error:
        raise DataError(f"{path}: is no table of text: {error}") from None
    return [row for row in rows if any(cell.strip() for cell in row)]


def _header(path: Path, table: list[list[str]]) -> list[str] | None:
    """The first row if it names columns: words, or whole numbers that can be no accuracies (children `112`, `143`)."""
    first = [cell.strip() for cell in table[0]]
    if not all(map(_is_number, first)):
        numbers = [cell for cell in first if _is_number(cell)]
        words = [cell for place, cell in enumerate(first) if not _is_number(cell) and (cell or place)]
        gaps = [word for word in words if word.lower() in NO_NUMBERS]
        if (numbers and gaps) or not all(map(str.isdecimal, numbers)):
            odd = gaps or words or numbers
            raise DataError(f"{path}, row 1: {odd[0]!r} among numbers; expected a name, or a number, for every child")
        return table[0]
    later = np.array([float(cell) for row in table[1:] for cell in row if _is_number(cell)])
    if not len(later) or not all(map(str.isdecimal, first)) or len(set(first)) < len(first):
        return None
    if _counts([[row[place] for row in table] for place in range(len(first))]):
        return None  # it goes on counting in the first row
    values = [float(cell) for cell in first]
    if max(values) > 100 or later.max() <= 1 < max(values):
        return table[0]
    if any(a >= b for a, b in pairwise(values)) and (later == later.round()).all():
        return None  # one row of whole percent like the others, and no order that names stand in
    raise DataError(
        f"{path}, row 1: {', '.join(first[:3])} … may be names of children or accuracies in percent; expected a name "
        "with a letter (child-12), or accuracies as fractions"
    )


def _counts(columns: list[list[str]], *, named: bool = False) -> bool:
    """Whether the first column counts: whole numbers that rise and can be no accuracies beside the others.

    Numbers can be no accuracies when they pass 100, or pass 1 beside fractions: `1, 2, 3` beside `0.52, 0.61, 0.60` counts.
    In a table without names, numbers that rise by equal steps, at least twice, also count beside percent that are not all
    whole: `10, 20, 30` beside `52.5, 61, 60`. A column with a name may then still be a child.
    """
    if len(columns) < 2 or len(columns[0]) < 2 or not all(_is_number(cell) for cell in columns[0]):
        return False
    values = np.array([float(cell) for cell in columns[0]])
    others = np.array([float(cell) for column in columns[1:] for cell in column if _is_number(cell)])
    steps = np.diff(values)
    if not len(others) or (values != values.round()).any() or (steps <= 0).any() or values[0] < 0:
        return False
    if (values[-1] > 100 >= others.max()) or others.max() <= 1 < values[-1]:
        return True
    return not named and len(steps) > 1 and bool((steps == steps[0]).all()) and bool((others != others.round()).any())


def _require_index(path: Path, index: np.ndarray, rows: Rows | None, first_row: int) -> None:
    """Moments rise; nothing stands twice."""
    for place, (before, number) in enumerate(pairwise(index), start=first_row + 1):
        if rows is Rows.MOMENTS and number <= before:
            raise DataError(
                f"{path}, row {place}: moment {number:g} after {before:g}; expected them to rise: give one file for "
                "each instance, the oldest moment first"
            )
    values, counts = np.unique(index, return_counts=True)
    if (counts > 1).any():
        raise DataError(
            f"{path}: row number {values[counts > 1][0]:g} stands {counts.max()} times in the first column; expected "
            "each once: give one file for each instance"
        )


def _require_children(path: Path, children: Sequence[str]) -> None:
    for child in children:
        if not child:
            raise DataError(f"{path}, row 1: a column without a name; expected the name of a child")
        if children.count(child) > 1:
            raise DataError(f"{path}, row 1: child {child!r} stands twice; expected one column for each child")
        if _word(child) in MOMENT_WORDS + INSTANCE_WORDS:
            raise DataError(
                f"{path}, row 1: column {child!r} stands among the children; expected only the first column to number "
                "the rows: give one file for each instance"
            )


def _word(name: str) -> str:
    """The name in small letters and the singular, to compare with the words above: `Epochs` is `epoch`."""
    word = name.strip().lower()
    plural = {f"{known}{end}": known for known in MOMENT_WORDS + INSTANCE_WORDS for end in ("s", "es")}
    return (plural | {"copies": "copy"}).get(word, word)


def _numbers(path: Path, columns: Sequence[Sequence[str]], names: Sequence[str], first_row: int) -> np.ndarray:
    """`[row, column]`, all finite."""
    for column, name in zip(columns, names, strict=True):
        for row, cell in enumerate(column, start=first_row):
            if not _is_number(cell):
                raise DataError(f"{path}, row {row}, column {name!r}: {cell!r}; expected a number")
    return np.array(columns, dtype=np.float64).T


def _is_number(cell: str) -> bool:
    try:
        return "_" not in cell and bool(np.isfinite(float(cell)))  # to Python 1_1_2, a child, is a number
    except ValueError:
        return False


def _fractions(path: Path, values: np.ndarray, names: Sequence[str], first_row: int) -> tuple[np.ndarray, str]:
    """Accuracies in [0, 1], from fractions or percent."""
    outside = np.argwhere((values < 0) | (values > 100))
    if len(outside):
        row, column = outside[0]
        raise DataError(
            f"{path}, row {first_row + row}, column {names[column]!r}: {values[row, column]:g}; expected an accuracy, as "
            "a fraction in [0, 1] or in percent"
        )
    if values.max() <= 1:
        return values, "accuracies are fractions"
    if np.median(values) <= 1:
        row, column = np.argwhere(values > 1)[0]
        raise DataError(
            f"{path}, row {first_row + row}, column {names[column]!r}: {values[row, column]:g}, and most others are at "
            "most 1; expected all as fractions, or all in percent"
        )
    return values / 100, "accuracies are percent"
