"""The null of S-Tau: how it varies when the ranks know nothing of the children (claim 1; not in the paper)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from commonweight.errors import UsageError
from commonweight.ranking.arrays import finite


@dataclass(frozen=True)
class STauNull:
    """Where S-Tau lies by chance: around 0, with this standard deviation and skewness (further above than below)."""

    deviation: float
    skewness: float

    def p(self, s_tau: float) -> float:
        """Chance of this S-Tau or a higher one: Pearson's type III distribution with these moments."""
        return float(stats.pearson3.sf(s_tau / self.deviation, self.skewness))


def s_tau_null(accuracies: ArrayLike) -> STauNull:
    """The null of S-Tau if each rank's accuracies were dealt to the children at random: accuracies [instance, child].

    These are `random_ranks` with the ties that the instances have. Write a rank as its signs of all P pairs of children,
    divided by the root of the number of untied pairs, so that tau is the product of two. Dealt at random, the signs of one
    rank have variance 1/P, and κ/P is the covariance of two pairs that share a child: κ = 1/3 without ties, and always
    Σ_x (d_x² − u_x) / ((n − 2) Σ_x u_x), with d_x wins less losses and u_x untied pairs of child x. So their covariance
    matrix has the eigenvalues (1 + (n − 2) κ)/P, n − 1 times, and (1 − 2κ)/P, (n − 1)(n − 2)/2 times, in the same spaces for
    all ranks. Σ a_i a_j over these is the variance of tau, for n children without ties Kendall's 2 (2n + 5) / (9 n (n − 1))
    (1938); the taus of different pairs of ranks are uncorrelated; Σ a_i a_j a_k is the mean of a triangle τ_ij τ_jk τ_ki,
    which makes the third moment of their sum 6 Σ_{i<j<k} (the third moments of the taus themselves are left out: 0 unless
    ties are one-sided).

    Both nan when a rank is constant. Raises `UsageError` for fewer than 2 instances or 3 children.
    """
    ranks = finite(accuracies, "accuracies", "instance", "child", child=3)
    if len(ranks) < 2:
        raise UsageError(
            f"accuracies hold {len(ranks)} instance(s); S-Tau compares pairs, so give at least 2 instances"
        )
    if (np.ptp(ranks, axis=1) == 0).any():
        return STauNull(np.nan, np.nan)
    n = ranks.shape[1]
    kappa, pairs = np.array([_kappa(rank) for rank in ranks]), n * (n - 1) / 2
    eigenvalues = np.stack([1 + (n - 2) * kappa, 1 - 2 * kappa]) / pairs  # [space, instance]
    times = np.array([n - 1, (n - 1) * (n - 2) / 2])
    # Power sums give Σ_{i<j} a_i a_j and Σ_{i<j<k} a_i a_j a_k.
    first, second, third = (np.sum(eigenvalues**power, axis=1) for power in (1, 2, 3))
    variance = times @ (first**2 - second) / 2
    triangles = times @ (first**3 - 3 * first * second + 2 * third) / 6
    taus = len(ranks) * (len(ranks) - 1) / 2
    return STauNull(float(np.sqrt(variance) / taus), float(6 * triangles / variance**1.5))


def _kappa(rank: NDArray[np.float64]) -> float:
    signs = np.sign(rank[:, None] - rank)
    untied = np.count_nonzero(signs, axis=1)
    return float((signs.sum(axis=1) ** 2 - untied).sum() / ((len(rank) - 2) * untied.sum()))
