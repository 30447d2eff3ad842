"""What a study that ranks a sample says of it, and which targets it cannot have."""

import re

import numpy as np
import pytest
from paper.making import made_up, only, tiny_setting

from commonweight.errors import StudyError
from commonweight.paper.artefacts import ARTEFACTS, artefacts, looked_at
from commonweight.paper.claims.every import DEFINITIONS
from commonweight.paper.stability import table_2
from commonweight.paper.tables import sampled, updates
from commonweight.ranking import tau_sampling_deviation
from commonweight.report import preface
from commonweight.study.jobs import FinalAccuracy

SAMPLE = {"space__nodes": 3, "sample": {"children": 8}, "training__epochs": 16}  # of 64 children
NAMES = ("seeds", "orders", "orders-shuffled", "ground-truth")


def test_who_is_ranked_stands_in_the_preface_and_under_tables():
    setting = tiny_setting(**SAMPLE)
    said = "8 of the space's 64 children are ranked, drawn at random (seed 1), each set as likely as another"
    assert sampled(setting).startswith(said)
    assert sampled(setting) in preface(setting)
    (table,) = table_2(made_up(setting, *NAMES))
    assert sampled(setting) in table.notes
    assert not sampled(tiny_setting())
    assert not any("rank" in sentence for sentence in preface(tiny_setting()))


def test_a_stratified_sample_is_labelled():
    said = sampled(tiny_setting(**SAMPLE | {"sample": {"children": 8, "by": "convolutions"}}))
    assert "in equal numbers of each count of convolutions, which flatters: every tau here is higher" in said


def test_the_sampling_error_of_each_row():
    """Row by row the mean over its ranks of the jackknife's deviation, for a sample of 64."""
    evidence = made_up(tiny_setting(**SAMPLE), *NAMES)
    table = only(table_2(evidence))
    (note,) = [note for note in table.notes if note.startswith("Sampling error")]
    truth = evidence.measured["ground-truth"].final[FinalAccuracy.JUDGED].mean(axis=0)
    last = evidence.measured["seeds"].accuracy[:, -1]
    expected = np.mean([tau_sampling_deviation(rank, truth, 64) for rank in last])
    assert "over samples of 8 children" in note
    assert f"{expected:.3f} (different seeds)" in note
    told = re.findall(r"(\d\.\d{3}) \(([a-z. ()0-9]+?)\)", note)
    assert len(told) == len(table.rows)
    whole = only(table_2(made_up(tiny_setting(), *NAMES)))
    assert not any(note.startswith("Sampling error") for note in whole.notes)


def test_how_often_a_child_of_the_space_is_trained():
    assert "each child: 0.5 in a super-net of all 64 children" in updates(tiny_setting(**SAMPLE))
    assert "each child: 2 in a super-net of all 8 children" in updates(tiny_setting())


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("table-3a", "divides the children into groups to compare them with a super-net of all"),
        ("table-3a-found", "divides the children into groups|gives weights of their own"),
        ("table-3b", "gives weights of their own to each of the 64 children"),
        ("sharing-kinds", "gives weights of their own to each of the 64 children"),
        ("recipe", "gives weights of their own"),
    ],
)
def test_what_needs_other_trainings_is_refused(name, words):
    with pytest.raises(StudyError, match=words):
        artefacts([name], tiny_setting(**SAMPLE))


def test_what_a_sample_allows():
    setting = tiny_setting(**SAMPLE)
    chosen = {artefact.name for artefact in artefacts([], setting)[0]}
    assert {"table-1", "table-2", "figure-2", "figure-3a", "figure-5a", "insight-1", "readings", "claims"} <= chosen
    assert set(ARTEFACTS) - chosen >= {"table-3a", "table-3b", "recipe"}
    assert looked_at(setting)


def test_all_that_a_sample_allows_can_be_made():
    """The children that are ranked stand anywhere in the space: nothing takes a place in it for a place among them."""
    setting = tiny_setting(**SAMPLE)
    chosen, _ = artefacts([], setting)
    evidence = made_up(setting, *(name for artefact in chosen for name in artefact.experiments(setting)))
    for artefact in chosen:
        assert artefact(evidence)


def test_claim_6_follows_children_round_by_round():
    (claim,) = [one for one in DEFINITIONS if one.number == 6]
    assert "of the 64 that are trained this study ranks 8" in claim.view.refused(tiny_setting(**SAMPLE))
    assert claim.view.refused(tiny_setting()) is None


def test_readings_that_need_each_childs_training_are_left_out():
    """Of a sample nearly no mini-batch trains a child that is ranked."""
    setting = tiny_setting(**SAMPLE)
    evidence = made_up(setting, "seeds", "orders-shuffled", "ground-truth")
    for name in ("seeds", "orders-shuffled"):
        evidence.measured[name].trained[:] = False
    table, *_ = ARTEFACTS["readings"](evidence)
    assert not any("just after training" in row.name.lower() for row in table.rows)
