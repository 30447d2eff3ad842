"""Ranks and the numbers that compare them (paper section 3.2): Kendall's tau, S-Tau, GT-Tau, TnR, Mean-k and Std-k.

A rank is given by the accuracies of its children, a vector [child]; higher is better. All functions take anything that
`numpy.asarray` turns into a float64 array, and raise `UsageError` when it has the wrong dimensions, holds nan or
infinity, or (where pairs of children are compared) has fewer than two children.

Taus are computed at once: write the sign of (accuracy of x − accuracy of y) for every pair of children as a row of
−1, 0, 1 per rank. The product of two rows counts concordant minus discordant pairs; a row's number of nonzeros counts
the pairs that are not tied. Against few ranks of many children it is less work to sort the children by one rank and to count
the pairs that stand in the wrong order in the other (Knight, 1966). All of these are integers, so nothing is rounded before
the last division, and both ways give the same bits.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import comb, log2

import numpy as np
from numpy.typing import ArrayLike, NDArray

from commonweight.errors import UsageError
from commonweight.ranking.arrays import finite, numbers, with_ground_truth
from commonweight.values import brief

SIGNS_AT_ONCE = 2**22  # signs held per chunk: 16 MiB of float32, and sums below 2**24, which float32 holds exactly

Counts = NDArray[np.int64]


@dataclass(frozen=True)
class STau:
    """S-Tau of N ranks: mean, Max Tau and Min Tau over `pairs` = N(N−1)/2 pairs."""

    __repr__ = brief

    mean: float
    max: float
    min: float
    pairs: int


@dataclass(frozen=True, eq=False)
class MeanStd:
    """Mean and population standard deviation: arrays [...], or two numbers when there is a single curve."""

    __repr__ = brief

    mean: NDArray[np.float64] | np.float64
    std: NDArray[np.float64] | np.float64


def tau(a: ArrayLike, b: ArrayLike) -> float:
    """Kendall's tau-b of two accuracy vectors, both [child].

    tau = (C − D) / sqrt((P − A) (P − B)): of all P pairs of children, C are ordered alike by a and b, D oppositely,
    A are tied in a, and B in b; a pair tied in either is in neither C nor D. It lies in [−1, 1], and is nan when a or b
    is constant, as in SciPy's `kendalltau`. Raises `UsageError` for vectors that do not fit each other.
    """
    a, b = finite(a, "a", "child", child=2), finite(b, "b", "child", child=2)
    return float(tau_between(a[None], b[None])[0, 0])


def tau_matrix(accuracies: ArrayLike) -> NDArray[np.float64]:
    """`tau` of every two ranks: accuracies [rank, child] → symmetric [rank, rank].

    The diagonal is exactly 1. Row and column of a constant rank are nan, the diagonal included.
    """
    accuracies = finite(accuracies, "accuracies", "rank", "child", child=2)
    return _tau_b(accuracies, accuracies)


def tau_between(a: ArrayLike, b: ArrayLike) -> NDArray[np.float64]:
    """`tau` of every rank of one set with every rank of another: a [rank, child], b [rank', child] → [rank, rank']."""
    a, b = finite(a, "a", "rank", "child", child=2), finite(b, "b", "rank", "child", child=2)
    if a.shape[1] != b.shape[1]:
        raise UsageError(
            f"a has {a.shape[1]} children and b has {b.shape[1]}; give both the accuracies of the same children"
        )
    return _tau_b(a, b)


def s_tau(accuracies: ArrayLike) -> STau:
    """S-Tau, Max Tau and Min Tau of N ranks: accuracies [instance, child] (paper section 3.2, equation 2; Table 1).

    S-Tau = 2 / (N (N − 1)) · sum of tau(R_i, R_j) over all i < j; Max Tau and Min Tau are the extreme ones of these
    taus. If any of them is undefined (a rank is constant), all three are nan. Raises `UsageError` for N < 2.
    """
    taus = tau_matrix(accuracies)
    n = len(taus)
    if n < 2:
        raise UsageError(f"accuracies hold {n} instance(s); S-Tau compares pairs, so give at least 2 instances")
    pairs = taus[np.triu_indices(n, 1)]
    if np.isnan(pairs).any():
        return STau(np.nan, np.nan, np.nan, len(pairs))
    return STau(float(pairs.mean()), float(pairs.max()), float(pairs.min()), len(pairs))


def gt_tau(accuracies: ArrayLike, ground_truth: ArrayLike) -> NDArray[np.float64]:
    """GT-Tau of many ranks: tau(R, R_gt) of each [child] in accuracies [..., child] with ground_truth [child] → [...].

    Paper section 3.2. nan where a rank is constant, and everywhere when the ground truth is.
    """
    accuracies, ground_truth = with_ground_truth(accuracies, ground_truth, "...", "child", child=2)
    flat = accuracies.reshape(-1, accuracies.shape[-1])
    return _tau_b(flat, ground_truth[None]).reshape(accuracies.shape[:-1])


def ranks(accuracies: ArrayLike) -> NDArray[np.int64]:
    """Rank of each child, 1 = best: accuracies [..., child] → [..., child], a permutation of 1 … children in each row.

    The order is strict: of two children with the same accuracy the one with the lower index is the better one.
    """
    order = _best_first(finite(accuracies, "accuracies", "...", "child", child=1))
    result = np.empty_like(order)
    np.put_along_axis(result, order, np.arange(1, order.shape[-1] + 1), axis=-1)
    return result


def top_n_rank(accuracies: ArrayLike, ground_truth: ArrayLike, n: int) -> NDArray[np.float64]:
    """TnR: the best ground-truth rank among the n best children of a rank (paper section 3.2; T1R, T3R in Table 2).

    accuracies [..., child], ground_truth [child] → [...], in 1 … children; lower is better. Where children tie, in
    either, it is the expected value over all orders of the tied ones, each as likely. nan where a rank is constant, as it
    has no best child, and everywhere when the ground truth is. Raises `UsageError` unless 1 ≤ n ≤ children. Example: the two
    best of the rank tie, and are truly 1st and 4th. Then T1R is (1 + 4) / 2.

    How the expectation is computed: n − d children are above the n-th accuracy, so that d of the t children at it are drawn.
    A group of g children that tie in ground truth, behind b better ones, is the first to have chosen children, and has s
    drawn ones beside a sure ones, with probability C(t', s) C(t'', d − s) / C(t, d), where t' of the t are in the group and
    t'' behind it (none if a better group has a sure one). The best of these s + a has expected rank
    b + (g + 1) / (s + a + 1).
    """
    accuracies, ground_truth = with_ground_truth(accuracies, ground_truth, "...", "child", child=1)
    children = len(ground_truth)
    if not 1 <= n <= children:
        raise UsageError(f"n is {n}; TnR takes the n best of {children} children, so 1 ≤ n ≤ that number")
    flat = accuracies.reshape(-1, children)
    cut = np.sort(flat, axis=1)[:, [children - n]]
    order = np.argsort(-ground_truth, kind="stable")
    starts = np.flatnonzero(np.diff(ground_truth[order], prepend=np.inf))  # of the groups that tie in ground truth
    sizes = np.diff(starts, append=children)
    sure, tied = (np.add.reduceat(chosen[:, order], starts, axis=1, dtype=int) for chosen in (flat > cut, flat == cut))
    defined = (flat.min(axis=1) < flat.max(axis=1)) & (len(starts) > 1)
    found = [
        _expected_best(n, starts, sizes, *row) if known else np.nan
        for known, *row in zip(defined, sure, tied, strict=True)
    ]
    return np.array(found, dtype=np.float64).reshape(accuracies.shape[:-1])


def last_k(curve: ArrayLike, k: int) -> MeanStd:
    """GT-Tau-Mean-k and GT-Tau-Std-k: mean and population standard deviation of the last k moments.

    curve [..., moment] (GT-Tau after each of the last mini-batches of one instance) → mean [...], std [...], paper
    section 4 (Table 3). The standard deviation divides by k, not k − 1. A nan (an undefined tau) among the last k makes
    both nan. Raises `UsageError` for k < 1 or fewer than k moments.
    """
    values = numbers(curve, "curve")
    if values.ndim < 1 or np.isinf(values).any():
        raise UsageError(f"curve has shape {values.shape}; expected [..., moment] without infinities: give taus")
    if not 1 <= k <= values.shape[-1]:
        raise UsageError(
            f"k is {k} and the curve has {values.shape[-1]} moment(s); expected 1 ≤ k ≤ moments: lower k or record more"
        )
    last = values[..., -k:]
    return MeanStd(last.mean(axis=-1), last.std(axis=-1))


def _expected_best(n: int, before: Counts, size: Counts, sure: Counts, tied: Counts) -> float:
    """Expected ground-truth rank of the best of n chosen children, see `top_n_rank`; counts of each group, best first."""
    drawn, behind = n - int(sure.sum()), int(tied.sum())
    ways, expected = comb(behind, drawn), 0.0
    for group in np.flatnonzero(sure + tied):
        b, g, a, t = (int(counts[group]) for counts in (before, size, sure, tied))
        behind -= t
        for s in range(0 if a else 1, min(t, drawn) + 1):
            expected += comb(t, s) * comb(behind, drawn - s) / ways * (b + (g + 1) / (s + a + 1))
        if a:
            break
    return expected


def _tau_b(a: NDArray[np.float64], b: NDArray[np.float64]) -> NDArray[np.float64]:
    """tau-b of a [rank, child] with b [rank', child] → [rank, rank']; nan where one is constant."""
    sorts = (
        16 * min(len(a), len(b)) * log2(a.shape[1])
    )  # a sign takes an eighth of the time that a step of sorting does
    agreement, untied_a, untied_b = _by_sorting(a, b) if sorts < a.shape[1] else _by_signs(a, b)
    # One root of the exact product: sqrt(x * x) is x in floating point, so equal orders give exactly ±1.
    scale = np.sqrt(np.outer(untied_a, untied_b))
    return np.divide(agreement, scale, out=np.full_like(agreement, np.nan), where=scale > 0)


def _by_signs(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """C − D of every two ranks [rank, rank'], and the pairs that are not tied in each, [rank] and [rank']."""
    agreement = np.zeros((len(a), len(b)))
    untied_a, untied_b = np.zeros(len(a)), np.zeros(len(b))
    for lags in _chunks(a.shape[1], max(len(a), len(b))):
        signs_a = _signs(a, lags)
        signs_b = signs_a if b is a else _signs(b, lags)
        agreement += signs_a @ signs_b.T
        untied_a += np.count_nonzero(signs_a, axis=1)
        untied_b += np.count_nonzero(signs_b, axis=1)
    return agreement, untied_a, untied_b


def _by_sorting(a: NDArray[np.float64], b: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """The same: with the children sorted by a rank of b, and then of a, D is the inversions of the rank of a.

    C + D is all pairs less those tied in a and those tied in b, plus those tied in both.
    """
    if len(a) < len(b):
        turned, untied_b, untied_a = _by_sorting(b, a)
        return turned.T, untied_a, untied_b
    pairs = comb(a.shape[1], 2)
    by_a = np.argsort(a, axis=1, kind="stable")
    ordered = np.take_along_axis(a, by_a, axis=1)
    tied_a = _tied(ordered[:, 1:] == ordered[:, :-1])
    agreement, tied_b = np.empty((len(a), len(b))), np.empty(len(b))
    for place, rank in enumerate(b):
        of_b = rank[by_a]  # [rank, child], children by a
        by_b = np.argsort(of_b, axis=1, kind="stable")
        of_a, of_b = np.take_along_axis(ordered, by_b, axis=1), np.take_along_axis(of_b, by_b, axis=1)
        same_b = of_b[:, 1:] == of_b[:, :-1]
        tied_b[place] = _tied(same_b[:1])[0]
        both = _tied(same_b & (of_a[:, 1:] == of_a[:, :-1]))
        agreement[:, place] = pairs - tied_a - tied_b[place] + both - 2 * _inversions(of_a)
    return agreement, (pairs - tied_a).astype(np.float64), pairs - tied_b


def _tied(same: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Pairs of equal children in sorted ranks: whether each is the same as the one before [rank, child − 1] → [rank]."""
    places = np.arange(1, same.shape[1] + 1)
    starts = np.maximum.accumulate(np.where(same, 0, places), axis=1)  # of the run that each child is in
    return (places - starts).sum(axis=1)


def _inversions(values: NDArray[np.float64]) -> NDArray[np.int64]:
    """Pairs of which the greater stands first: [rank, child] → [rank].

    Pairs inside of short blocks are compared; then halves of blocks are merged, each twice as long. A value of a right half
    has as many of the left half before it in the merged block as its place is ahead of its place in the right half; the
    others of the left half are greater.
    """
    rows, length = values.shape
    width = 32
    size = max(width, 1 << (length - 1).bit_length())
    blocks = np.pad(values, ((0, 0), (0, size - length)), constant_values=np.inf).reshape(rows, -1, width)
    lags = range(1, width)
    found = sum(np.count_nonzero(blocks[..., :-lag] > blocks[..., lag:], axis=(1, 2)) for lag in lags)
    blocks = np.sort(blocks, axis=2)
    while width < size:
        blocks = blocks.reshape(rows, -1, 2 * width)
        order = np.argsort(blocks, axis=2, kind="stable")
        ahead = ((order >= width) * np.arange(2 * width)).sum(axis=(1, 2)) - blocks.shape[1] * comb(width, 2)
        found += blocks.shape[1] * width**2 - ahead
        blocks = np.take_along_axis(blocks, order, axis=2)
        width *= 2
    return np.asarray(found)


def _chunks(children: int, rows: int) -> Iterator[range]:
    """Cut the lags 1 … children − 1 into runs; the pairs (i, i + lag) of a run are about SIGNS_AT_ONCE signs."""
    step = max(1, SIGNS_AT_ONCE // (max(1, rows) * children))
    for start in range(1, children, step):
        yield range(start, min(start + step, children))


def _signs(accuracies: NDArray[np.float64], lags: range) -> NDArray[np.float32]:
    """sign(x_i − x_(i + lag)) for all i and lags: [rank, child] → [rank, pair].

    By comparison, as a difference of large numbers overflows; float32, as BLAS multiplies it fastest.
    """
    pairs = [(accuracies[:, :-lag], accuracies[:, lag:]) for lag in lags]
    return np.concatenate([(x > y).astype(np.float32) - (x < y) for x, y in pairs], axis=1)


def _best_first(accuracies: NDArray[np.float64]) -> NDArray[np.int64]:
    """Child indexes from best to worst, [..., child]; a stable sort leaves tied children in index order."""
    return np.argsort(-accuracies, axis=-1, kind="stable")
