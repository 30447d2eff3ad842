"""Ranks that another program made: from arrays, data frames or files to what they are worth."""

from __future__ import annotations  # help shows `list[Made]`, and not all that `Made` may be

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from commonweight.elsewhere.accuracy_tables import Rows, read_accuracy_table, read_ground_truth
from commonweight.elsewhere.groups import groups_of
from commonweight.elsewhere.worth import FromElsewhere, worth_of
from commonweight.errors import DataError, UsageError, nearest
from commonweight.paper import Made
from commonweight.ranking.arrays import finite
from commonweight.report import About, Run, write_report

__all__ = ["FromElsewhere", "groups_of", "rank", "rank_command", "read_ranks", "report_ranks", "worth_of"]


def rank(
    accuracies: Any,
    ground_truth: Any,
    *,
    rows: str = "moments",
    children: Sequence[str] | None = None,
    trained: Any = None,
    groups: int | None = None,
) -> list[Made]:
    """What ranks from elsewhere are worth: every metric, figure and claim that they allow.

    `accuracies` `[row, child]` in [0, 1] (or a DataFrame whose columns are the children); `rows` says whether they are
    `"moments"` of one instance or `"instances"`. Or `[instance, moment, child]`, whatever `rows`. `ground_truth`
    `[child]`, higher is better, or a mapping (or Series) from names to numbers. `trained`: the name of the child that
    each moment's mini-batch has just trained, `[moment]` or `[instance, moment]`. `groups`: also into how many groups of
    equal size to divide the children, so that those that go well together are in one. Raises `UsageError` when they do not
    fit.

    >>> table = cw.rank([[0.50, 0.61, 0.72], [0.63, 0.62, 0.74]], ground_truth=[0.7, 0.8, 0.9])[0]
    >>> [(row.name, round(row.numbers[0].value, 2)) for row in table.rows]  # GT-Tau
    [('instance 0, 2 moments', 0.67)]
    """
    names = [str(name) for name in (getattr(accuracies, "columns", ()) if children is None else children)]
    values = finite(accuracies, "accuracies", "...", "row", "child", row=1, child=3)
    kind = _rows(rows)
    if values.ndim > 3 or not values.size:
        raise UsageError(f"accuracies have shape {values.shape}; expected [row, child] or [instance, moment, child]")
    if values.min() < 0 or values.max() > 1:
        raise UsageError(
            f"accuracies from {values.min():g} to {values.max():g}; expected fractions in [0, 1]: divide percent by 100, "
            "and leave out columns that are no children"
        )
    if values.ndim == 2:
        values = values[:, None] if kind is Rows.INSTANCES else values[None]
    names = names or [str(place) for place in range(1, values.shape[2] + 1)]
    if hasattr(ground_truth, "keys"):
        known = {str(name): number for name, number in ground_truth.items()}
        missing = [name for name in names if name not in known]
        if missing:
            raise UsageError(f"no ground truth for child {missing[0]!r}{nearest(missing[0], known)}; give all children")
        ground_truth = [known[name] for name in names]
    truth = finite(ground_truth, "ground_truth", "child", child=3)
    step = np.arange(1, values.shape[1] + 1)
    found = FromElsewhere(tuple(names), values, truth, step, _just_trained(trained, names, values.shape))
    return [*worth_of(found), *groups_of(found, groups)]


def read_ranks(files: Sequence[Path], ground_truth: Path, rows: str | None = None) -> tuple[FromElsewhere, list[str]]:
    """The accuracy tables of other programs, one file for each instance or one file of all, and how they were read.

    `rows` is `"moments"` or `"instances"` where the file does not say. Raises `DataError`, `UsageError`.
    """
    tables = [read_accuracy_table(path) for path in files]
    first = tables[0]
    for path, table in zip(files, tables, strict=True):
        if (
            table.children != first.children
            or not np.array_equal(table.index, first.index)
            or table.rows is not first.rows
        ):
            raise DataError(f"{path}: other children or moments than {files[0]}; expected the same, in the same order")
    told = list(first.conventions)
    for path, table in zip(files, tables, strict=True):
        told += [f"{path}: {sentence}" for sentence in table.conventions if sentence not in first.conventions]
    kind = _rows(rows) if rows is not None else first.rows
    if kind is None:
        told.append("rows are taken as moments of one instance; if they are instances, say --rows instances")
    if kind is Rows.INSTANCES and len(files) > 1:
        raise UsageError(f"{len(files)} files, whose rows are instances; expected one such file, or rows of moments")
    truth, how = read_ground_truth(ground_truth, first.children)
    accuracy, step = np.stack([table.accuracy for table in tables]), first.index
    if kind is Rows.INSTANCES:
        accuracy, step = accuracy[0][:, None], np.array([1])
    trained = [table.trained for table in tables if table.trained is not None]
    if trained and len(trained) < len(tables):
        raise DataError("only some of the files name the child just trained; expected all of them, or none")
    mask = _just_trained(np.reshape(trained, accuracy.shape[:2]) if trained else None, first.children, accuracy.shape)
    shape = f"instances: {accuracy.shape[0]}, moments: {accuracy.shape[1]}, children: {accuracy.shape[2]}"
    return FromElsewhere(first.children, accuracy, truth, step, mask), [*told, how, shape]


def rank_command(files: Sequence[Path], ground_truth: Path, rows: str | None, groups: int | None, out: Path) -> str:
    """The command that makes the report of these files again."""
    said = [] if rows is None else ["--rows", rows]
    said += [] if groups is None else ["--groups", groups]
    words = ["commonweight", "rank", *files, "--ground-truth", ground_truth, *said, "--out", out]
    return shlex.join(map(str, words))


def report_ranks(made: Sequence[Made], told: Sequence[str], command: str, out: Path) -> list[Path]:
    """Write the report of ranks that were read from files; returns the paths, the page first."""
    about = About("Ranks from elsewhere", tuple(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in told))
    return write_report(about, made, out, Run(command))


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
    unknown = [word for word in words.flat if word not in names]
    if unknown:
        raise UsageError(
            f"just trained child {str(unknown[0])!r} is not among the children{nearest(str(unknown[0]), names)}; "
            "expected their names"
        )
    return words.reshape(*shape[:2], 1) == np.asarray(names)
