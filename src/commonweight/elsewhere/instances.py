"""Tables of one method as one array: a table for each instance, or one of all."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from commonweight.elsewhere.accuracy_tables import AccuracyTable, Rows, Scale, wide_table
from commonweight.elsewhere.grids import listed
from commonweight.elsewhere.long_tables import long_tables
from commonweight.elsewhere.nested import Methods
from commonweight.errors import TableError, UsageError, nearest


def tables_of(grids: Methods, scale: Scale) -> dict[str, list[AccuracyTable]]:
    """The tables of each method; a long grid holds several."""
    found: dict[str, list[AccuracyTable]] = {}
    for method, of_one in grids.items():
        for grid in of_one:
            for name, tables in (long_tables(grid, scale) or {"": [wide_table(grid, scale)]}).items():
                found.setdefault(method or name, []).extend(tables)
    return found


def stacked(tables: Sequence[AccuracyTable], kind: Rows | None) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Accuracies `[instance, moment, child]`, the moments, and who was just trained, of the tables of one method."""
    first = tables[0]
    known: dict[bytes, str] = {}
    for table in tables:
        same = table.children == first.children and np.array_equal(table.index, first.index)
        if not same or table.rows is not first.rows:
            raise TableError(
                f"{table.where}: other children or moments than {first.where}; expected the same, in the same order"
                f"{_difference(table.children, first.children)}"
            )
        where = known.setdefault(table.accuracy.tobytes(), table.where)
        if where != table.where:
            raise TableError(f"{table.where}: the same numbers as {where}; expected another instance in each")
    kind = kind or first.rows
    if kind is Rows.INSTANCES and len(tables) > 1:
        raise UsageError(f"{len(tables)} files, whose rows are instances; expected one such file, or rows of moments")
    accuracy, step = np.stack([table.accuracy for table in tables]), first.index
    if kind is Rows.INSTANCES:
        accuracy, step = accuracy[0][:, None], np.array([1])
    trained = [table.trained for table in tables if table.trained is not None]
    if trained and len(trained) < len(tables):
        raise TableError("only some of the files name the child just trained; expected all of them, or none")
    names = np.reshape(trained, accuracy.shape[:2]) if trained else None
    return accuracy, step, trained_mask_of(names, first.children, accuracy.shape)


def _difference(children: Sequence[str], expected: Sequence[str]) -> str:
    """Which children one has and the other has not, in words."""
    known, wanted = set(children), set(expected)
    lacking, more = [c for c in expected if c not in known], [c for c in children if c not in wanted]
    said = [f"{what} {listed(names)}" for what, names in (("without", lacking), ("with", more)) if names]
    return f"; it is {' and '.join(said)}" if said else ""


def other_conventions(tables: Sequence[AccuracyTable]) -> Iterator[str]:
    """How tables were read otherwise than the first."""
    for table in tables:
        yield from (f"{table.where}: {line}" for line in table.conventions if line not in tables[0].conventions)


def trained_mask_of(trained: Any, names: Sequence[str], shape: tuple[int, ...]) -> np.ndarray | None:
    """Bool `[instance, moment, child]` from names `[instance, moment]`."""
    if trained is None:
        return None
    words = np.asarray(trained).astype(str)
    if words.shape not in (shape[:2], *([shape[1:2]] if shape[0] == 1 else [])):
        raise UsageError(
            f"just trained children have shape {words.shape}; expected one for each of {shape[0]} instances and "
            f"{shape[1]} moments, [instance, moment]"
        )
    known = frozenset(names)
    unknown = [word for word in words.flat if word not in known]
    if unknown:
        raise UsageError(
            f"just trained child {str(unknown[0])!r} is not among the children{nearest(str(unknown[0]), names)}; "
            "expected their names"
        )
    return words.reshape(*shape[:2], 1) == np.asarray(names)
