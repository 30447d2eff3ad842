"""A job's folder answers for the job that its own description hashes to, and for no other."""

import json
import shutil

import pytest
from tiny import make_job, make_record

from commonweight.errors import StoreError
from commonweight.study.inventory import take_inventory
from commonweight.study.jobs import NUMERICS, identity
from commonweight.study.record import Result
from commonweight.study.setting import Experiment, Part
from commonweight.study.store import Store

ONE, OTHER = make_job(init=(0, 1)), make_job(init=(2, 3))  # of the same shape: nothing but their names tells them apart


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    for job in (ONE, OTHER):
        store.write(job, Result(make_record(job), how={"seconds": 1.5}))
    return store


def change_done(store, job_id, **changes):
    """Other words in the job's `done.json`; None takes one away."""
    path = store.folder(job_id) / "done.json"
    content = json.loads(path.read_text(encoding="utf-8")) | changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}), encoding="utf-8")


def test_done_carries_the_id(store):
    done = json.loads((store.folder(ONE.id) / "done.json").read_text(encoding="utf-8"))
    assert (done["job"], done["numerics"]) == (ONE.id, NUMERICS)


@pytest.mark.parametrize("old", [False, True], ids=["as written", "without the id in done.json"])
def test_two_folders_swapped_answer_for_neither(store, tmp_path, old):
    if old:
        for job in (ONE, OTHER):
            change_done(store, job.id, job=None)
            store.verify(job.id)
    one, other = store.folder(ONE.id), store.folder(OTHER.id)
    one.rename(tmp_path / "aside")
    other.rename(one)
    (tmp_path / "aside").rename(other)
    for job, found in ((ONE, OTHER), (OTHER, ONE)):
        for read in (store.has, store.read, lambda job: store.job(job.id)):
            with pytest.raises(StoreError, match=rf"^job {job.id}: .* job {found.id}, expected this one"):
                read(job)
    experiment = Experiment("x", tuple((Part(job, copy),) for job in (ONE, OTHER) for copy in (0, 1)))
    made = take_inventory([experiment], store)
    assert (made.done, made.damaged.keys()) == ((), {ONE.id, OTHER.id})


def test_one_folder_copied_over_another(store):
    shutil.rmtree(store.folder(OTHER.id))
    shutil.copytree(store.folder(ONE.id), store.folder(OTHER.id))
    assert store.has(ONE)
    with pytest.raises(
        StoreError, match=rf"^job {OTHER.id}: done\.json is that of job {ONE.id}, expected this one's; run "
    ):
        store.read(OTHER)


def test_a_job_of_other_numerics_is_not_this_versions(store):
    """Its id was made with their number, so it is whole and answers for nothing that is asked today."""
    before = identity(ONE.model_dump(mode="json"), NUMERICS - 1)
    store.folder(ONE.id).rename(store.folder(before))
    change_done(store, before, job=before, numerics=NUMERICS - 1)
    store.verify(before)
    assert not store.has(ONE)
    change_done(store, before, numerics=NUMERICS)
    with pytest.raises(StoreError, match=f"job {before}: job.json describes job {ONE.id}"):
        store.verify(before)
