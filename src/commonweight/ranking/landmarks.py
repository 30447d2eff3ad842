"""Landmarks: a few children are trained fully, and a Gaussian process predicts the others (not in the paper).

What it knows of the children comes in blocks `[child, feature]`: what they choose, and any reading of a super-net.
"""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import ArrayLike, NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, DotProduct, Kernel, WhiteKernel

from commonweight.errors import UsageError
from commonweight.ranking.arrays import finite
from commonweight.ranking.metrics import gt_tau

FEWEST = 2  # landmarks


@dataclass(frozen=True, eq=False)
class Predicted:
    """Of every child, landmarks included: mean and standard deviation of what it would reach, both [child]."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def predict(blocks: Sequence[ArrayLike], landmarks: Sequence[int], values: ArrayLike) -> Predicted:
    """Every child's value from those of the landmarks: blocks [child, feature] each, places of landmarks, values [landmark].

    Each block is centred and scaled to a mean squared length of 1 over the children, so that blocks weigh alike whatever
    their number of features. The process is scikit-learn's: a constant, a linear and a squared-exponential part and noise,
    their sizes and the length scale by marginal likelihood from one start (no random numbers). Raises `UsageError` for fewer
    than two landmarks, a place that is no child or stands twice, and blocks of different numbers of children.
    """
    x, places = _joined(blocks), np.asarray(landmarks, dtype=np.int64)
    y = finite(values, "values", "landmark", landmark=FEWEST)
    if len(y) != len(places) or len(set(places.tolist())) < len(places) or not np.isin(places, np.arange(len(x))).all():
        raise UsageError(
            f"{len(places)} landmarks, {len(y)} values and {len(x)} children; expected different places 0 … {len(x) - 1}, "
            "and a value for each"
        )
    if y.min() == y.max():
        return Predicted(np.full(len(x), y[0]), np.zeros(len(x)))
    process = GaussianProcessRegressor(_kernel(), normalize_y=True)
    with warnings.catch_warnings():  # a size at its bound is a part that the landmarks do not show
        warnings.simplefilter("ignore", ConvergenceWarning)
        process.fit(x[places], y)
    mean, std = (np.asarray(one, dtype=np.float64) for one in process.predict(x, return_std=True))
    return Predicted(mean, std)


def held_out_tau(
    blocks: Sequence[ArrayLike], landmarks: Sequence[int], values: ArrayLike, ground_truth: ArrayLike
) -> float:
    """GT-Tau of what is predicted of the children that are no landmarks; ground_truth [child].

    nan where all that is predicted ties. Raises what `predict` raises, and `UsageError` unless two children are left.
    """
    truth = finite(ground_truth, "ground_truth", "child", child=2)
    predicted = predict(blocks, landmarks, values)
    rest = np.setdiff1d(np.arange(len(truth)), landmarks)
    return float(gt_tau(predicted.mean[rest], truth[rest]))


def drawn(children: int, count: int, draws: int, rng: Generator) -> NDArray[np.int64]:
    """Sets of landmarks [draw, landmark], each uniform among the children, in rising order."""
    if not FEWEST <= count <= children - 2:
        raise UsageError(f"{count} landmarks of {children} children; expected {FEWEST} … {children - 2}")
    return np.sort(np.stack([rng.permutation(children)[:count] for _ in range(draws)]), axis=1)


def equivalent(counts: Sequence[int], without: ArrayLike, beside: ArrayLike) -> float:
    """The landmark equivalent of a super-net: how many landmarks give its tau without it.

    counts rise; `without` [count] is the tau of that many landmarks, `beside` [count] the super-net's on the same children.
    Where the first is as good for the first time; between two counts the line in their logarithms. The least count if that is
    already as good, infinity if none is, nan where a tau is.
    """
    gap = np.asarray(without, dtype=np.float64) - np.asarray(beside, dtype=np.float64)
    if np.isnan(gap).any():
        return float("nan")
    reached = np.flatnonzero(gap >= 0)
    if not len(reached):
        return float("inf")
    first = int(reached[0])
    if first == 0:
        return float(counts[0])
    low, high = np.log(counts[first - 1]), np.log(counts[first])
    return float(np.exp(low + (high - low) * -gap[first - 1] / (gap[first] - gap[first - 1])))


def _joined(blocks: Sequence[ArrayLike]) -> NDArray[np.float64]:
    """[child, feature], every block centred and of mean squared length 1; a constant one is left out."""
    scaled = []
    for block in blocks:
        array = finite(block, "block", "child", "feature", child=FEWEST)
        centred = array - array.mean(axis=0)
        size = np.sqrt((centred**2).sum(axis=1).mean())
        if size > 1e-12 * max(1, np.abs(array).max()):
            scaled.append(centred / size)
    if len({len(block) for block in scaled}) != 1:
        raise UsageError(
            f"blocks of {sorted({len(block) for block in scaled})} children that differ from each other; expected one or "
            "more blocks, all of the same children"
        )
    return np.concatenate(scaled, axis=1)


def _kernel() -> Kernel:
    sizes = (1e-3, 1e3)
    return (
        ConstantKernel(1.0, sizes) * RBF(1.0, (0.1, 30.0))
        + ConstantKernel(1.0, sizes) * DotProduct(0.0, "fixed")
        + WhiteKernel(0.1, (1e-3, 1.0))
    )
