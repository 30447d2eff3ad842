"""Accuracy tables that other programs wrote: their conventions are detected and told.

Where a table can be read in two ways, the error says how to tell them apart: a silent guess would lose a row or a child.
Example: a first row `1, 2, 3` above whole percent may be three children or three accuracies.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import pairwise
from pathlib import Path

import numpy as np

from commonweight.elsewhere.grids import (
    NO_NUMBERS,
    PARQUET,
    Grid,
    is_number,
    numbers,
    parquet_grid,
    read_content,
    text_grid,
    where_of,
)
from commonweight.elsewhere.nested import Methods, json_grids
from commonweight.errors import TableError, nearest

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
PERCENT = 10  # the least median of what is taken for percent: accuracies of a child are above it, losses below


class Rows(Enum):
    """What the rows of a table are."""

    MOMENTS = "moments"
    INSTANCES = "instances"


class Scale(Enum):
    """What the numbers of a table are: accuracies, or scores on any scale."""

    ACCURACY = "accuracies"
    SCORE = "scores, higher is better"
    LOSS = "scores, lower is better: all are shown with the opposite sign"


@dataclass(frozen=True, eq=False)
class AccuracyTable:
    """One table: accuracies `[row, child]` as fractions, or scores of which higher is better, and how it was read.

    `where` is what messages call it. `index` `[row]` numbers the rows; `trained` names the child that each row's mini-batch
    trained, where a column says so.
    """

    where: str
    children: tuple[str, ...]
    accuracy: np.ndarray
    index: np.ndarray
    rows: Rows | None
    trained: tuple[str, ...] | None
    conventions: tuple[str, ...]


def read_grids(path: Path, *, by_method: bool = True) -> Methods:
    """The grids of a CSV, JSON or Parquet file, or of standard input, known by how it begins; raises `DataError`."""
    where, content = where_of(path), read_content(path)
    if content.startswith(PARQUET):
        return {"": [parquet_grid(where, content)]}
    if content.removeprefix(b"\xef\xbb\xbf").lstrip().startswith((b"{", b"[")):
        return json_grids(where, content, by_method=by_method)
    return {"": [text_grid(where, content)]}


def wide_table(grid: Grid, scale: Scale = Scale.ACCURACY) -> AccuracyTable:
    """The table of a grid whose columns are children. Raises `TableError` with row and column of what does not fit.

    Rows of a text are counted from 1, the header and no blank line included; those of other formats without one.
    """
    if grid.names is None:
        grid = grid.headed() if _is_headed(grid, scale) else grid.unheaded()
    if not grid.rows:
        raise TableError(f"{grid.where}: no rows of numbers; expected one row for each moment or instance")
    told, header, width = list(grid.told), bool(grid.names), len(grid.rows[0])
    kinds = [column_word(name) for name in grid.names or ()]
    rows, index, first = None, np.arange(1, len(grid.rows) + 1), 0
    place = next((p for p, kind in enumerate(kinds) if kind in TRAINED_WORDS), None)
    kind = kinds[0] if header else None
    numbered = kind in MOMENT_WORDS + INSTANCE_WORDS + ROW_WORDS
    if numbered or (place != 0 and scale is Scale.ACCURACY and _counts(grid.rows, place, named=header)):
        rows = Rows.MOMENTS if kind in MOMENT_WORDS else Rows.INSTANCES if kind in INSTANCE_WORDS else None
        if rows is not Rows.INSTANCES or all(is_number(row[0]) for row in grid.rows):  # runs may have names
            index = numbers(grid, [0])[:, 0]
            _require_index(grid, index, rows)
        told.append(f"the first column ({grid.title(0) or 'without a name'}) numbers the rows")
        first = 1
    trained = None if place is None else tuple(grid.column(place))
    if place is not None:
        told.append(f"column {grid.title(place)!r} names the child that was just trained")
    chosen = [p for p in range(first, width) if p != place]
    if header:
        children = tuple(grid.title(p) for p in chosen)
        told.append("the first row names the children" if grid.first_row > 1 else "children are known by their names")
    else:
        children = tuple(str(number) for number in range(1, len(chosen) + 1))
        told.append(f"no header: the children are 1 … {len(chosen)}, by column")
    _require_children(grid, children)
    accuracy, unit = scaled(grid, numbers(grid, chosen), [grid.title(p) for p in chosen], scale)
    known = frozenset(children)
    for row, name in enumerate(trained or (), start=grid.first_row):
        if name not in known:
            raise TableError(
                f"{grid.where}, row {row}: just trained child {name!r} is not a column; expected one of "
                f"{', '.join(children[:5])} …{nearest(name, children)}"
            )
    return AccuracyTable(grid.where, children, accuracy, index, rows, trained, (*told, unit))


def scaled(grid: Grid, values: np.ndarray, names: Sequence[str], scale: Scale) -> tuple[np.ndarray, str]:
    """Values `[row, column]` as higher is better, accuracies in [0, 1], and in words what they were.

    Percent is what lies in [0, 100] with a median of 10 or more; between that and fractions nothing is certain, as a loss
    from 0.2 to 3 may also be accuracies of a hard task in percent. Raises `TableError` then.
    """
    if scale is not Scale.ACCURACY:
        return (-values if scale is Scale.LOSS else values), scale.value
    remedy = "say --scores for scores on another scale, and --lower-is-better for a loss"
    outside = np.argwhere((values < 0) | (values > 100))
    if len(outside):
        row, column = outside[0]
        raise TableError(
            f"{grid.where}, row {grid.first_row + row}, column {names[column]!r}: {values[row, column]:g}; expected an "
            f"accuracy, as a fraction in [0, 1] or in percent; {remedy}"
        )
    if values.max() <= 1:
        return values, "accuracies are fractions"
    if np.median(values) <= 1:
        row, column = np.argwhere(values > 1)[0]
        raise TableError(
            f"{grid.where}, row {grid.first_row + row}, column {names[column]!r}: {values[row, column]:g}, and most others "
            f"are at most 1; expected all as fractions, or all in percent; {remedy}"
        )
    if np.median(values) < PERCENT:
        raise TableError(
            f"{grid.where}: values from {values.min():g} to {values.max():g}, half of them below {np.median(values):g}, may "
            f"be percent or a loss; expected fractions in [0, 1], or percent with a median of at least {PERCENT}; {remedy}"
        )
    return values / 100, "accuracies are percent"


def column_word(name: str) -> str:
    """The name in small letters and the singular, to compare with the words above: `Epochs` is `epoch`."""
    found = name.strip().lower()
    return _PLURALS.get(found, found)


_PLURALS = {f"{known}{end}": known for known in MOMENT_WORDS + INSTANCE_WORDS for end in ("s", "es")}
_PLURALS["copies"] = "copy"


def _is_headed(grid: Grid, scale: Scale) -> bool:
    """Whether the first row names columns: words, or whole numbers that can be no accuracies (children `112`, `143`)."""
    first = [str(cell).strip() for cell in grid.rows[0]]
    if not all(map(is_number, first)):
        figures = [cell for cell in first if is_number(cell)]
        words = [cell for place, cell in enumerate(first) if not is_number(cell) and (cell or place)]
        gaps = [cell for cell in words if cell.lower() in NO_NUMBERS]
        if (figures and gaps) or not all(map(str.isdecimal, figures)):
            odd = gaps or words or figures
            raise TableError(
                f"{grid.where}, row 1: {odd[0]!r} among numbers; expected a name, or a number, for every child"
            )
        return True
    later = _known(grid.rows[1:])
    if not len(later) or not all(map(str.isdecimal, first)):
        return False
    twice = len(set(first)) < len(first)  # as in a row of accuracies, but hardly of names
    if scale is not Scale.ACCURACY:
        if twice or (later != later.round()).any():
            return not twice  # whole numbers above others that are not
    else:
        if _counts(grid.rows):
            return False  # it goes on counting in the first row
        values = [float(cell) for cell in first]
        if max(values) > 100 or later.max() <= 1 < max(values):
            return True
        if twice or (any(a >= b for a, b in pairwise(values)) and (later == later.round()).all()):
            return False  # one row of whole percent like the others, and no order that names stand in
    what, other = (
        ("accuracies in percent", ", or accuracies as fractions") if scale is Scale.ACCURACY else ("scores", "")
    )
    raise TableError(
        f"{grid.where}, row 1: {', '.join(first[:3])} … may be names of children or {what}; expected a name "
        f"with a letter (child-12){other}"
    )


def _counts(rows: Sequence[Sequence[str]], left_out: int | None = None, *, named: bool = False) -> bool:
    """Whether the first column counts: whole numbers that rise and can be no accuracies beside the others.

    Numbers can be no accuracies when they pass 100, or pass 1 beside fractions: `1, 2, 3` beside `0.52, 0.61, 0.60` counts.
    In a table without names, numbers that rise by equal steps, at least twice, also count beside percent that are not all
    whole: `10, 20, 30` beside `52.5, 61, 60`. A column with a name may then still be a child. The column `left_out` is none
    of the others.
    """
    if len(rows[0]) - (left_out is not None) < 2 or len(rows) < 2 or not all(is_number(row[0]) for row in rows):
        return False
    values = np.array([float(row[0]) for row in rows])
    steps = np.diff(values)
    if (values != values.round()).any() or (steps <= 0).any() or values[0] < 0:
        return False
    others = _known([[cell for p, cell in enumerate(row) if p not in (0, left_out)] for row in rows])
    if not len(others):
        return False
    if (values[-1] > 100 >= others.max()) or others.max() <= 1 < values[-1]:
        return True
    return not named and len(steps) > 1 and bool((steps == steps[0]).all()) and bool((others != others.round()).any())


def _known(rows: Iterable[Sequence[str]]) -> np.ndarray:
    """All numbers among these cells."""
    return np.array([float(cell) for row in rows for cell in row if is_number(cell)])


def _require_index(grid: Grid, index: np.ndarray, rows: Rows | None) -> None:
    """Moments rise; nothing stands twice."""
    for place, (before, number) in enumerate(pairwise(index), start=grid.first_row + 1):
        if rows is Rows.MOMENTS and number <= before:
            raise TableError(
                f"{grid.where}, row {place}: moment {number:g} after {before:g}; expected them to rise: give one file for "
                "each instance, the oldest moment first"
            )
    values, counts = np.unique(index, return_counts=True)
    if (counts > 1).any():
        raise TableError(
            f"{grid.where}: row number {values[counts > 1][0]:g} stands {counts.max()} times in the first column; expected "
            "each once: give one file for each instance"
        )


def _require_children(grid: Grid, children: Sequence[str]) -> None:
    known: set[str] = set()
    for child in children:
        if not child:
            raise TableError(f"{grid.where}, row 1: a column without a name; expected the name of a child")
        if child in known:
            raise TableError(f"{grid.where}, row 1: child {child!r} stands twice; expected one column for each child")
        if column_word(child) in MOMENT_WORDS + INSTANCE_WORDS:
            raise TableError(
                f"{grid.where}, row 1: column {child!r} stands among the children; expected only the first column to number "
                "the rows: give one file for each instance, or a long table, a row for each child and moment"
            )
        known.add(child)
