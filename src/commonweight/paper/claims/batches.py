"""Claims 5, 6 and 10: what single mini-batches do (paper §3.3, §4.1, appendix A.2)."""

from collections.abc import Mapping

import numpy as np

from commonweight.paper.claims.comparisons import difference, mean, paired
from commonweight.paper.claims.definition import claim
from commonweight.paper.claims.verdict import Check, above
from commonweight.paper.evidence import Randomness, report_stream
from commonweight.paper.experiments import (
    BN_MOMENTA,
    BN_MOMENTUM,
    FEW,
    FINETUNED_END,
    FINETUNED_HALF,
    NO_SGD_MOMENTUM,
    ORDERS_SHUFFLED,
    SEEDS,
)
from commonweight.paper.lastbatches import ROUNDS
from commonweight.paper.looks import END, HALF
from commonweight.paper.truth import GROUND_TRUTH
from commonweight.ranking import autocorrelations, gt_tau, trained_is_best
from commonweight.study.setting import Measured, Setting

MOST = 0.5  # of the mini-batches: "in most of mini-batches" (paper §4.1)
A_FEW = 10  # mini-batches of fine-tuning (paper §3.3: 10 from half-way, 5 from the end)


@claim(
    5,
    "Fine-tuning from a snapshot lifts GT-Tau within a few mini-batches; a later snapshot does better and is steadier.",
    "GT-Tau 0.6 after 10 mini-batches from epoch 100; close to 0.8 after 5 from epoch 200",
    SEEDS.after(HALF),
    FINETUNED_HALF.every_batch(),
    SEEDS.after(END),
    FINETUNED_END.every_batch(),
    GROUND_TRUTH,
    shown=("insight-2", "insight-2-steps", "figure-4c", "figure-4d"),
)
def finetuning_helps(  # noqa: PLR0917
    shared_half: np.ndarray,
    tuned_half: Measured,
    shared_end: np.ndarray,
    tuned_end: Measured,
    truth: np.ndarray,
    setting: Setting,
) -> tuple[Check, ...]:
    """GT-Tau before and after some fine-tuning, from the snapshots half-way and at the end."""
    stream, checks = report_stream(setting), []
    half, end = (gt_tau(tuned.accuracy, truth) for tuned in (tuned_half, tuned_end))
    for planned, tuned, before in ((FINETUNED_HALF, half, shared_half), (FINETUNED_END, end, shared_end)):
        few = min(A_FEW, tuned.shape[1])
        gain = paired(stream, tuned[:, few - 1], gt_tau(before, truth))
        text = f"GT-Tau after {few} mini-batches from epoch {planned.epoch.of(setting)} − before"
        checks.append(above(text, gain, len(tuned)))
    half, end = (taus[:, taus.shape[1] // 2 :] for taus in (half, end))
    better = paired(stream, end.mean(axis=1), half.mean(axis=1))
    steadier = paired(stream, half.std(axis=1), end.std(axis=1))
    stretch = f"over the last {half.shape[1]} mini-batches of fine-tuning"
    checks.append(above(f"GT-Tau {stretch}, later snapshot − earlier", better, len(half)))
    checks.append(above(f"Std of GT-Tau {stretch}, earlier snapshot − later", steadier, len(half)))
    return tuple(checks)


@claim(
    6,
    "The child just trained tends to be the best one; with a fixed order the curves repeat every round of all "
    "children, with shuffled orders they do not.",
    "Figures 5a and 5b: period 64; 'in most of mini-batches' the trained child is the best",
    SEEDS.rounds(ROUNDS),
    ORDERS_SHUFFLED.rounds(ROUNDS),
    shown=("figure-5a", "figure-5b"),
)
def the_last_trained_leads(seeds: Measured, shuffled: Measured, setting: Setting) -> tuple[Check, ...]:
    """How often the child just trained is the best; and whether curves repeat after a round of all children."""
    stream, children = report_stream(setting), len(setting.children)
    checks = [
        trained_leads(window.accuracy, window.trained, planned.title.lower(), stream)
        for planned, window in ((SEEDS, seeds), (ORDERS_SHUFFLED, shuffled))
    ]
    fixed, drawn = (_repeats(window.accuracy, children) for window in (seeds, shuffled))
    text = f"Autocorrelation at lag {children} − mean at other lags"
    checks.append(above(f"{text}, fixed order", mean(stream, fixed), len(fixed)))
    # Two permutations one after another have their lags around one round, so a shuffled order repeats a little.
    more = difference(stream, fixed, 2 * drawn)
    checks.append(above(f"{text}, fixed order less twice that of shuffled orders", more, len(fixed)))
    return tuple(checks)


def trained_leads(accuracies: np.ndarray, trained: np.ndarray, who: str, randomness: Randomness) -> Check:
    """Whether the child that a mini-batch has just trained is mostly the best of all: both `[instance, moment, child]`.

    Far above chance is not yet most.
    """
    chance = 1 / accuracies.shape[-1]
    best = trained_is_best(accuracies, trained)
    text = f"Share of mini-batches that make their child the best, {who}, less chance ({chance:.3f}); most: {MOST:g}"
    return above(text, mean(randomness, best - chance), len(best), MOST - chance)


@claim(
    10,
    "A lower BN momentum steadies the short term; without SGD momentum the rank swings more.",
    "Figure 8; GT-Tau between -0.1 and 0.5 without SGD momentum, 0.0 and 0.6 with it",
    SEEDS.window(ROUNDS),
    BN_MOMENTUM.each(lambda one: one.window(ROUNDS)),
    NO_SGD_MOMENTUM.window(ROUNDS),
    GROUND_TRUTH,
    shown=("figure-8", "figure-9"),
)
def momentum_steadies(
    seeds: Measured, by_bn: Mapping[float, Measured], no_sgd: Measured, truth: np.ndarray, setting: Setting
) -> tuple[Check, ...]:
    """Steps of GT-Tau from mini-batch to mini-batch by BN momentum; its range with and without SGD momentum."""
    stream, momentum = report_stream(setting), setting.study.training.momentum
    low, high = (np.abs(np.diff(gt_tau(by_bn[bn].accuracy, truth))).mean(axis=1) for bn in BN_MOMENTA)
    without, own = (np.ptp(gt_tau(window.accuracy[:FEW], truth), axis=1) for window in (no_sgd, seeds))
    text = f"Mean step of GT-Tau between mini-batches, BN momentum {BN_MOMENTA[1]} − {BN_MOMENTA[0]}"
    return (
        above(text, paired(stream, high, low), len(low)),
        above(
            f"Range of GT-Tau over the last {len(seeds.step)} mini-batches, SGD momentum 0 − {momentum}",
            paired(stream, without, own),
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
