"""Landmarks and the landmark equivalent from made-up records, against plain loops and SciPy."""

import numpy as np
import pytest
from paper.making import made_up, mean, std, tau, tiny_setting

from commonweight.paper.evidence import report_stream
from commonweight.paper.landmark_equivalents import DRAWS, landmark_counts, landmarks
from commonweight.paper.ways import parameter_counts
from commonweight.ranking.landmarks import drawn, predict
from commonweight.space.encoding import features
from commonweight.study.jobs import FinalAccuracy

SPEC = {"instances": 3, "ground_truth_seeds": 2, "alone_epochs": 5, "last_epochs": 2}


def make(seed=0):
    setting = tiny_setting(experiments=SPEC)
    return made_up(setting, *landmarks.experiments(setting), seed=seed)


def judged(made):
    return made.measured["ground-truth"].final[FinalAccuracy.JUDGED]


@pytest.mark.parametrize("seed", range(2))
def test_every_number_against_plain_loops(seed):
    made = make(seed)
    table, worth, curves = landmarks(made)
    truth, window = judged(made), made.measured["seeds"].accuracy
    readings = [window[:, -1], window[:, -8:].mean(axis=1), parameter_counts(made.setting)[None]]
    known, draws = features(made.setting.children), {}
    assert [row.name for row in table.rows] == ["2 landmarks", "4 landmarks"]
    for count, row in zip((2, 4), table.rows, strict=True):
        sets = drawn(8, count, DRAWS, report_stream(made.setting)("landmarks", count))
        taus = [[] for _ in range(4)]
        alone = [[] for _ in range(3)]
        for number, places in enumerate(sets):
            one = number % 2
            rest = [child for child in range(8) if child not in places]
            other = truth[1 - one, rest].tolist()  # of two initialisations the other is the truth
            for k, reading in enumerate([None, *readings]):
                blocks = known if reading is None else [*known, reading[number % len(reading)][:, None]]
                taus[k].append(tau(predict(blocks, places, truth[one, places]).mean[rest].tolist(), other))
                if reading is not None:
                    alone[k - 1].append(tau(reading[number % len(reading), rest].tolist(), other))
        cost, *numbers = row.numbers
        assert (row.ranks, cost.value) == (DRAWS, 5 * count)
        for number, own in zip(numbers, taus, strict=True):
            assert (number.value, number.std) == pytest.approx((mean(own), std(own)), nan_ok=True)
        draws[count] = alone
    for k, row in enumerate(worth.rows):
        assert row.numbers[0].value == pytest.approx(mean([mean(draws[2][k]), mean(draws[4][k])]), nan_ok=True)
        assert row.numbers[3].value == (0 if k == 2 else 8)
    assert [series.at.tolist() for series in curves.series] == [[2, 4]] * 7


def test_a_perfect_super_net_is_worth_more_than_any_landmarks_and_a_useless_one_the_fewest():
    made = make()
    quality = np.linspace(0.2, 0.9, 8)
    judged(made)[:] = quality
    seeds = made.measured["seeds"].accuracy
    seeds[:] = quality
    _, worth, _ = landmarks(made)
    assert worth.rows[0].name == "last moment (more than 4)"
    assert worth.rows[0].numbers[0].value == 1
    assert [number is None for number in worth.rows[0].numbers] == [False, True, True, False]
    seeds[:] = -quality
    _, worth, _ = landmarks(made)
    assert worth.rows[0].name == "last moment (at most 2)"
    assert [number.value for number in worth.rows[0].numbers[:3]] == [-1, 2, 2 * 5]


def test_a_number_between_two_that_were_tried_has_its_cost():
    _, worth, _ = landmarks(make(1))
    for row in worth.rows:
        _, equivalent, cost, _ = row.numbers
        if equivalent is not None:
            assert cost.value == pytest.approx(5 * equivalent.value, nan_ok=True)


def test_how_many_are_tried():
    assert landmark_counts(64) == [2, 4, 8, 16, 32]
    assert landmark_counts(9) == [2, 4]
