"""The experiments of the catalogue against PAPER.md's table, for the paper's own study and a tiny one."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest
from paper.making import paper_setting, tiny_setting

from commonweight.paper.artefacts import catalogue
from commonweight.paper.experiments import group_counts, random_groups
from commonweight.sharing import Kind, similar
from commonweight.study import jobs
from commonweight.study.jobs import SharingSpec
from commonweight.study.load import load_study, shipped_studies
from commonweight.study.setting import Member, Setting
from commonweight.training import ChildOrder, Inactive

SETTINGS = {
    "paper": paper_setting(),
    "tiny": tiny_setting(experiments={"instances": 4, "ground_truth_seeds": 3, "last_epochs": 2, "long_factor": 3}),
}


@dataclass(frozen=True)
class Asked:
    """What PAPER.md asks of an experiment; `rounds` of all children are looked at, mini-batch by mini-batch, at the end."""

    instances: int
    groups: int = 1
    order: ChildOrder = ChildOrder.FIXED
    epochs_factor: int = 1
    every_epoch: bool = False
    rounds: int = 1
    half_way: bool = False  # also the last round before half of the epochs
    sharing: SharingSpec = field(default_factory=SharingSpec)
    changed: dict = field(default_factory=dict)  # of `training`
    bn_momentum: float = 0.4
    judged: bool = False
    snapshots: tuple[int, ...] = ()
    calibrated: bool = False
    own: bool = False  # an initialisation and orders of its own for each instance


def asked_by_the_paper(*, n, seeds, epochs, factor, counts, cells):
    """N instances unless said; `counts` are the numbers of groups between 1 and all children."""

    def own(**parts):
        return SharingSpec(kind="all-but", **parts)

    return {
        "seeds": Asked(n, every_epoch=True, rounds=2, half_way=True, snapshots=(epochs // 2, epochs), calibrated=True),
        "orders-shuffled": Asked(n, order=ChildOrder.SHUFFLED, every_epoch=True, rounds=2),
        "ground-truth": Asked(seeds, groups=0, every_epoch=True, judged=True),
        **{f"{kind}-{m}": Asked(n, groups=m) for kind in ("random", "similar") for m in counts},
        **{
            f"{kind}-{counts[-1] // 2}-shuffled": Asked(n, groups=counts[-1] // 2, order=ChildOrder.SHUFFLED, own=True)
            for kind in ("random", "similar")
        },
        **{f"prefix-{k}": Asked(n, sharing=SharingSpec(kind="prefix", k=k)) for k in range(cells + 1)},
        **{
            f"prefix-{k}-long": Asked(n, sharing=SharingSpec(kind="prefix", k=k), epochs_factor=factor)
            for k in range(cells + 1)
        },
        "seeds-long": Asked(1, rounds=2, epochs_factor=factor),
        "bn-0.1": Asked(3, rounds=2, bn_momentum=0.1),
        "bn-0.9": Asked(3, rounds=2, bn_momentum=0.9),
        "sgd-0": Asked(3, rounds=2, changed={"momentum": 0.0}),
        "other-inactive": Asked(n, every_epoch=True, rounds=0, changed={"inactive": Inactive.COAST}, calibrated=True),
        "unshared-norm": Asked(n, sharing=own(kinds=(Kind.NORM,))),
        "unshared-conv": Asked(n, sharing=own(kinds=(Kind.CONV,))),
        "only-conv": Asked(n, sharing=own(kinds=(Kind.NORM, Kind.LINEAR))),
        **{f"unshared-edge-{edge}": Asked(n, sharing=own(edges=(edge,))) for edge in (1, 2, 3)},
    }


ASKED = {
    "paper": asked_by_the_paper(n=10, seeds=10, epochs=200, factor=10, counts=(2, 4, 8, 16, 32), cells=4),
    "tiny": asked_by_the_paper(n=4, seeds=3, epochs=8, factor=3, counts=(2, 4), cells=4),
}
BUILT = {which: {name: make() for name, make in catalogue(some).items()} for which, some in SETTINGS.items()}


@pytest.mark.parametrize("which", SETTINGS)
def test_the_catalogue_is_what_the_paper_asks_for(which):
    others = {"orders", "other-data-order", "finetuned-half", "finetuned-end"}  # below, and in test_finetuning.py
    beyond = ("epochs-", "batch-", "found-", "briefly-")  # in test_regimes.py, test_found.py and test_baselines.py
    assert {name for name in BUILT[which] if not name.startswith(beyond)} == ASKED[which].keys() | others
    assert all(experiment.name == name for name, experiment in BUILT[which].items())


@pytest.mark.parametrize(("which", "name"), [(which, name) for which, asked in ASKED.items() for name in asked])
def test_an_experiment_is_what_the_paper_asks_for(which, name):
    setting, asked, experiment = SETTINGS[which], ASKED[which][name], BUILT[which][name]
    study, children = setting.study, [child.name for child in setting.children]
    assert len(experiment.instances) == asked.instances
    epochs = study.training.epochs * asked.epochs_factor
    total = epochs * setting.batches_per_epoch
    moments = set(range(total - max(1, asked.rounds * len(children)) + 1, total + 1))
    if asked.every_epoch:
        moments |= set(range(setting.batches_per_epoch, total + 1, setting.batches_per_epoch))
    if asked.half_way:
        half = total // 2
        moments |= set(range(half - len(children) + 1, half + 1))
    for number, parts in enumerate(experiment.instances):
        assert len(parts) == (asked.groups or len(children))
        assert sorted(name for part in parts for name in part.job.children) == children
        assert {len(part.job.children) for part in parts} == {len(children) // len(parts)}
        for part in parts:
            job, alone = part.job, len(part.job.children) == 1
            assert job.order is asked.order
            if asked.own:
                assert (job.seeds.init[part.copy], job.seeds.order) == (number, number)
            elif asked.order is ChildOrder.SHUFFLED:
                assert (job.seeds.init[part.copy], job.seeds.order) == (0, number)  # one initialisation, N sequences
            else:
                assert (job.seeds.init[part.copy], job.seeds.order) == (number, 0)  # N initialisations, one order
            assert (job.seeds.data, job.seeds.augment) == (0, 0)
            assert job.training == replace(study.training, epochs=epochs, **asked.changed)
            assert job.net == replace(study.net, bn_momentum=asked.bn_momentum)
            assert job.sharing == (SharingSpec() if alone else asked.sharing)
            assert job.moments.steps(total, job.batches_per_epoch) == moments
            assert job.mini_batches == total
            assert (job.start, job.stop_after) == (None, None)
            assert job.snapshots == asked.snapshots
            assert (job.images.judge_images is not None) == asked.judged
            expected = study.experiments.calibration_batches if asked.calibrated else None
            assert job.calibration_batches == expected
            assert (job.images.train_images, job.images.sweep_images) == (setting.train_images, setting.sweep_images)


def test_the_papers_lengths():
    """Appendix A.1: an epoch of 196 mini-batches, 200 epochs, 2000 for prefix sharing and Figure 7."""
    built = BUILT["paper"]
    assert SETTINGS["paper"].batches_per_epoch == 196
    assert {job.mini_batches for job in built["seeds"].jobs} == {200 * 196}
    for name in ("seeds-long", *(f"prefix-{k}-long" for k in range(5))):
        assert {job.mini_batches for job in built[name].jobs} == {2000 * 196}
    assert {job.mini_batches for name in ("finetuned-half", "finetuned-end") for job in built[name].jobs} == {64}
    assert {job.start.epoch for job in built["finetuned-half"].jobs} == {100}
    assert {job.start.epoch for job in built["finetuned-end"].jobs} == {200}
    assert {job.images.judge_images for job in built["ground-truth"].jobs} == {10_000}


@pytest.mark.parametrize("which", SETTINGS)
def test_different_orders_have_one_initialisation_and_begin_with_an_instance_of_seeds(which):
    orders, seeds = BUILT[which]["orders"], BUILT[which]["seeds"]
    read = [(part.job.seeds.init[part.copy], part.job.seeds.order) for (part,) in orders.instances]
    assert read == [(0, order) for order in range(len(seeds.instances))]
    assert orders.instances[0] == seeds.instances[0]
    assert {job.order for job in orders.jobs} == {ChildOrder.FIXED}
    for job in orders.jobs[1:]:
        bpe, total = job.batches_per_epoch, job.mini_batches
        assert job.moments.steps(total, bpe) == set(range(bpe, total + 1, bpe))


def test_the_other_kind_of_inactive_weights():
    built = catalogue(tiny_setting(training__inactive="coast"))
    assert {job.training.inactive for job in built["seeds"]().jobs} == {Inactive.COAST}
    assert {job.training.inactive for job in built["other-inactive"]().jobs} == {Inactive.FREEZE}
    assert {job.training.inactive for job in built["ground-truth"]().jobs} == {Inactive.FREEZE}  # nobody is inactive


PINNED = json.loads((Path(__file__).parent / "pinned.json").read_text(encoding="utf-8"))
"""By study and experiment: a digest of the jobs and copies of its instances, in their order."""


@pytest.mark.parametrize("study", shipped_studies())
def test_the_jobs_of_the_shipped_studies_are_pinned(study, monkeypatch):
    """What somebody has trained stays what these studies ask for; `NUMERICS` alone says that its numbers changed."""
    monkeypatch.setattr(jobs, "NUMERICS", 1)
    some = Setting(load_study(study), "f" * 64, (7, 7), 10_000, 1000, 10_000)
    found = {}
    for name, make in catalogue(some).items():
        parts = [[[part.job.id, part.copy] for part in instance] for instance in make().instances]
        found[name] = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
    assert found == PINNED[study]


# How long children alone are trained


@pytest.mark.parametrize("epochs", [5, 20])
def test_children_alone_are_trained_as_long_as_the_study_says_and_nobody_else(epochs):
    some = tiny_setting(experiments__alone_epochs=epochs)
    built = {name: build() for name, build in catalogue(some).items()}
    same = {name: build() for name, build in catalogue(tiny_setting()).items()}
    assert {name for name in built if built[name] != same[name]} == {"ground-truth"}
    (truth,), (before,) = ([e["ground-truth"].jobs[0]] for e in (built, same))
    assert truth.training == replace(before.training, epochs=epochs)
    assert {job.mini_batches for job in built["ground-truth"].jobs} == {2 * epochs}
    as_before = {job.id for experiment in same.values() for job in experiment.jobs}
    said = tiny_setting(experiments__alone_epochs=tiny_setting().study.training.epochs)
    assert {job.id for build in catalogue(said).values() for job in build().jobs} == as_before


@pytest.mark.parametrize(("seeds", "stack"), [(2, 1), (2, 3), (4, 1)])
def test_a_group_of_one_child_is_that_child_alone(seeds, stack):
    """Three children in two groups, four instances: those beyond the seeds of ground truth are trained as long as it is."""
    some = tiny_setting(
        space={"nodes": 1, "primitives": ["max_pool_3x3", "sep_conv_3x3", "none"]},
        experiments={
            "instances": 4,
            "ground_truth_seeds": seeds,
            "last_epochs": 2,
            "alone_epochs": 11,
            "stack": stack,
        },
    )
    built = {name: build() for name, build in catalogue(some).items()}
    truth = [{part.job.children: part for part in parts} for parts in built["ground-truth"].instances]
    assert group_counts(some) == (2,)
    for name in ("random-2", "similar-2"):
        for number, parts in enumerate(built[name].instances):
            lonely, pair = sorted(parts, key=lambda part: len(part.job.children))
            assert (lonely.job.training.epochs, pair.job.training.epochs) == (11, 8)
            assert lonely.job.seeds.init[lonely.copy] == number
            assert number >= seeds or lonely == truth[number][lonely.job.children]
    assert [training for training, ids in trainings(built).items() if len(ids) > 1] == []


def test_updates_of_a_child_are_the_papers():
    assert [SETTINGS["paper"].updates(children) for children in (64, 4, 1)] == [612, 9_800, 39_200]
    longer = tiny_setting(experiments__alone_epochs=20)  # 8 epochs of 2 mini-batches
    assert [longer.updates(children) for children in (8, 3, 1)] == [2, 5, 40]


def test_few_instances_stay_few():
    built = catalogue(tiny_setting(experiments__instances=2))
    assert [len(built[name]().instances) for name in ("bn-0.1", "bn-0.9", "sgd-0")] == [2, 2, 2]


# Data orders


def members(experiment):
    """(initialisation, order, data order) of each instance: all its parts have the same."""
    found = []
    for parts in experiment.instances:
        ((data, augment),) = {(part.job.seeds.data, part.job.seeds.augment) for part in parts}
        assert data == augment
        found.append((parts[0].job.seeds.init[parts[0].copy], parts[0].job.seeds.order, data))
    return found


def four(data_order, stack):
    experiments = {"instances": 4, "ground_truth_seeds": 3, "last_epochs": 2, "data_order": data_order, "stack": stack}
    return {name: make() for name, make in catalogue(tiny_setting(experiments=experiments)).items()}


@pytest.mark.parametrize("stack", [1, 3])
def test_own_data_orders(stack):
    """Number 1 is fine-tuning's, which every instance has in common: nobody else's, so its batches are new to all."""
    built = four("own", stack)
    del built["other-data-order"]
    for name, experiment in built.items():
        if name.startswith("finetuned"):
            assert members(experiment) == [(0, 0, 1), (1, 0, 1), (2, 0, 1), (3, 0, 1)]
        elif name.startswith("orders"):
            assert members(experiment) == [(0, 0, 0), (0, 1, 2), (0, 2, 3), (0, 3, 4)]
        elif name.startswith("found"):
            assert members(experiment) == [(1, 0, 2), (2, 0, 3), (3, 0, 4)]
        elif name in ("random-2-shuffled", "similar-2-shuffled"):
            assert members(experiment) == [(0, 0, 0), (1, 1, 2), (2, 2, 3), (3, 3, 4)]
        else:
            assert members(experiment) == [(0, 0, 0), (1, 0, 2), (2, 0, 3), (3, 0, 4)][: len(experiment.instances)]
        assert {job.copies for job in experiment.jobs} == {1}  # copies of one job see the same batches


def test_the_first_instance_is_the_same_job_under_both_data_orders():
    own, common = four("own", 1), four("common", 1)
    for name in own:
        if name.startswith("found"):
            continue  # its first instance is number 1
        assert own[name].instances[0] == common[name].instances[0]
    assert set(own["seeds"].jobs[1:]).isdisjoint(common["seeds"].jobs)


@pytest.mark.parametrize(("data_order", "others"), [("common", (2, 3, 4)), ("own", (0, 0, 0))])
@pytest.mark.parametrize("stack", [1, 3])
def test_the_other_data_order_is_of_seeds_and_trains_their_first_instance_with_them(data_order, others, stack):
    built = four(data_order, stack)
    seeds, other = built["seeds"], built["other-data-order"]
    assert other.instances[0] == seeds.instances[0]
    assert members(other) == [(0, 0, 0), *((number, 0, data) for number, data in enumerate(others, start=1))]
    assert len(set(other.jobs) - set(seeds.jobs)) == (1 if (data_order, stack) == ("own", 3) else 3)
    looks = {"moments", "snapshots", "calibration_batches", "seeds"}
    assert len({job.model_dump_json(exclude=looks) for job in (*seeds.jobs, *other.jobs)}) == 1  # else they are alike


# Partitions


def groups_of(experiment):
    """The partition of each instance."""
    return [tuple(part.job.children for part in parts) for parts in experiment.instances]


@pytest.mark.parametrize("which", SETTINGS)
def test_one_random_partition_for_all_instances_of_a_study(which):
    some = SETTINGS[which]
    for m in group_counts(some):
        partitions = groups_of(BUILT[which][f"random-{m}"])
        assert len(set(partitions)) == 1
        assert partitions[0] == tuple(tuple(c.name for c in group) for group in random_groups(some, m))
    other = {"paper": paper_setting, "tiny": tiny_setting}[which](seed=2)
    m = max(group_counts(some))
    assert groups_of(catalogue(other)[f"random-{m}"]())[0] != groups_of(BUILT[which][f"random-{m}"])[0]


def test_the_random_partition_depends_on_the_seed_and_on_m_alone():
    longer = paper_setting(training__epochs=7, experiments__last_epochs=2, experiments__instances=3)
    assert random_groups(longer, 16) == random_groups(SETTINGS["paper"], 16)
    ours = {frozenset(group) for group in random_groups(longer, 16)}
    assert ours != {frozenset(group) for group in similar(longer.children, 16)}
    halves = [set(group) for group in random_groups(longer, 2)]
    assert not all(any(set(group) <= half for half in halves) for group in random_groups(longer, 16))  # no finer cut


def test_every_pair_is_as_likely_to_share_a_group():
    """Over many studies: 4 of 8 children, so 3 of 7 companions."""
    together = np.zeros((8, 8))
    for seed in range(300):
        for group in random_groups(tiny_setting(seed=seed), 2):
            index = [child.index for child in group]
            together[np.ix_(index, index)] += 1 / 300
    assert together[~np.eye(8, dtype=bool)] == pytest.approx(3 / 7, abs=0.13)  # 4.5 standard deviations


@pytest.mark.parametrize(("which", "m"), [("paper", 16), ("tiny", 2)])
@pytest.mark.parametrize("kind", ["random", "similar"])
def test_shuffled_orders_are_given_to_the_same_groups(which, kind, m):
    assert groups_of(BUILT[which][f"{kind}-{m}-shuffled"]) == groups_of(BUILT[which][f"{kind}-{m}"])


def test_similar_groups_are_the_papers():
    """Section 4.2.2: with m = 8, from 111 to 124, from 131 to 144, from 211 to 224, and so on."""
    groups = groups_of(BUILT["paper"]["similar-8"])[0]
    assert [(group[0], group[-1], len(group)) for group in groups[:3]] == [
        ("111", "124", 8),
        ("131", "144", 8),
        ("211", "224", 8),
    ]


# Nothing twice

LOOKS = ("moments", "snapshots", "calibration_batches")


def trainings(built):
    """Ids of the jobs behind each training of one copy, whatever they look at."""
    found = {}
    for experiment in built.values():
        for job in experiment.jobs:
            content = {k: v for k, v in job.model_dump(mode="json").items() if k not in LOOKS}
            content["images"].pop("judge_images")
            for init in content["seeds"].pop("init"):
                found.setdefault(f"{init} {content}", set()).add(job.id)
    return found


@pytest.mark.parametrize("stack", [1, 3, 10])
@pytest.mark.parametrize("make", [paper_setting, tiny_setting])
@pytest.mark.parametrize("order", ["common", "own"])
def test_all_experiments_together_train_nothing_twice(make, stack, order):
    some = make(
        experiments__stack=stack,
        experiments__instances=4,
        experiments__ground_truth_seeds=4,
        experiments__data_order=order,
    )
    built = {name: make() for name, make in catalogue(some).items()}
    found = trainings(built)
    assert len(found) > 100
    assert [training for training, ids in found.items() if len(ids) > 1] == []


def test_what_is_shared_is_told_apart():
    """The test above would see it: full sharing once more, only to look elsewhere, is the same training."""
    some = tiny_setting()
    seeds = catalogue(some)["seeds"]()
    conditions = some.conditions.looking(last_batches=3)
    again = some.experiment("again", (some.children,), [Member(init) for init in (0, 1)], conditions)
    assert again.jobs != seeds.jobs
    assert {len(ids) for ids in trainings({"seeds": seeds, "again": again}).values()} == {2}
