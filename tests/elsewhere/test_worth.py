"""What a table of another program is worth: every number against the ranking functions and SciPy, and what appears when."""

import math
from itertools import combinations

import numpy as np
import pytest
from paper.making import mean, only, places, std, tau, tnr

from commonweight.elsewhere import FromElsewhere, worth_of
from commonweight.errors import UsageError
from commonweight.paper import Boxes, Claims, Curves, Table
from commonweight.paper.claims.every import DEFINITIONS
from commonweight.paper.claims.verdict import Verdict
from commonweight.ranking import mean_of_last, readings, survival, top_n_rank, trained_mask
from commonweight.ranking import ranks as ranks_of

CHILDREN = 12


def elsewhere(instances=4, moments=16, *, trained=False, seed=0, children=CHILDREN):
    """Accuracies around each child's own quality, in whole percent, so that some tie."""
    rng = np.random.default_rng(seed)
    truth = rng.random(children)
    accuracy = np.clip(np.round(truth + rng.normal(0, 0.3, (instances, moments, children)), 2), 0, 1)
    mask = trained_mask(np.tile(np.arange(moments) % children, (instances, 1)), children) if trained else None
    names = tuple(f"c{number}" for number in range(children))
    return FromElsewhere(names, accuracy, truth, np.arange(1, moments + 1) * 10, mask)


def made_of(found):
    made = worth_of(found)
    assert len({item.name for item in made}) == len(made)
    return {item.name: item for item in made}


def values(row):
    return [None if number is None else number.value for number in row.numbers]


def s_taus(ranks):
    taus = [tau(a, b) for a, b in combinations(ranks, 2)]
    return [mean(taus), max(taus), min(taus)]


def expected_row(ranks, truth):
    gt = [tau(rank, truth) for rank in ranks]
    t1, t3 = ([tnr(rank, truth, n) for rank in ranks] for n in (1, 3))
    best = [tau_of_best(ranks, truth, share) for share in (0.25, 0.05)]
    numbers = [mean(gt), *best, *(s_taus(ranks) if len(ranks) > 1 else [None] * 3), mean(t1), mean(t3), len(truth)]
    return numbers, [std(gt), std(t1), std(t3)]


def tau_of_best(ranks, truth, share):
    """Mean tau among the truly best, of which here are as many as there are children better than the cut."""
    best = sorted(range(len(truth)), key=lambda child: -truth[child])[: math.ceil(share * len(truth))]
    if len(best) < 3:
        return None
    return mean(tau([rank[child] for child in best], [truth[child] for child in best]) for rank in ranks)


# What appears when


READINGS, PRUNING = ["readings", "readings-curves"], ["insight-1", "insight-1-moments", "insight-1-instances"]
INSIGHT, INSIDE, ACROSS = PRUNING
CURVES = ["ranks-over-moments", "accuracies", "gt-tau"]


@pytest.mark.parametrize(
    ("shape", "trained", "expected", "claims"),
    [
        ((1, 1), False, [], [4]),
        ((2, 1), False, [INSIGHT, ACROSS], [4]),
        ((4, 1), False, [INSIGHT, ACROSS, "ranks-over-instances"], [4]),
        ((4, 1), True, [INSIGHT, ACROSS, "ranks-over-instances"], [4, 6]),
        ((1, 2), False, [*READINGS, INSIGHT, INSIDE], [4]),
        ((1, 16), True, [*READINGS, INSIGHT, INSIDE, *CURVES], [4, 6]),
        ((4, 16), False, [*READINGS, *PRUNING, "ranks-over-instances", *CURVES], [3, 4]),
        ((4, 16), True, [*READINGS, *PRUNING, "ranks-over-instances", *CURVES], [3, 4, 6]),
    ],
)
def test_what_a_table_allows(shape, trained, expected, claims):
    made = made_of(elsewhere(*shape, trained=trained))
    assert list(made) == ["ranks", *expected, "claims"]
    assert [claim.number for claim in made["claims"].claims] == claims
    kinds = {
        "ranks": Table,
        "readings": Table,
        "insight-1": Table,
        "claims": Claims,
        "gt-tau": Curves,
        "accuracies": Curves,
    }
    kinds |= {"ranks-over-instances": Boxes, "ranks-over-moments": Boxes}
    kinds |= dict.fromkeys((INSIDE, ACROSS, "readings-curves"), Curves)
    assert all(isinstance(item, kinds[name]) for name, item in made.items())


# Metrics


@pytest.mark.parametrize("seed", range(3))
def test_ranks_against_scipy(seed):
    found = elsewhere(4, 5, seed=seed)
    table, truth = made_of(found)["ranks"], found.ground_truth.tolist()
    assert [row.name for row in table.rows] == [
        "4 instances, last moment",
        *(f"instance {i}, 5 moments" for i in range(4)),
    ]
    ranks = [found.accuracy[:, -1].tolist(), *found.accuracy.tolist()]
    for row, several in zip(table.rows, ranks, strict=True):
        numbers, spreads = expected_row(several, truth)
        assert values(row) == pytest.approx(numbers)
        assert [row.numbers[place].std for place in (0, 6, 7)] == pytest.approx(spreads)
        assert row.ranks == len(several)
    keys = ["gt_tau", "gt_tau_best_25", "gt_tau_best_5", "s_tau", "max_tau", "min_tau", "t1r", "t3r", "children"]
    assert [column.key for column in table.columns] == keys
    across, *inside = table.rows
    for place in (0, 3, 6, 7):
        interval = across.numbers[place].interval
        assert interval.low <= across.numbers[place].value <= interval.high or place == 3
        assert all(row.numbers[place].interval is None for row in inside)  # moments are no independent draws


def test_one_rank_has_its_own_numbers_only():
    found = elsewhere(1, 1)
    row = only(made_of(found)["ranks"].rows)
    assert row.name == "one rank, last moment"
    numbers, _ = expected_row(found.accuracy[0].tolist(), found.ground_truth.tolist())
    assert values(row) == [pytest.approx(number) for number in numbers[:1]] + numbers[1:]
    assert all(number.std is None and number.interval is None for number in row.numbers if number)


def test_moments_of_one_instance_have_no_row_across():
    assert [row.name for row in made_of(elsewhere(1, 5))["ranks"].rows] == ["instance 0, 5 moments"]


def test_a_constant_rank_is_undefined_and_breaks_nothing():
    found = elsewhere(4, 16)
    found.accuracy[0, -1] = 0.1
    made = made_of(found)
    across = made["ranks"].rows[0]
    assert np.isnan(across.numbers[0].value)
    assert across.numbers[0].interval is None
    assert {claim.number: claim.verdict for claim in made["claims"].claims}[3] is Verdict.NOT_MEASURED


# Readings and pruning


def test_readings_against_scipy():
    found = elsewhere(4, 16, trained=True)
    table, truth = made_of(found)["readings"], found.ground_truth.tolist()
    rows = {row.name: row for row in table.rows}
    read = {
        "last moment": found.accuracy[:, -1],
        "mean of last 8 moments": mean_of_last(found.accuracy, 8),
        "median of last 16 moments": np.median(found.accuracy, axis=1),
        "maximum of last 4 moments": found.accuracy[:, -4:].max(axis=1),
        "just after training": np.stack([just_after(*one) for one in zip(found.accuracy, found.trained, strict=True)]),
    }
    assert len(rows) == len(readings(16, CHILDREN)) == 11
    for name, ranks in read.items():
        ranks = ranks.tolist()  # noqa: PLW2901
        expected = [mean(tau(rank, truth) for rank in ranks), s_taus(ranks)[0]]
        expected += [mean(tnr(rank, truth, n) for rank in ranks) for n in (1, 3)]
        passes, *numbers = values(rows[name])
        assert numbers == pytest.approx(expected)
        assert passes == (int(name.split()[3]) if " of last " in name else 1)


def just_after(accuracy, trained):
    """Each child's accuracy at the last moment that trained it."""
    return [accuracy[max(t for t in range(len(accuracy)) if trained[t, c]), c] for c in range(accuracy.shape[1])]


def test_just_after_training_needs_every_child_trained():
    found = elsewhere(2, 16, trained=True)
    assert "just after training" in [row.name for row in made_of(found)["readings"].rows]
    found.trained[1, :, 3] = False
    assert "just after training" not in [row.name for row in made_of(found)["readings"].rows]
    assert "just after training" not in [row.name for row in made_of(elsewhere(2, 16))["readings"].rows]


def test_pruning_is_survival():
    found = elsewhere(4, 16)
    rows = {row.name: row for row in made_of(found)["insight-1"].rows}
    one = survival(found.accuracy, found.ground_truth, [1, 3, 5, 10], [6])[:, 0]
    assert values(rows["keep 6 of 12, moments of one instance"]) == pytest.approx(one.mean(axis=0).tolist())
    many = survival(found.accuracy[:, -1], found.ground_truth, [1, 3, 5, 10], [6])[0]
    assert values(rows["keep 6 of 12, all instances"]) == pytest.approx(many.tolist())
    assert values(rows["keep 6 of 12, by chance"]) == [0.5] * 4


# Figures


def test_figures_show_what_was_given():
    found = elsewhere(3, 4, trained=True)
    made, true = made_of(found), places(found.ground_truth)
    accuracies = made["accuracies"]
    assert [series.identity.rank for series in accuracies.series] == list(range(CHILDREN, 0, -1))  # the best on top
    for series in accuracies.series:
        place = found.children.index(series.name)
        assert series.values.tolist() == found.accuracy[0, :, place].tolist()
        assert series.at.tolist() == [10, 20, 30, 40]
        assert series.marked.tolist() == found.trained[0, :, place].tolist()
        assert series.identity.rank == true[place]
        assert series.identity.accuracy == found.ground_truth[place]
    for number, series in enumerate(made["gt-tau"].series):
        assert series.values == pytest.approx([tau(rank, found.ground_truth) for rank in found.accuracy[number]])
    for name, ranks in (("ranks-over-instances", found.accuracy[:, -1]), ("ranks-over-moments", found.accuracy[0])):
        given = [places(rank) for rank in ranks.tolist()]
        assert [box.identity.rank for box in made[name].boxes] == list(range(1, CHILDREN + 1))
        for box in made[name].boxes:
            assert box.values.tolist() == [rank[found.children.index(box.identity.child)] for rank in given]


# Claims


def test_claims_are_the_papers_with_their_checks():
    claims = {claim.number: claim for claim in made_of(elsewhere(4, 16, trained=True))["claims"].claims}
    assert [len(claims[number].checks) for number in (3, 4, 6)] == [3, 3, 1]
    assert claims[3].text == DEFINITIONS[2].text
    assert claims[4].text.startswith(DEFINITIONS[3].text)
    assert claims[4].text.endswith(
        "(Whether children trained alone tell them apart needs their single initialisations.)"
    )
    assert all(claims[number].paper == DEFINITIONS[number - 1].paper for number in (3, 4, 6))
    assert {check.instances for claim in claims.values() for check in claim.checks} == {4}


def test_claim_6_says_only_what_was_checked():
    found = elsewhere(4, 16, trained=True)
    found.accuracy[:] *= 0.9
    found.accuracy[found.trained] = 1
    claim = made_of(found)["claims"].claims[-1]
    assert claim.verdict is Verdict.SUPPORTED
    assert claim.text.startswith("The child just trained tends to be the best one. (Whether curves repeat needs")
    found.accuracy[found.trained] = 0
    assert made_of(found)["claims"].claims[-1].verdict is Verdict.AGAINST


@pytest.mark.parametrize("instances", [1, 2])
def test_few_instances_decide_no_claim(instances):
    claims = made_of(elsewhere(instances, 16, trained=True))["claims"].claims
    assert {claim.verdict for claim in claims} == {Verdict.UNDECIDED}


@pytest.mark.parametrize("seed", range(5))
def test_noise_supports_no_claim(seed):
    found, rng = elsewhere(6, 12, trained=True), np.random.default_rng(seed)
    found.accuracy[:] = rng.random(found.accuracy.shape)
    verdicts = [claim.verdict for claim in made_of(found)["claims"].claims]
    assert len(verdicts) == 3
    assert set(verdicts) <= {Verdict.AGAINST, Verdict.UNDECIDED}


def test_the_same_table_gives_the_same_report():
    first, again = (made_of(elsewhere(4, 16, trained=True)) for _ in range(2))
    for name in ("ranks", "readings", "insight-1", "claims"):
        assert first[name] == again[name]
    other = {item.name: item for item in worth_of(elsewhere(4, 16, trained=True), seed=2)}
    assert any(other[name] != first[name] for name in ("ranks", "readings"))
    assert values(other["ranks"].rows[0]) == values(first["ranks"].rows[0])


# Many children


def test_thousands_of_children_are_judged_and_few_are_shown():
    found = elsewhere(3, 4, trained=True, children=1500)
    made, true = made_of(found), ranks_of(found.ground_truth)
    told = "64 of 1500 children, evenly spread over the ranks of ground truth."
    accuracies = made["accuracies"]
    shown = [series.identity.rank for series in accuracies.series]
    assert (len(shown), shown[0], shown[-1], accuracies.children) == (64, 1500, 1, 1500)  # the best on top
    assert set(np.diff(shown)) <= {-23, -24}
    assert told in accuracies.notes
    for series in accuracies.series:
        place = found.children.index(series.name)
        assert (true[place], series.values.tolist()) == (series.identity.rank, found.accuracy[0, :, place].tolist())
    for name, given in (("ranks-over-instances", found.accuracy[:, -1]), ("ranks-over-moments", found.accuracy[0])):
        assert [box.identity.rank for box in made[name].boxes] == shown[::-1]
        assert made[name].children == 1500
        assert told in made[name].notes
        for box in made[name].boxes:
            assert box.values.tolist() == ranks_of(given)[:, found.children.index(box.identity.child)].tolist()
    assert not any("children, evenly" in note for item in made_of(elsewhere(3, 4)).values() for note in item.notes)


def test_taus_between_moments_of_thousands_of_children_are_those_of_a_sample():
    found = elsewhere(2, 3, children=1500)
    table, truth = made_of(found)["ranks"], found.ground_truth
    across, *inside = table.rows
    assert across.numbers[3].value == pytest.approx(tau(*found.accuracy[:, -1]))  # instances are few, and all are taken
    for row, one in zip(inside, found.accuracy, strict=True):
        of_all = [mean(tau(rank, truth) for rank in one), *(top_n_rank(one, truth, n).mean() for n in (1, 3))]
        assert [values(row)[place] for place in (0, 6, 7)] == pytest.approx(of_all)
        assert values(row)[3:6] == pytest.approx(s_taus(one), abs=4 * 0.012)
        assert values(row)[3] != pytest.approx(s_taus(one)[0])
    (note,) = [note for note in table.notes if "sample" in note]
    assert "a random sample of 1024 of 1500 children, of which a tau deviates by about 0.012." in note
    assert any("Taus of claim 3: of a random sample of 1024" in note for note in made_of(found)["claims"].notes)
    assert not any("sample" in note for note in made_of(elsewhere(2, 3))["ranks"].notes)


def test_a_tau_of_a_sample_deviates_as_it_is_said_to():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 1500))
    drawn = [tau(a[some], b[some]) for some in (rng.choice(1500, 1024, replace=False) for _ in range(150))]
    assert std(drawn) == pytest.approx(0.012, rel=0.2)


def test_pruning_of_thousands_of_children_is_read_at_some_numbers_of_them():
    found = elsewhere(3, 4, children=1500)
    made = made_of(found)
    rows = {row.name: row for row in made["insight-1"].rows}
    one = survival(found.accuracy, found.ground_truth, [1, 3, 5, 10], [1, 188, 750])
    assert values(rows["keep 750 of 1500, moments of one instance"]) == pytest.approx(one[:, 2].mean(axis=0).tolist())
    assert values(rows["keep 188 of 1500, moments of one instance"]) == pytest.approx(one[:, 1].mean(axis=0).tolist())
    for name in ("insight-1-moments", "insight-1-instances"):
        series = made[name].series[1]
        assert 256 <= len(series.at) <= 260
        assert (series.at[0], series.at[-1], series.values[-1]) == (1 - 1 / 1500, 0, 1)
    assert made["insight-1-moments"].series[1].values[0] == pytest.approx(one[:, 0, 1].mean())
    assert len(made_of(elsewhere(3, 4))["insight-1-moments"].series[0].at) == CHILDREN


# Mistakes


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"accuracy": np.ones((4, 12))}, r"accuracies have shape \(4, 12\) and ground truth \(12,\) for 12 children"),
        ({"ground_truth": np.arange(11.0)}, r"ground truth \(11,\) for 12 children; expected"),
        ({"children": tuple("abcdefghijk")}, r"for 11 children; expected \[instance, moment, child\] and \[child\]"),
        ({"children": (*"abcdefghijk", "a")}, r"child 'a' stands 2 times; expected it once"),
        ({"ground_truth": np.full(12, 0.5)}, r"ground truth is 0.5 for every child; expected one that orders them"),
        ({"step": np.arange(3)}, r"moments \(3,\) or just trained children do not fit accuracies \(4, 5, 12\)"),
        ({"trained": np.ones((4, 5), dtype=bool)}, r"just trained children do not fit"),
    ],
)
def test_parts_that_do_not_fit_are_refused(change, message):
    found = elsewhere(4, 5)
    parts = {name: getattr(found, name) for name in ("children", "accuracy", "ground_truth", "step", "trained")}
    with pytest.raises(UsageError, match=message) as caught:
        FromElsewhere(**(parts | change))
    assert "\n" not in str(caught.value)


def test_two_children_are_too_few():
    with pytest.raises(UsageError, match="2 children; a rank worth asking about has at least 3"):
        FromElsewhere(("a", "b"), np.ones((1, 2, 2)), np.arange(2), np.arange(2))


def test_three_children_are_enough():
    assert list(made_of(elsewhere(3, 4, trained=True, children=3)))[-1] == "claims"
