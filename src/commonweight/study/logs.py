"""Accuracy tables that other programs wrote: CSV files, whose conventions are detected and told."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from pathlib import Path

import numpy as np

from commonweight.errors import DataError, nearest

MOMENT_WORDS = ("step", "steps", "epoch", "batch", "mini-batch", "minibatch", "iteration", "iter", "moment", "time")
INSTANCE_WORDS = ("instance", "seed", "run", "copy", "trial", "repeat")
TRAINED_WORDS = ("trained", "child", "just trained", "just_trained", "arch")


class Rows(Enum):
    """What the rows of a table are."""

    MOMENTS = "moments"
    INSTANCES = "instances"


@dataclass(frozen=True, eq=False)
class Log:
    """One table: accuracies `[row, child]` as fractions, and what was found of its form, in words.

    `index` `[row]` numbers the rows; `trained` names the child that each row's mini-batch trained, where a column says so.
    """

    children: tuple[str, ...]
    accuracy: np.ndarray
    index: np.ndarray
    rows: Rows | None
    trained: tuple[str, ...] | None
    conventions: tuple[str, ...]


def read_log(path: Path) -> Log:
    """The table in this file. Raises `DataError` with file, line and column of what is no number or does not fit."""
    table, delimiter = _cells(path)
    header = _header(table)
    body = table[1:] if header else table
    if not body:
        raise DataError(f"{path}: no rows of numbers; expected one row for each moment or instance")
    names = header or [str(place) for place in range(1, len(table[0]) + 1)]
    told = [f"{_DELIMITERS[delimiter]} between columns"]
    told.append("the first line names the children" if header else "no header: children are numbered from 1 by column")
    columns = [[row[place] for row in body] for place in range(len(names))]
    first_line = 2 if header else 1
    rows, index, trained, first = None, np.arange(1, len(body) + 1), None, 0
    label = names[0].strip().lower() if header else ""
    if label in MOMENT_WORDS + INSTANCE_WORDS or (header and not label) or _counts(columns):
        index = _numbers(path, [columns[0]], [names[0]], first_line)[:, 0]
        rows = Rows.MOMENTS if label in MOMENT_WORDS else Rows.INSTANCES if label in INSTANCE_WORDS else None
        told.append(f"the first column ({names[0].strip() or 'without a name'}) numbers the rows")
        first = 1
    place = next((p for p in range(first, len(names)) if header and names[p].strip().lower() in TRAINED_WORDS), None)
    if place is not None:
        trained = tuple(cell.strip() for cell in columns[place])
        told.append(f"column {names[place].strip()!r} names the child that was just trained")
    chosen = [p for p in range(first, len(names)) if p != place]
    children = tuple(names[p].strip() for p in chosen)
    if header and not first and place is None and not header[0].strip():
        raise DataError(f"{path}, line 1: a column without a name; expected the name of a child")
    repeated = sorted({child for child in children if children.count(child) > 1})
    if repeated:
        raise DataError(f"{path}, line 1: child {repeated[0]!r} stands twice; expected one column for each child")
    accuracy = _numbers(path, [columns[p] for p in chosen], children, first_line)
    accuracy, unit = _fractions(path, accuracy)
    unknown = sorted(set(trained or ()) - set(children))
    if unknown:
        raise DataError(
            f"{path}: just trained child {unknown[0]!r} is not a column; expected one of {', '.join(children[:5])} …"
            f"{nearest(unknown[0], children)}"
        )
    return Log(children, accuracy, index, rows, trained, (*told, unit))


def read_ground_truth(path: Path, children: Sequence[str]) -> tuple[np.ndarray, str]:
    """Ground truth `[child]` in the order of `children`, and in words how it was read.

    One number per line in the order of the children, or `child,number` lines in any order. Raises `DataError`.
    """
    table, _ = _cells(path)
    if len(table[0]) == 1:
        if not _is_number(table[0][0]):
            table = table[1:]
        values = _numbers(path, [[row[0] for row in table]], ["number"], 1)[:, 0]
        if len(values) != len(children):
            raise DataError(f"{path}: {len(values)} numbers for {len(children)} children; expected one for each")
        return values, "ground truth: one number per line, in the order of the table's children"
    if len(table[0]) != 2:
        raise DataError(f"{path}: {len(table[0])} columns; expected one number per line, or child,number")
    if not _is_number(table[0][1]):
        table = table[1:]
    names = [row[0].strip() for row in table]
    values = _numbers(path, [[row[1] for row in table]], ["number"], 1)[:, 0]
    known = dict(zip(names, values, strict=True))
    if len(known) != len(names):
        raise DataError(f"{path}: a child stands twice; expected one line for each child")
    missing = [child for child in children if child not in known]
    if missing:
        raise DataError(f"{path}: no ground truth for child {missing[0]!r}{nearest(missing[0], names)}; expected all")
    return np.array([known[child] for child in children]), "ground truth: child and number on each line"


_DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", " ": "spaces"}


def _cells(path: Path) -> tuple[list[list[str]], str]:
    """The file's rows, all of one length, blank lines left out, and what stands between the columns."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as UTF-8 text: {error}") from None
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        raise DataError(f"{path}: the file is empty; expected rows of accuracies")
    delimiter = max(",;\t ", key=lines[0].strip().count)
    skip = delimiter == " "
    rows = list(
        csv.reader(([line.strip() for line in lines] if skip else lines), delimiter=delimiter, skipinitialspace=skip)
    )
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            raise DataError(f"{path}, row {number}: {len(row)} columns, the first row has {len(rows[0])}")
    return rows, delimiter


def _header(table: list[list[str]]) -> list[str] | None:
    """The first row if it names columns: some cell is no number, or all are whole numbers above 1 and later ones are not."""
    first = table[0]
    if not all(_is_number(cell) for cell in first):
        return first
    later = [float(cell) for row in table[1:] for cell in row if _is_number(cell)]
    whole = all(float(cell) == int(float(cell)) and float(cell) > 1 for cell in first if abs(float(cell)) < 1e15)
    distinct = len(set(first)) == len(first)
    return first if whole and distinct and later and any(value != int(value) for value in later) else None


def _counts(columns: list[list[str]]) -> bool:
    """Whether the first column counts: whole numbers that rise, beside others that are not all whole."""
    if len(columns) < 2 or len(columns[0]) < 2 or not all(_is_number(cell) for cell in columns[0]):
        return False
    values = [float(cell) for cell in columns[0]]
    rising = all(a < b for a, b in pairwise(values)) and all(v == int(v) for v in values)
    others = [float(cell) for column in columns[1:] for cell in column if _is_number(cell)]
    return rising and any(value != int(value) for value in others)


def _numbers(path: Path, columns: Sequence[Sequence[str]], names: Sequence[str], first_line: int) -> np.ndarray:
    """`[row, column]`, all finite."""
    for column, name in zip(columns, names, strict=True):
        for line, cell in enumerate(column, start=first_line):
            if not _is_number(cell):
                raise DataError(f"{path}, row {line}, column {name.strip()!r}: {cell!r}; expected a number")
    return np.array(columns, dtype=np.float64).T


def _is_number(cell: str) -> bool:
    try:
        return bool(np.isfinite(float(cell)))
    except ValueError:
        return False


def _fractions(path: Path, values: np.ndarray) -> tuple[np.ndarray, str]:
    """Accuracies in [0, 1], from fractions or percent."""
    if values.min() < 0 or values.max() > 100:
        raise DataError(
            f"{path}: accuracies from {values.min():g} to {values.max():g}; expected fractions in [0, 1] or percent"
        )
    if values.max() <= 1:
        return values, "accuracies are fractions"
    return values / 100, "accuracies are percent"
