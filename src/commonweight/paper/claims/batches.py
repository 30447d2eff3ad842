"""Claims 5, 6 and 10: what single mini-batches do (paper §3.3, §4.1, appendix A.2)."""

import numpy as np

from commonweight.paper.claims.statistics import difference, mean, paired
from commonweight.paper.claims.verdict import Check, above
from commonweight.paper.evidence import Evidence, Randomness
from commonweight.paper.experiments import BN_MOMENTA, FEW, half_way
from commonweight.paper.lastbatches import ROUNDS
from commonweight.paper.stability import TITLES
from commonweight.ranking import autocorrelations, gt_tau, trained_is_best

MOST = 0.5  # of the mini-batches: "in most of mini-batches" (paper §4.1)
A_FEW = 10  # mini-batches of fine-tuning (paper §3.3: 10 from half-way, 5 from the end)


def finetuning_helps(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 5: GT-Tau before and after some fine-tuning, from the snapshots half-way and at the end."""
    taus = {name: gt_tau(evidence.measured[name].accuracy, evidence.ground_truth) for name in _SNAPSHOTS}
    epochs = {"finetuned-half": half_way(evidence.setting), "finetuned-end": evidence.study.training.epochs}
    checks = []
    for name, tuned in taus.items():
        few = min(A_FEW, tuned.shape[1])
        shared = gt_tau(evidence.window("seeds", 1, epochs[name]).accuracy[:, 0], evidence.ground_truth)
        gain = paired(evidence.stream, tuned[:, few - 1], shared, "5", name)
        checks.append(above(f"GT-Tau after {few} mini-batches from epoch {epochs[name]} − before", gain, len(tuned)))
    half, end = (tuned[:, tuned.shape[1] // 2 :] for tuned in taus.values())
    better = paired(evidence.stream, end.mean(axis=1), half.mean(axis=1), "5 later")
    steadier = paired(evidence.stream, half.std(axis=1), end.std(axis=1), "5 steadier")
    stretch = f"over the last {half.shape[1]} mini-batches of fine-tuning"
    checks.append(above(f"GT-Tau {stretch}, later snapshot − earlier", better, len(half)))
    checks.append(above(f"Std of GT-Tau {stretch}, earlier snapshot − later", steadier, len(half)))
    return tuple(checks)


_SNAPSHOTS = ("finetuned-half", "finetuned-end")


def the_last_trained_leads(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 6: how often the child just trained is the best; and whether curves repeat after a round of all children."""
    children = evidence.children
    checks, excess = [], {}
    for name in ("seeds", "orders-shuffled"):
        window = evidence.window(name, ROUNDS * children)
        checks.append(trained_leads(window.accuracy, window.trained, TITLES[name].lower(), evidence.stream))
        excess[name] = _repeats(window.accuracy, children)
    fixed, shuffled = excess.values()
    text = f"Autocorrelation at lag {children} − mean at other lags"
    checks.append(above(f"{text}, fixed order", mean(evidence.stream, fixed, "6 fixed"), len(fixed)))
    # Two permutations one after another have their lags around one round, so a shuffled order repeats a little.
    more = difference(evidence.stream, fixed, 2 * shuffled, "6 shuffled")
    checks.append(above(f"{text}, fixed order less twice that of shuffled orders", more, len(fixed)))
    return tuple(checks)


def trained_leads(accuracies: np.ndarray, trained: np.ndarray, who: str, randomness: Randomness) -> Check:
    """Whether the child that a mini-batch has just trained is mostly the best of all: both `[instance, moment, child]`.

    Far above chance is not yet most.
    """
    chance = 1 / accuracies.shape[-1]
    best = trained_is_best(accuracies, trained)
    text = f"Share of mini-batches that make their child the best, {who}, less chance ({chance:.3f}); most: {MOST:g}"
    return above(text, mean(randomness, best - chance, "6", who), len(best), MOST - chance)


def momentum_steadies(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 10: steps of GT-Tau from mini-batch to mini-batch by BN momentum; its range with and without SGD momentum."""
    batches = ROUNDS * evidence.children
    low, high = (
        np.abs(np.diff(gt_tau(evidence.window(f"bn-{m}", batches).accuracy, evidence.ground_truth))).mean(axis=1)
        for m in BN_MOMENTA
    )
    without, own = (
        np.ptp(gt_tau(evidence.window(name, batches).accuracy[:FEW], evidence.ground_truth), axis=1)
        for name in ("sgd-0", "seeds")
    )
    text = f"Mean step of GT-Tau between mini-batches, BN momentum {BN_MOMENTA[1]} − {BN_MOMENTA[0]}"
    momentum = evidence.study.training.momentum
    return (
        above(text, paired(evidence.stream, high, low, "10 bn"), len(low)),
        above(
            f"Range of GT-Tau over the last {batches} mini-batches, SGD momentum 0 − {momentum}",
            paired(evidence.stream, without, own, "10 sgd"),
            len(own),
        ),
    )


def _repeats(accuracies: np.ndarray, children: int) -> np.ndarray:
    """Autocorrelation of the curves at the lag of one round, less its mean at other lags from half to one and a half.

    `[instance, moment, child]` → `[instance]`; a window of two rounds. Lags next to one round are left out.
    """
    near = max(1, children // 16)
    others = [lag for lag in range(children // 2, children + children // 2) if abs(lag - children) > near]
    found = autocorrelations(accuracies, [children, *others])
    return found[..., 0] - found[..., 1:].mean(axis=-1)
