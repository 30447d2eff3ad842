"""Claims 1 to 4: what the ranks of super-nets are worth (paper §3.2, §3.3)."""

import numpy as np

from commonweight.paper.claims.statistics import difference, mean
from commonweight.paper.claims.verdict import Check, above, within
from commonweight.paper.evidence import Evidence, Randomness
from commonweight.paper.stability import TITLES
from commonweight.paper.tables import Number
from commonweight.ranking import (
    gt_tau,
    mean_rank,
    ranks,
    s_tau,
    s_tau_difference_interval,
    s_tau_interval,
    top_n_rank,
    within_between_interval,
)

SUPER_NETS = ("seeds", "orders", "orders-shuffled")
WELL = 0.1  # of a tau: what "well under" and "well above" must be at least
ALIKE = 0.2  # of a tau: within this, two S-Taus are "about as much"


def unstable(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 1: S-Tau of super-nets against ground truth's, and against random ranks', whose expectation is 0."""
    checks, judged = [], evidence.judged
    for name in SUPER_NETS:
        final = evidence.final(name)
        less = Number(
            s_tau(judged).mean - s_tau(final).mean,
            interval=s_tau_difference_interval(judged, final, evidence.stream("claims", "1", name)),
        )
        own = Number(s_tau(final).mean, interval=s_tau_interval(final, evidence.stream("claims", "1 own", name)))
        checks.append(above(f"S-Tau of ground truth − S-Tau of {TITLES[name].lower()}", less, len(final), WELL))
        checks.append(above(f"S-Tau of {TITLES[name].lower()}, random ranks having 0", own, len(final), WELL))
    return tuple(checks)


def far_from_the_truth(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 2: GT-Tau and TnR of super-nets against those of single ground-truth initialisations.

    Each initialisation is compared with the mean over the others, so that it is not compared with itself.
    """
    judged = evidence.judged
    others = [np.delete(judged, seed, axis=0).mean(axis=0) for seed in range(len(judged))]
    alone = {
        "GT-Tau": np.array([gt_tau(one, rest) for one, rest in zip(judged, others, strict=True)]),
        **{
            f"T{n}R": np.array([top_n_rank(one, rest, n) for one, rest in zip(judged, others, strict=True)])
            for n in (1, 3)
        },
    }
    checks = []
    for name in SUPER_NETS:
        final, who = evidence.final(name), TITLES[name].lower()
        taus = gt_tau(final, evidence.ground_truth)
        checks.append(above(f"GT-Tau of {who}", mean(evidence.stream, taus, "2", name), len(final)))
        less = difference(evidence.stream, alone["GT-Tau"], taus, "2 less", name)
        checks.append(above(f"GT-Tau of ground truth − GT-Tau of {who}", less, len(final), WELL))
        for n in (1, 3):
            found = top_n_rank(final, evidence.ground_truth, n)
            worse = difference(evidence.stream, found, alone[f"T{n}R"], "2 worse", name, str(n))
            checks.append(above(f"T{n}R of {who} − T{n}R of ground truth", worse, len(final)))
    return tuple(checks)


def epochs_differ_as_instances_do(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 3, on the last epochs of each instance of shuffled orders."""
    return moments_differ_as_instances_do(_last_epochs(evidence), "epochs", evidence.stream)


def moments_differ_as_instances_do(accuracies: np.ndarray, moments: str, randomness: Randomness) -> tuple[Check, ...]:
    """S-Tau between the moments of each instance, and between instances at the last: `[instance, moment, child]`.

    Ranks of pure noise differ alike too, so the moments must have something in common.
    """
    inside = np.array([s_tau(ranks_of_one).mean for ranks_of_one in accuracies])
    final, n = accuracies[:, -1], len(accuracies)
    interval = within_between_interval(inside, final, randomness("claims", "3"))
    between = Number(float(inside.mean()) - s_tau(final).mean, interval=interval)
    text = f"S-Tau between the last {accuracies.shape[1]} {moments}"
    return (
        above(f"{text}, random ranks having 0", mean(randomness, inside, "3 own"), n, WELL),
        within(f"{text} − S-Tau between instances", between, n, ALIKE),
        above(f"1 − {text} of one instance", mean(randomness, 1 - inside, "3 inside"), n, WELL),
    )


def bad_ones_stay_bad(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 4, on the last epochs of each instance of shuffled orders."""
    return bad_ones_stay_bad_over(_last_epochs(evidence), "epochs", evidence.ground_truth, evidence.stream)


def bad_ones_stay_bad_over(
    accuracies: np.ndarray, moments: str, truth: np.ndarray, randomness: Randomness
) -> tuple[Check, ...]:
    """The truly worst quarter ranks in the worse half; the best quarter has no true order: `[instance, moment, child]`."""
    children, n = len(truth), len(accuracies)
    true_ranks, quarter = ranks(truth), max(2, children // 4)
    worst, best = true_ranks > children - quarter, true_ranks <= quarter
    chance = (true_ranks > children / 2).mean()  # above 1/2 when the number of children is odd
    in_worse_half = (ranks(accuracies) > children / 2)[..., worst].mean(axis=(1, 2))  # [instance]
    by_mean = (ranks(-mean_rank(accuracies))[:, worst] > children / 2).mean(axis=1)
    among_best = np.nan_to_num(gt_tau(accuracies[..., best], truth[best])).mean(axis=1)  # all tied: no order, 0
    share = "Share of the truly worst quarter that is in the worse half"
    return (
        above(
            f"{share} at one of the {moments}, less chance",
            mean(randomness, in_worse_half - chance, "4 worst"),
            n,
            WELL,
        ),
        above(f"{share} by mean rank, less chance", mean(randomness, by_mean - chance, "4 mean rank"), n, WELL),
        within("GT-Tau among the truly best quarter", mean(randomness, among_best, "4 best"), n, ALIKE),
    )


def _last_epochs(evidence: Evidence) -> np.ndarray:
    """Accuracies `[instance, epoch, child]` of shuffled orders after each of the last epochs."""
    return evidence.after_epochs("orders-shuffled")[:, -evidence.study.experiments.last_epochs :]
