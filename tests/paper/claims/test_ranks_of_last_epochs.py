"""Claims 3 and 4, on the last epochs of shuffled orders: where they must hold, and where each check must fail alone."""

import numpy as np
import pytest
from paper.claims.test_ranks import SUPER_NETS, final, randomness, s_tau_of
from paper.claims.test_worlds import (
    BEST_FIRST,
    CHILDREN,
    INSTANCES,
    QUALITY,
    assert_fails_alone,
    assert_supported,
    by_true_rank,
    checked,
    evidence_of,
    ground_truth,
    holds,
)
from paper.making import after, mean, places, tau

from commonweight.paper.claims.ranks import bad_ones_stay_bad_over, less_told_apart, moments_differ_as_instances_do
from commonweight.paper.claims.verdict import Verdict
from commonweight.paper.experiments import ORDERS_SHUFFLED
from commonweight.study.jobs import FinalAccuracy

# Claim 3


def wandering(between, inside, seed=0, instances=12):
    """Shuffled orders whose instances differ by `between` and whose epochs by `inside`, around QUALITY."""
    made = evidence_of(*SUPER_NETS, experiments__instances=instances)
    accuracy, rng = made.measured["orders-shuffled"].accuracy, np.random.default_rng(seed)
    accuracy[:] = QUALITY + between * rng.normal(size=(instances, 1, CHILDREN))
    accuracy += inside * rng.normal(size=accuracy.shape)
    return made


@pytest.mark.parametrize("seed", range(3))
def test_claim_3_where_epochs_differ_as_instances_do(seed):
    assert_supported(checked(wandering(0, 0.1, seed), 3))


def test_claim_3_fails_where_epochs_have_nothing_in_common():
    """Pure noise differs alike everywhere; the paper's epochs do not."""
    assert_fails_alone(checked(wandering(0, 30), 3), 0)


def test_claim_3_fails_where_instances_differ_more():
    assert_fails_alone(checked(wandering(0.4, 0.05), 3), 1)


def test_claim_3_fails_where_epochs_hardly_differ():
    assert_fails_alone(checked(wandering(0, 0.01), 3), 2)


@pytest.mark.parametrize("seed", range(3))
def test_claim_3_against_scipy(seed):
    made = wandering(0.2, 0.2, seed, instances=5)
    measured = made.measured["orders-shuffled"]
    steps = [10, 12, 14, 16]  # the last 4 epochs of 2 mini-batches
    inside = [s_tau_of([after(measured, i, step) for step in steps]) for i in range(5)]
    expected = [mean(inside), mean(inside) - s_tau_of(final(made, "orders-shuffled")), 1 - mean(inside)]
    claim = checked(made, 3)
    assert [check.statistic.value for check in claim.checks] == pytest.approx(expected)
    assert [check.instances for check in claim.checks] == [5, 5, 5]
    assert "last 4 epochs" in claim.checks[0].text


def test_claim_3_of_a_constant_rank_is_not_measured():
    made = wandering(0, 0.1)
    made.measured["orders-shuffled"].accuracy[0, -1] = 0.1
    assert checked(made, 3).verdict is Verdict.NOT_MEASURED


# Claim 4


def epochs_of(*orders, instances=INSTANCES):
    """Shuffled orders whose last epochs rank the children of these true ranks first, second … in every instance."""
    made = evidence_of(*SUPER_NETS, experiments__instances=instances, experiments__last_epochs=len(orders))
    for number, order in enumerate(reversed(orders)):
        made.measured["orders-shuffled"].accuracy[:, -1 - 2 * number] = by_true_rank(*order)
    return made


def test_claim_4_where_bad_ones_stay_bad_and_good_ones_change_places():
    assert_supported(checked(epochs_of((1, 2, 3, 4, 5, 6, 7, 8), (2, 1, 6, 5, 4, 3, 8, 7)), 4))
    made, rng = evidence_of(*SUPER_NETS, experiments__instances=100), np.random.default_rng(0)
    accuracy = made.measured["orders-shuffled"].accuracy
    accuracy[:] = rng.random(accuracy.shape)
    accuracy[..., BEST_FIRST[6:]] -= 1
    assert_supported(checked(made, 4))


def test_claim_4_fails_where_bad_ones_are_now_and_then_good():
    """Half of the time they are in the better half, though their mean rank is bad."""
    good, bad = (3, 4, 7, 8, 5, 6, 2, 1), (1, 2, 3, 4, 5, 6, 7, 8)
    assert_fails_alone(checked(epochs_of(good, bad, good, bad), 4), 0)


def test_claim_4_fails_where_bad_ones_are_good_by_mean_rank():
    """Mostly just in the worse half, and once the best: by mean rank they are in the better half."""
    just = [(1, 2, 3, 4, 7, 8, 5, 6), (1, 2, 6, 3, 7, 8, 4, 5), (2, 1, 5, 6, 8, 7, 3, 4)]
    best = (7, 8, 2, 1, 6, 3, 5, 4)
    assert_fails_alone(checked(epochs_of(*just, best), 4), 1)


def test_claim_4_fails_where_good_ones_are_told_apart():
    """Three times in four, where children alone tell them apart always."""
    right, wrong = range(1, 9), (2, 1, *range(3, 9))
    assert_fails_alone(checked(epochs_of(right, right, wrong, right), 4), 2, Verdict.AGAINST)


def test_claim_4_fails_where_children_alone_cannot_be_told_apart_either():
    made = epochs_of((1, 2, 3, 4, 5, 6, 7, 8), (2, 1, 6, 5, 4, 3, 8, 7))
    ground_truth(made, [by_true_rank(*order, *range(3, 9)) for order in ((1, 2), (2, 1), (1, 2)) * 2])
    made = type(made)(made.setting, made.measured)
    claim = checked(made, 4)
    assert claim.checks[3].statistic.value == pytest.approx(1 / 3)  # 4 of 6 go with what the others say
    assert claim.checks[3].statistic.interval.low < 0
    assert_fails_alone(claim, 3)


@pytest.mark.parametrize("seeds", [3, 10])
def test_claim_4_finds_no_difference_between_ranks_of_the_same_worth(seeds):
    """Also when there are few initialisations, of which each has a large share in the mean of all."""
    differences = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        quality = rng.uniform(-1.7, 1.7, size=64)
        alone, nets = quality + 1.5 * rng.normal(size=(seeds, 64)), quality + 1.5 * rng.normal(size=(5, 4, 64))
        differences.append(less_told_apart(nets, alone, alone).statistic.value)
    assert np.mean(differences) == pytest.approx(0, abs=0.06)  # 4 standard errors


def test_claim_4_is_not_passed_by_ground_truth_of_the_same_s_tau():
    """Super-nets that are no worse than children alone, with as much noise as the paper's have (issue 9, item 6)."""
    passed, passed_before = 0, 0
    for seed in range(40):
        rng = np.random.default_rng(seed)
        quality = rng.uniform(-1.7, 1.7, size=64)
        alone = quality + 1.5 * rng.normal(size=(5, 64))
        nets = quality + 1.5 * rng.normal(size=(5, 4, 64))
        truth = alone.mean(axis=0)
        checks = bad_ones_stay_bad_over(nets, "epochs", truth, randomness)
        passed_before += all(map(holds, checks))
        passed += all(map(holds, (*checks, less_told_apart(nets, alone, alone))))
    assert passed_before > 20
    assert passed <= 3


@pytest.mark.parametrize("children", [7, 8, 9, 27])
def test_claim_4_against_loops(children):
    rng = np.random.default_rng(children)
    truth, accuracies = rng.random(children), np.round(rng.random((4, 5, children)), 2)
    quarter = max(2, children // 4)
    true = places(truth)
    worst = [c for c in range(children) if true[c] > children - quarter]
    best = [c for c in range(children) if true[c] <= quarter]
    chance = mean(place > children / 2 for place in range(1, children + 1))
    at_one, by_mean, lost = [], [], []
    for moments in accuracies.tolist():
        at_one.append(mean(places(rank)[c] > children / 2 for rank in moments for c in worst))
        mean_ranks = [mean(places(rank)[c] for rank in moments) for c in range(children)]
        by_mean.append(mean(places([-one for one in mean_ranks])[c] > children / 2 for c in worst))
        among = [tau([rank[c] for c in best], [truth[c] for c in best]) for rank in moments]
        lost.append(mean(0 if np.isnan(one) else one for one in among))
    checks = bad_ones_stay_bad_over(accuracies, "moments", truth, randomness)
    expected = [mean(at_one) - chance, mean(by_mean) - chance, mean(lost)]
    assert [check.statistic.value for check in checks] == pytest.approx(expected)
    assert [check.instances for check in checks] == [4, 4, 4]
    single = rng.random((3, children))
    differences = []
    for seed in range(3):
        rest = single[[i for i in range(3) if i != seed]].mean(axis=0)
        chosen = [c for c in range(children) if places(rest)[c] <= quarter]

        def order(rank, rest=rest, chosen=chosen):
            found = tau([rank[c] for c in chosen], [rest[c] for c in chosen])
            return 0 if np.isnan(found) else found

        differences.append(order(single[seed]) - mean(order(rank) for moments in accuracies for rank in moments))
    expected = mean(differences)
    assert less_told_apart(accuracies, single, single).statistic.value == pytest.approx(expected)


def test_claim_4_is_as_unsure_as_its_initialisations_and_instances_are():
    """Leave out each initialisation in turn, and add the variance of the super-nets' mean."""
    rng = np.random.default_rng(0)
    alone, nets = rng.random((4, 8)), rng.random((5, 3, 8))
    without = [less_told_apart(nets, *[np.delete(alone, seed, axis=0)] * 2).statistic.value for seed in range(4)]
    orders = []
    for seed in range(4):
        rest = np.delete(alone, seed, axis=0).mean(axis=0)
        best = np.argsort(-rest)[:2]
        orders.append([mean(tau(rank[best], rest[best]) for rank in one) for one in nets])
    variance = 3 * np.var(without) + np.var(np.mean(orders, axis=0), ddof=1) / 5
    statistic = less_told_apart(nets, alone, alone).statistic
    reach = 1.959964 * np.sqrt(variance)
    found = (statistic.interval.low, statistic.interval.high)
    assert found == pytest.approx((statistic.value - reach, statistic.value + reach), rel=1e-5)
    assert less_told_apart(nets, alone[:2], alone[:2]).verdict is Verdict.UNDECIDED


@pytest.mark.parametrize("children", [7, 8, 9])
def test_noise_puts_the_worst_in_the_worse_half_at_chance(children):
    rng = np.random.default_rng(children)
    checks = bad_ones_stay_bad_over(rng.random((1000, 3, children)), "moments", rng.random(children), randomness)
    for check in checks:
        assert check.statistic.value == pytest.approx(0, abs=0.06)
    assert not any(map(holds, checks[:2]))


def test_claims_3_and_4_read_the_last_epochs_only():
    made = wandering(0, 0.1)
    before = checked(made, 3), checked(made, 4)
    made.measured["orders-shuffled"].accuracy[:, :9] = 0.1  # mini-batches of the first epochs
    made.measured["orders-shuffled"].accuracy[:, [10, 12, 14]] = 0.1  # between the last four epochs
    assert (checked(made, 3), checked(made, 4)) == before


def test_best_ones_that_tie_have_no_order():
    """A tie of the two best at one moment counts as tau 0 there, not as nothing at all."""
    made = epochs_of(range(1, 9), range(1, 9))
    made.measured["orders-shuffled"].accuracy[:, -1, BEST_FIRST[1]] = by_true_rank(*range(1, 9)).max()
    assert checked(made, 4).checks[2].statistic.value == pytest.approx(0.5)


def test_claim_4_of_a_constant_rank_is_not_measured():
    made = epochs_of((1, 2, 3, 4, 5, 6, 7, 8), (2, 1, 6, 5, 4, 3, 8, 7))
    made.measured["orders-shuffled"].accuracy[0, -1] = 0.1
    claim = checked(made, 4)
    assert [check.verdict for check in claim.checks] == [Verdict.NOT_MEASURED] * 4


def test_moments_of_another_program_are_told_as_such():
    rng = np.random.default_rng(0)
    checks = moments_differ_as_instances_do(rng.random((3, 5, 6)), "moments", randomness)
    assert all("last 5 moments" in check.text for check in checks)


def test_claim_4_reads_ground_truth_on_the_images_of_the_super_nets():
    made = wandering(0.2, 0.2)
    alone = made.measured["ground-truth"]
    alone.accuracy[:] = np.random.default_rng(0).random(alone.accuracy.shape)
    last = ORDERS_SHUFFLED.last_epochs().read(made)
    found = checked(made, 4).checks[3].statistic.value
    judged = alone.final[FinalAccuracy.JUDGED]
    assert found == less_told_apart(last, alone.accuracy[:, -1], judged).statistic.value
    assert found != less_told_apart(last, judged, judged).statistic.value
