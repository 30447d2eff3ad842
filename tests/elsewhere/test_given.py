"""What Python gives in place of files is what files of the same give."""

import numpy as np
import pytest

from commonweight.elsewhere import rank
from commonweight.errors import UsageError
from commonweight.ranking import gt_tau, own_gt_tau, top_n_rank

NAMES = ("111", "112", "121", "122", "211")
TRUTH = np.array([0.5, 0.7, 0.6, 0.9, 0.8])
ROWS = np.round(np.clip(TRUTH + np.random.default_rng(0).normal(0, 0.15, (6, 5)), 0, 1), 3)
BY_NAME = dict(zip(NAMES, TRUTH, strict=True))


def plain(made):
    """Tables and claims, which compare by value."""
    return [item for item in made if item.name in ("ranks", "readings", "insight-1", "claims")]


EXPECTED = plain(rank(ROWS, TRUTH, children=NAMES))


def ordered(made):
    """The names of children in the figure of their curves."""
    return sorted(series.name for item in made if item.name == "accuracies" for series in item.series)


@pytest.mark.parametrize(
    "given",
    [
        dict(zip(NAMES, ROWS.T, strict=True)),
        dict(zip(map(int, NAMES), ROWS.T.tolist(), strict=True)),
        [dict(zip(NAMES, row, strict=True)) for row in ROWS],
        {"": dict(zip(NAMES, ROWS.T, strict=True))},
    ],
)
def test_dicts_and_records(given):
    made = rank(given, BY_NAME)
    assert plain(made) == EXPECTED
    assert ordered(made) == list(NAMES)


def test_a_dict_of_numbers_is_one_rank():
    (row,) = rank(dict(zip(NAMES, ROWS[0], strict=True)), BY_NAME)[0].rows
    assert row.name == "one rank, last moment"
    assert row.numbers[0].value == pytest.approx(gt_tau(ROWS[0], TRUTH))


def test_methods_are_judged_each_and_share_a_table():
    made = rank(
        {"one-shot": dict(zip(NAMES, ROWS.T, strict=True)), "x/<tuned>": dict(zip(NAMES, ROWS[::-1].T, strict=True))},
        BY_NAME,
    )
    assert [row.name for row in made[0].rows] == ["one-shot: instance 0, 6 moments", "x/<tuned>: instance 0, 6 moments"]
    alone = rank(ROWS[::-1], TRUTH, children=NAMES)
    assert made[0].rows[1].numbers == alone[0].rows[0].numbers
    assert len({item.name for item in made}) == len(made) == 2 * len(alone) - 1
    assert [item.title for item in made[-2:]] == [f"x/<tuned>: {item.title}" for item in alone[-2:]]
    assert all("/" not in item.name for item in made)
    instances = rank(
        dict(zip("ab", [dict(zip(NAMES, row, strict=True)) for row in ROWS[:2]], strict=True)),
        BY_NAME,
        rows="instances",
    )
    assert instances[0].rows[0].name == "2 instances, last moment"


def test_scores_and_losses_of_any_scale():
    scores = rank(7 - 30 * ROWS, TRUTH, lower_is_better=True)
    assert plain(scores)[0] == EXPECTED[0] == plain(rank(1e3 * ROWS - 7, TRUTH, scores=True))[0]
    (curves,) = [item for item in scores if item.name == "accuracies"]
    assert (curves.y, curves.title) == (
        "score with the opposite sign",
        "Score with the opposite sign of each child at every moment of instance 0",
    )
    assert plain(rank(ROWS, -TRUTH, truth_lower_is_better=True)) == plain(rank(ROWS, TRUTH))
    assert plain(rank(1 - ROWS, TRUTH, lower_is_better=True))[0] == EXPECTED[0]
    with pytest.raises(
        UsageError, match=r"accuracies from -?[\d.]+ to [\d.]+; expected .* or say scores=True, and lower_is"
    ):
        rank(5 * ROWS, TRUTH)


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    long = [(epoch, name, value) for epoch, row in enumerate(ROWS) for name, value in zip(NAMES, row, strict=True)]
    frame = pandas.DataFrame(long, columns=["epoch", "arch", "accuracy"]).sample(frac=1, random_state=0)
    truth = pandas.DataFrame({"seed 0": TRUTH - 0.1, "seed 1": TRUTH + 0.1}, index=NAMES)
    for ground_truth in (truth, truth.rename_axis("child").reset_index(), truth.T, truth.T.to_dict("list")):
        row, ceiling = rank(frame, ground_truth)[0].rows
        assert row == EXPECTED[0].rows[0]
        assert (ceiling.name, ceiling.ranks) == ("ceiling: each seed of ground truth against the others", 2)
    wide = pandas.DataFrame(ROWS, columns=NAMES)
    wide.insert(0, "trained", [*NAMES, NAMES[0]])
    wide.insert(0, "epoch", range(6))
    (claims,) = [item for item in rank(wide, truth) if item.name == "claims"]
    assert [claim.number for claim in claims.claims] == [4, 6]
    series = pandas.Series(ROWS[0], index=NAMES)
    assert rank(series, truth)[0].rows[0].numbers[0].value == pytest.approx(gt_tau(ROWS[0], TRUTH))
    assert rank(series, truth)[0].rows[0].numbers[6].value == top_n_rank(ROWS[0], TRUTH, 1)


def test_a_list_of_data_frames_has_an_instance_in_each():
    """An array of them would have lost the names, and with them the order of the children."""
    pandas = pytest.importorskip("pandas")
    logs = np.stack([ROWS, ROWS[::-1]])
    frames = [pandas.DataFrame(log, columns=NAMES) for log in logs]
    expected = plain(rank(logs, TRUTH, children=NAMES))
    assert plain(rank(frames, BY_NAME)) == expected
    other = frames[1][list(NAMES[::-1])]
    with pytest.raises(
        UsageError, match="accuracies, instance 1: other children or moments than accuracies, instance 0"
    ):
        rank([frames[0], other], BY_NAME)
    with pytest.raises(UsageError, match="accuracies, instance 1: the same numbers as accuracies, instance 0"):
        rank([frames[0], frames[0]], BY_NAME)


SEEDS = TRUTH + np.random.default_rng(1).normal(0, 0.1, (3, 5))


def test_seeds_of_ground_truth_by_place_and_by_name():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(SEEDS, columns=NAMES)
    expected = rank(ROWS, SEEDS, children=NAMES)[0]
    assert expected.rows[0] == rank(ROWS, SEEDS.mean(axis=0), children=NAMES)[0].rows[0]
    assert expected.rows[1].numbers[0].value == pytest.approx(own_gt_tau(SEEDS).mean())
    for given in (SEEDS.tolist(), frame, frame.T, frame.to_dict("list")):
        assert rank(ROWS, given, children=NAMES)[0].rows == expected.rows
    assert rank(ROWS, [TRUTH], children=NAMES)[0] == EXPECTED[0]
    turned = rank(ROWS, -SEEDS, children=NAMES, truth_lower_is_better=True)[0]
    assert turned.rows[1].numbers[0].value == expected.rows[1].numbers[0].value


def test_baselines_and_the_population():
    pandas = pytest.importorskip("pandas")
    flops = {"111": 1, "112": 2, "121": 3, "122": 4, "211": 5}
    mixed = {name: flops[name] for name in reversed(NAMES)} | {"222": 9}
    expected = rank(ROWS, BY_NAME, children=NAMES, baselines={"flops": [1, 2, 3, 4, 5]}, population="all there are")[0]
    assert [row.name for row in expected.rows] == ["baseline flops", "instance 0, 6 moments"]
    assert expected.rows[0].numbers[0].value == pytest.approx(gt_tau([1, 2, 3, 4, 5], TRUTH))
    assert "Population of every tau: 5 children: all there are." in expected.notes
    frame = pandas.DataFrame({"flops": flops})
    for given in (
        {"flops": mixed},
        {"flops": frame},
        frame,
        {"flops": frame["flops"]},
        {"flops": [[1, 2, 3, 4, 4], [1, 2, 3, 4, 6]]},
    ):
        made = rank(dict(zip(NAMES, ROWS.T, strict=True)), BY_NAME, baselines=given, population="all there are")
        assert made[0] == expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rank({"a": 0.1, "b": 0.2}, {"a": 1, "b": 2}), "2 children; a rank worth asking about has at least 3"),
        (lambda: rank({"a": 0.1, "b": 0.2, "c": 0.3}, {"a": 1, "b": 2}), "no ground truth for child 'c'"),
        (lambda: rank({"a": 0.1, "b": np.nan, "c": 0.3}, TRUTH[:3]), "column 'b': nan; expected a number: 1 of 3 are mis"),
        (lambda: rank({"a": 0.1, "b": 0.2, "c": 2.3}, TRUTH[:3]), "'c': 2.3, and most others are at most 1; .* say --scores"),
        (lambda: rank({}, TRUTH), "accuracies: {} holds nothing"),
        (lambda: rank(ROWS, TRUTH, baselines={"a": [1, 2, 3]}), r"baseline 'a' has shape \(3,\); expected one number for"),
        (lambda: rank(ROWS, TRUTH, baselines={"a": {"1": 0.5}}), r"baselines\['a'\]: no baseline 'a' for child '2' and 3 m"),
        (lambda: rank(ROWS, TRUTH, baselines={"a": [[TRUTH]]}), r"has shape \(1, 1, 5\); expected \[child\], or \[seed, "),
        (lambda: rank(ROWS, TRUTH, baselines={"a": [1, 2, 3, 4, np.nan]}), r"\['a'\] has 1 nan or infinite of 5 values"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(call, message):
    with pytest.raises(UsageError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
