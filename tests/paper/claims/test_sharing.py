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
    swinging,
)
from paper.making import last_taus, mean, std, tau, truth_of
from scipy import stats

from commonweight.paper.claims.sharing import children_interfere, effects_in_groups
from commonweight.paper.claims.verdict import Verdict
from commonweight.study.experiments import Measured

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
    found = {name: window(made, name) for name in (*GROUPS, "ground-truth")}
    random = mean(mean(found[name][0]) for name in ("random-2", "random-4"))
    similar = [found[name] for name in ("seeds", "similar-2", "similar-4")]
    assert [check.statistic.value for check in checked(made, 7).checks] == pytest.approx(
        [
            random - mean(found["seeds"][0]),
            mean(found["ground-truth"][0]) - random,
            mean(mean(found[name][0]) for name in ("similar-2", "similar-4")) - random,
            trends([means for means, _ in similar]),
            trends([stds for _, stds in similar]),
        ]
    )


# Claim 8


def company(effects, moved, seed=0, noise=0.002):
    """Two random groups in which training the child at place i of its group changes the one at j by effects[i][j].

    In similar groups the children's accuracies are other ones by `moved` [child].
    """
    made, rng = evidence_of("random-2", "similar-2"), np.random.default_rng(seed)
    together, apart = made.measured["random-2"], made.measured["similar-2"]
    together.trained[:] = False
    level = np.full((INSTANCES, CHILDREN), 0.5)
    for moment in range(len(together.step)):
        for instance in range(INSTANCES):
            for group in made.groups(2):
                trained = (moment + instance * (1 + moment // 4)) % 4  # the order is another in each instance and round
                together.trained[instance, moment, group[trained]] = True
                level[instance, group] += np.asarray(effects)[trained]
        together.accuracy[:, moment] = level + noise * rng.normal(size=level.shape)
    apart.accuracy[:] = together.accuracy[:, -8:].mean(axis=(0, 1)) + np.asarray(moved)
    apart.accuracy[:] += noise * rng.normal(size=(INSTANCES, 1, CHILDREN))
    return made


FRIENDS = [[0, 0.05, -0.05, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, -0.05, 0.05, 0]]
APART = np.where(np.arange(CHILDREN) % 2, 0.1, -0.1)


@pytest.mark.parametrize("seed", range(3))
def test_claim_8_where_children_interfere(seed):
    claim = checked(company(FRIENDS, APART, seed), 8)
    assert_supported(claim)
    assert claim.checks[2].statistic.value == 1
    assert "groups (m = 2)" in claim.checks[0].text


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
    assert_fails_alone(checked(company(*world), 8), place)


def test_claim_8_helping_oneself_and_falling_back_harms_nobody():
    """What comes after a child's own mini-batch looks like harm, and with a fixed order always like the same one's."""
    made = company(0.05 * np.eye(4), APART)
    assert [check.holds for check in checked(made, 8).checks] == [False, False, True]
    together, rng = made.measured["random-2"], np.random.default_rng(1)
    order = np.arange(len(together.step)) % 4
    for group in made.groups(2):
        together.trained[:, :, group] = (order[:, None] == np.arange(4))[None]
    since = np.stack([(order - place) % 4 for place in range(4)], axis=-1)  # [moment, place]
    for group in made.groups(2):
        together.accuracy[:, :, group] = 0.5 + np.array([0.1, 0.03, 0.01, 0])[since]
    together.accuracy[:] += 0.002 * rng.normal(size=together.accuracy.shape)
    assert [check.holds for check in checked(made, 8).checks[:2]] == [False, False]


def test_claim_8_names_nobody_where_nobody_does_anything():
    """Of independent instances; at a false-discovery rate of 5 % a few worlds in a hundred are named by chance."""
    named = np.zeros(3)
    for seed in range(60):
        made = company(np.zeros((4, 4)), np.zeros(CHILDREN), seed)
        named += [bool(check.holds) for check in children_interfere(made)]
    assert (named <= 6).all(), named


def test_claim_8_one_child_of_eight_is_too_few():
    """Its share is surely above 0, yet not above the rate of false discoveries."""
    check = checked(company(FRIENDS, 0.5 * (np.arange(CHILDREN) == 3), noise=0.1), 8).checks[2]
    assert check.statistic.value == 1 / CHILDREN
    assert 0 < check.statistic.interval.low < 0.05
    assert not check.holds


def rejected(p, level=0.05):
    """Which hypotheses Benjamini and Hochberg reject: the largest k with p_(k) ≤ level k/n, and all up to it."""
    order = np.argsort(p)
    last = max((k for k, place in enumerate(order, start=1) if p[place] <= level * k / len(p)), default=0)
    return set(order[:last].tolist())


@pytest.mark.parametrize("seed", range(3))
def test_claim_8_against_scipy(seed):
    made = company(0.3 * np.asarray(FRIENDS), 0.03 * APART, seed, noise=0.01)
    measured = made.measured["random-2"]
    accuracy, trained = measured.accuracy[:, -8:], measured.trained[:, -8:]
    moved = accuracy[:, 1:] - accuracy[:, :-1]
    beyond = np.array([surprising(moved[n], trained[n]) for n in range(INSTANCES)])
    tests = []
    for changes in (moved, beyond):
        rows = [
            [mean(changes[n, t, j] for t in range(7) if trained[n, t + 1, i]) for n in range(INSTANCES)]
            for group in made.groups(2)
            for i in group
            for j in group
            if i != j
        ]
        tested = stats.ttest_1samp(np.array(rows), 0, axis=1)
        tests.append((rejected(tested.pvalue), tested.statistic))
    sure = tests[0][0] & tests[1][0]
    helps = sum(all(statistic[pair] > 0 for _, statistic in tests) for pair in sure) / 24
    harms = sum(all(statistic[pair] < 0 for _, statistic in tests) for pair in sure) / 24
    rounds = [made.measured[name].accuracy[:, -8:].mean(axis=1) for name in ("random-2", "similar-2")]
    rounds = [one - one.mean(axis=1, keepdims=True) for one in rounds]
    p = [stats.ttest_ind(rounds[0][:, c], rounds[1][:, c], equal_var=False).pvalue for c in range(CHILDREN)]
    claim = checked(made, 8)
    assert [check.statistic.value for check in claim.checks] == pytest.approx(
        [helps, harms, len(rejected(p)) / CHILDREN]
    )
    assert [check.instances for check in claim.checks] == [INSTANCES] * 3
    for check, successes, trials in zip(
        claim.checks, (helps * 24, harms * 24, len(rejected(p))), (24, 24, 8), strict=True
    ):
        interval = stats.binomtest(round(successes), trials).proportion_ci(0.95, method="wilson")
        assert (check.statistic.interval.low, check.statistic.interval.high) == pytest.approx(tuple(interval))


def surprising(moved, trained):
    """Changes `[mini-batch, child]` less the mean of all children that were trained as many mini-batches ago."""
    children = moved.shape[1]
    since = {}
    for t in range(len(moved)):
        for c in range(children):
            ago = [lag for lag in range(t + 2) if trained[t + 1 - lag, c]]
            since[t, c] = min(ago) if ago else None
    usual = {lag: mean(moved[place] for place, one in since.items() if one == lag) for lag in set(since.values())}
    return np.array([[moved[t, c] - usual[since[t, c]] for c in range(children)] for t in range(len(moved))])


def test_effects_stay_inside_groups():
    rng = np.random.default_rng(0)
    accuracies, trained = rng.random((2, 9, 5)), np.zeros((2, 9, 5), dtype=bool)
    groups = [np.array([3, 0]), np.array([1, 4]), np.array([2])]
    for moment in range(9):
        for group in groups:
            trained[:, moment, group[moment % len(group)]] = True
    plain, beyond = effects_in_groups(Measured(accuracies, np.arange(9), trained), groups)
    inside = {(3, 0), (0, 3), (1, 4), (4, 1), (0, 0), (1, 1), (3, 3), (4, 4), (2, 2)}
    for i, j in np.ndindex(5, 5):
        assert np.isnan(plain[:, i, j]).all() == np.isnan(beyond[:, i, j]).all() == ((i, j) not in inside)
        if (i, j) in inside:
            moved = np.diff(accuracies[:, :, j], axis=1)
            assert plain[:, i, j] == pytest.approx([moved[n][trained[n, 1:, i]].mean() for n in range(2)])
    assert beyond[:, 2, 2] == pytest.approx(0)  # a child alone is its own usual


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
    assert [check.statistic.value for check in claim.checks] == [-1, 1, -1, -2]
    assert [check.instances for check in claim.checks] == [INSTANCES] * 4


@pytest.mark.parametrize(
    ("place", "world"),
    [
        (0, {"middles": (10, 12, 8, 11, 9)}),
        (1, {"swings": (4, 3, 2, 1, 0)}),
        (2, {"levels": (0, 0.1, 0.2, 0.3, 0.4)}),
        (3, {"short": (6, 8, 10, 12, 14)}),
    ],
)
def test_claim_9_fails(place, world):
    assert_fails_alone(checked(shared(**world), 9), place)


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
        ]
    )


def test_claim_9_of_a_trend_without_any_step_is_not_measured():
    made = shared(levels=(0.2,) * 5)
    for k in range(5):
        made.measured[f"prefix-{k}-long"].accuracy[:] = made.measured["prefix-0-long"].accuracy
    assert checked(made, 9).verdict is Verdict.NOT_MEASURED
