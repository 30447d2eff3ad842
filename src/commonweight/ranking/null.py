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

    Ranks dealt so are `random_ranks` with the ties that the instances have. For n children and their P pairs:

    - A rank is a vector with one number for each pair: the sign of its difference, over the root of the number of untied
      pairs. Tau of two ranks is the product of their vectors.
    - Dealing makes the numbers of a rank random, of variance 1/P, and of covariance κ/P for the pairs (x, y) and (x, z).
      Without ties κ is 1/3; in general it is Σ_x (d_x² − u_x) / ((n − 2) Σ_x u_x), with d_x wins less losses and u_x untied
      pairs of child x. So the covariance matrix has the eigenvalues (1 + (n − 2) κ)/P, n − 1 times, and (1 − 2κ)/P,
      (n − 1)(n − 2)/2 times. Their spaces are the same for all ranks.
    - With a_i the eigenvalues of rank i, tau of ranks i and j has the variance Σ a_i a_j, summed over all eigenvalues, and
      taus of different pairs of ranks are uncorrelated. The mean of a triangle τ_ij τ_jk τ_ki is Σ a_i a_j a_k. So the third
      moment of the sum of all taus is 6 times the sum of this over all i < j < k. (Left out are the third moments of the
      taus themselves, which are 0 unless ties are one-sided.)

    Example: three children without ties have P = 3, κ = 1/3 and the eigenvalues 4/9, 4/9, 1/9. So tau of two ranks has the
    variance (16 + 16 + 1)/81 = 11/27, which is Kendall's 2 (2n + 5) / (9 n (n − 1)) (1938).

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
