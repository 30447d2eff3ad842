"""What Python gives in place of files: dicts, lists and data frames, as grids; arrays are none."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from commonweight.elsewhere.accuracy_tables import INSTANCE_WORDS, MOMENT_WORDS, TRAINED_WORDS, column_word
from commonweight.elsewhere.grids import Grid
from commonweight.elsewhere.long_tables import CHILD_WORDS
from commonweight.elsewhere.nested import Methods, nested_grids
from commonweight.elsewhere.truth_tables import truth_of
from commonweight.ranking.arrays import finite

WORDS = frozenset((*MOMENT_WORDS, *INSTANCE_WORDS, *TRAINED_WORDS, *CHILD_WORDS))


def given_grids(accuracies: Any, *, by_method: bool) -> Methods | None:
    """The grids of a dict, a Series, records, or a data frame with a column that is no child; None for what is an array."""
    if hasattr(accuracies, "columns"):
        named = any(column_word(str(name)) in WORDS for name in accuracies.columns)
        return {"": [_frame_grid("accuracies", accuracies)]} if named else None
    records = isinstance(accuracies, Sequence) and len(accuracies) and isinstance(accuracies[0], Mapping)
    if hasattr(accuracies, "keys") or records:
        return nested_grids("accuracies", _plain(accuracies), by_method=by_method)
    return None


def given_truth(ground_truth: Any, children: Sequence[str], *, lower_is_better: bool) -> tuple[np.ndarray, str]:
    """Ground truth `[child]`, higher is better, of an array, or by name of all that has names; see `truth_of`."""
    if hasattr(ground_truth, "columns"):
        if hasattr(ground_truth, "reset_index"):  # pandas: children may be its index
            ground_truth = ground_truth.reset_index()
        return truth_of(_frame_grid("ground_truth", ground_truth), children, lower_is_better=lower_is_better)
    if hasattr(ground_truth, "keys"):
        grids = nested_grids("ground_truth", _plain(ground_truth), by_method=False)
        return truth_of(grids[""][0], children, lower_is_better=lower_is_better)
    truth = finite(ground_truth, "ground_truth", "child", child=3)
    return (-truth if lower_is_better else truth), ""


def _frame_grid(where: str, frame: Any) -> Grid:
    return Grid(where, tuple(str(name) for name in frame.columns), np.asarray(frame, dtype=object).tolist())


def _plain(found: Any) -> Any:
    """The same in dicts, lists and numbers: arrays, Series and NumPy's numbers are none of these."""
    if hasattr(found, "keys"):
        return {str(name): _plain(part) for name, part in found.items()}
    found = found.tolist() if hasattr(found, "tolist") else found
    return [_plain(part) for part in found] if isinstance(found, list | tuple) else found
