"""Ground truth that other programs wrote: a number for each child, or several seeds, of which the mean is taken."""

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from commonweight.elsewhere.accuracy_tables import INSTANCE_WORDS, ROW_WORDS, column_word, read_grids
from commonweight.elsewhere.grids import NO_NUMBERS, Grid, is_number, listed, numbers
from commonweight.errors import TableError, nearest

TRUTH_WORDS = ("ground truth", "ground_truth", "truth", "mean", "accuracy", "acc", "test accuracy", "test_accuracy")
SEED = re.compile(rf"(.*[ _-])?({'|'.join(INSTANCE_WORDS)})?[ _-]?\d+", re.IGNORECASE)  # seed0, Run 1, acc_seed_2, 777
NUMBER = "number"


def read_truth_grid(path: Path) -> Grid:
    """The one table of a file of ground truth; raises `DataError`."""
    grids = [grid for found in read_grids(path, by_method=False).values() for grid in found]
    if len(grids) > 1:
        raise TableError(f"{grids[0].where}: {len(grids)} tables; expected one, with numbers for each child")
    return grids[0]


def truth_of(grid: Grid, children: Sequence[str], *, lower_is_better: bool = False) -> tuple[np.ndarray, str]:
    """Ground truth `[child]` in the order of `children`, higher is better, and in words how it was read.

    - One number per line, or in one row, in the order of the children; without names several rows are seeds.
    - Children as columns, with a row for each seed.
    - Children in a column, in any order. Beside it stands one number, or one for each seed (columns called `seed 0`, `1`
      or `acc_2`), or a column `seed` tells the rows of a child apart. Where more stands there, it is the one column that is
      called ground truth, mean or accuracy.

    Other children may be there too. Raises `TableError` for one that is missing or stands twice, and where it is not clear
    which column is meant.
    """
    grid = _headed(grid, children)
    if not grid.rows:
        raise TableError(f"{grid.where}: no numbers below the first row; expected one for each child")
    told = [sentence for sentence in grid.told if "between columns" not in sentence and sentence != "one column"]
    names, width = grid.names or (), len(grid.rows[0])
    if not names or names == (NUMBER,):
        seeds, how = _in_order(grid, children)
    elif len(set(names) & set(children)) > max(len(set(grid.column(p)) & set(children)) for p in range(width)):
        seeds, how = _as_columns(grid, children, told)
    else:
        seeds, how = _as_rows(grid, children, told)
    if len(seeds) > 1:
        told.append(f"the mean of {len(seeds)} seeds")
    truth = -seeds.mean(axis=0) if lower_is_better else seeds.mean(axis=0)
    better = "lower" if lower_is_better else "higher"
    return truth, "; ".join((f"ground truth, {better} is better: {how}", *told))


def _headed(grid: Grid, children: Sequence[str]) -> Grid:
    """The grid with names, or none where it is in the order of the children."""
    if grid.names:
        return grid
    first, width = [str(cell).strip() for cell in grid.rows[0]], len(grid.rows[0])
    if grid.names is not None:
        return grid if width > 2 else replace(grid, names=("child", NUMBER)[-width:])
    if width > 2:
        if len(set(first) & set(children)) < 2 and first[0] in children:
            raise TableError(
                f"{grid.where}: {width} columns without names; expected a first row that says what they are"
            )
        by_place = all(map(is_number, first)) and width == len(children) and not set(first) & set(children)
        return grid.unheaded() if by_place else grid.headed()
    last = first[-1]
    named = not (is_number(last) or last.lower() in NO_NUMBERS) or not first[0]
    grid = grid.headed() if named else grid
    return grid if named and width == 2 else replace(grid, names=("child", NUMBER)[-width:])


def _in_order(grid: Grid, children: Sequence[str]) -> tuple[np.ndarray, str]:
    """`[seed, child]` of children by their place."""
    values = numbers(grid, range(len(grid.rows[0])))
    values, how = (values.T, "one number per line") if grid.names else (values, "one row of numbers for each seed")
    if values.shape[1] != len(children):
        raise TableError(f"{grid.where}: {values.shape[1]} numbers for {len(children)} children; expected one for each")
    return values, f"{how}, in the order of the table's children"


def _as_columns(grid: Grid, children: Sequence[str], told: list[str]) -> tuple[np.ndarray, str]:
    """`[seed, child]` of children that are columns."""
    names = list(grid.names or ())
    place = {name: p for p, name in enumerate(names)}
    _require_all(grid, children, place)
    if len(place) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TableError(f"{grid.where}: child {twice!r} stands twice; expected one column for each child")
    wanted = {*children, *INSTANCE_WORDS, *ROW_WORDS}
    _tell_others([name for name in names if name not in wanted and column_word(name) not in wanted], told)
    return numbers(grid, [place[child] for child in children]), "children as columns"


def _as_rows(grid: Grid, children: Sequence[str], told: list[str]) -> tuple[np.ndarray, str]:
    """`[seed, child]` of children that are the entries of a column."""
    wanted, names = set(children), grid.names or ()
    who = max(range(len(names)), key=lambda p: len(wanted & set(grid.column(p))))  # the first of equals
    entries = grid.column(who)
    if len(names) > 2 and not wanted & set(entries):  # which column is ground truth is then no question
        _require_all(grid, children, entries)
    seed = next((p for p, name in enumerate(names) if p != who and column_word(name) in INSTANCE_WORDS), None)
    places = _of_truth(grid, [p for p in range(len(names)) if p not in (who, seed)], told)
    values = numbers(grid, places)
    known: dict[str, dict[str, np.ndarray]] = {}
    for row, (child, which) in enumerate(zip(entries, grid.column(seed) if seed is not None else entries, strict=True)):
        seeds = known.setdefault(child, {})
        if which in seeds:
            expected = "one line for each child" if seed is None else f"one line for each child and {names[seed]}"
            raise TableError(
                f"{grid.where}, row {grid.first_row + row}: child {child!r} stands twice; expected {expected}"
            )
        seeds[which] = values[row]
    _require_all(grid, children, known)
    numbers_of = {child: np.concatenate(list(known[child].values())) for child in children}
    most = max(children, key=lambda child: len(numbers_of[child]))
    for child, found in numbers_of.items():
        if len(found) < len(numbers_of[most]):
            raise TableError(
                f"{grid.where}: child {child!r} has {len(found)} seeds and {most!r} {len(numbers_of[most])}; expected as "
                "many for each: leave out the seeds that not all children have"
            )
    _tell_others([name for name in known if name not in wanted], told)
    return np.stack([numbers_of[child] for child in children], axis=1), "child and number on each line"


def _of_truth(grid: Grid, rest: Sequence[int], told: list[str]) -> list[int]:
    """The columns among the rest that are ground truth: the only one, the one that says so, or seeds."""
    rest = [p for p in rest if column_word(grid.title(p)) not in ROW_WORDS] or list(rest)
    seeds = [p for p in rest if SEED.fullmatch(grid.title(p))]
    called = [p for p in rest if column_word(grid.title(p)) in TRUTH_WORDS]
    if len(rest) == 1 or len(seeds) == len(rest) > 0:
        return rest
    if len(called) != 1:
        raise TableError(
            f"{grid.where}: columns {listed(grid.title(p) for p in rest)} beside the children; expected one number for each "
            "child, seeds (columns 'seed 0', 'seed 1'), or one column that is called 'ground truth'"
        )
    told.append(
        f"column {grid.title(called[0])!r}, others are left out: {listed(grid.title(p) for p in rest if p not in called)}"
    )
    return called


def _require_all(grid: Grid, children: Sequence[str], known: Collection[str]) -> None:
    missing = [child for child in children if child not in known]
    if missing:
        more = f" and {len(missing) - 1} more of {len(children)}" if len(missing) > 1 else ""
        raise TableError(
            f"{grid.where}: no ground truth for child {missing[0]!r}{nearest(missing[0], known)}{more}; expected all"
        )


def _tell_others(others: Sequence[str], told: list[str]) -> None:
    if others:
        told.append(f"{len(others)} children that are no column of the table are left out, {others[0]!r} the first")
