"""Other lengths and batch sizes, which the target `instability` adds: for the paper's own study and a tiny one."""

from dataclasses import replace

import pytest
from paper.making import paper_setting, tiny_setting

from commonweight.paper.artefacts import catalogue
from commonweight.sharing import Kind
from commonweight.study.jobs import SharingSpec
from commonweight.training import Moments

SETTINGS = {"paper": paper_setting(), "tiny": tiny_setting(experiments__instances=4)}
REGIMES = {  # what each changes of `training`
    "paper": {"epochs-50": {"epochs": 50}, "epochs-100": {"epochs": 100}, "batch-128": {"batch": 128}}
    | {"batch-512": {"batch": 512}},
    "tiny": {
        "epochs-2": {"epochs": 2},
        "epochs-4": {"epochs": 4},
        "batch-32": {"batch": 32},
        "batch-128": {"batch": 128},
    },
}
BUILT = {which: {name: make() for name, make in catalogue(some).items()} for which, some in SETTINGS.items()}


@pytest.mark.parametrize(("which", "name"), [(which, name) for which, regimes in REGIMES.items() for name in regimes])
def test_other_lengths_and_batches_are_seeds_but_for_that(which, name):
    """The same instances at their ends, under three statistics; and once more with BN not shared."""
    seeds, built, changed = BUILT[which]["seeds"], BUILT[which][name], REGIMES[which][name]
    apart = BUILT[which][f"{name}-unshared-norm"]
    assert len(built.instances) == len(apart.instances) == len(seeds.instances)
    looks = {"moments": Moments(every_epoch=False), "snapshots": ()}
    for (seed,), (part,), (own,) in zip(seeds.instances, built.instances, apart.instances, strict=True):
        assert part.copy == own.copy == seed.copy
        training = replace(seed.job.training, **changed)
        assert part.job == seed.job.model_copy(update=looks | {"training": training})
        unshared = {"sharing": BUILT[which]["unshared-norm"].jobs[0].sharing, "calibration_batches": None}
        assert own.job == part.job.model_copy(update=unshared)
        assert own.job.sharing == SharingSpec(kind="all-but", kinds=(Kind.NORM,))


@pytest.mark.parametrize("which", SETTINGS)
def test_no_others_are_added(which):
    found = {name for name in BUILT[which] if name.startswith(("epochs-", "batch-"))}
    assert found == {f"{name}{apart}" for name in REGIMES[which] for apart in ("", "-unshared-norm")}
