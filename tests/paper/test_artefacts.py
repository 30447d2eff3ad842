"""Targets: what each needs and nothing more, and which of them a study cannot have."""

from dataclasses import replace

import numpy as np
import pytest
from paper.making import made_up, paper_setting, tiny_setting
from tiny import make_record

from commonweight.errors import ResultMissing, StudyError, UsageError
from commonweight.paper import ARTEFACTS, Boxes, Claims, Curves, Table, artefacts, evidence, named, needed
from commonweight.paper.artefacts import catalogue
from commonweight.paper.experiments import TRUTH
from commonweight.paper.targets import artefact
from commonweight.study.jobs import FinalAccuracy
from commonweight.study.record import Result
from commonweight.study.store import Store

SETTING = tiny_setting(experiments__instances=3, training__batch=16)
PAPER = [  # in the paper's order; then what is not in the paper
    *("table-1", "table-2", "figure-2", "figure-3a", "figure-3b", "insight-1"),
    *("figure-4a", "figure-4b", "figure-4c", "figure-4d", "insight-2", "figure-5a", "figure-5b"),
    *("table-3a", "section-4.2.1", "figure-6a", "figure-6b", "table-3b", "table-4"),
    *(
        "figure-7",
        "figure-8",
        "figure-9",
        "hidden-choices",
        "instability",
        "sharing-kinds",
        "table-3a-found",
        "readings",
        "baselines",
        "landmarks",
        "recipe",
    ),
    "claims",
]


def names(chosen):
    return [artefact.name for artefact in chosen]


def three_children(**overrides):
    space = {"nodes": 1, "primitives": ["max_pool_3x3", "avg_pool_3x3", "skip_connect"]}
    return tiny_setting(space=space, **overrides)


# Names


def test_targets_come_in_the_papers_order_and_once():
    assert list(ARTEFACTS) == PAPER
    assert named([]) == []
    assert names(named(["figure-2", "table-1", "figure-2"])) == ["table-1", "figure-2"]
    assert names(named(iter(["table-2"]))) == ["table-2"]
    assert all(artefact.name == name for name, artefact in ARTEFACTS.items())


@pytest.mark.parametrize(
    ("word", "parts"),
    [
        ("figure-3", ["figure-3a", "figure-3b"]),
        ("figure-4", ["figure-4a", "figure-4b", "figure-4c", "figure-4d"]),
        ("figure-5", ["figure-5a", "figure-5b"]),
        ("figure-6", ["figure-6a", "figure-6b"]),
        ("table-3", ["table-3a", "table-3b"]),
        ("figure-2", ["figure-2"]),
        ("figure-5b", ["figure-5b"]),
    ],
)
def test_a_figure_of_several_parts_is_named_by_its_number(word, parts):
    assert names(named([word])) == parts
    assert names(named([word, parts[-1]])) == parts


@pytest.mark.parametrize(("word", "hint"), [("figure2", "; did you mean 'figure-2'"), ("zzz", "$"), ("", "$")])
def test_an_unknown_target_is_answered_with_the_known_ones(word, hint):
    with pytest.raises(UsageError, match=rf"unknown target '{word}'; known are table-1, table-2, figure-2.*{hint}"):
        named(["table-1", word])


@pytest.mark.parametrize("word", ["figure", "figure-", "figure-1", "table-9", "figure-5c", "section-4.2.", "FIGURE-5"])
def test_a_part_of_a_name_is_no_name(word):
    with pytest.raises(UsageError, match="unknown target"):
        named([word])


# What a study can have


def test_no_word_means_all_that_the_study_can_have():
    for setting in (SETTING, paper_setting()):
        chosen, refused = artefacts([], setting)
        assert (names(chosen), refused) == (PAPER, {})
    assert names(artefacts(["figure-5"], SETTING)[0]) == ["figure-5a", "figure-5b"]


HALF = ["figure-4a", "figure-4c", "recipe"]
ONE = [
    "figure-4b",
    "figure-4d",
    "table-3a",
    "section-4.2.1",
    "figure-6a",
    "figure-6b",
    "table-3b",
    "table-4",
    "sharing-kinds",
    "baselines",
    "landmarks",
]
TWO = ["figure-5a", "figure-5b", "figure-7", "figure-8", "figure-9", "readings"]


@pytest.mark.parametrize(
    ("epochs", "images", "lost"),  # 8 children; mini-batches of 64 images
    [
        (8, 128, []),  # 16 mini-batches, 8 up to half-way
        (9, 128, []),
        (7, 128, [*HALF, *TWO]),  # 14 and 6
        (4, 128, [*HALF, *TWO]),  # 8 and 4
        (3, 128, [*HALF, *ONE, *TWO]),  # 6 and 2
        (3, 320, [*HALF, *TWO]),  # 15 and 5
        (3, 500, []),  # 24 and 8: the last mini-batch of an epoch is a small one
        (2, 449, []),  # 16 and 8
        (2, 448, [*HALF, *TWO]),  # 14 and 7
    ],
)
def test_a_study_too_short_for_the_windows_is_told_so(epochs, images, lost):
    setting = replace(tiny_setting(training__epochs=epochs), train_images=images)
    chosen, refused = artefacts([], setting)
    assert refused.pop("table-3a-found")  # all are too short for it: see test_found.py
    assert list(refused) == [name for name in PAPER if name in lost]
    assert names(chosen) == [name for name in PAPER if name not in (*lost, "table-3a-found")]
    for name, reason in refused.items():
        wanted = 16 if name in TWO else 8
        assert f"each of {wanted} mini-batches" in reason
        assert "raise training.epochs" in reason
        assert "\n" not in reason
        with pytest.raises(StudyError, match=rf"^study 'tiny' cannot make {name}: it looks at each of {wanted} mini"):
            artefacts(["table-1", name], setting)
    if lost:  # one that was named cannot be had: nothing is made, whatever else was named
        with pytest.raises(StudyError, match="cannot make figure-5a"):
            artefacts(["figure-5"], setting)


def test_a_table_of_children_alone_has_no_super_net_to_count_in():
    @artefact("table-9", None, TRUTH.judged())
    def table_9(*_):
        return (Table("table-9", "Ground truth", (), (), ("A note.",)),)

    assert table_9(made_up(tiny_setting(), TRUTH.name))[0].notes == ("A note.",)


def test_groups_of_four_need_eight_children():
    setting = three_children()
    chosen, refused = artefacts([], setting)
    in_groups = ["section-4.2.1", "figure-6a", "figure-6b", "table-3a-found"]
    assert (
        refused.pop("landmarks")
        == "it needs 4 children, of which half are landmarks at most, and this space has only 3"
    )
    assert list(refused) == in_groups
    assert set(refused.values()) == {"it needs groups of four children, and this space has only 3 children"}
    assert names(chosen) == [name for name in PAPER if name not in (*in_groups, "landmarks")]
    with pytest.raises(StudyError, match="cannot make figure-6a: it needs groups of four children"):
        artefacts(["figure-6"], setting)
    assert len(SETTING.children) == 8
    assert artefacts([], SETTING)[1] == {}


@pytest.mark.parametrize(
    ("nodes", "primitives", "groups"),  # of about four children each
    [
        (2, ["max_pool_3x3", "skip_connect"], 2),  # 8 children
        (2, ["max_pool_3x3", "avg_pool_3x3", "skip_connect"], 4),  # 27
        (2, ["max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_5x5"], 16),  # the paper's 64
        (3, ["max_pool_3x3", "skip_connect"], 16),  # 64 others
    ],
)
def test_into_how_many_random_groups(nodes, primitives, groups):
    setting = tiny_setting(space={"nodes": nodes, "primitives": primitives}, training__epochs=64)
    assert ARTEFACTS["section-4.2.1"].experiments(setting) == ("seeds", "ground-truth", f"random-{groups}")
    assert ARTEFACTS["figure-6a"].experiments(setting) == (f"random-{groups}", "ground-truth")


# What they need


@pytest.mark.parametrize("setting", [SETTING, paper_setting(), three_children()], ids=["tiny", "paper", "three"])
def test_every_needed_experiment_exists(setting):
    chosen, _ = artefacts([], setting)
    assert {name for artefact in chosen for name in artefact.experiments(setting)} == catalogue(setting).keys()
    assert needed(chosen, setting).keys() == catalogue(setting).keys()


def test_only_what_is_needed():
    assert set(needed(named(["figure-2"]), SETTING)) == {"seeds", "orders-shuffled", "ground-truth"}
    assert set(needed(named(["figure-5b", "figure-9"]), SETTING)) == {"orders-shuffled", "sgd-0", "ground-truth"}
    assert needed([], SETTING) == {}


SPACES = {
    "tiny": SETTING,
    "three": three_children(),
    "three, alone 11": three_children(
        experiments__alone_epochs=11, experiments__instances=3
    ),  # 2 seeds of ground truth
}
UPDATES = {
    "tiny": "8 in a super-net of all 8 children over 8 epochs, 64 alone over 8 epochs.",
    "three": "5 in a super-net of all 3 children over 8 epochs, 16 alone over 8 epochs.",
    "three, alone 11": "5 in a super-net of all 3 children over 8 epochs, 22 alone over 11 epochs.",
}
"""How often a child is trained, as every table says."""


@pytest.mark.parametrize(
    ("space", "name"),
    [(space, name) for space, some in SPACES.items() for name, target in ARTEFACTS.items() if not target.refused(some)],
)
def test_each_target_is_made_from_the_records_of_its_experiments_alone(tmp_path, space, name):
    setting = SPACES[space]
    experiments, store = needed(named([name]), setting), Store(tmp_path)
    with pytest.raises(ResultMissing):
        evidence(experiments, setting, store)
    jobs = {job.id: job for experiment in experiments.values() for job in experiment.jobs}
    for job in jobs.values():
        store.write(job, Result(make_record(job)))
    made = ARTEFACTS[name](evidence(experiments, setting, store))
    assert made[0].name == name
    assert all(item.name.startswith(f"{name}-") for item in made[1:])  # so that no two targets write one file
    assert len({item.name for item in made}) == len(made)
    for item in made:
        assert item.notes.count(f"Mini-batches that train each child: {UPDATES[space]}") == isinstance(item, Table)
        match item:
            case Table():
                assert all(len(row.numbers) == len(item.columns) for row in item.rows)
                assert len({column.key for column in item.columns}) == len(item.columns)
                assert len({row.name for row in item.rows}) == len(item.rows)
            case Curves():
                assert all(len(series.at) == len(series.values) for series in item.series)
                assert len({(series.name, series.dotted) for series in item.series}) == len(item.series)
            case Boxes():
                assert len(item.boxes) == len(setting.children)
            case Claims():
                assert [claim.number for claim in item.claims] == list(range(1, 12))


@pytest.mark.parametrize("constant", ["super-nets", "everything"])
@pytest.mark.parametrize("name", ARTEFACTS)
def test_children_that_all_tie_stop_no_target(name, constant):
    """A run that learnt nothing has no order and no tau; whoever trained for hours still gets a report."""
    records = made_up(SETTING, *ARTEFACTS[name].experiments(SETTING))
    for measured in records.measured.values():
        if constant == "everything" or FinalAccuracy.JUDGED not in measured.final:
            for array in (measured.accuracy, *measured.final.values()):
                array[:] = 0.1
    for measured in records.measured.values():
        children = measured.trained.shape[2]
        measured.trained[:] = np.arange(children) == measured.step[:, None] % children
    assert ARTEFACTS[name](records)
