"""The answer that a report opens with, from made-up records, against plain Python."""

from dataclasses import replace

import numpy as np
import pytest
from paper.making import after, made_up, mean, places, tau, tiny_setting, tnr, truth_of

from commonweight.paper import answer_so_far
from commonweight.paper.answer import LAST
from commonweight.paper.ways import parameter_counts
from commonweight.study.jobs import FinalAccuracy

ALL = ("seeds", "orders-shuffled", "finetuned-end", "ground-truth")
END = 16


def make(*names, seed=0, **overrides):
    sets = {"experiments__instances": 5, "experiments__ground_truth_seeds": 4} | overrides
    return made_up(tiny_setting(**sets), *(names or ALL), seed=seed)


def with_last(evidence, *, seeds=None, truth=None):
    """The same records, where all instances end at these accuracies `[child]`, or ground truth's at those."""
    for name, given in (("seeds", seeds), ("ground-truth", truth)):
        if given is not None:
            measured = evidence.measured[name]
            measured.accuracy[:] = given
            for final in measured.final.values():
                final[:] = given
    return evidence


def numbers(answer):
    return {row.name: row.numbers[0].value for row in answer.rows}


@pytest.mark.parametrize("seed", range(3))
def test_every_row_against_plain_python(seed):
    made = make(seed=seed)
    truth, seeds, alone = truth_of(made), made.measured["seeds"], made.measured["ground-truth"]
    rounds = [[after(seeds, i, step) for step in range(END - 7, END + 1)] for i in range(5)]
    judged, others = alone.final[FinalAccuracy.JUDGED].tolist(), range(4)
    own = [
        tau(after(alone, i, int(alone.step[-1])), [mean(judged[j][c] for j in others if j != i) for c in range(8)])
        for i in others
    ]
    expected = {
        LAST: mean(tau(after(seeds, i, END), truth) for i in range(5)),
        "mean of the last 8": mean(tau([mean(column) for column in zip(*one, strict=True)], truth) for one in rounds),
        "validation batch's statistics": mean(
            tau(row, truth) for row in seeds.final[FinalAccuracy.UNDER_BATCH_STATISTICS].tolist()
        ),
        "fine-tuned, 3 mini-batches": mean(
            tau(row, truth) for row in made.measured["finetuned-end"].accuracy[:, -1].tolist()
        ),
        "parameter count, untrained": tau(parameter_counts(made.setting), truth),
        "children trained alone, once": mean(own),
    }
    answer = answer_so_far(made)
    assert numbers(answer) == pytest.approx(expected)
    assert [row.ranks for row in answer.rows] == [5, 5, 5, 5, 1, 4]
    for row, value in zip(answer.rows, expected.values(), strict=True):
        assert f"{row.name}: {value:.2f}" in answer.sentence or f"{row.name}: GT-Tau {value:.2f}" in answer.sentence


@pytest.mark.parametrize("seed", range(3))
def test_dropping_half_and_taking_the_first_against_plain_python(seed):
    made = make(seed=seed)
    truth, shuffled = truth_of(made), made.measured["orders-shuffled"]
    last = made.setting.study.experiments.last_epochs
    best, kept, first = places(truth).index(1), 0, []
    for i in range(5):
        epochs = [places(after(shuffled, i, 2 * epoch)) for epoch in range(8 - last + 1, 9)]
        means = [mean(column) for column in zip(*epochs, strict=True)]
        kept += places([-one for one in means])[best] <= 4
        first.append(tnr(after(made.measured["seeds"], i, END), truth, 1))
    answer = answer_so_far(made)
    advice = " ".join(answer.advice)
    assert f"dropping half keeps the truly best child in {kept} of 5 instances." in answer.sentence
    assert (f"stayed in {kept} of 5" in advice) == (kept == 5)
    assert ("Do not drop the half of the children with the worst mean rank" in advice) == (kept < 5)
    if mean(first) > 1.1:
        assert f"its true rank is {mean(first):.0f} of 8" in advice


def test_it_says_what_there_is():
    bare = answer_so_far(make("seeds", "ground-truth"))
    assert "dropping" not in bare.sentence
    assert not any("rop the half" in one for one in bare.advice)
    assert not any("fine-tuned" in name for name in numbers(bare))
    assert answer_so_far(make("seeds")) is None
    assert answer_so_far(make("ground-truth")) is None


def test_a_trial_has_no_answer():
    made = make()
    study = made.setting.study.model_copy(update={"trial": True})
    assert answer_so_far(replace(made, setting=replace(made.setting, study=study))) is None


QUALITY = np.arange(8) / 10


@pytest.mark.parametrize(
    ("seeds", "verdict"),
    [
        (QUALITY, "Yes: it is nearly as good"),
        (-QUALITY + 1, "No: it is not surely better than a rank at random."),
        (QUALITY[[0, 1, 3, 2, 5, 4, 7, 6]], "Only roughly: surely better than chance, surely worse"),
    ],
)
def test_the_verdict(seeds, verdict):
    answer = answer_so_far(with_last(make(), seeds=seeds, truth=QUALITY))
    assert answer.verdict.startswith(verdict)


def test_undecided():
    few = answer_so_far(with_last(make(experiments__instances=2), truth=QUALITY))
    assert few.verdict == "Undecided: 2 instances are too few to say."
    no_intervals = answer_so_far(with_last(make(experiments__ground_truth_seeds=2), seeds=QUALITY, truth=QUALITY))
    assert no_intervals.verdict.endswith("whether worse than children trained alone is undecided.")


def test_advice_tells_apart_what_helps_what_harms_and_what_is_undecided():
    made = with_last(make(), seeds=QUALITY[[0, 1, 3, 2, 5, 4, 7, 6]], truth=QUALITY)
    final = made.measured["seeds"].final
    final[FinalAccuracy.UNDER_BATCH_STATISTICS][:] = QUALITY
    made.measured["finetuned-end"].accuracy[:] = -QUALITY
    helps, harms, undecided, *_ = [one for one in answer_so_far(made).advice if not one.startswith("Count")]
    assert helps.startswith("Validate with batch-norm statistics of the validation batch")
    assert helps.endswith("GT-Tau rises by 0.21 [0.21, 0.21].")  # from 22/28 to 1
    assert harms.startswith("Do not use what surely does harm here: fine-tuned, 3 mini-batches")
    assert undecided.startswith("Undecided by so few instances is what this would change: mean of the last 8")


def test_parameters_must_be_beaten():
    made = make()
    counts = parameter_counts(made.setting) / 1e5
    answer = answer_so_far(with_last(made, seeds=-counts + 1, truth=counts))
    assert answer.advice[0].startswith("Count the children's parameters before anything else")
    assert "surely better than" in answer.advice[0]
    beaten = answer_so_far(with_last(make(), seeds=QUALITY, truth=QUALITY))
    assert not any("Count" in one for one in beaten.advice)
