"""Ranks that another program made: from arrays, data frames or files to what they are worth."""

from __future__ import annotations  # help shows `list[Made]`, and not all that `Made` may be

import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from commonweight.elsewhere.accuracy_tables import AccuracyTable, Rows, Scale, read_grids, wide_table
from commonweight.elsewhere.given import given_grids, given_truth
from commonweight.elsewhere.grids import STDIN, listed
from commonweight.elsewhere.groups import groups_of
from commonweight.elsewhere.long_tables import long_tables
from commonweight.elsewhere.made_elsewhere import FromElsewhere
from commonweight.elsewhere.nested import Methods
from commonweight.elsewhere.truth_tables import read_truth_grid, truth_of
from commonweight.elsewhere.worth import worth_of, worth_of_all
from commonweight.errors import TableError, UsageError, nearest
from commonweight.paper import Made
from commonweight.ranking.arrays import finite
from commonweight.report import About, Run, write_report

__all__ = [
    "FromElsewhere",
    "groups_of",
    "rank",
    "rank_command",
    "read_ranks",
    "report_ranks",
    "scale_of",
    "worth_of",
    "worth_of_all",
]


def rank(
    accuracies: Any,
    ground_truth: Any,
    *,
    rows: str | None = None,
    children: Sequence[str] | None = None,
    trained: Any = None,
    groups: int | None = None,
    scores: bool = False,
    lower_is_better: bool = False,
    truth_lower_is_better: bool = False,
    out: Path | str | None = None,
) -> list[Made]:
    """What ranks from elsewhere are worth: every metric, figure and claim that they allow.

    `accuracies` `[row, child]` in [0, 1] (or a DataFrame whose columns are the children); `rows` says whether they are
    `"moments"` of one instance, as where nothing else says so, or `"instances"`. Or `[instance, moment, child]`, whatever
    `rows`; or a dict `{child: number}`, `{child: [numbers]}`, or one of these for each method; or a long DataFrame, with
    columns like child, seed, epoch, accuracy. `scores`: they are on any scale, higher is better; `lower_is_better`: they
    are losses, on any scale. `ground_truth` `[child]`, on any scale, higher is better unless `truth_lower_is_better`; or a
    mapping, Series or DataFrame from names to numbers, or to several seeds, of which the mean is taken. `trained`: the
    name of the child that each moment's mini-batch has just trained, `[moment]` or `[instance, moment]`. `groups`:
    also into how many groups of equal size to divide the children, so that those that go well together are in one. `out`:
    a folder for a report of it all. Raises `UsageError` when they do not fit.

    >>> table = cw.rank([[0.50, 0.61, 0.72], [0.63, 0.62, 0.74]], ground_truth=[0.7, 0.8, 0.9])[0]
    >>> [(row.name, round(row.numbers[0].value, 2)) for row in table.rows]  # GT-Tau
    [('instance 0, 2 moments', 0.67)]
    """
    kind = None if rows is None else _rows(rows)
    more = {"children": children, "trained": trained, "truth_lower_is_better": truth_lower_is_better}
    made = worth_of_all(_given(accuracies, ground_truth, kind, scale_of(scores, lower_is_better), **more), groups)
    if out is not None:
        options = {"rows": rows, "groups": groups, "scores": scores, "lower_is_better": lower_is_better}
        options |= {"truth_lower_is_better": truth_lower_is_better, "out": str(out)}
        said = [f"{name}={value!r}" for name, value in options.items() if value is not None and value is not False]
        report_ranks(made, (), f"cw.rank({', '.join(['accuracies', 'ground_truth', *said])})", Path(out))
    return made


def _given(
    accuracies: Any,
    ground_truth: Any,
    kind: Rows | None,
    scale: Scale,
    *,
    children: Sequence[str] | None,
    trained: Any,
    truth_lower_is_better: bool,
) -> list[FromElsewhere]:
    """What the arguments of `rank` are, for each method."""
    grids = given_grids(accuracies, by_method=kind is None) if children is None else None
    found = []
    if grids is not None:
        for method, tables in _tables(grids, scale).items():
            accuracy, step, mask = _stacked(tables, kind)
            names = tables[0].children
            truth, _ = given_truth(ground_truth, names, lower_is_better=truth_lower_is_better)
            mask = mask if trained is None else _just_trained(trained, names, accuracy.shape)
            found.append(FromElsewhere(names, accuracy, truth, step, mask, scale, method))
        return found
    names = tuple(str(name) for name in (getattr(accuracies, "columns", ()) if children is None else children))
    values = finite(accuracies, "accuracies", "...", "row", "child", row=1, child=3)
    if values.ndim > 3 or not values.size:
        raise UsageError(f"accuracies have shape {values.shape}; expected [row, child] or [instance, moment, child]")
    if scale is Scale.ACCURACY and (values.min() < 0 or values.max() > 1):
        raise UsageError(
            f"accuracies from {values.min():g} to {values.max():g}; expected fractions in [0, 1]: divide percent by 100, "
            "leave out columns that are no children, or say scores=True, and lower_is_better=True for a loss"
        )
    values = -values if scale is Scale.LOSS else values
    if values.ndim == 2:
        values = values[:, None] if kind is Rows.INSTANCES else values[None]
    names = names or tuple(str(place) for place in range(1, values.shape[2] + 1))
    truth, _ = given_truth(ground_truth, names, lower_is_better=truth_lower_is_better)
    step = np.arange(1, values.shape[1] + 1)
    found = FromElsewhere(names, values, truth, step, _just_trained(trained, names, values.shape), scale)
    return [found]


def scale_of(scores: bool, lower_is_better: bool) -> Scale:
    """What the numbers are when they are said to be scores, or losses; losses need not be said to be scores too."""
    return Scale.LOSS if lower_is_better else Scale.SCORE if scores else Scale.ACCURACY


def read_ranks(
    files: Sequence[Path],
    ground_truth: Path,
    rows: str | None = None,
    *,
    scale: Scale = Scale.ACCURACY,
    truth_lower_is_better: bool = False,
) -> tuple[list[FromElsewhere], list[str]]:
    """The ranks of other programs, for each method, and how they were read: one file of all, or one for each instance.

    A file is CSV, wide or long, JSON or Parquet, or `-` for standard input. `rows` is `"moments"` or `"instances"` where the
    file does not say. Raises `DataError`, `UsageError`.
    """
    kind = None if rows is None else _rows(rows)
    _require_once([*files, ground_truth])
    read = [_tables(read_grids(path, by_method=kind is None), scale) for path in files]
    truth_grid, found, told = read_truth_grid(ground_truth), [], []
    for path, of_methods in zip(files, read, strict=True):
        if of_methods.keys() != read[0].keys():
            raise TableError(f"{path}: methods {listed(of_methods)}; expected {listed(read[0])}, as in {files[0]}")
    for method in read[0]:
        tables = [table for of_methods in read for table in of_methods[method]]
        accuracy, step, mask = _stacked(tables, kind)
        first = tables[0]
        truth, how = truth_of(truth_grid, first.children, lower_is_better=truth_lower_is_better)
        said = [*first.conventions, *_other_conventions(tables)]
        if kind is None and first.rows is None and len(step) > 1:
            said.append("rows are taken as moments of one instance; if they are instances, say --rows instances")
        shape = f"instances: {accuracy.shape[0]}, moments: {accuracy.shape[1]}, children: {accuracy.shape[2]}"
        said += [how, f"method {method!r}: {shape}" if method else shape]
        told += [sentence for sentence in said if sentence not in told]
        found.append(FromElsewhere(first.children, accuracy, truth, step, mask, scale, method))
    if len(found) > 1:
        told.append(f"each method is judged alone: {', '.join(read[0])}; if they are instances, say --rows instances")
    return found, told


def rank_command(files: Sequence[Path], ground_truth: Path, out: Path, **options: str | int | bool | None) -> str:
    """The command that makes the report of these files again; an option that is None or False was not given."""
    words = ["commonweight", "rank", *files, "--ground-truth", ground_truth]
    for name, value in options.items():
        given = [] if value is None or value is False else [f"--{name.replace('_', '-')}"]
        words += given if value is True or not given else [*given, value]
    return shlex.join(map(str, [*words, "--out", out]))


def report_ranks(made: Sequence[Made], told: Sequence[str], command: str, out: Path) -> list[Path]:
    """Write the report of ranks, and how they were read; returns the paths, the page first."""
    about = About("Ranks from elsewhere", tuple(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in told))
    return write_report(about, made, out, Run(command))


def _tables(grids: Methods, scale: Scale) -> dict[str, list[AccuracyTable]]:
    """The tables of each method; a long grid holds several."""
    found: dict[str, list[AccuracyTable]] = {}
    for method, of_one in grids.items():
        for grid in of_one:
            for name, tables in (long_tables(grid, scale) or {"": [wide_table(grid, scale)]}).items():
                found.setdefault(method or name, []).extend(tables)
    return found


def _stacked(tables: Sequence[AccuracyTable], kind: Rows | None) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
    """Accuracies `[instance, moment, child]`, the moments, and who was just trained, of the tables of one method."""
    first = tables[0]
    for table in tables:
        same = table.children == first.children and np.array_equal(table.index, first.index)
        if not same or table.rows is not first.rows:
            raise TableError(
                f"{table.where}: other children or moments than {first.where}; expected the same, in the same order"
                f"{_difference(table.children, first.children)}"
            )
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
    return accuracy, step, _just_trained(names, first.children, accuracy.shape)


def _difference(children: Sequence[str], expected: Sequence[str]) -> str:
    """Which children one has and the other has not, in words."""
    known, wanted = set(children), set(expected)
    lacking, more = [c for c in expected if c not in known], [c for c in children if c not in wanted]
    said = [f"{what} {listed(names)}" for what, names in (("without", lacking), ("with", more)) if names]
    return f"; it is {' and '.join(said)}" if said else ""


def _other_conventions(tables: Sequence[AccuracyTable]) -> Iterator[str]:
    """How tables were read otherwise than the first."""
    for table in tables:
        yield from (f"{table.where}: {line}" for line in table.conventions if line not in tables[0].conventions)


def _require_once(files: Sequence[Path]) -> None:
    """No file is given twice, whatever its names: an instance would agree with itself."""
    known: dict[Path, Path] = {}
    for path in files:
        place = path if path == STDIN else path.resolve()
        if place in known:
            raise UsageError(f"{path} is given twice; expected another file for each instance, and for ground truth")
        known[place] = path


def _rows(word: str) -> Rows:
    try:
        return Rows(word)
    except ValueError:
        raise UsageError(f"rows {word!r}; expected moments or instances") from None


def _just_trained(trained: Any, names: Sequence[str], shape: tuple[int, ...]) -> np.ndarray | None:
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
