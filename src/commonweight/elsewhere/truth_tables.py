"""Ground truth that other programs wrote: a number for each child, or several seeds; and baselines, which look the same."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from commonweight.elsewhere.accuracy_tables import INSTANCE_WORDS, ROW_WORDS, column_word, read_grids
from commonweight.elsewhere.grids import NO_NUMBERS, STDIN, Grid, is_number, listed, numbers
from commonweight.errors import TableError, UsageError, nearest

TRUTH_WORDS = ("ground truth", "ground_truth", "truth", "mean", "accuracy", "acc", "test accuracy", "test_accuracy")
SEED = re.compile(rf"(.*[ _-])?({'|'.join(INSTANCE_WORDS)})?[ _-]?\d+", re.IGNORECASE)  # seed0, Run 1, acc_seed_2, 777
NUMBER = "number"


@dataclass(frozen=True, eq=False)
class Truth:
    """Ground truth of a table's children, seeds `[seed, child]` of which higher is better, and in words how it was read.

    `known` says of how many children there were numbers, which may be more.
    """

    seeds: np.ndarray
    known: int
    how: str

    @property
    def mean(self) -> np.ndarray:
        """Ground truth `[child]`."""
        return self.seeds.mean(axis=0)

    @property
    def several(self) -> np.ndarray | None:
        """The seeds, if there is more than one."""
        return self.seeds if len(self.seeds) > 1 else None


@dataclass(frozen=True)
class _Asked:
    """For which children numbers are asked, what messages call them, and the words for a column that holds them."""

    children: Sequence[str]
    what: str = "ground truth"
    words: tuple[str, ...] = TRUTH_WORDS


def read_truth_grid(path: Path) -> Grid:
    """The one table of a file of ground truth; raises `DataError`."""
    grids = [grid for found in read_grids(path, by_method=False).values() for grid in found]
    if len(grids) > 1:
        raise TableError(f"{grids[0].where}: {len(grids)} tables; expected one, with numbers for each child")
    return grids[0]


def read_baselines(words: Sequence[str], files: Sequence[Path], ground_truth: Path) -> dict[str, Grid]:
    """The table of each `NAME=FILE`, by its name.

    One file may hold several baselines, and ground truth too, where each has the column of its name. Raises `UsageError`
    where it has not, for a name that stands twice and for what is no `NAME=FILE`, and `DataError`.
    """
    ranks, known = {path.resolve() for path in files}, {ground_truth.resolve()}
    found: dict[str, Grid] = {}
    for one in words:
        name, _, file = one.partition("=")
        if not (name and file):
            raise UsageError(f"baseline {one!r}; expected NAME=FILE, for example parameters=parameters.csv")
        if name in found:
            raise UsageError(f"baseline {name!r} is given twice; expected another name for each")
        path = Path(file)
        again = path.resolve() in known
        if path.resolve() in ranks or (again and path == STDIN):
            raise UsageError(f"{path} is given twice; expected another file for baseline {name!r}")
        grid = read_truth_grid(path)
        if again and name not in {*(grid.names or grid.headed().names or ()), *grid.column(0)}:
            raise UsageError(f"{path} is given twice, and has no column {name!r}; expected one, or another file")
        known.add(path.resolve())
        found[name] = grid
    return found


def truth_of(grid: Grid, children: Sequence[str], *, lower_is_better: bool = False) -> Truth:
    """Ground truth in the order of `children`.

    - One number per line, or in one row, in the order of the children; without names several rows are seeds.
    - Children as columns, with a row for each seed; or one row is called ground truth, mean or accuracy.
    - Children in a column, in any order. Beside it stands one number, or one for each seed (columns called `seed 0`, `1`
      or `acc_2`), or a column `seed` tells the rows of a child apart. Where more stands there, it is the one column that is
      called ground truth, mean or accuracy.

    Other children may be there too. Raises `TableError` for one that is missing or stands twice, and where it is not clear
    which column is meant.
    """
    seeds, told, known = _read(grid, _Asked(children))
    better = "lower" if lower_is_better else "higher"
    return Truth(-seeds if lower_is_better else seeds, known, f"ground truth, {better} is better: {told}")


def baseline_of(grid: Grid, children: Sequence[str], name: str) -> tuple[np.ndarray, str]:
    """A baseline `[child]`, more is better, and in words how it was read: as ground truth is, or the column of its name."""
    what = f"baseline {name!r}"
    seeds, told, _ = _read(grid, _Asked(children, what, (column_word(name),)))
    return seeds.mean(axis=0), f"{what}, more is better: {told}"


def _read(grid: Grid, asked: _Asked) -> tuple[np.ndarray, str, int]:
    """`[seed, child]`, in words how it was read, and of how many children there are numbers."""
    grid = _headed(grid, asked)
    if not grid.rows:
        raise TableError(f"{grid.where}: no numbers below the first row; expected one for each child")
    told = [sentence for sentence in grid.told if "between columns" not in sentence and sentence != "one column"]
    names, width, children = grid.names or (), len(grid.rows[0]), set(asked.children)
    others: list[str] = []
    if not names or names == (NUMBER,):
        seeds, how = _in_order(grid, asked)
    elif len(set(names) & children) > max(len(set(grid.column(p)) & children) for p in range(width)):
        seeds, how, others = _as_columns(grid, asked, told)
    else:
        seeds, how, others = _as_rows(grid, asked, told)
    if others:
        told.append(f"{len(others)} children that are no column of the table are left out, {others[0]!r} the first")
    if len(seeds) > 1:
        told.append(f"the mean of {len(seeds)} seeds")
    return seeds, "; ".join((how, *told)), len(asked.children) + len(others)


def _headed(grid: Grid, asked: _Asked) -> Grid:
    """The grid with names, or none where it is in the order of the children."""
    if grid.names:
        return grid
    first, width, children = [str(cell).strip() for cell in grid.rows[0]], len(grid.rows[0]), asked.children
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


def _in_order(grid: Grid, asked: _Asked) -> tuple[np.ndarray, str]:
    """`[seed, child]` of children by their place."""
    values = numbers(grid, range(len(grid.rows[0])))
    values, how = (values.T, "one number per line") if grid.names else (values, "one row of numbers for each seed")
    if values.shape[1] != len(asked.children):
        raise TableError(
            f"{grid.where}: {values.shape[1]} numbers for {len(asked.children)} children; expected one for each"
        )
    return values, f"{how}, in the order of the table's children"


def _as_columns(grid: Grid, asked: _Asked, told: list[str]) -> tuple[np.ndarray, str, list[str]]:
    """`[seed, child]` of children that are columns, and the other children."""
    names = list(grid.names or ())
    titles = next((p for p, name in enumerate(names) if column_word(name) in (*INSTANCE_WORDS, *ROW_WORDS)), None)
    if titles is not None and sum(column_word(title) in asked.words for title in grid.column(titles)) == 1:
        columns = zip(names, zip(*grid.rows, strict=True), strict=True)
        rows = [(name, *cells) for p, (name, cells) in enumerate(columns) if p != titles]
        return _as_rows(replace(grid, names=("child", *grid.column(titles)), rows=rows), asked, told)
    place = {name: p for p, name in enumerate(names)}
    _require_all(grid, asked, place)
    if len(place) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise TableError(f"{grid.where}: child {twice!r} stands twice; expected one column for each child")
    wanted = {*asked.children, *INSTANCE_WORDS, *ROW_WORDS}
    others = [name for name in names if name not in wanted and column_word(name) not in wanted]
    return numbers(grid, [place[child] for child in asked.children]), "children as columns", others


def _as_rows(grid: Grid, asked: _Asked, told: list[str]) -> tuple[np.ndarray, str, list[str]]:
    """`[seed, child]` of children that are the entries of a column, and the other children.

    A column `seed` also gives the order of the seeds, so that each is the same one for all children.
    """
    children, wanted, names = asked.children, set(asked.children), grid.names or ()
    who = max(range(len(names)), key=lambda p: len(wanted & set(grid.column(p))))  # the first of equals
    entries = grid.column(who)
    if len(names) > 2 and not wanted & set(entries):  # which column is ground truth is then no question
        _require_all(grid, asked, entries)
    seed = next((p for p, name in enumerate(names) if p != who and column_word(name) in INSTANCE_WORDS), None)
    places = _chosen(grid, asked, [p for p in range(len(names)) if p not in (who, seed)], told)
    values = numbers(grid, places, who)
    known: dict[str, dict[str, np.ndarray]] = {}
    for row, (child, which) in enumerate(zip(entries, grid.column(seed) if seed is not None else entries, strict=True)):
        seeds = known.setdefault(child, {})
        if which in seeds:
            expected = "one line for each child" if seed is None else f"one line for each child and {names[seed]}"
            raise TableError(
                f"{grid.where}, row {grid.first_row + row}: child {child!r} stands twice; expected {expected}"
            )
        seeds[which] = values[row]
    _require_all(grid, asked, known)
    numbers_of = {child: np.concatenate([of for _, of in sorted(known[child].items())]) for child in children}
    most = max(children, key=lambda child: len(numbers_of[child]))
    for child, found in numbers_of.items():
        if len(found) < len(numbers_of[most]):
            raise TableError(
                f"{grid.where}: child {child!r} has {len(found)} seeds and {most!r} {len(numbers_of[most])}; expected as "
                "many for each: leave out the seeds that not all children have"
            )
    others = [name for name in known if name not in wanted]
    return np.stack([numbers_of[child] for child in children], axis=1), "child and number on each line", others


def _chosen(grid: Grid, asked: _Asked, rest: Sequence[int], told: list[str]) -> list[int]:
    """The columns among the rest that are asked for: the only one, the one that says so, or seeds."""
    rest = [p for p in rest if column_word(grid.title(p)) not in ROW_WORDS] or list(rest)
    seeds = [p for p in rest if SEED.fullmatch(grid.title(p))]
    called = [p for p in rest if column_word(grid.title(p)) in asked.words]
    if len(rest) == 1 or len(seeds) == len(rest) > 0:
        return rest
    if len(called) != 1:
        raise TableError(
            f"{grid.where}: columns {listed(grid.title(p) for p in rest)} beside the children; expected one number for each "
            f"child, seeds (columns 'seed 0', 'seed 1'), or one column that is called {asked.words[0]!r}"
        )
    told.append(
        f"column {grid.title(called[0])!r}, others are left out: {listed(grid.title(p) for p in rest if p not in called)}"
    )
    return called


def _require_all(grid: Grid, asked: _Asked, known: Collection[str]) -> None:
    missing = [child for child in asked.children if child not in known]
    if missing:
        more = f" and {len(missing) - 1} more of {len(asked.children)}" if len(missing) > 1 else ""
        raise TableError(
            f"{grid.where}: no {asked.what} for child {missing[0]!r}{nearest(missing[0], known)}{more}; expected all"
        )
