"""Claims 1 to 4: what the ranks of super-nets are worth (paper §3.2, §3.3)."""

import numpy as np

from commonweight.paper.claims.statistics import difference, mean, paired
from commonweight.paper.claims.verdict import Check, above, within
from commonweight.paper.evidence import Evidence
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
        checks.append(above(f"GT-Tau of {who}", mean(evidence, taus, "2", name), len(final)))
        less = difference(evidence, alone["GT-Tau"], taus, "2 less", name)
        checks.append(above(f"GT-Tau of ground truth − GT-Tau of {who}", less, len(final), WELL))
        for n in (1, 3):
            found = top_n_rank(final, evidence.ground_truth, n)
            worse = difference(evidence, found, alone[f"T{n}R"], "2 worse", name, str(n))
            checks.append(above(f"T{n}R of {who} − T{n}R of ground truth", worse, len(final)))
    return tuple(checks)


def epochs_differ_as_instances_do(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 3: S-Tau over the last epochs of each instance of shuffled orders, against S-Tau between these instances."""
    epochs = evidence.after_epochs("orders-shuffled")[:, -evidence.study.experiments.last_epochs :]
    final = evidence.final("orders-shuffled")
    inside = np.array([s_tau(ranks_of_one).mean for ranks_of_one in epochs])
    interval = within_between_interval(inside, final, evidence.stream("claims", "3"))
    number = Number(float(inside.mean()) - s_tau(final).mean, interval=interval)
    text = f"S-Tau between the last {epochs.shape[1]} epochs − S-Tau between instances"
    unequal = Number(1 - float(inside.mean()), interval=mean(evidence, 1 - inside, "3 inside").interval)
    return (
        within(text, number, len(final), ALIKE),
        above("1 − S-Tau between the last epochs of one instance", unequal, len(final), WELL),
    )


def bad_ones_stay_bad(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 4: the truly worst quarter ranks in the worse half again and again; in the best quarter order is lost."""
    epochs = evidence.after_epochs("orders-shuffled")[:, -evidence.study.experiments.last_epochs :]
    truth, children = evidence.ground_truth, evidence.children
    true_ranks, quarter = ranks(truth), max(2, children // 4)
    worst, best = true_ranks > children - quarter, true_ranks <= quarter
    in_worse_half = (ranks(epochs) > children / 2)[..., worst].mean(axis=(1, 2))  # [instance]
    pruned = ranks(-mean_rank(epochs))[:, worst] > children / 2
    whole = gt_tau(epochs, truth).mean(axis=1)
    among_best = np.nan_to_num(gt_tau(epochs[..., best], truth[best])).mean(axis=1)  # all tied: no order, 0
    n = len(epochs)
    return (
        above(
            "Share of the truly worst quarter that an epoch ranks in the worse half, less chance (0.5)",
            mean(evidence, in_worse_half - 0.5, "4 worst"),
            n,
            WELL,
        ),
        above(
            "The same by mean rank over the last epochs, less chance (0.5)",
            mean(evidence, pruned.mean(axis=1) - 0.5, "4 pruned"),
            n,
            WELL,
        ),
        above(
            "GT-Tau over all children − GT-Tau among the truly best quarter",
            paired(evidence, whole, among_best, "4 best"),
            n,
        ),
    )
