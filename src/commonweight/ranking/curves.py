"""Curves: the accuracies of every child over the moments of one record, and which child each moment's mini-batch trained.

A record is accuracies [..., moment, child] and trained [..., moment, child], True where the mini-batch just before the
moment's sweep trained the child. Copies train the same child at each step, so `trained` may leave out leading axes:
[moment, child] goes with accuracies [copy, moment, child].
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from commonweight.errors import UsageError
from commonweight.ranking.arrays import finite


def trained_mask(positions: ArrayLike, children: int) -> NDArray[np.bool_]:
    """Which child each moment trained: positions [..., moment], in 0 … children − 1 → bool [..., moment, child].

    Raises `UsageError` for positions that are not whole numbers of that range.
    """
    position = np.asarray(positions)
    if position.dtype.kind not in "iu":
        raise UsageError(f"positions are {position.dtype}; expected whole numbers: give each trained child's place")
    outside = (position < 0) | (position >= children)
    if outside.any():
        raise UsageError(
            f"positions hold {position[outside][0]}; expected 0 to {children - 1}: "
            "give the place of the trained child among the children"
        )
    return position[..., None] == np.arange(children)


def curves_of(accuracies: ArrayLike, *, moments: int = 1, children: int = 1) -> NDArray[np.float64]:
    """accuracies as finite float64 [..., moment, child], at least so many of each; else `UsageError`."""
    return finite(accuracies, "accuracies", "...", "moment", "child", moment=moments, child=children)


def record_of(
    accuracies: ArrayLike, trained: ArrayLike, *, moments: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """accuracies as `curves_of`, and trained as bool of the same shape (repeated along leading axes it leaves out)."""
    curves, mask = curves_of(accuracies, moments=moments), np.asarray(trained)
    if mask.dtype != np.bool_:
        raise UsageError(f"trained is {mask.dtype}; expected bool: make it from positions with trained_mask")
    if mask.ndim < 2 or mask.shape[-2:] != curves.shape[-2:] or mask.ndim > curves.ndim:
        raise UsageError(
            f"trained has shape {mask.shape} and accuracies {curves.shape}; expected the same [..., moment, child]: "
            "give both for the same window and children"
        )
    try:
        return curves, np.broadcast_to(mask, curves.shape)
    except ValueError:
        raise UsageError(
            f"trained has shape {mask.shape} and accuracies {curves.shape}; expected the same leading axes, or none: "
            "give one per record"
        ) from None


def deviations(curves: NDArray[np.float64], *, keep_common: bool) -> NDArray[np.float64]:
    """Curves [..., moment, child] less each child's mean over the moments and, unless kept, the mean of all children at
    each moment.

    What rounding leaves of an exact zero is made zero, so that a curve which does not move stays recognisable: the
    smallest true difference of accuracies, one image, is far above 2⁻⁴⁴ of an accuracy.
    """
    moved = curves - curves.mean(axis=-2, keepdims=True)
    if not keep_common:
        moved -= moved.mean(axis=-1, keepdims=True)
    moved[np.abs(moved) <= 2.0**-44 * np.abs(curves).max(axis=(-2, -1), keepdims=True)] = 0
    return moved
