"""What Python gives in place of files: dicts, lists and data frames, as grids; arrays are none."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from commonweight.elsewhere.accuracy_tables import INSTANCE_WORDS, MOMENT_WORDS, TRAINED_WORDS, column_word
from commonweight.elsewhere.grids import Grid
from commonweight.elsewhere.long_tables import CHILD_WORDS
from commonweight.elsewhere.nested import Methods, nested_grids
from commonweight.elsewhere.truth_tables import Truth, baseline_of, truth_of
from commonweight.errors import UsageError
from commonweight.ranking.arrays import finite

WORDS = frozenset((*MOMENT_WORDS, *INSTANCE_WORDS, *TRAINED_WORDS, *CHILD_WORDS))


def given_grids(accuracies: Any, *, by_method: bool) -> Methods | None:
    """The grids of a dict, a Series, records, or data frames with a column that is no child; None for what is an array.

    A list of data frames has one for each instance.
    """
    if hasattr(accuracies, "columns"):
        named = any(column_word(str(name)) in WORDS for name in accuracies.columns)
        return {"": [_frame_grid("accuracies", accuracies)]} if named else None
    first = accuracies[0] if isinstance(accuracies, Sequence) and len(accuracies) else None
    if hasattr(first, "columns"):
        return {"": [_frame_grid(f"accuracies, instance {n}", frame) for n, frame in enumerate(accuracies)]}
    if hasattr(accuracies, "keys") or isinstance(first, Mapping):
        return nested_grids("accuracies", _plain(accuracies), by_method=by_method)
    return None


def given_truth(ground_truth: Any, children: Sequence[str], *, lower_is_better: bool) -> Truth:
    """Ground truth of an array `[child]` or `[seed, child]`, or by name of all that has names; see `truth_of`."""
    grid = _named_grid("ground_truth", ground_truth)
    if grid is not None:
        return truth_of(grid, children, lower_is_better=lower_is_better)
    seeds = np.atleast_2d(_array("ground_truth", ground_truth))
    return Truth(-seeds if lower_is_better else seeds, len(children), "")


def given_baselines(baselines: Mapping[str, Any], children: Sequence[str]) -> dict[str, np.ndarray]:
    """Numbers `[child]` of each baseline, given as ground truth is; a data frame has a column for each."""
    found = {}
    for name, given in baselines.items():
        where = f"baselines[{name!r}]"
        grid = _named_grid(where, given)
        found[str(name)] = (
            np.atleast_2d(_array(where, given)).mean(axis=0)
            if grid is None
            else baseline_of(grid, children, str(name))[0]
        )
    return found


def _array(where: str, given: Any) -> np.ndarray:
    """`[child]` or `[seed, child]`."""
    values = finite(given, where, "...", "child", child=3)
    if values.ndim > 2:
        raise UsageError(f"{where} has shape {values.shape}; expected [child], or [seed, child]")
    return values


def _named_grid(where: str, given: Any) -> Grid | None:
    """The grid of what has names: data frames, Series and dicts; None for an array."""
    if hasattr(given, "columns"):
        return _frame_grid(where, given.reset_index() if hasattr(given, "reset_index") else given)  # pandas: children
    return nested_grids(where, _plain(given), by_method=False)[""][0] if hasattr(given, "keys") else None


def _frame_grid(where: str, frame: Any) -> Grid:
    return Grid(where, tuple(str(name) for name in frame.columns), np.asarray(frame, dtype=object).tolist())


def _plain(found: Any) -> Any:
    """The same in dicts, lists and numbers: arrays, Series and NumPy's numbers are none of these."""
    if hasattr(found, "keys"):
        return {str(name): _plain(part) for name, part in found.items()}
    found = found.tolist() if hasattr(found, "tolist") else found
    return [_plain(part) for part in found] if isinstance(found, list | tuple) else found
