"""What stands beside a tau: baselines before the ranks, ground truth's own below, and of which children all are."""

from dataclasses import replace

import numpy as np
import pytest
from paper.making import mean, only, std, tau, tnr

from commonweight.elsewhere import FromElsewhere, worth_of, worth_of_all
from commonweight.errors import UsageError
from commonweight.ranking import own_gt_tau

CHILDREN = 70
NAMES = tuple(f"c{number}" for number in range(CHILDREN))


def elsewhere(instances=3, moments=4, *, seeds=3, noise=0.3, **more):
    """Accuracies around each child's own quality, and seeds of ground truth that are nearer to it."""
    rng = np.random.default_rng(0)
    quality = rng.random(CHILDREN)
    truths = quality + rng.normal(0, 0.05, (seeds, CHILDREN))
    accuracy = np.clip(quality + rng.normal(0, noise, (instances, moments, CHILDREN)), 0, 1)
    several = truths if seeds > 1 else None
    return FromElsewhere(NAMES, accuracy, truths.mean(axis=0), np.arange(moments), seeds=several, **more)


def table_of(found):
    return worth_of(found)[0]


def values(row):
    return [None if number is None else number.value for number in row.numbers]


def best(truth, share):
    """The truly best, where none ties at the cut."""
    order = sorted(range(CHILDREN), key=lambda child: -truth[child])
    many = {0.25: 18, 0.05: 4}[share]
    assert truth[order[many - 1]] > truth[order[many]]
    return order[:many]


def tau_of_best(rank, truth, share):
    return tau([rank[child] for child in best(truth, share)], [truth[child] for child in best(truth, share)])


# tau among the truly best


def test_every_row_says_it_of_the_truly_best():
    found = elsewhere()
    truth = found.ground_truth.tolist()
    for row, ranks in zip(table_of(found).rows, [found.accuracy[:, -1], *found.accuracy], strict=False):
        for place, share in ((1, 0.25), (2, 0.05)):
            expected = [tau_of_best(rank, truth, share) for rank in ranks.tolist()]
            assert values(row)[place] == pytest.approx(mean(expected))
            assert row.numbers[place].std == pytest.approx(std(expected))
        assert values(row)[-1] == CHILDREN
    assert any("the truly best, 18 and 4 of 70 children, with all that tie" in note for note in table_of(found).notes)


def test_ties_at_the_cut_are_all_among_the_best():
    found = elsewhere(seeds=1)
    truth = np.arange(CHILDREN, dtype=float)
    truth[-20:-3] = 60  # of 4 children the fourth ties with 16 more
    assert any("the truly best, 20 and 20 of 70" in note for note in table_of(replace(found, ground_truth=truth)).notes)


# the ceiling


def test_ground_truths_own_is_the_last_row():
    found = elsewhere()
    row = table_of(found).rows[-1]
    assert (row.name, row.ranks) == ("ceiling: each seed of ground truth against the others", 3)
    truths = found.seeds.tolist()
    others = [[mean(pair) for pair in zip(*(truths[:n] + truths[n + 1 :]), strict=True)] for n in range(3)]
    pairs = list(zip(truths, others, strict=True))
    between = [tau(truths[a], truths[b]) for a, b in ((0, 1), (0, 2), (1, 2))]
    of_best = [mean(tau_of_best(*pair, share) for pair in pairs) for share in (0.25, 0.05)]
    tops = [mean(tnr(*pair, n) for pair in pairs) for n in (1, 3)]
    expected = [
        mean(tau(*pair) for pair in pairs),
        *of_best,
        mean(between),
        max(between),
        min(between),
        *tops,
        CHILDREN,
    ]
    assert values(row) == pytest.approx(expected)
    assert row.numbers[0].interval is not None


def test_without_seeds_it_is_said_that_there_is_no_ceiling():
    made = {item.name: item for item in worth_of(elsewhere(seeds=1))}
    assert not [row for row in made["ranks"].rows if row.name.startswith("ceiling")]
    told = "Ceiling: not given, as ground truth has one number for each child; give several seeds of it."
    for name in ("ranks", "readings", "readings-curves", "gt-tau"):
        assert told in made[name].notes


def test_the_ceiling_stands_beside_every_tau():
    found = elsewhere()
    told = f"Ceiling: ground truth's own GT-Tau, {own_gt_tau(found.seeds).mean():.4f}: each of its 3 seeds against the mean"
    made = {item.name: item for item in worth_of(found)}
    for name in ("ranks", "readings", "readings-curves", "gt-tau"):
        assert only([note for note in made[name].notes if note.startswith(told)])


# the population


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({}, "70 children, all that ground truth has."),
        ({"known": 70}, "70 children, all that ground truth has."),
        (
            {"known": 4000},
            "70 of the 4000 children of ground truth, and how they were chosen is not known. Of a random sample of so many a "
            "tau deviates by about 0.079 from that of all.",
        ),
        ({"chosen": "the best of each stratum"}, "70 children: the best of each stratum."),
        (
            {"known": 280, "chosen": "drawn at random, seed 1"},
            "70 children: drawn at random, seed 1. Of a random sample of so many a tau deviates by about 0.069 from that of "
            "all.",
        ),
    ],
)
def test_of_which_children_a_tau_is(more, told):
    made = {item.name: item for item in worth_of(elsewhere(**more))}
    for name in ("ranks", "readings", "readings-curves", "gt-tau"):
        assert f"Population of every tau: {told}" in made[name].notes


# baselines


def test_baselines_are_seen_first():
    found = elsewhere(noise=0.5)
    rng = np.random.default_rng(1)
    parameters, flops = found.ground_truth + rng.normal(0, 0.05, CHILDREN), rng.random(CHILDREN)
    table = table_of(replace(found, baselines={"parameters": parameters, "flops": flops}))
    plain = table_of(found)
    assert [row.name for row in table.rows[:2]] == ["baseline parameters", "baseline flops"]
    assert table.rows[2:] == plain.rows
    truth = found.ground_truth.tolist()
    for row, numbers in zip(table.rows[:2], (parameters.tolist(), flops.tolist()), strict=True):
        expected = [
            tau(numbers, truth),
            *(tau_of_best(numbers, truth, share) for share in (0.25, 0.05)),
            None,
            None,
            None,
        ]
        assert values(row) == pytest.approx([*expected, tnr(numbers, truth, 1), tnr(numbers, truth, 3), CHILDREN])
        assert (row.ranks, row.numbers[0].std) == (1, None)
    best = max(plain.rows[:-1], key=lambda row: row.numbers[0].value)
    most = f"{best.numbers[0].value:.4f}"
    assert table.notes[:2] == (
        f"The baseline parameters has GT-Tau {tau(parameters, truth):.4f}, more than the best of the ranks, “{best.name}”, "
        f"with {most}.",
        f"The baseline flops has GT-Tau {tau(flops, truth):.4f}; the best of the ranks, “{best.name}”, has {most}.",
    )


def test_a_baseline_or_ranks_without_an_order():
    found = elsewhere(1, 1, baselines={"depth": np.full(CHILDREN, 7.0)})
    assert table_of(found).notes[0] == "The baseline depth is the same for all children, so it ranks none."
    flat = replace(found, accuracy=np.full((1, 1, CHILDREN), 0.1), baselines={"truth": found.ground_truth})
    assert table_of(flat).notes[0] == "The baseline truth has GT-Tau 1.0000, and no rank has any."


# methods


def test_methods_of_the_same_children_share_baselines_and_ceiling():
    one, other = (
        elsewhere(method=name, noise=noise, baselines={"flops": np.arange(CHILDREN)})
        for name, noise in (("a", 1), ("b", 0.1))
    )
    made = worth_of_all([one, other])
    ranks = ["3 instances, last moment", *(f"instance {number}, 4 moments" for number in range(3))]
    names = [f"{method}: {row}" for method in "ab" for row in ranks]
    ceiling = "ceiling: each seed of ground truth against the others"
    assert [row.name for row in made[0].rows] == ["baseline flops", *names, ceiling]
    assert made[0].rows[5].numbers == table_of(other).rows[1].numbers
    assert "the best of the ranks, “b: " in made[0].notes[0]
    assert len([note for note in made[0].notes if note.startswith("Population")]) == 1


def test_methods_of_other_children_have_their_own():
    one = elsewhere(1, 1, method="a", baselines={"flops": np.arange(CHILDREN)})
    other = replace(
        one, method="b", children=NAMES[:60], accuracy=one.accuracy[..., :60], ground_truth=one.ground_truth[:60],
        seeds=one.seeds[:, :60], baselines={"flops": np.arange(60)},
    )  # fmt: skip
    rows = worth_of_all([one, other])[0].rows
    parts = ["baseline flops", "one rank, last moment", "ceiling: each seed of ground truth against the others"]
    assert [row.name for row in rows] == [f"{method}: {part}" for method in "ab" for part in parts]
    assert [values(row)[-1] for row in rows] == [70] * 3 + [60] * 3


# what does not fit


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"seeds": np.zeros((3, CHILDREN))}, r"seeds of shape \(3, 70\); expected two or more, and ground truth to be their"),
        ({"baselines": {"flops": np.zeros(3)}}, r"baseline 'flops' has shape \(3,\); expected one number for each of 70"),
        ({"known": 69}, "ground truth of 69 children for 70; expected all of these, or more"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused(more, message):
    with pytest.raises(UsageError, match=message):
        replace(elsewhere(), **more)
