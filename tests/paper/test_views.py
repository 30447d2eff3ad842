"""Views: what they ask of jobs is what they read, no more and no less; and what experiments look at is the union of them."""

from itertools import product

import numpy as np
import pytest
from paper.making import made_up, paper_setting, tiny_setting

from commonweight.paper.artefacts import ARTEFACTS, catalogue, looked_at, named, needed
from commonweight.paper.claims.every import DEFINITIONS
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import (
    BN_MOMENTUM,
    FINETUNED_END,
    FINETUNED_HALF,
    PREFIX,
    PREFIX_LONG,
    RANDOM,
    RANDOM_SHUFFLED,
    SEEDS,
    SIMILAR,
    SIMILAR_SHUFFLED,
    TRUTH,
    UNSHARED_EDGE,
    in_fours,
    initialisations,
)
from commonweight.paper.looks import END, HALF, Looks
from commonweight.paper.planned import FromScratch
from commonweight.paper.targets import artefact
from commonweight.paper.views import all_of, of_study
from commonweight.study.jobs import FinalAccuracy
from commonweight.study.setting import Measured

SETTING = tiny_setting(experiments__instances=3, experiments__last_epochs=3)  # 8 children, 8 epochs of 2 mini-batches
FAMILIES = (RANDOM, SIMILAR, RANDOM_SHUFFLED, SIMILAR_SHUFFLED, PREFIX, PREFIX_LONG, BN_MOMENTUM, UNSHARED_EDGE)


# Looks


def moments(looks, setting=SETTING):
    job = setting.experiment(
        "x", (setting.children,), initialisations(setting), looks.added_to(setting.conditions, setting)
    ).jobs[0]
    return job.moments.steps(job.mini_batches, job.batches_per_epoch)


ASKED = [
    Looks(),
    Looks(every_epoch=True),
    Looks(last_batches=5),
    Looks(last_batches=9),
    Looks(windows={4: 3}),
    Looks(windows={4: 6, 2: 1}),
    Looks(every_epoch=True, last_batches=3, windows={3: 2}),
]


@pytest.mark.parametrize(("one", "other"), list(product(ASKED, repeat=2)))
def test_looking_at_both_is_looking_at_each_moment_of_either(one, other):
    assert moments(one | other) == moments(one) | moments(other)


def test_looking_at_both_keeps_all_snapshots_and_final_readings():
    some, more = (
        Looks(snapshots=frozenset([4]), final=frozenset([FinalAccuracy.JUDGED])),
        Looks(snapshots=frozenset([8])),
    )
    job = SETTING.experiment(
        "x", (SETTING.children,), initialisations(SETTING), (some | more).added_to(SETTING.conditions, SETTING)
    ).jobs[0]
    assert job.snapshots == (4, 8)
    assert job.final_accuracies == (FinalAccuracy.JUDGED,)
    for which in FinalAccuracy:
        asked = Looks(final=frozenset([which])).added_to(SETTING.conditions, SETTING)
        job = SETTING.experiment("x", (SETTING.children,), initialisations(SETTING), asked).jobs[0]
        assert which in job.final_accuracies


# Views of one experiment


def record(looks, final=()):
    """Two instances at the moments that these looks ask for; an accuracy names instance, moment and child."""
    step = np.array(sorted(moments(looks)))
    accuracy = np.arange(2)[:, None, None] / 2 + step[:, None] / 100 + np.arange(8) / 1000
    trained = np.zeros(accuracy.shape, dtype=bool)
    trained[:, np.arange(len(step)), step % 8] = True
    return Measured(accuracy, step, trained, dict.fromkeys(final, accuracy[:, 0] + 0.5))


VIEWS = {  # view, which mini-batches of the 16 it reads
    "last": (SEEDS.last(), 16),
    "after epochs": (SEEDS.after_epochs(), [2, 4, 6, 8, 10, 12, 14, 16]),
    "last epochs": (SEEDS.last_epochs(), [12, 14, 16]),
    "half-way": (SEEDS.after(HALF), 8),
    "end": (SEEDS.after(END), 16),
    "window": (SEEDS.window(), list(range(9, 17))),
    "two rounds": (SEEDS.window(rounds=2), list(range(1, 17))),
    "window half-way": (SEEDS.window(until=HALF), list(range(1, 9))),
}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_reads_its_moments_from_a_record_of_what_it_asks_for(name):
    view, steps = VIEWS[name]
    ((planned, looks),) = view.looks(SETTING).items()
    assert planned is SEEDS
    measured = record(looks)
    read = view.read(Evidence(SETTING, {"seeds": measured}))
    expected = measured.accuracy[:, [measured.step.tolist().index(step) for step in np.atleast_1d(steps)]]
    if isinstance(read, Measured):
        assert read.step.tolist() == steps
        assert read.trained.argmax(axis=2).tolist() == [[step % 8 for step in steps]] * 2
        assert read.accuracy.tolist() == expected.tolist()
    else:
        assert read.tolist() == (expected if isinstance(steps, list) else expected[:, 0]).tolist()


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_does_not_read_other_moments_instead(name):
    view, steps = VIEWS[name]
    if not isinstance(steps, list):
        return  # the last moment is always there; `after` reads epochs
    short = record(Looks())
    with pytest.raises((AssertionError, IndexError)):
        view.read(Evidence(SETTING, {"seeds": short}))


@pytest.mark.parametrize("which", FinalAccuracy)
def test_a_final_accuracy(which):
    view = SEEDS.final(which)
    assert view.looks(SETTING)[SEEDS].final == {which}
    measured = record(Looks(), [which])
    assert view.read(Evidence(SETTING, {"seeds": measured})) is measured.final[which]


def test_fine_tuning_needs_its_snapshots_and_who_keeps_them():
    for tuned, epoch in ((FINETUNED_HALF, 4), (FINETUNED_END, 8)):
        looks = tuned.every_batch().looks(SETTING)
        assert list(looks) == [SEEDS, tuned]
        assert looks[SEEDS] == Looks(snapshots=frozenset([epoch]))
    made = made_up(SETTING, "finetuned-half")
    assert FINETUNED_HALF.every_batch().read(made) is made.measured["finetuned-half"]


# Several views


@pytest.mark.parametrize("epochs", [5, 11])
def test_views_of_children_alone_end_where_those_end(epochs):
    setting = tiny_setting(experiments__alone_epochs=epochs, experiments__last_epochs=3)
    made = made_up(setting, TRUTH.name, SEEDS.name)
    record = made.measured[TRUTH.name]
    place = record.step.tolist().index
    assert record.step[-1] == 2 * epochs
    ends = [place(2 * epoch) for epoch in range(1, epochs + 1)]
    assert np.array_equal(TRUTH.after_epochs().read(made), record.accuracy[:, ends])
    assert np.array_equal(TRUTH.last_epochs().read(made), record.accuracy[:, ends[-3:]])
    assert np.array_equal(TRUTH.after(END).read(made), record.accuracy[:, -1])
    assert np.array_equal(TRUTH.window().read(made).step, np.arange(2 * epochs - 7, 2 * epochs + 1))
    assert SEEDS.after_epochs().read(made).shape[1] == 8


def test_a_window_of_children_alone_needs_epochs_of_theirs():
    looked = TRUTH.window()
    assert looked.refused(tiny_setting(experiments__alone_epochs=4)) is None  # 8 mini-batches
    short = tiny_setting(experiments__alone_epochs=3)
    assert "this study trains 6 up to there; raise experiments.alone_epochs" in looked.refused(short)
    assert SEEDS.window().refused(short) is None
    short = tiny_setting(training__epochs=3, experiments__alone_epochs=40)
    assert "this study trains 6 up to there; raise training.epochs" in looked.refused(short)


def test_several_views_ask_for_all_and_are_refused_with_the_first():
    view = all_of(SEEDS.window(), RANDOM[2].last(), SEEDS.last_epochs())
    assert view.experiments(SETTING) == ("seeds", "random-2")
    assert view.looks(SETTING)[SEEDS] == Looks(every_epoch=True, last_batches=8)
    window, last, epochs = view.read(made_up(SETTING, "seeds", "random-2"))
    assert (window.accuracy.shape, last.shape, epochs.shape) == ((3, 8, 8), (3, 8), (3, 3, 8))
    short = tiny_setting(training__epochs=3)
    both = all_of(SEEDS.last(), SEEDS.window(rounds=2), SEEDS.window())
    assert view.refused(SETTING) is None
    assert both.refused(short) == SEEDS.window(rounds=2).refused(short) != SEEDS.window().refused(short)
    assert both.then(lambda read, _: read).refused(short) == both.refused(short)


def test_a_view_of_every_member_and_of_the_one_that_the_study_decides():
    each = RANDOM.each(FromScratch.window)
    assert each.experiments(SETTING) == ("random-2", "random-4")
    assert each.experiments(paper_setting()) == tuple(f"random-{m}" for m in (2, 4, 8, 16, 32))
    made = made_up(SETTING, "random-2", "random-4")
    read = each.read(made)
    assert {m: window.accuracy.tolist() for m, window in read.items()} == {
        m: made.measured[f"random-{m}"].accuracy[:, -8:].tolist() for m in (2, 4)
    }
    fours = in_fours(RANDOM_SHUFFLED, FromScratch.last)
    assert fours.experiments(SETTING) == ("random-2-shuffled",)
    assert fours.experiments(paper_setting()) == ("random-16-shuffled",)
    few = tiny_setting(space={"nodes": 1, "primitives": ["max_pool_3x3", "skip_connect", "avg_pool_3x3"]})
    assert fours.experiments(few) == ()
    assert "only 3 children" in fours.refused(few)
    assert of_study(lambda setting: RANDOM[len(setting.children) // 2].last()).experiments(SETTING) == ("random-4",)


@pytest.mark.parametrize("setting", [SETTING, paper_setting()], ids=["tiny", "paper"])
def test_a_member_of_a_family_is_one_object_of_its_own_name(setting):
    names = set()
    for family in FAMILIES:
        for key in family.keys(setting):
            assert family[key] is family[key]
            names.add(family[key].name)
    assert len(names) == sum(len(list(family.keys(setting))) for family in FAMILIES)


# The whole catalogue


@pytest.mark.parametrize("name", ARTEFACTS)
def test_jobs_do_not_depend_on_what_is_asked_for(name):
    alone, every = needed(named([name]), SETTING), catalogue(SETTING)
    assert alone
    assert all(experiment == every[some]() for some, experiment in alone.items())


def test_an_experiment_looks_at_all_that_any_artefact_or_claim_does():
    looks = looked_at(SETTING)
    for declared in (*ARTEFACTS.values(), *DEFINITIONS):
        for planned, asked in declared.view.looks(SETTING).items():
            assert looks[planned] | asked == looks[planned]


def test_what_a_study_is_too_short_for_is_asked_of_its_jobs_all_the_same():
    """`Moments` cuts a window that is longer than the run; which experiments there are does not depend on its length.

    But for those that are shorter: the four experiments of a quarter and a half of 8 epochs, of 2 epochs the two of one.
    """
    short = tiny_setting(training__epochs=2)
    assert SEEDS.window(rounds=2).refused(short)
    assert all(DEFINITIONS[number - 1].refused(short) for number in (6, 7, 8, 9, 10))
    assert looked_at(short)[SEEDS].last_batches == 16
    names, usual = catalogue(short).keys(), catalogue(SETTING).keys()
    lengths = ("epochs-1", "epochs-2", "epochs-4")
    assert names ^ usual == {f"{name}{apart}" for name in lengths for apart in ("", "-unshared-norm")}


def test_two_experiments_of_one_name_are_seen(monkeypatch):
    twin = FromScratch("seeds", "Once more", initialisations)

    @artefact("table-9", None, twin.last())
    def table_9(*_):
        return ()

    monkeypatch.setitem(ARTEFACTS, "table-9", table_9)
    with pytest.raises(AssertionError, match="two experiments have one name"):
        catalogue(SETTING)
