"""The folder of a checkpoint: replaced at once or not at all, and swept when it is nothing any more."""

import os

import numpy as np
import pytest
import torch
from oracle import assert_same_tensors
from tiny import make_job, make_record

from commonweight.errors import StoreError
from commonweight.study import checkpoint
from commonweight.study.checkpoint import CHECKPOINT, Checkpoint, HowFar, Midway, checkpoints, sweep_checkpoints
from commonweight.study.jobs import NUMERICS
from commonweight.study.record import Result
from commonweight.study.store import Store
from commonweight.training import Snapshot

JOB = make_job()


def midway_at(step, snapshots=(1,)):
    """A job whose numbers tell the mini-batch; a sweep after each, but for the first."""
    at = Snapshot(step, {"a.b": torch.full((2, 3), step + 0.5)}, {"a.b": torch.full((2, 3), -step)})
    sweeps = [(one, one % 3, torch.full((1, 3), one / 10, dtype=torch.float64)) for one in range(2, step + 1)]
    return Midway(at, sweeps, {f"epoch-{epoch}": {"weights/x": np.full(2, epoch)} for epoch in snapshots})


def place_at(step, job=JOB, **facts):
    told = {"started": "2026-01-01T00:00:00+00:00", "seconds": 1.5, "stops": (1, 2), "circumstances": {"engine": "e"}}
    known = {"job": job.id, "numerics": NUMERICS, "label": job.label, "step": step, "total": 9}
    return HowFar(**known | told | facts)


def assert_is_at(folder, step, snapshots=(1,)):
    place, midway = folder.read()
    expected = midway_at(step, snapshots)
    assert place == place_at(step) == folder.place()
    assert midway.at.step == step
    assert_same_tensors(midway.at.weights, expected.at.weights)
    assert_same_tensors(midway.at.momentum, expected.at.momentum)
    assert [one[:2] for one in midway.sweeps] == [one[:2] for one in expected.sweeps]
    assert all(torch.equal(ours[2], theirs[2]) for ours, theirs in zip(midway.sweeps, expected.sweeps, strict=True))
    assert midway.snapshots.keys() == expected.snapshots.keys()
    for name, arrays in expected.snapshots.items():
        assert all(np.array_equal(midway.snapshots[name][key], array) for key, array in arrays.items())


@pytest.fixture
def folder(tmp_path):
    return Checkpoint(Store(tmp_path).checkpoints / JOB.id)


def test_what_was_written_is_read_and_only_the_last(folder):
    assert not folder.there
    for step, snapshots in ((1, ()), (3, (1,)), (5, (1, 2))):  # at first no sweep, no snapshot
        folder.write(place_at(step), midway_at(step, snapshots))
        assert folder.there
        assert_is_at(folder, step, snapshots)
    names = {path.name for path in folder.path.iterdir()}
    assert names == {CHECKPOINT, "state-5.safetensors", "snapshot-epoch-1.safetensors", "snapshot-epoch-2.safetensors"}
    folder.remove()
    assert not folder.path.exists()
    folder.remove()


def test_a_snapshot_is_written_once(folder):
    folder.write(place_at(3), midway_at(3))
    before = (folder.path / "snapshot-epoch-1.safetensors").stat().st_mtime_ns
    folder.write(place_at(4), midway_at(4))
    assert (folder.path / "snapshot-epoch-1.safetensors").stat().st_mtime_ns == before
    assert_is_at(folder, 4)


class Killed(BaseException):
    """As if the process had died there: nothing tidies up."""


@pytest.mark.parametrize("calls", range(12))
@pytest.mark.parametrize("name", ["fsync", "replace", "mkdir", "unlink"])
def test_killed_in_the_middle_of_a_renewal_the_one_before_or_the_new_one_is_there(folder, monkeypatch, name, calls):
    """At each call of the system that changes something, with one snapshot more than before."""
    folder.write(place_at(3), midway_at(3))
    real, left = getattr(os, name), [calls]

    def dying(*args, **named):
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return real(*args, **named)

    monkeypatch.setattr(os, name, dying)
    try:
        folder.write(place_at(5), midway_at(5, (1, 2)))
    except Killed:
        assert_is_at(folder, *((3, (1,)) if folder.place().step == 3 else (5, (1, 2))))
    else:
        assert_is_at(folder, 5, (1, 2))
    monkeypatch.undo()
    folder.write(place_at(6), midway_at(6, (1, 2)))
    assert_is_at(folder, 6, (1, 2))
    assert len(list(folder.path.iterdir())) == 4


@pytest.mark.parametrize("calls", range(4))
def test_a_write_that_fails_leaves_the_one_before_and_nothing_else(folder, monkeypatch, calls):
    def full(path, content):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        real(path, content)

    folder.write(place_at(3), midway_at(3))
    names, real, left = sorted(folder.path.iterdir()), checkpoint.write_whole, [calls]
    monkeypatch.setattr(checkpoint, "write_whole", full)
    if calls == 3:  # two arrays and the list
        folder.write(place_at(5), midway_at(5, (1, 2)))
        return
    with pytest.raises(OSError, match="No space"):
        folder.write(place_at(5), midway_at(5, (1, 2)))
    assert_is_at(folder, 3)
    assert sorted(folder.path.iterdir()) == names


def test_a_folder_is_the_checkpoint_of_the_job_of_its_name(folder):
    folder.write(place_at(3), midway_at(3))
    moved = Checkpoint(folder.path.rename(folder.path.with_name("0" * 16)))
    with pytest.raises(
        StoreError, match=f"{CHECKPOINT} is that of job {JOB.id} under numerics .*, expected this one's"
    ):
        moved.place()


@pytest.mark.parametrize("kind", ["file", "link", "dangling"])
def test_what_is_no_folder_in_its_place_gives_way(tmp_path, kind):
    store, elsewhere = Store(tmp_path / "out"), Checkpoint(tmp_path / JOB.id)
    elsewhere.write(place_at(3), midway_at(3))
    folder = Checkpoint(store.checkpoints / JOB.id)
    store.checkpoints.mkdir(parents=True)
    if kind == "file":
        folder.path.touch()
    else:
        folder.path.symlink_to(elsewhere.path if kind == "link" else "nowhere")
    store.write(JOB, Result(make_record(JOB)))
    sweep_checkpoints(store)
    assert list(store.checkpoints.iterdir()) == []
    assert_is_at(elsewhere, 3)


def test_sweeping_leaves_what_a_job_can_go_on_from(tmp_path):
    store = Store(tmp_path)
    sweep_checkpoints(store)  # there are none
    jobs = [make_job(init=(number,)) for number in range(4)]
    kept, stored, damaged, part = (Checkpoint(store.checkpoints / job.id) for job in jobs)
    for job, one in zip(jobs, (kept, stored, damaged, part), strict=True):
        one.write(place_at(3, job), midway_at(3))
    store.write(jobs[1], Result(make_record(jobs[1])))
    store.write(jobs[2], Result(make_record(jobs[2])))
    (store.folder(jobs[2].id) / "how.json").unlink()
    (part.path / CHECKPOINT).unlink()
    (kept.path / ".state-4.safetensors.999999999").touch()
    (store.checkpoints / "notes").mkdir()
    sweep_checkpoints(store)
    assert {path.name for path in store.checkpoints.iterdir()} == {jobs[0].id, jobs[2].id, "notes"}
    assert list(checkpoints(store)) == sorted([kept, damaged], key=lambda one: one.path.name)
    assert not list(kept.path.glob(".*"))
    assert kept.place().label == jobs[0].label
