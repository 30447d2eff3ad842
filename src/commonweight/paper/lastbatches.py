"""Figures 5 to 9: accuracy or GT-Tau after every one of the last mini-batches (paper §4.1, §4.2.1, appendix A.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from commonweight.paper.experiments import (
    BN_MOMENTUM,
    NO_SGD_MOMENTUM,
    ORDERS_SHUFFLED,
    RANDOM,
    SEEDS,
    SEEDS_LONG,
    in_fours,
    quarter,
)
from commonweight.paper.figures import Curves, Identity, Mark, Origin, Series
from commonweight.paper.planned import FromScratch
from commonweight.paper.targets import artefact
from commonweight.paper.truth import GROUND_TRUTH, GROUP_OF_THE_BEST, IDENTITIES
from commonweight.ranking import gt_tau
from commonweight.study.setting import Measured, Setting

INSTANCE = 0  # the one whose curves are shown
ROUNDS = 2  # rounds of all children at the end of a run that are shown
COLOURS = "Colour of a line: ground-truth rank, lighter is better."
DIAMONDS = f"{COLOURS} Diamond: the child that the mini-batch has just trained."


@artefact("figure-5a", "4.1", SEEDS.window(ROUNDS), IDENTITIES)
def figure_5a(window: Measured, identities: Sequence[Identity], setting: Setting) -> tuple[Curves]:
    """One instance with a fixed order."""
    return (
        _of_children(
            "figure-5a", "Accuracy at the end of one instance, fixed order", window, identities, setting.together
        ),
    )


@artefact("figure-5b", "4.1", ORDERS_SHUFFLED.window(ROUNDS), IDENTITIES)
def figure_5b(window: Measured, identities: Sequence[Identity], setting: Setting) -> tuple[Curves]:
    """One instance with shuffled orders."""
    return (
        _of_children(
            "figure-5b", "Accuracy at the end of one instance, shuffled orders", window, identities, setting.together
        ),
    )


@artefact("figure-6a", "4.2.1", in_fours(RANDOM, FromScratch.window), GROUP_OF_THE_BEST, IDENTITIES)
def figure_6a(window: Measured, group: np.ndarray, identities: Sequence[Identity], setting: Setting) -> tuple[Curves]:
    """A group of four that was trained alone."""
    title = f"A group of {len(group)} children, trained alone (m = {quarter(setting)})"
    return (_of_the_best("figure-6a", title, window, group, identities, len(group)),)


@artefact("figure-6b", "4.2.1", SEEDS.window(), GROUP_OF_THE_BEST, IDENTITIES)
def figure_6b(window: Measured, group: np.ndarray, identities: Sequence[Identity], setting: Setting) -> tuple[Curves]:
    """The same four where all children share."""
    title = "The same children, trained with all others (m = 1)"
    return (_of_the_best("figure-6b", title, window, group, identities, setting.together),)


@artefact("figure-7", "A.2", SEEDS_LONG.window(ROUNDS), IDENTITIES)
def figure_7(window: Measured, identities: Sequence[Identity], setting: Setting) -> tuple[Curves]:
    """Figure 5a after a much longer training."""
    epochs = setting.study.training.epochs * setting.study.experiments.long_factor
    return (_of_children("figure-7", f"Accuracy at the end of {epochs} epochs", window, identities, setting.together),)


@artefact("figure-8", "A.2", BN_MOMENTUM.each(lambda one: one.window(ROUNDS)), GROUND_TRUTH)
def figure_8(windows: Mapping[float, Measured], truth: np.ndarray, setting: Setting) -> tuple[Curves]:
    """GT-Tau over the last mini-batches under low and high BN momentum."""
    series, means, step = [], [], np.zeros(1)
    for momentum, window in windows.items():
        family, taus, step = f"BN momentum {momentum}", gt_tau(window.accuracy, truth), window.step
        for number, of_one in enumerate(taus):
            series.append(Series(f"{family}, instance {number}", step, of_one, family=family))
        name, (low, high) = f"{family}, mean of {len(taus)} instances", (taus.min(axis=0), taus.max(axis=0))
        means.append(Series(name, step, taus.mean(axis=0), low=low, high=high, family=family))
    title = f"GT-Tau over the last {ROUNDS * len(truth)} mini-batches, by BN momentum"
    notes = ("Where a mean is shown, the band around it goes from the lowest instance to the highest.",)
    drawn = Curves("figure-8", title, "mini-batch", "GT-Tau", tuple(series), notes, summary=tuple(means))
    return (_before_the_end(drawn, step, setting.together),)


@artefact("figure-9", "A.2", NO_SGD_MOMENTUM.window(ROUNDS), IDENTITIES)
def figure_9(window: Measured, identities: Sequence[Identity], setting: Setting) -> tuple[Curves]:
    """Figure 5a without SGD momentum."""
    return (
        _of_children(
            "figure-9", "Accuracy at the end of one instance, SGD momentum 0", window, identities, setting.together
        ),
    )


def _of_the_best(  # noqa: PLR0917
    name: str, title: str, window: Measured, group: np.ndarray, identities: Sequence[Identity], together: int
) -> Curves:
    """Figure 6, which says how its group was chosen."""
    best = min(identities, key=lambda who: who.rank).child
    note = f"Of all random groups it is the one that holds the truly best child, {best}: chosen by ground truth."
    drawn = _of_children(name, title, window, identities, together, group)
    return replace(drawn, notes=(*drawn.notes, note))


def _of_children(  # noqa: PLR0917
    name: str,
    title: str,
    window: Measured,
    identities: Sequence[Identity],
    together: int,
    children: np.ndarray | slice = slice(None),
) -> Curves:
    """Instance 0's curves of these children, or of all that are ranked; so many are trained `together`, once in a round."""
    who = [identities[index] for index in np.arange(len(identities))[children]]
    accuracy, trained = (array[INSTANCE][:, children] for array in (window.accuracy, window.trained))
    drawn = child_curves(name, title, window.step, accuracy, trained, who)
    drawn = replace(drawn, children=len(identities), notes=(*drawn.notes, f"Instance {INSTANCE}."))
    return _before_the_end(drawn, window.step, together)


def _before_the_end(drawn: Curves, step: np.ndarray, together: int) -> Curves:
    """The figure of the moments `step` with its x counted down to the end, and a line where each round begins.

    Example: of rounds of 64 children that end after 1,000 mini-batches the last begins after 936.
    """
    end = float(step[-1])
    begins = np.arange(end, step[0] - 1, -together)[:0:-1]  # the end begins none
    rounds = Mark(tuple(begins.tolist()), f"a round of {together} begins")
    return replace(drawn, origin=Origin(end, "mini-batches before the end", down=True), marks=(rounds,))


def child_curves(  # noqa: PLR0917
    name: str,
    title: str,
    at: np.ndarray,
    accuracies: np.ndarray,
    trained: np.ndarray | None,
    identities: Sequence[Identity],
) -> Curves:
    """Accuracies `[moment, child]` of these children after `at` `[moment]` mini-batches (paper Figure 5).

    With `trained` `[moment, child]` (bool) a diamond stands on the child just trained.
    """
    series = [
        Series(who.child, at, accuracies[:, place], who, None if trained is None else trained[:, place])
        for place, who in enumerate(identities)
    ]
    best_last = sorted(series, key=lambda one: -(one.identity.rank if one.identity else 0))  # drawn on top
    taus = gt_tau(accuracies, [who.accuracy for who in identities])
    told = f"GT-Tau among the {len(identities)} children: {taus.min():.2f} … {taus.max():.2f}, mean {taus.mean():.2f}."
    notes = (COLOURS if trained is None else DIAMONDS, told)
    return Curves(name, title, "mini-batch", "validation accuracy", tuple(best_last), notes, len(identities))
