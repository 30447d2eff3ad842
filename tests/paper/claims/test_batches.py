"""Claims 5, 6 and 10: where they must hold, where each check must fail alone, and their statistics by loops and SciPy."""

from itertools import pairwise

import numpy as np
import pytest
from paper.claims.test_worlds import (
    CHILDREN,
    INSTANCES,
    NUDGES,
    PAIRS,
    assert_fails_alone,
    assert_supported,
    checked,
    evidence_of,
    give,
    holds,
    swinging,
)
from paper.making import after, last_taus, mean, std, tau, truth_of

from commonweight.paper.claims.batches import trained_leads
from commonweight.paper.claims.verdict import Verdict
from commonweight.seeds import Stream

TUNED = ("finetuned-half", "finetuned-end")
ROUND = CHILDREN


def randomness(*purpose):
    return Stream(3).fork(*purpose).generator()


# Claim 5


def tuned(half=(8, 5), end=(4, 1), before=(12, 12), after_ten=(None, None)):
    """Disorder (middle, swing) of fine-tuning from each snapshot, before it, and at its tenth mini-batch."""
    made = evidence_of("seeds", *TUNED)
    give(made, "seeds", 20)
    seeds = made.measured["seeds"]
    for epoch, pairs in zip((4, 8), before, strict=True):
        at = seeds.step.tolist().index(2 * epoch)
        disorder = np.full(seeds.accuracy.shape[:2], 20)
        disorder[:, at] = pairs + NUDGES
        keep = seeds.accuracy.copy()
        give(made, "seeds", disorder)
        keep[:, at] = seeds.accuracy[:, at]
        seeds.accuracy[:] = keep
    for name, (middle, swing), tenth in zip(TUNED, (half, end), after_ten, strict=True):
        swinging(made, name, middle, swing)
        if tenth is not None:
            now = made.measured[name].accuracy.copy()
            give(made, name, tenth + NUDGES[:, None])
            now[:, 9] = made.measured[name].accuracy[:, 9]
            made.measured[name].accuracy[:] = now
    return made


def test_claim_5_where_fine_tuning_helps():
    claim = checked(tuned(), 5)
    assert_supported(claim)
    # The tenth mini-batch swings to better: 8 − 5 of 28 pairs in the wrong order, 4 − 1; before there were 12.
    assert [check.statistic.value for check in claim.checks] == pytest.approx(
        [2 * 9 / PAIRS, 2 * 9 / PAIRS, 2 * 4 / PAIRS, 2 * 4 / PAIRS]
    )
    assert [check.instances for check in claim.checks] == [INSTANCES] * 4
    assert claim.checks[0].text == "GT-Tau after 10 mini-batches from epoch 4 − before"
    assert claim.checks[1].text == "GT-Tau after 10 mini-batches from epoch 8 − before"


@pytest.mark.parametrize(
    ("place", "world"),
    [
        (0, {"after_ten": (12, None)}),
        (1, {"after_ten": (None, 12), "before": (20, 12)}),
        (2, {"end": (8, 0)}),
        (3, {"end": (5, 5)}),
    ],
)
def test_claim_5_fails(place, world):
    assert_fails_alone(checked(tuned(**world), 5), place)


def test_claim_5_against_scipy():
    rng = np.random.default_rng(0)
    made = evidence_of("seeds", *TUNED, experiments__instances=4, experiments__finetune_batches=13)
    for name in ("seeds", *TUNED):
        accuracy = made.measured[name].accuracy
        accuracy[:] = np.round(rng.random(accuracy.shape), 2)
    truth, expected = truth_of(made), []
    for name, step in zip(TUNED, (8, 16), strict=True):
        before = [tau(after(made.measured["seeds"], i, step), truth) for i in range(4)]
        tenth = [tau(after(made.measured[name], i, 10), truth) for i in range(4)]
        expected.append(mean(tenth) - mean(before))
    half, end = ([last_taus(made.measured[name], i, truth, 7) for i in range(4)] for name in TUNED)  # 7 of 13
    expected.append(mean(mean(one) for one in end) - mean(mean(one) for one in half))
    expected.append(mean(std(one) for one in half) - mean(std(one) for one in end))
    claim = checked(made, 5)
    assert [check.statistic.value for check in claim.checks] == pytest.approx(expected)
    assert "over the last 7 mini-batches" in claim.checks[2].text


def test_claim_5_with_fewer_than_ten_mini_batches_says_how_many():
    made = evidence_of("seeds", *TUNED, experiments__finetune_batches=3)
    assert checked(made, 5).checks[0].text == "GT-Tau after 3 mini-batches from epoch 4 − before"


# Claim 6


def lifted(made, name, orders, lift, delay=0):
    """Noise, and a lift for the child that was trained `delay` mini-batches ago: orders `[instance, moment]`."""
    measured, rng = made.measured[name], np.random.default_rng(1)
    measured.trained[:] = np.asarray(orders)[..., None] == np.arange(CHILDREN)
    measured.accuracy[:] = 0.5 + 0.02 * rng.normal(size=measured.accuracy.shape)
    measured.accuracy[:] += lift * np.roll(measured.trained, delay, axis=1)


def orders(kind):
    """[instance, moment] of two rounds: fixed, shuffled, any child at any time, or repeating after six instead of eight."""
    rng = np.random.default_rng(2)
    match kind:
        case "fixed":
            return np.tile(rng.permutation(CHILDREN), (INSTANCES, 2))
        case "shuffled":
            return [[*rng.permutation(CHILDREN), *rng.permutation(CHILDREN)] for _ in range(INSTANCES)]
        case "uniform":  # two rounds of permutations have their lags around 8, so they repeat a little
            return rng.integers(0, CHILDREN, (INSTANCES, 2 * ROUND))
        case "sixes":
            return np.tile(np.arange(2 * ROUND) % 6, (INSTANCES, 1))


def leading(*, seeds=("fixed", 0.3, 0), shuffled=("shuffled", 0.3, 0)):
    made = evidence_of("seeds", "orders-shuffled")
    for name, (kind, lift, delay) in (("seeds", seeds), ("orders-shuffled", shuffled)):
        lifted(made, name, orders(kind), lift, delay)
    return made


def test_claim_6_where_the_child_just_trained_leads():
    claim = checked(leading(), 6)
    assert_supported(claim)
    assert [check.statistic.value for check in claim.checks[:2]] == pytest.approx([7 / 8, 7 / 8])
    assert claim.checks[0].text.endswith("different seeds, less chance (0.125); most: 0.5")
    assert claim.checks[0].expected == "at least 0.375, and surely above 0"


@pytest.mark.parametrize(
    ("place", "world"),
    [
        (0, {"seeds": ("fixed", 0.3, 4)}),  # it repeats, but another child leads
        (1, {"shuffled": ("shuffled", 0.3, 4)}),
        (2, {"seeds": ("uniform", 0.3, 0), "shuffled": ("sixes", 0.3, 0)}),  # sixes repeat even less
        (3, {"shuffled": ("fixed", 0.3, 0)}),  # it repeats whatever the order
    ],
)  # fmt: skip
def test_claim_6_fails(place, world):
    assert_fails_alone(checked(leading(**world), 6), place)


@pytest.mark.parametrize(("place", "name"), [(0, "seeds"), (1, "shuffled")])
def test_claim_6_needs_most_mini_batches_and_not_just_more_than_chance(place, name):
    """In a third of the mini-batches, surely above an eighth: this passed before (issue 9, item 6)."""
    made = leading()
    measured = made.measured[{"seeds": "seeds", "shuffled": "orders-shuffled"}[name]]
    for instance, moment in np.ndindex(measured.accuracy.shape[:2]):
        if moment % 3 != instance % 3:
            measured.accuracy[instance, moment, (np.argmax(measured.trained[instance, moment]) + 1) % CHILDREN] = 0.9
    claim = checked(made, 6)
    assert claim.checks[place].statistic.interval.low > 0
    assert_fails_alone(claim, place, Verdict.AGAINST)


def test_claim_6_fails_where_curves_are_noise():
    assert not any(map(holds, checked(leading(seeds=("fixed", 0, 0), shuffled=("shuffled", 0, 0)), 6).checks))


def test_claim_6_against_loops():
    made = leading(seeds=("fixed", 0.04, 0), shuffled=("shuffled", 0.03, 0))
    claim = checked(made, 6)
    for check, name in zip(claim.checks, ("seeds", "orders-shuffled"), strict=False):
        measured = made.measured[name]
        led = [
            measured.trained[i, t, np.argmax(measured.accuracy[i, t])]
            for i in range(INSTANCES)
            for t in range(2 * ROUND)
        ]
        assert check.statistic.value == pytest.approx(mean(led) - 1 / CHILDREN)
    fixed, shuffled = (
        mean(repeats(made.measured[name].accuracy[i]) for i in range(INSTANCES))
        for name in ("seeds", "orders-shuffled")
    )
    assert [check.statistic.value for check in claim.checks[2:]] == pytest.approx([fixed, fixed - 2 * shuffled])
    assert [check.instances for check in claim.checks] == [INSTANCES] * 4


def repeats(curves):
    """Correlation at lag 8, less the mean at lags 4, 5, 6, 10 and 11 (its neighbours 7 and 9 left out), by the formula."""
    moved = curves - curves.mean(axis=0)
    moved -= moved.mean(axis=1, keepdims=True)

    def at(lag):
        pairs = [(moved[t, c], moved[t + lag, c]) for t in range(len(moved) - lag) for c in range(CHILDREN)]
        return sum(a * b for a, b in pairs) / np.sqrt(sum(a * a for a, _ in pairs) * sum(b * b for _, b in pairs))

    return at(8) - mean(at(lag) for lag in (4, 5, 6, 10, 11))


def test_a_common_swing_of_all_children_repeats_nothing():
    made = leading(seeds=("uniform", 0.3, 0))
    made.measured["seeds"].accuracy[:] += 0.5 * np.sin(2 * np.pi * np.arange(2 * ROUND) / ROUND)[:, None]
    assert not holds(checked(made, 6).checks[2])


def test_trained_leads_counts_ties_as_shares():
    accuracy, trained = np.full((3, 4, 5), 0.5), np.zeros((3, 4, 5), dtype=bool)
    trained[..., 2] = True
    check = trained_leads(accuracy, trained, "these", randomness)
    assert check.statistic.value == pytest.approx(0)
    assert check.verdict is Verdict.AGAINST


# Claim 10

MOMENTA = ("bn-0.1", "bn-0.9", "sgd-0")


def steady(**swings):
    """Curves of disorder that swing from moment to moment by so many pairs."""
    made = evidence_of("seeds", *MOMENTA)
    for name, swing in ({"seeds": 4, "bn_01": 1, "bn_09": 5, "sgd_0": 8} | swings).items():
        experiment = {"bn_01": "bn-0.1", "bn_09": "bn-0.9", "sgd_0": "sgd-0"}.get(name, name)
        swinging(made, experiment, 12, swing)
    return made


def test_claim_10_where_momenta_steady():
    claim = checked(steady(), 10)
    assert_supported(claim)
    assert [check.statistic.value for check in claim.checks] == pytest.approx([4 * 4 / PAIRS, 4 * 4 / PAIRS])
    assert [check.instances for check in claim.checks] == [3, 3]


@pytest.mark.parametrize(
    ("place", "world"), [(0, {"bn_09": 1}), (0, {"bn_01": 6}), (1, {"sgd_0": 4}), (1, {"seeds": 9})]
)
def test_claim_10_fails(place, world):
    assert_fails_alone(checked(steady(**world), 10), place)


def test_claim_10_looks_at_steps_not_at_how_far_a_curve_goes():
    """A slow drift goes as far as a jump to and fro, but it is steady in the short term."""
    made = steady(bn_01=5)
    give(made, "bn-0.1", np.linspace(7, 17, 16).astype(int))
    assert holds(checked(made, 10).checks[0])


def test_claim_10_against_scipy():
    made, rng = evidence_of("seeds", *MOMENTA), np.random.default_rng(4)
    for name in ("seeds", *MOMENTA):
        accuracy = made.measured[name].accuracy
        accuracy[:] = np.round(rng.random(accuracy.shape), 2)
    truth = truth_of(made)
    curves = {name: [last_taus(made.measured[name], i, truth, 16) for i in range(3)] for name in ("seeds", *MOMENTA)}
    steps = {name: mean(mean(abs(b - a) for a, b in pairwise(one)) for one in curves[name]) for name in MOMENTA}
    ranges = {name: mean(max(one) - min(one) for one in curves[name]) for name in ("seeds", "sgd-0")}
    assert [check.statistic.value for check in checked(made, 10).checks] == pytest.approx(
        [steps["bn-0.9"] - steps["bn-0.1"], ranges["sgd-0"] - ranges["seeds"]]
    )


def test_claim_10_of_a_constant_rank_is_not_measured():
    made = steady()
    made.measured["sgd-0"].accuracy[0, 5] = 0.1
    made.measured["bn-0.9"].accuracy[0, 5] = 0.1
    assert checked(made, 10).verdict is Verdict.NOT_MEASURED
