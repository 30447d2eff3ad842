"""Claim 11: where it must hold, where each check must fail alone, and its statistics by loops and SciPy."""

import math
from itertools import combinations

import numpy as np
import pytest
from paper.claims.test_worlds import QUALITY, assert_fails_alone, assert_supported, checked, evidence_of, ground_truth
from paper.making import mean, tau

from commonweight.paper.claims.verdict import Verdict
from commonweight.study.jobs import FinalAccuracy

BATCH = FinalAccuracy.UNDER_BATCH_STATISTICS


def s_tau(accuracies):
    return mean(tau(a, b) for a, b in combinations(accuracies, 2))


def world(trained=0.4, kept=0.25, truth=0.05, instances=12, seed=0):
    """Accuracies about QUALITY with so much noise, of which so much is kept under the validation batch's statistics."""
    made = evidence_of("seeds", experiments__instances=instances, experiments__ground_truth_seeds=instances)
    rng = np.random.default_rng(seed)
    ground_truth(made, QUALITY + truth * rng.normal(size=(instances, 8)))
    noise = trained * rng.normal(size=(instances, 8))
    made.measured["seeds"].accuracy[:, -1] = QUALITY + noise
    made.measured["seeds"].final[BATCH][:] = QUALITY + kept * noise
    return made


@pytest.mark.parametrize("seed", range(4))
def test_claim_11_where_statistics_are_the_unstable_part(seed):
    made = world(seed=seed)
    claim = checked(made, 11)
    assert_supported(claim)
    trained, alone = (made.measured[name].accuracy[:, -1] for name in ("seeds", "ground-truth"))
    gain, gap = s_tau(made.measured["seeds"].final[BATCH]) - s_tau(trained), s_tau(alone) - s_tau(trained)
    assert [check.statistic.value for check in claim.checks] == pytest.approx([gain, gain / gap])
    assert [check.instances for check in claim.checks] == [12, 12]
    assert claim.checks[1].expected == "at least 0.5, and surely above 0"
    assert claim.paper is None


@pytest.mark.parametrize("seed", range(4))
def test_claim_11_fails_where_most_of_it_is_in_the_weights(seed):
    """The ranks do agree more under other statistics, but most of the way to ground truth is left."""
    assert_fails_alone(checked(world(kept=0.75, truth=0.01, seed=seed), 11), 1)


@pytest.mark.parametrize("kept", [1, 4])
def test_claim_11_fails_where_statistics_change_nothing_or_harm(kept):
    claim = checked(world(kept=kept), 11)
    assert claim.verdict is Verdict.AGAINST
    assert claim.checks[0].verdict in (Verdict.AGAINST, Verdict.UNDECIDED)
    assert claim.checks[1].verdict is Verdict.AGAINST


def test_claim_11_of_a_gap_that_is_not_there():
    """Super-nets that agree more than children trained alone have no instability to be shared out."""
    claim = checked(world(truth=0.8), 11)
    assert [check.verdict for check in claim.checks] == [Verdict.SUPPORTED, Verdict.NOT_MEASURED]
    assert math.isnan(claim.checks[1].statistic.value)
    assert claim.verdict is Verdict.NOT_MEASURED


def test_claim_11_of_a_gap_that_is_not_sure():
    claim = checked(world(trained=0.2, truth=0.18, kept=0.5, seed=1), 11)
    share = claim.checks[1]
    assert share.statistic.value > 0.5
    assert share.statistic.interval is None
    assert share.verdict is claim.verdict is Verdict.UNDECIDED


def test_two_instances_decide_nothing():
    claim = checked(world(instances=2), 11)
    assert [check.verdict for check in claim.checks] == [Verdict.UNDECIDED] * 2
