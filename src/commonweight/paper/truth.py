"""What children trained alone say of the children: ground truth, who is who in a figure, and GT-Tau over a window."""

import numpy as np

from commonweight.paper.experiments import TRUTH, no_groups_of_four, quarter, random_groups
from commonweight.paper.figures import Identity
from commonweight.paper.views import View
from commonweight.ranking import MeanStd, gt_tau, last_k, ranks
from commonweight.study.setting import Measured, Setting


def _identities(truth: np.ndarray, setting: Setting) -> tuple[Identity, ...]:
    facts = zip(setting.children, ranks(truth), truth, strict=True)
    return tuple(Identity(child.name, child.primitives, int(rank), float(best)) for child, rank, best in facts)


def _group_of_the_best(truth: np.ndarray, setting: Setting) -> np.ndarray:
    best = int(np.argmax(truth))
    return next(group for group in groups_in_fours(setting) if best in group)


def groups_in_fours(setting: Setting) -> list[np.ndarray]:
    """Indices of the children in each of the random groups of about four."""
    places = {child: place for place, child in enumerate(setting.children)}
    return [np.array([places[child] for child in group]) for group in random_groups(setting, quarter(setting))]


def gt_tau_window(window: Measured, truth: np.ndarray) -> MeanStd:
    """GT-Tau-Mean-k and -Std-k `[instance]` over the last k mini-batches, one for each child (paper §4.1)."""
    return last_k(gt_tau(window.accuracy, truth), len(truth))


GROUND_TRUTH = TRUTH.judged().then(lambda judged, _: judged.mean(axis=0))
"""Ground truth `[child]`: the mean over initialisations of what children trained alone reach on the images of the truth.

What stands beside ranks of super-nets is `TRUTH.last()`, read on the images that those are read on.
"""
IDENTITIES = GROUND_TRUTH.then(_identities)
"""What a figure says of each child."""
_GROUP = GROUND_TRUTH.then(_group_of_the_best)
GROUP_OF_THE_BEST = View(_GROUP.looks, _GROUP.read, no_groups_of_four)
"""Indices of the children in the random group of about four that holds the truly best child."""
