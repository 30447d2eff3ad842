"""Figures 5 to 9: accuracy or GT-Tau after every one of the last mini-batches (paper §4.1, §4.2.1, appendix A.2)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import BN_MOMENTA
from commonweight.paper.figures import Curves, Identity, Series
from commonweight.paper.needs import quarter
from commonweight.ranking import gt_tau
from commonweight.study.experiments import Measured

INSTANCE = 0  # the one whose curves are shown
ROUNDS = 2  # rounds of all children at the end of a run that are shown
COLOURS = "Colour: ground-truth rank, lighter is better."
DIAMONDS = f"{COLOURS} Diamond: the child that the mini-batch has just trained."


def figure_5a(evidence: Evidence) -> tuple[Curves]:
    """One instance with a fixed order."""
    return (_accuracies(evidence, "figure-5a", "seeds", "Accuracy at the end of one instance, fixed order"),)


def figure_5b(evidence: Evidence) -> tuple[Curves]:
    """One instance with shuffled orders."""
    return (
        _accuracies(evidence, "figure-5b", "orders-shuffled", "Accuracy at the end of one instance, shuffled orders"),
    )


def figure_6a(evidence: Evidence) -> tuple[Curves]:
    """A group of four that was trained alone."""
    m, group = group_of_the_best(evidence)
    window = evidence.window(f"random-{m}", evidence.children)
    title = f"A group of {len(group)} children, trained alone (m = {m})"
    return (_of_the_best(evidence, "figure-6a", title, window, group),)


def figure_6b(evidence: Evidence) -> tuple[Curves]:
    """The same four where all children share."""
    _, group = group_of_the_best(evidence)
    window = evidence.window("seeds", evidence.children)
    return (_of_the_best(evidence, "figure-6b", "The same children, trained with all others (m = 1)", window, group),)


def figure_7(evidence: Evidence) -> tuple[Curves]:
    """Figure 5a after a much longer training."""
    epochs = evidence.study.training.epochs * evidence.study.experiments.long_factor
    return (_accuracies(evidence, "figure-7", "seeds-long", f"Accuracy at the end of {epochs} epochs"),)


def figure_8(evidence: Evidence) -> tuple[Curves]:
    """GT-Tau over the last mini-batches under low and high BN momentum."""
    batches = ROUNDS * evidence.children
    series = []
    for momentum in BN_MOMENTA:
        window = evidence.window(f"bn-{momentum}", batches)
        family = f"BN momentum {momentum}"
        for number, taus in enumerate(gt_tau(window.accuracy, evidence.ground_truth)):
            series.append(Series(f"{family}, instance {number}", window.step, taus, family=family))
    title = f"GT-Tau over the last {batches} mini-batches, by BN momentum"
    return (Curves("figure-8", title, "mini-batch", "GT-Tau", tuple(series), ()),)


def figure_9(evidence: Evidence) -> tuple[Curves]:
    """Figure 5a without SGD momentum."""
    drawn = _accuracies(evidence, "figure-9", "sgd-0", "Accuracy at the end of one instance, SGD momentum 0")
    return (drawn,)


def group_of_the_best(evidence: Evidence) -> tuple[int, np.ndarray]:
    """The number of groups m, and the indices of the children in the random group that holds the truly best child."""
    m, best = quarter(evidence.setting), int(np.argmax(evidence.ground_truth))
    return m, next(group for group in evidence.groups(m) if best in group)


def _of_the_best(evidence: Evidence, name: str, title: str, window: Measured, group: np.ndarray) -> Curves:
    """Figure 6, which says how its group was chosen."""
    best = evidence.setting.children[int(np.argmax(evidence.ground_truth))].name
    note = f"Of all random groups it is the one that holds the truly best child, {best}: chosen by ground truth."
    drawn = _of_children(evidence, name, title, window, group)
    return replace(drawn, notes=(*drawn.notes, note))


def _accuracies(evidence: Evidence, name: str, experiment: str, title: str) -> Curves:
    window = evidence.window(experiment, ROUNDS * evidence.children)
    return _of_children(evidence, name, title, window, range(evidence.children))


def _of_children(
    evidence: Evidence, name: str, title: str, window: Measured, children: Sequence[int] | np.ndarray
) -> Curves:
    drawn = child_curves(
        name,
        title,
        window.step,
        window.accuracy[INSTANCE][:, children],
        window.trained[INSTANCE][:, children],
        [evidence.identities[index] for index in children],
    )
    return replace(drawn, children=evidence.children, notes=(*drawn.notes, f"Instance {INSTANCE}."))


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
