"""Claims 7, 8 and 9: where they must hold, where each check must fail alone, and their statistics by loops and SciPy."""

import numpy as np
import pytest
from paper.claims.test_worlds import (
    CHILDREN,
    INSTANCES,
    PAIRS,
    assert_fails_alone,
    assert_supported,
    checked,
    evidence_of,
    give,
    holds,
    swinging,
)
from paper.making import last_taus, mean, std, tau, truth_of
from scipy import stats

from commonweight.paper.claims.every import DEFINITIONS
from commonweight.paper.claims.power import enough_to_name
from commonweight.paper.claims.sharing_less import children_interfere
from commonweight.paper.claims.verdict import Verdict
from commonweight.paper.truth import groups_in_fours
from commonweight.ranking import help_and_harm
from commonweight.study.jobs import FinalAccuracy

# Claim 7

GROUPS = ("seeds", "random-2", "random-4", "similar-2", "similar-4")


def grouped(**disorders):
    """Disorder (middle, swing) of each experiment."""
    made = evidence_of(*GROUPS)
    usual = {"seeds": (10, 5), "random_2": (13, 2), "random_4": (16, 2), "similar_2": (7, 3), "similar_4": (4, 1)}
    for name, (middle, swing) in (usual | {"ground_truth": (2, 0)} | disorders).items():
        swinging(made, name.replace("_", "-"), middle, swing)
    return made


def test_claim_7_where_groups_matter():
    claim = checked(grouped(), 7)
    assert_supported(claim)
    assert [check.statistic.value for check in claim.checks] == pytest.approx(
        [-9 / PAIRS, 25 / PAIRS, 18 / PAIRS, 1, -1]
    )
    assert [check.instances for check in claim.checks] == [INSTANCES] * 5
    assert "mean of m = 2 … 4" in claim.checks[0].text


@pytest.mark.parametrize(
    ("place", "world"),
    [
        (0, {"random_2": (10, 2), "random_4": (9, 2)}),
        (0, {"random_2": (4, 2), "random_4": (16, 2)}),  # more groups are worse, but few are better still
        (1, {"ground_truth": (15, 0)}),
        (2, {"seeds": (19, 5), "random_2": (20, 2), "random_4": (20, 2), "similar_2": (23, 3), "similar_4": (17, 1)}),
        (3, {"similar_2": (7, 3), "similar_4": (11, 1)}),
        (4, {"similar_2": (7, 6), "similar_4": (8, 7)}),
    ],
)
def test_claim_7_fails(place, world):
    assert_fails_alone(checked(grouped(**world), 7), place)


def randomly(made, seed=0):
    """Set every accuracy of the experiments at random, with ties."""
    rng = np.random.default_rng(seed)
    for measured in made.measured.values():
        measured.accuracy[:] = np.round(rng.random(measured.accuracy.shape), 2)
    return made


def window(made, name):
    """(GT-Tau-Mean-8, GT-Tau-Std-8) of each instance."""
    taus = [last_taus(made.measured[name], i, truth_of(made), 8) for i in range(len(made.measured[name].accuracy))]
    return [mean(one) for one in taus], [std(one) for one in taus]


def trends(columns):
    """Mean over instances of the tau with the steps: columns [step][instance]."""
    return mean(tau(range(len(columns)), [column[i] for column in columns]) for i in range(len(columns[0])))


def test_claim_7_against_scipy():
    made = randomly(evidence_of(*GROUPS, experiments__instances=4, experiments__ground_truth_seeds=3))
    made.measured["ground-truth"].final[FinalAccuracy.JUDGED][:] = np.random.default_rng(1).random((3, CHILDREN))
    made = type(made)(made.setting, made.measured)  # ground truth is another now
    found = {name: window(made, name) for name in GROUPS}
    random = mean(mean(found[name][0]) for name in ("random-2", "random-4"))
    alone, judged = made.measured["ground-truth"], made.measured["ground-truth"].final[FinalAccuracy.JUDGED]
    others = [np.delete(judged, seed, axis=0).mean(axis=0) for seed in range(3)]  # without its own
    alone = mean(mean(last_taus(alone, seed, others[seed], 8)) for seed in range(3))
    similar = [found[name] for name in ("seeds", "similar-2", "similar-4")]
    assert [check.statistic.value for check in checked(made, 7).checks] == pytest.approx(
        [
            random - mean(found["seeds"][0]),
            alone - random,
            mean(mean(found[name][0]) for name in ("similar-2", "similar-4")) - random,
            trends([means for means, _ in similar]),
            trends([stds for _, stds in similar]),
        ]
    )


# Claim 8

COMPANIES = 12  # instances: two rounds of four children say little each
SHUFFLED = ("random-2-shuffled", "similar-2-shuffled")


def dealt(made, name, rng):
    """Shuffled orders `[instance, moment]` of places in groups of four, each instance its own, written as trained."""
    measured = made.measured[name]
    instances, moments = measured.accuracy.shape[:2]
    assert measured.step.tolist() == list(range(9, 17))  # whole rounds of four
    order = np.array([np.concatenate([rng.permutation(4) for _ in range(moments // 4)]) for _ in range(instances)])
    measured.trained[:] = False
    for group in groups_in_fours(made.setting):
        measured.trained[:, :, group] = order[..., None] == np.arange(4)
    return order


def company(effects, moved, seed=0, noise=0.002, instances=COMPANIES):
    """Two random groups in which training the child at place i of its group changes the one at j by effects[i][j].

    In similar groups the children's accuracies are other ones by `moved` [child].
    """
    made, rng = evidence_of(*SHUFFLED, experiments__instances=instances), np.random.default_rng(seed)
    together, apart = (made.measured[name] for name in SHUFFLED)
    order, level = dealt(made, SHUFFLED[0], rng), np.full((instances, CHILDREN), 0.5)
    for moment in range(order.shape[1]):
        for group in groups_in_fours(made.setting):
            level[:, group] += np.asarray(effects)[order[:, moment]]
        together.accuracy[:, moment] = level + noise * rng.normal(size=level.shape)
    apart.accuracy[:] = together.accuracy.mean(axis=(0, 1)) + np.asarray(moved)
    apart.accuracy[:] += noise * rng.normal(size=(instances, 1, CHILDREN))
    return made


def falling_back(made, amplitudes, order, rng, noise=0.002):
    """What is left of a child's own training by mini-batches since, [0, 1, 2 …], times its amplitude: nobody interferes.

    Places `[instance, moment]` that were trained, in both groups at once.
    """
    left, together = np.array([1, 0.3, 0.1, 0.05, *[0] * 9]), made.measured[SHUFFLED[0]]
    since = np.full((len(order), 4), 12)
    for moment in range(order.shape[1]):
        since = np.where(order[:, [moment]] == np.arange(4), 0, np.minimum(since + 1, 12))
        for group, amplitude in zip(groups_in_fours(made.setting), np.asarray(amplitudes).reshape(2, 4), strict=True):
            together.accuracy[:, moment, group] = 0.5 + amplitude * left[since]
    together.accuracy[:] += noise * rng.normal(size=together.accuracy.shape)


FRIENDS = [[0, 0.05, -0.05, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, -0.05, 0.05, 0]]
APART = np.where(np.arange(CHILDREN) % 2, 0.1, -0.1)


@pytest.mark.parametrize("seed", range(3))
def test_claim_8_where_children_interfere(seed):
    claim = checked(company(FRIENDS, APART, seed), 8)
    assert_supported(claim)
    assert claim.checks[2].statistic.value == 1
    assert "groups (m = 2, shuffled orders)" in claim.checks[0].text


@pytest.mark.parametrize(
    ("place", "world"),
    [
        (0, ([[0, -0.05, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, -0.05, 0]], APART)),
        (1, ([[0, 0.05, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0.05, 0]], APART)),
        (2, (FRIENDS, np.full(CHILDREN, 0.1))),  # better for all: no matter of whom they were with
        (2, (FRIENDS, np.zeros(CHILDREN))),
    ],
)
def test_claim_8_fails(place, world):
    assert_fails_alone(checked(company(*world), 8), place, Verdict.UNDECIDED)


AMPLITUDES = {
    "alike": np.full(8, 0.1),
    "different": 0.02 * 2.0 ** np.array([0, 1, 2, 3, 1, 3, 0, 2]),  # 0.02 to 0.16
    "of both signs": 0.1 * np.array([1, -1, 0.5, -0.5, 1, -0.2, 0.3, -1]),
}


@pytest.mark.parametrize("amplitudes", AMPLITUDES)
def test_claim_8_names_nobody_where_children_only_fall_back_each_in_its_own_way(amplitudes):
    """Amplitudes that differ between children look like partners that do, if all children have one baseline (item 5)."""
    named = np.zeros(2)
    for seed in range(20):
        made, rng = company(np.zeros((4, 4)), APART, seed), np.random.default_rng(seed)
        falling_back(made, AMPLITUDES[amplitudes], dealt(made, SHUFFLED[0], rng), rng)
        named += [holds(check) for check in children_interfere(made)[:2]]
    assert (named <= 3).all(), named


@pytest.mark.parametrize("amplitudes", AMPLITUDES)
def test_claim_8_of_a_fixed_order_names_nobody(amplitudes):
    """There a partner and the time since a child's own training are the same thing: this passed before (item 5)."""
    made, rng = company(np.zeros((4, 4)), APART), np.random.default_rng(1)
    order = np.tile([2, 0, 3, 1], (COMPANIES, 2))
    for group in groups_in_fours(made.setting):
        made.measured[SHUFFLED[0]].trained[:, :, group] = order[..., None] == np.arange(4)
    falling_back(made, AMPLITUDES[amplitudes], order, rng)
    assert [check.verdict for check in children_interfere(made)] == [
        *[Verdict.UNDECIDED] * 2,
        Verdict.SUPPORTED,
    ]


def test_claim_8_is_read_from_shuffled_orders_alone():
    """A run of fixed orders, whatever is in it, says nothing of it."""
    setting = evidence_of().setting
    assert DEFINITIONS[7].experiments(setting) == SHUFFLED


def test_claim_8_finds_who_harms_among_children_that_fall_back():
    made, rng = company(np.zeros((4, 4)), APART), np.random.default_rng(2)
    order = dealt(made, SHUFFLED[0], rng)
    falling_back(made, AMPLITUDES["different"], order, rng)
    together = made.measured[SHUFFLED[0]].accuracy
    for group in groups_in_fours(made.setting):
        together[:, :, group] += np.cumsum(0.8 * np.asarray(FRIENDS)[order], axis=1)
    assert_supported(checked(made, 8))


def test_claim_8_names_nobody_where_nobody_does_anything():
    """Of independent instances; at a false-discovery rate of 5 % a few worlds in a hundred are named by chance."""
    named = np.zeros(3)
    for seed in range(60):
        made = company(np.zeros((4, 4)), np.zeros(CHILDREN), seed)
        named += [holds(check) for check in children_interfere(made)]
    assert (named <= 6).all(), named


def test_claim_8_one_child_of_eight_is_too_few():
    """Its share is surely above 0, yet not above the rate of false discoveries."""
    check = checked(company(FRIENDS, 0.5 * (np.arange(CHILDREN) == 3), noise=0.1, instances=6), 8).checks[2]
    assert check.statistic.value == 1 / CHILDREN
    assert 0 < check.statistic.interval.low < 0.05
    assert check.verdict is Verdict.UNDECIDED


def rejected(p, level=0.05):
    """Which hypotheses Benjamini and Hochberg reject: the largest k with p_(k) ≤ level k/n, and all up to it."""
    order = np.argsort(p)
    last = max((k for k, place in enumerate(order, start=1) if p[place] <= level * k / len(p)), default=0)
    return set(order[:last].tolist())


@pytest.mark.parametrize("seed", range(3))
def test_claim_8_against_benjamini_and_hochberg_and_scipy(seed):
    made = company(0.5 * np.asarray(FRIENDS), 0.03 * APART, seed, noise=0.01)
    measured = made.measured[SHUFFLED[0]]
    ps = []  # of helping, then of harming
    for kind in ("p_helps", "p_harms"):
        for group in groups_in_fours(made.setting):
            found = help_and_harm(measured.accuracy[..., group], measured.trained[..., group], [2] * 4 + [3] * 4)
            ps += [getattr(found, kind)[i, j] for i in range(4) for j in range(4) if i != j]
    sure = rejected(ps)
    helps, harms = sum(place < 24 for place in sure), sum(place >= 24 for place in sure)
    rounds = [made.measured[name].accuracy.mean(axis=1) for name in SHUFFLED]
    rounds = [one - one.mean(axis=1, keepdims=True) for one in rounds]
    p = [stats.ttest_ind(rounds[0][:, c], rounds[1][:, c], equal_var=False).pvalue for c in range(CHILDREN)]
    claim = checked(made, 8)
    assert [check.statistic.value for check in claim.checks] == pytest.approx(
        [helps / 24, harms / 24, len(rejected(p)) / CHILDREN]
    )
    assert [check.instances for check in claim.checks] == [COMPANIES] * 3
    for check, successes, trials in zip(claim.checks, (helps, harms, len(rejected(p))), (24, 24, 8), strict=True):
        interval = stats.binomtest(successes, trials).proportion_ci(0.95, method="wilson")
        assert (check.statistic.interval.low, check.statistic.interval.high) == pytest.approx(tuple(interval))
        assert "Wilson's interval over" in check.text  # and no bootstrap over instances


def test_claim_8_says_how_many_instances_would_decide():
    """For pairs the surest one must be named, for children as many as make the share surely above 5 %."""
    made = company(0.1 * np.asarray(FRIENDS), 0.02 * APART, noise=0.02, instances=4)
    measured, (help_check, _, moved) = made.measured[SHUFFLED[0]], checked(made, 8).checks
    found = [
        help_and_harm(measured.accuracy[..., group], measured.trained[..., group], [2] * 4 + [3] * 4)
        for group in groups_in_fours(made.setting)
    ]
    surest = min(np.nanmin(one.p_helps) for one in found)
    assert help_check.verdict is moved.verdict is Verdict.UNDECIDED
    assert help_check.enough == enough_to_name(2 * surest, 1, 24, 4)
    rounds = [made.measured[name].accuracy.mean(axis=1) for name in SHUFFLED]
    rounds = [one - one.mean(axis=1, keepdims=True) for one in rounds]
    p = [stats.ttest_ind(rounds[0][:, c], rounds[1][:, c], equal_var=False).pvalue for c in range(CHILDREN)]
    least = next(k for k in range(9) if stats.binomtest(k, 8).proportion_ci(0.95, method="wilson").low > 0.05)
    assert moved.enough == enough_to_name(sorted(p)[least - 1], least, 8, 4)


def test_claim_8_that_half_of_the_children_are_moved_has_the_p_of_wilsons_test():
    moved = np.where(np.arange(CHILDREN) < 4, [0.1, -0.1] * 4, 0)
    check = checked(company(FRIENDS, moved), 8).checks[2]
    assert (check.statistic.value, check.verdict) == (0.5, Verdict.SUPPORTED)
    assert check.p == pytest.approx(min(0.05, 2 * stats.norm.sf((0.5 - 0.05) / np.sqrt(0.05 * 0.95 / 8))))


# Claim 9


def prefixes():
    return tuple(f"prefix-{k}{end}" for end in ("-long", "") for k in range(5))


def shared(
    *,
    middles=(6, 8, 10, 12, 14),
    swings=(0, 1, 2, 3, 4),
    levels=(0.4, 0.3, 0.2, 0.1, 0),
    short=(14, 12, 10, 8, 6),
):
    """Disorder, its swing and the accuracy by the number of shared cells, trained long; disorder when trained short."""
    made = evidence_of(*prefixes())
    for k in range(5):
        swinging(made, f"prefix-{k}-long", middles[k], swings[k], levels[k])
        swinging(made, f"prefix-{k}", short[k], 1)
    return made


def test_claim_9_where_sharing_less_is_better():
    claim = checked(shared(), 9)
    assert_supported(claim)
    assert [check.statistic.value for check in claim.checks] == [-1, 1, -1, -2, 1]
    assert [check.instances for check in claim.checks] == [INSTANCES] * 5
    assert_supported(checked(shared(short=(8, 9, 10, 9, 8)), 9))  # no trend to speak of: it does not get better


@pytest.mark.parametrize(
    ("place", "world"),
    [
        (0, {"middles": (10, 12, 8, 11, 9)}),
        (1, {"swings": (4, 3, 2, 1, 0)}),
        (2, {"levels": (0, 0.1, 0.2, 0.3, 0.4)}),
        (4, {"short": (6, 8, 12, 10, 14)}),  # tau −0.8: better too, though less surely so than when trained long
    ],
)
def test_claim_9_fails(place, world):
    assert_fails_alone(checked(shared(**world), 9), place)


def test_claim_9_fails_where_short_training_improves_as_long_training_does():
    claim = checked(shared(short=(6, 8, 10, 12, 14)), 9)
    assert [holds(check) for check in claim.checks] == [True, True, True, False, False]
    assert claim.verdict is claim.checks[4].verdict is Verdict.AGAINST


def test_claim_9_fails_where_long_and_short_training_hardly_differ():
    """Trends of −0.2 and −0.16: the one is surely below 0, the other surely above −0.2, their difference is neither."""
    made = evidence_of(*prefixes(), experiments__instances=40)
    disorders = {-0.4: (6, 8, 14, 12, 10), -0.2: (6, 10, 14, 12, 8), 0.0: (6, 12, 14, 10, 8)}
    for k in range(5):
        for name, of_each, swing in (
            (f"prefix-{k}-long", [-0.4, 0.0] * 20, k),
            (f"prefix-{k}", [-0.2, -0.2, -0.2, -0.2, 0.0] * 8, 0),
        ):
            turns = np.where(np.arange(made.measured[name].accuracy.shape[1]) % 2, -swing, swing)
            give(made, name, np.array([[disorders[trend][k]] for trend in of_each]) + turns, level=-0.1 * k)
    claim = checked(made, 9)
    assert [claim.checks[place].statistic.value for place in (0, 3, 4)] == pytest.approx([-0.2, -0.04, -0.16])
    assert_fails_alone(claim, 3, Verdict.UNDECIDED)


def test_claim_9_against_scipy():
    made = randomly(evidence_of(*prefixes(), experiments__instances=4))
    found = {name: window(made, name) for name in prefixes()}
    accuracy = [[made.measured[f"prefix-{k}-long"].accuracy[i, -8:].mean() for i in range(4)] for k in range(5)]
    assert [check.statistic.value for check in checked(made, 9).checks] == pytest.approx(
        [
            trends([found[f"prefix-{k}-long"][0] for k in range(5)]),
            trends([found[f"prefix-{k}-long"][1] for k in range(5)]),
            trends(accuracy),
            trends([found[f"prefix-{k}-long"][0] for k in range(5)])
            - trends([found[f"prefix-{k}"][0] for k in range(5)]),
            trends([found[f"prefix-{k}"][0] for k in range(5)]),
        ]
    )


def test_claim_9_of_a_trend_without_any_step_is_not_measured():
    made = shared(levels=(0.2,) * 5)
    for k in range(5):
        made.measured[f"prefix-{k}-long"].accuracy[:] = made.measured["prefix-0-long"].accuracy
    assert checked(made, 9).verdict is Verdict.NOT_MEASURED
