"""Ranks that another program made: from arrays, data frames or files to what they are worth."""

from __future__ import annotations  # help shows `list[Made]`, and not all that `Made` may be

import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from commonweight.elsewhere.accuracy_tables import Rows, Scale, read_grids
from commonweight.elsewhere.agreement import against_baselines
from commonweight.elsewhere.given import given_baselines, given_grids, given_truth
from commonweight.elsewhere.grids import STDIN, listed
from commonweight.elsewhere.groups import groups_of
from commonweight.elsewhere.instances import other_conventions, stacked, tables_of, trained_mask_of
from commonweight.elsewhere.made_elsewhere import FromElsewhere
from commonweight.elsewhere.truth_tables import baseline_of, read_baselines, read_truth_grid, truth_of
from commonweight.elsewhere.worth import worth_of, worth_of_all
from commonweight.errors import TableError, UsageError
from commonweight.paper import Made
from commonweight.ranking.arrays import finite
from commonweight.report import About, Run, write_report

__all__ = [
    "FromElsewhere",
    "against_baselines",
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
    baselines: Mapping[str, Any] | None = None,
    population: str = "",
    out: Path | str | None = None,
) -> list[Made]:
    """What ranks from elsewhere are worth: every metric, figure and claim that they allow.

    `accuracies` `[row, child]` in [0, 1] (or a DataFrame whose columns are the children); `rows` says whether they are
    `"moments"` of one instance, as where nothing else says so, or `"instances"`. Or `[instance, moment, child]`, whatever
    `rows`; or a dict `{child: number}`, `{child: [numbers]}`, or one of these for each method; or a long DataFrame, with
    columns like child, seed, epoch, accuracy; or a list of DataFrames, one for each instance. `scores`: they are on any
    scale, higher is better; `lower_is_better`: they are losses, on any scale. `ground_truth` `[child]` or `[seed, child]`,
    on any scale, higher is better unless `truth_lower_is_better`; or a mapping, Series or DataFrame from names to numbers, or
    to several seeds, of which the mean is taken. `trained`: the name of the child that each moment's mini-batch has just
    trained, `[moment]` or `[instance, moment]`. `groups`: also into how many groups of equal size to divide the children, so
    that those that go well together are in one. `baselines`: what a rank has to beat, such as numbers of parameters, by name,
    each given as ground truth is; more is better. `population`: how the children were chosen, in your words. `out`: a folder
    for a report of it all. Raises `UsageError` when they do not fit.

    >>> table = cw.rank([[0.50, 0.61, 0.72], [0.63, 0.62, 0.74]], ground_truth=[0.7, 0.8, 0.9])[0]
    >>> [(row.name, round(row.numbers[0].value, 2)) for row in table.rows]  # GT-Tau
    [('instance 0, 2 moments', 0.67)]
    """
    scale, kind = scale_of(scores, lower_is_better), None if rows is None else _rows(rows)
    grids = given_grids(accuracies, by_method=kind is None) if children is None else None
    if grids is None:
        names, values = _arrays(accuracies, children, scale, kind)
        ranks = [("", names, values, np.arange(1, values.shape[1] + 1), None)]
    else:
        methods = tables_of(grids, scale).items()
        ranks = [(method, tables[0].children, *stacked(tables, kind)) for method, tables in methods]
    found = []
    for method, names, values, step, mask in ranks:
        truth = given_truth(ground_truth, names, lower_is_better=truth_lower_is_better)
        just = mask if trained is None else trained_mask_of(trained, names, values.shape)
        before = given_baselines({} if baselines is None else baselines, names)
        found.append(
            FromElsewhere(
                names, values, truth.mean, step, just, scale, method, truth.several, truth.known, population, before
            )
        )
    made = worth_of_all(found, groups)
    if out is not None:
        options = {"rows": rows, "groups": groups, "scores": scores, "lower_is_better": lower_is_better}
        options |= {"truth_lower_is_better": truth_lower_is_better, "population": population, "out": str(out)}
        said = ["accuracies", "ground_truth", *(f"{name}={value!r}" for name, value in options.items() if value)]
        report_ranks(made, (), f"cw.rank({', '.join(said)})", Path(out))
    return made


def _arrays(
    accuracies: Any, children: Sequence[str] | None, scale: Scale, kind: Rows | None
) -> tuple[tuple[str, ...], np.ndarray]:
    """Names of the children, and `[instance, moment, child]` of which higher is better."""
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
    return names or tuple(str(place) for place in range(1, values.shape[2] + 1)), values


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
    baselines: Sequence[str] = (),
    population: str = "",
) -> tuple[list[FromElsewhere], list[str]]:
    """The ranks of other programs, for each method, and how they were read: one file of all, or one for each instance.

    A file is CSV, wide or long, JSON or Parquet, or `-` for standard input. `rows` is `"moments"` or `"instances"` where the
    file does not say. `baselines` are `NAME=FILE`, files as those of ground truth. Raises `DataError`, `UsageError`.
    """
    kind = None if rows is None else _rows(rows)
    _require_once([*files, ground_truth])
    before = read_baselines(baselines, files, ground_truth)
    read = [tables_of(read_grids(path, by_method=kind is None), scale) for path in files]
    truth_grid, found, told = read_truth_grid(ground_truth), [], []
    for path, of_methods in zip(files, read, strict=True):
        if of_methods.keys() != read[0].keys():
            raise TableError(f"{path}: methods {listed(of_methods)}; expected {listed(read[0])}, as in {files[0]}")
    for method in read[0]:
        tables = [table for of_methods in read for table in of_methods[method]]
        accuracy, step, mask = stacked(tables, kind)
        first, names = tables[0], tables[0].children
        truth = truth_of(truth_grid, names, lower_is_better=truth_lower_is_better)
        beside = {name: baseline_of(grid, names, name) for name, grid in before.items()}
        said = [*first.conventions, *other_conventions(tables)]
        if kind is None and first.rows is None and len(step) > 1:
            said.append("rows are taken as moments of one instance; if they are instances, say --rows instances")
        shape = f"instances: {accuracy.shape[0]}, moments: {accuracy.shape[1]}, children: {accuracy.shape[2]}"
        said += [truth.how, *(how for _, how in beside.values()), f"method {method!r}: {shape}" if method else shape]
        told += [sentence for sentence in said if sentence not in told]
        numbers = {name: values for name, (values, _) in beside.items()}
        found.append(
            FromElsewhere(
                names, accuracy, truth.mean, step, mask, scale, method, truth.several, truth.known, population, numbers
            )
        )
    if len(found) > 1:
        told.append(f"each method is judged alone: {', '.join(read[0])}; if they are instances, say --rows instances")
    return found, told


def rank_command(
    files: Sequence[Path], ground_truth: Path, out: Path, **options: str | int | bool | Sequence[str] | None
) -> str:
    """The command that makes the report of these files again; an option that is None or False was not given."""
    words = ["commonweight", "rank", *files, "--ground-truth", ground_truth]
    for name, value in options.items():
        flag = f"--{name.replace('_', '-')}"
        for one in value if isinstance(value, list | tuple) else [value]:
            words += [] if one is None or one is False else [flag] if one is True else [flag, one]
    return shlex.join(map(str, [*words, "--out", out]))


def report_ranks(made: Sequence[Made], told: Sequence[str], command: str, out: Path) -> list[Path]:
    """Write the report of ranks, and how they were read; returns the paths, the page first."""
    about = About("Ranks from elsewhere", tuple(f"{sentence[:1].upper()}{sentence[1:]}." for sentence in told))
    return write_report(about, made, out, Run(command))


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
