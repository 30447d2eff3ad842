"""What the functions of this folder take: anything that is an array of finite accuracies with the axes they name."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from commonweight.errors import UsageError


def numbers(values: ArrayLike, name: str) -> NDArray[np.float64]:
    """values as float64 of any shape; `UsageError` if they are no numbers or ragged."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} is not an array of numbers ({error}); give numbers in rows of equal length") from None


def finite(values: ArrayLike, name: str, *axes: str, **least: int) -> NDArray[np.float64]:
    """values as finite float64 with these axes; `least` is the least length of the named ones.

    `finite(a, "a", "rank", "child", child=2)` takes [rank, child] with at least 2 children; a first axis "..." stands
    for any number of axes. Raises `UsageError` for anything else.
    """
    array = numbers(values, name)
    expected = f"[{', '.join(axes)}]"
    named = [axis for axis in axes if axis != "..."]
    if array.ndim < len(named) or (len(named) == len(axes) and array.ndim > len(named)):
        raise UsageError(f"{name} has shape {array.shape}; expected {expected}: one accuracy per child, reshape it")
    lengths = dict(zip(named, array.shape[array.ndim - len(named) :], strict=True))
    if any(lengths[axis] < length for axis, length in least.items()):
        wanted = " and ".join(
            f"{length} {'child(ren)' if axis == 'child' else f'{axis}(s)'}" for axis, length in least.items()
        )
        raise UsageError(f"{name} has shape {array.shape}; expected {expected} with at least {wanted}: give more")
    bad = np.count_nonzero(~np.isfinite(array))
    if bad:
        raise UsageError(
            f"{name} has {bad} nan or infinite of {array.size} values; expected finite accuracies: "
            "leave out the children or ranks that were not measured"
        )
    return array


def with_ground_truth(
    accuracies: ArrayLike, ground_truth: ArrayLike, *axes: str, **least: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """accuracies with these axes, the last one "child", and ground_truth [child] of as many children."""
    rows = finite(accuracies, "accuracies", *axes, **least)
    truth = finite(ground_truth, "ground_truth", "child", child=least.get("child", 1))
    if rows.shape[-1] != len(truth):
        raise UsageError(
            f"accuracies have {rows.shape[-1]} children and ground_truth has {len(truth)}; "
            "give both for the same children, in the same order"
        )
    return rows, truth
