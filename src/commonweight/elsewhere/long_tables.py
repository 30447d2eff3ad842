"""Long tables: a row for each child, and moment, instance and method where there are several.

Example: the columns `child,seed,epoch,accuracy`, in any order, are an accuracy table of moments for each seed.
"""

from collections.abc import Sequence

import numpy as np

from commonweight.elsewhere.accuracy_tables import (
    INSTANCE_WORDS,
    MOMENT_WORDS,
    ROW_WORDS,
    AccuracyTable,
    Rows,
    Scale,
    column_word,
    scaled,
)
from commonweight.elsewhere.grids import Grid, numbers
from commonweight.errors import TableError

CHILD_WORDS = ("child", "arch", "architecture", "model", "network", "name", "uid")
METHOD_WORDS = ("method", "algorithm")
CHILD, METHOD, MOMENT, INSTANCE = range(4)
WORDS = {CHILD: CHILD_WORDS, METHOD: METHOD_WORDS, MOMENT: MOMENT_WORDS, INSTANCE: INSTANCE_WORDS}


def long_tables(grid: Grid, scale: Scale) -> dict[str, list[AccuracyTable]] | None:
    """For each method ("" without such a column) a table of moments for each instance, or one of all instances.

    None for a grid that is not long: besides one column of children, and at most one each of methods, moments and
    instances, a long one has one column, of numbers. Raises `TableError` for what is missing or stands twice.
    """
    grid = grid.headed() if grid.names is None else grid
    kinds = [column_word(name) for name in grid.names or ()]
    places = {kind: [p for p, found in enumerate(kinds) if found in known] for kind, known in WORDS.items()}
    known = {*ROW_WORDS, *(kinds[p] for found in places.values() for p in found)}
    rest = [p for p, found in enumerate(kinds) if found not in known]
    if len(places[CHILD]) != 1 or len(rest) != 1 or any(len(found) > 1 for found in places.values()):
        return None
    if not grid.rows:
        raise TableError(f"{grid.where}: no rows below the first; expected one for each child")
    found = numbers(grid, rest, places[CHILD][0])
    values, unit = scaled(grid, found, [grid.title(rest[0])], scale)
    axes = [_numbered(grid, places[kind], kind) for kind in (METHOD, INSTANCE, MOMENT, CHILD)]
    keys, where = [entries for entries, _ in axes], [which for _, which in axes]
    whole = _whole(grid, keys, where, values[:, 0])
    methods, instances, moments, children = keys
    told = (*grid.told, f"a row for each child ({grid.title(places[CHILD][0])}): {grid.title(rest[0])}", unit)

    def table(accuracy: np.ndarray, index: np.ndarray, rows: Rows) -> AccuracyTable:
        return AccuracyTable(grid.where, tuple(children), accuracy, index, rows, None, told)

    if len(moments) == 1 and len(instances) > 1:
        index = np.arange(1, len(instances) + 1)
        tables = [[table(whole[m, :, 0], index, Rows.INSTANCES)] for m in range(len(methods))]
    else:
        index = np.array(moments)
        tables = [[table(accuracy, index, Rows.MOMENTS) for accuracy in whole[m]] for m in range(len(methods))]
    return dict(zip(methods, tables, strict=True))


def _numbered(grid: Grid, places: Sequence[int], kind: int) -> tuple[list, np.ndarray]:
    """The different entries of a column, and which each row has; one entry for all rows where there is no such column."""
    if not places:
        return [1.0 if kind == MOMENT else ""], np.zeros(len(grid.rows), dtype=np.int64)
    if kind == MOMENT:
        moments, which = np.unique(numbers(grid, places)[:, 0], return_inverse=True)
        return moments.tolist(), which
    known: dict[str, int] = {}
    which = np.array([known.setdefault(entry, len(known)) for entry in grid.column(places[0])])
    return list(known), which


def _whole(grid: Grid, keys: Sequence[list], where: Sequence[np.ndarray], values: np.ndarray) -> np.ndarray:
    """`[method, instance, moment, child]`, where nothing is missing and nothing stands twice."""
    shape = tuple(map(len, keys))
    at = np.ravel_multi_index(tuple(where), shape)
    order = np.argsort(at, kind="stable")
    twice = np.flatnonzero(np.diff(at[order]) == 0)
    if len(twice):
        first, again = order[twice[0]], order[twice[0] + 1]
        what = _called(keys, int(at[again]))
        raise TableError(
            f"{grid.where}, row {grid.first_row + again}: {what} stands twice, first in row {grid.first_row + first}; "
            "expected one row for each"
        )
    lacking = int(np.prod(shape, dtype=object)) - len(at)
    if lacking:
        gaps = np.flatnonzero(at[order] != np.arange(len(at)))
        what = _called(keys, int(gaps[0]) if len(gaps) else len(at))
        raise TableError(
            f"{grid.where}: no row for {what}; expected one row for each child, moment, instance and method there are, "
            f"{lacking} are missing: leave out the children or moments that were not measured"
        )
    whole = np.empty(shape)
    whole.flat[at] = values
    return whole


def _called(keys: Sequence[list], at: int) -> str:
    """`child '112', moment 3`, of what there are several, for a place in the flat array."""
    places = map(int, np.unravel_index(at, tuple(map(len, keys))))
    words = ("method", "instance", "moment", "child")
    said = [(w, entries[p]) for w, entries, p in zip(words, keys, places, strict=True) if len(entries) > 1]
    return ", ".join(f"{what} {entry:g}" if what == "moment" else f"{what} {entry!r}" for what, entry in said[::-1])
