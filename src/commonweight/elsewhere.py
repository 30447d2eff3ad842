"""Ranks that another program made: from arrays, data frames or files to what they are worth."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from commonweight.errors import DataError, UsageError, nearest
from commonweight.paper import Made
from commonweight.paper.imported import Imported, judge
from commonweight.ranking.checked import finite
from commonweight.study.logs import Rows, read_ground_truth, read_log


def rank(
    accuracies: Any,
    ground_truth: Any,
    *,
    rows: str = "moments",
    children: Sequence[str] | None = None,
    trained: Any = None,
) -> list[Made]:
    """What ranks from elsewhere are worth: every metric, figure and claim that they allow.

    `accuracies` `[row, child]` in [0, 1] (or a DataFrame whose columns are the children); `rows` says whether they are
    `"moments"` of one instance or `"instances"`. Or `[instance, moment, child]`, whatever `rows`. `ground_truth`
    `[child]`, or a mapping (or Series) from names to numbers. `trained`: the name of the child that each moment's
    mini-batch has just trained, `[moment]` or `[instance, moment]`. Raises `UsageError` when they do not fit.
    """
    names = [str(name) for name in (children or getattr(accuracies, "columns", ()))]
    values = finite(accuracies, "accuracies", "...", "row", "child", row=1, child=3)
    if values.ndim > 3 or values.min() < 0 or values.max() > 1:
        raise UsageError(
            f"accuracies have shape {values.shape}, from {values.min():g} to {values.max():g}; expected [row, child] or "
            "[instance, moment, child], as fractions in [0, 1]"
        )
    if values.ndim == 2:
        values = values[:, None] if _rows(rows) is Rows.INSTANCES else values[None]
    names = names or [str(place) for place in range(1, values.shape[2] + 1)]
    if hasattr(ground_truth, "keys"):
        known = {str(name): number for name, number in ground_truth.items()}
        missing = [name for name in names if name not in known]
        if missing:
            raise UsageError(f"no ground truth for child {missing[0]!r}{nearest(missing[0], known)}; give all children")
        ground_truth = [known[name] for name in names]
    truth = finite(ground_truth, "ground_truth", "child", child=3)
    step = np.arange(1, values.shape[1] + 1)
    return judge(Imported(tuple(names), values, truth, step, _just_trained(trained, names, values.shape)))


def read_ranks(files: Sequence[Path], ground_truth: Path, rows: str | None = None) -> tuple[Imported, list[str]]:
    """The accuracy tables of other programs, one file for each instance or one file of all, and how they were read.

    `rows` is `"moments"` or `"instances"` where the file does not say. Raises `DataError`, `UsageError`.
    """
    logs = [read_log(path) for path in files]
    first = logs[0]
    for path, log in zip(files, logs, strict=True):
        if log.children != first.children or len(log.accuracy) != len(first.accuracy):
            raise DataError(f"{path}: other children or another number of rows than {files[0]}; expected the same")
    told = list(first.conventions)
    kind = _rows(rows) if rows else first.rows
    if kind is None:
        told.append("rows are taken as moments of one instance; if they are instances, say --rows instances")
    if kind is Rows.INSTANCES and len(files) > 1:
        raise UsageError(f"{len(files)} files, whose rows are instances; expected one such file, or rows of moments")
    truth, how = read_ground_truth(ground_truth, first.children)
    accuracy = np.stack([log.accuracy for log in logs])
    trained = [log.trained for log in logs if log.trained is not None]
    step = first.index
    if kind is Rows.INSTANCES:
        accuracy, trained, step = accuracy[0][:, None], [], np.array([1])
    mask = _just_trained(trained, first.children, accuracy.shape) if len(trained) == len(logs) else None
    shape = f"instances: {accuracy.shape[0]}, moments: {accuracy.shape[1]}, children: {accuracy.shape[2]}"
    return Imported(first.children, accuracy, truth, step, mask), [*told, how, shape]


def _rows(word: str) -> Rows:
    try:
        return Rows(word)
    except ValueError:
        raise UsageError(f"rows {word!r}; expected moments or instances") from None


def _just_trained(trained: Any, names: Sequence[str], shape: tuple[int, ...]) -> np.ndarray | None:
    """Bool `[instance, moment, child]` from names `[instance, moment]`."""
    if trained is None or not len(trained):
        return None
    words = np.asarray(trained).astype(str)
    if words.size != shape[0] * shape[1]:
        raise UsageError(
            f"{words.size} just trained children for {shape[0]} x {shape[1]} moments; expected one for each"
        )
    return words.reshape(shape[0], shape[1], 1) == np.asarray(names)
