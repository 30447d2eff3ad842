"""Of which children a GT-Tau is, and what it can be at best: the truly best, ground truth's own, samples (not in the paper).

A GT-Tau among all children is easily high where many are bad; a search asks about the best ones. Among these it is lower for
every rank, ground truth's own too: so it is told beside that.
"""

from math import ceil, sqrt

import numpy as np
from numpy.typing import ArrayLike, NDArray

from commonweight.errors import UsageError
from commonweight.ranking.arrays import finite, with_ground_truth
from commonweight.ranking.metrics import gt_tau

LEAST = 3  # children that a rank worth asking about has


def truly_best(ground_truth: ArrayLike, share: float) -> NDArray[np.bool_]:
    """Who is truly best, [child]: the ⌈share · children⌉ best by ground truth, and all that tie with the last of them.

    So no child is in or out by its place in the array, and there may be more than the share. Example: of 0.9, 0.8, 0.8, 0.1
    the best half are the first three. A product that misses a whole number by rounding (0.07 · 100) is that number. Raises
    `UsageError` unless 0 < share ≤ 1.
    """
    truth = finite(ground_truth, "ground_truth", "child", child=1)
    if not 0 < share <= 1:
        raise UsageError(f"share is {share}; expected above 0 and at most 1, for example 0.05 for the best 5 %")
    return truth >= np.sort(truth)[-ceil(round(share * len(truth), 9))]


def gt_tau_of_best(accuracies: ArrayLike, ground_truth: ArrayLike, share: float) -> NDArray[np.float64]:
    """GT-Tau among the `truly_best`: accuracies [..., child], ground_truth [child] → [...].

    nan where these are fewer than 3 children, and where `gt_tau` of them is: when all tie in the rank, or in ground truth.
    """
    rows, truth = with_ground_truth(accuracies, ground_truth, "...", "child", child=2)
    best = truly_best(truth, share)
    if np.count_nonzero(best) < LEAST:
        return np.full(rows.shape[:-1], np.nan)
    return gt_tau(rows[..., best], truth[best])


def mean_of_others(truths: ArrayLike) -> NDArray[np.float64]:
    """For each seed of ground truth the mean of the others: [seed, child] → the same. Raises `UsageError` for one seed."""
    seeds = finite(truths, "truths", "seed", "child", child=2)
    if len(seeds) < 2:
        raise UsageError(f"truths hold {len(seeds)} seed(s); a seed is held against the others, so give at least 2")
    return np.stack([np.delete(seeds, number, axis=0).mean(axis=0) for number in range(len(seeds))])


def own_gt_tau(truths: ArrayLike, share: float = 1) -> NDArray[np.float64]:
    """Ground truth's own GT-Tau, each seed with the mean of the others, among these' truly best: [seed, child] → [seed].

    What a rank reaches that trains every child alone, once. The seed itself has no say in who is best: among the best by the
    mean of both, two seeds of noise would disagree (tau about −1/3), as one is high where the other is low. For two seeds and
    all children the mean is their S-Tau. nan as in `gt_tau_of_best`; raises as `mean_of_others`.
    """
    others = mean_of_others(truths)
    return np.array(
        [gt_tau_of_best(seed, rest, share) for seed, rest in zip(np.asarray(truths, float), others, strict=True)]
    )


def sampling_deviation(sample: int, population: int) -> float:
    """Standard deviation of the tau of a random sample of a population of children, drawn without replacement.

    It is that of unrelated ranks, 2/(3√n) · √(1 − n/N), and less where ranks are related. Raises `UsageError` unless
    1 ≤ sample ≤ population.
    """
    if not 1 <= sample <= population:
        raise UsageError(f"a sample of {sample} of {population} children; expected 1 … {population}")
    return 2 / 3 * sqrt((1 - sample / population) / sample)
