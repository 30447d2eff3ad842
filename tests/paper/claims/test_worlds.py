"""Made-up evidence whose statistics are set exactly, which the other files of this folder share; and that it is so."""

from dataclasses import replace

import numpy as np
import pytest
from paper.making import after, made_up, std, tau, tiny_setting

from commonweight.paper.claims.every import claims
from commonweight.paper.claims.verdict import Verdict
from commonweight.paper.evidence import Evidence
from commonweight.study.jobs import FinalAccuracy

CHILDREN, PAIRS = 8, 28
QUALITY = np.array([0.5, 0.2, 0.7, 0.4, 0.9, 0.3, 0.8, 0.6])
BEST_FIRST = np.argsort(-QUALITY)
INSTANCES = 6
NUDGES = np.array([-1, 0, 0, 1, 0, 0])  # of an instance's number of disordered pairs: they are not all alike


def evidence_of(*names, seed=0, **overrides):
    """Evidence of these experiments, whose accuracies tests then set; ground truth is QUALITY, exactly."""
    sizes = {"instances": INSTANCES, "ground_truth_seeds": INSTANCES, "last_epochs": 4, "finetune_batches": 16}
    settings = {f"experiments__{key}": value for key, value in sizes.items()} | overrides
    made = made_up(tiny_setting(**settings), "ground-truth", *names, seed=seed)
    ground_truth(made, QUALITY)
    return made


def ground_truth(made, accuracies):
    """Set what children trained alone have at their ends, on all images and on those of sweeps: `[seed, child]`."""
    made.measured["ground-truth"].final[FinalAccuracy.JUDGED][:] = accuracies
    made.measured["ground-truth"].accuracy[:] = made.measured["ground-truth"].final[FinalAccuracy.JUDGED][:, None]


def disordered(pairs):
    """Accuracies `[child]` in which exactly so many of the 28 pairs of children stand in the wrong order: tau 1 − 2 d/28."""
    left, placed = BEST_FIRST.tolist(), []
    while left:
        ahead = min(pairs, len(left) - 1)
        placed.append(left.pop(ahead))
        pairs -= ahead
    return in_order(placed)


def in_order(children):
    """Accuracies `[child]` that rank the children in this order, the best first."""
    accuracy = np.empty(CHILDREN)
    accuracy[np.asarray(children)] = np.linspace(0.8, 0.1, CHILDREN)
    return accuracy


def by_true_rank(*ranks):
    """Accuracies `[child]` that put the children of these true ranks (1 = best) first, second and so on."""
    return in_order(BEST_FIRST[np.asarray(ranks) - 1])


def give(made, name, disorder, level=0.0):
    """Set every moment of an experiment: disorder `[moment]` or `[instance, moment]`; tau is 1 − 2 disorder/28."""
    accuracy = made.measured[name].accuracy
    pairs = np.broadcast_to(np.asarray(disorder, dtype=int), accuracy.shape[:2])
    for place in np.ndindex(pairs.shape):
        accuracy[place] = disordered(pairs[place]) + level


def swinging(made, name, middle, swing, level=0.0):
    """Curves of disorder middle ± swing from moment to moment, their middles nudged apart."""
    instances, moments = made.measured[name].accuracy.shape[:2]
    turns = np.where(np.arange(moments) % 2, -swing, swing)
    give(made, name, middle + NUDGES[:instances, None] + turns, level)


def checked(made, number):
    """The claim of this number, judged on this evidence."""
    (all_of_them,) = claims(made)
    claim = all_of_them.claims[number - 1]
    assert claim.number == number
    return claim


def holds(check):
    return check.verdict is Verdict.SUPPORTED


def assert_fails_alone(claim, place, *verdicts):
    """Only the check at this place is not supported, and its verdict (one of these) is the claim's."""
    assert [holds(check) for check in claim.checks] == [number != place for number in range(len(claim.checks))]
    assert claim.checks[place].verdict in (verdicts or (Verdict.AGAINST, Verdict.UNDECIDED))
    assert claim.verdict is claim.checks[place].verdict


def assert_supported(claim):
    assert [check.verdict for check in claim.checks] == [Verdict.SUPPORTED] * len(claim.checks)
    assert claim.verdict is Verdict.SUPPORTED


def noise(made, seed=0):
    """The same evidence, its ranks and ground truth pure noise."""
    rng = np.random.default_rng(seed)
    measured = {
        name: replace(
            one,
            accuracy=rng.random(one.accuracy.shape),
            final={which: rng.random(values.shape) for which, values in one.final.items()},
        )
        for name, one in made.measured.items()
    }
    return Evidence(made.setting, measured)


@pytest.mark.parametrize("pairs", range(PAIRS + 1))
def test_disorder_is_exact(pairs):
    assert tau(disordered(pairs), QUALITY) == pytest.approx(1 - 2 * pairs / PAIRS)


def test_swings_are_exact():
    made = evidence_of("seeds")
    swinging(made, "seeds", 8, 3)
    taus = [tau(after(made.measured["seeds"], 0, step), QUALITY) for step in range(9, 17)]
    assert sorted({round((1 - one) * PAIRS / 2) for one in taus}) == [4, 10]
    assert std(taus) == pytest.approx(2 * 3 / PAIRS)
