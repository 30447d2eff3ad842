"""Groups found from data: which jobs are planned for them, what they cost, and their table against loops."""

from dataclasses import replace

import pytest
from paper.making import last_taus, made_up, mean, only, paper_setting, std, tiny_setting, truth_of

from commonweight.paper.artefacts import ARTEFACTS, catalogue, looked_at, needed
from commonweight.paper.experiments import FOUND, SEEDS, found_counts
from commonweight.paper.found import table_3a_found
from commonweight.study.jobs import Affinity, FoundSpec

WAYS = ("help", "correlation", "gradients")
TINY = {"training__epochs": 8, "training__batch": 16, "experiments__instances": 4}  # 8 mini-batches an epoch
SETTINGS = {"paper": paper_setting(), "tiny": tiny_setting(**TINY)}
EPOCHS = {  # by hand: epochs - (epochs + gradients) / m, whole; gradients of 64 (8) children in 2 of 196 (8) mini-batches
    "paper": {("help", 4): 150, ("help", 16): 187, ("gradients", 4): 149, ("gradients", 16): 187},
    "tiny": {("help", 2): 4, ("gradients", 2): 3},
}
OVER = {"paper": 128, "tiny": 16}


@pytest.mark.parametrize("which", SETTINGS)
@pytest.mark.parametrize("by", WAYS)
def test_the_jobs_of_found_groups(which, by):
    setting, make = SETTINGS[which], catalogue(SETTINGS[which])
    (source,) = make["seeds"]().instances[0]
    children, study = len(setting.children), setting.study
    assert found_counts(setting) == {"paper": (4, 16), "tiny": (2,)}[which]
    for m in found_counts(setting):
        experiment = make[f"found-{by}-{m}"]()
        epochs = EPOCHS[which]["gradients" if by == "gradients" else "help", m]
        assert len(experiment.instances) == study.experiments.instances - 1
        for instance, parts in enumerate(experiment.instances, start=1):
            assert [part.job.children for part in parts] == [
                FoundSpec(
                    job=source.job.id,
                    number=source.copy,
                    by=Affinity(by),
                    over=2 if by == "gradients" else OVER[which],
                    m=m,
                    group=group,
                    size=children // m,
                )
                for group in range(m)
            ]
            for part in parts:
                job = part.job
                assert (job.seeds.init[part.copy], job.seeds.order) == (instance, 0)  # not the one they were found in
                assert job.training == replace(study.training, epochs=epochs)
                total = epochs * setting.batches_per_epoch
                expected = set(range(total - children + 1, total + 1))
                assert job.moments.steps(total, job.batches_per_epoch) == expected
                assert (job.start, job.snapshots, job.sources) == (None, (), (source.job.id,))


def test_sizes_of_groups_that_cannot_be_equal():
    """27 children: three groups of seven, and one of six, which comes first."""
    setting = tiny_setting(space__primitives=["max_pool_3x3", "sep_conv_3x3", "skip_connect"])
    assert found_counts(setting) == (4,)
    specs = FOUND[Affinity.HELP][4].found.groups(setting, catalogue(setting)["seeds"]())
    assert [(spec.group, spec.size) for spec in specs] == [(0, 6), (1, 7), (2, 7), (3, 7)]


def test_they_never_cost_more_than_random_groups():
    for setting in SETTINGS.values():
        for by in Affinity:
            for m in found_counts(setting):
                found, epochs = FOUND[by][m].found, setting.study.training.epochs
                spent = m * found.epochs(setting) + found.child_epochs(setting)
                assert m * (epochs - 1) < spent <= m * epochs


def test_what_they_are_found_in_is_looked_at_as_before():
    """By the window and the snapshot that figures 5 and 4 have already: no instance of seeds is trained for them alone."""
    for setting in SETTINGS.values():
        seen, asked = looked_at(setting)[SEEDS], FOUND[Affinity.HELP][2].found.shown().looks(setting)[SEEDS]
        kept = FOUND[Affinity.GRADIENTS][2].found.shown().looks(setting)[SEEDS]
        assert seen == seen | asked | kept
    setting = SETTINGS["tiny"]
    assert set(needed([ARTEFACTS["table-3a-found"]], setting)) == {
        "ground-truth",
        "random-2",
        "similar-2",
        "seeds",
        *(f"found-{by}-2" for by in WAYS),
    }


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"space__nodes": 1, "space__primitives": ["max_pool_3x3", "conv_1x1", "skip_connect"]}, "has only 3 children"),
        ({}, "2 groups of 8 epochs cost too little to be found for less: finding them by gradients takes 16.0 child-epochs"),
        ({"training__epochs": 4}, "it looks at each of 16 mini-batches"),  # two rounds to find them
        (  # one round, of fewer epochs
            {"training__epochs": 5, "training__batch": 19},
            "8 mini-batches (1 × 8 children), and this study trains 7 up to there; raise training.epochs",
        ),
    ],
)  # fmt: skip
def test_a_study_that_cannot_have_them(overrides, message):
    setting = tiny_setting(**overrides)
    assert message in ARTEFACTS["table-3a-found"].refused(setting)
    catalogue(setting)  # what it cannot have is planned all the same, so that no job depends on it


@pytest.mark.parametrize("seed", range(3))
def test_the_table_by_loops(seed):
    names = [f"{kind}-2" for kind in ("random", "similar", *(f"found-{way}" for way in WAYS))]
    made = made_up(SETTINGS["tiny"], "ground-truth", *names, seed=seed)
    table, truth = only(table_3a_found(made)), truth_of(made)
    taus = {}
    for name in names:
        measured = made.measured[name]
        first = 0 if name.startswith("found") else 1
        taus[name] = [last_taus(measured, i, truth, 8) for i in range(first, len(measured.accuracy))]
    assert [row.name for row in table.rows] == [
        "2 random groups",
        "2 similar groups",
        *(f"2 groups found by {way}" for way in WAYS),
    ]
    assert [row.ranks for row in table.rows] == [3] * 5
    costs = [16, 16, 2 * 4 + 8, 2 * 4 + 8, 2 * 3 + 8 + 2]
    for row, name, cost in zip(table.rows, names, costs, strict=True):
        child_epochs, means, stds, beyond = row.numbers
        assert child_epochs.value == cost
        for number, statistic in ((means, mean), (stds, std)):
            values = [statistic(one) for one in taus[name]]
            assert (number.value, number.std) == pytest.approx((mean(values), std(values)), abs=1e-12)
        if name == "random-2":
            assert beyond is None
        else:
            pairs = zip(taus[name], taus["random-2"], strict=True)
            assert beyond.value == pytest.approx(mean(mean(a) - mean(b) for a, b in pairs), abs=1e-12)
            assert beyond.interval.low <= beyond.value <= beyond.interval.high
