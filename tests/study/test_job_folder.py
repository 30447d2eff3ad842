"""A job's folder answers for the job that its own description hashes to, and for nothing that a run did not write."""

import hashlib
import json
import math
import os
import shutil
import struct
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy
from tiny import make_job, make_record

from commonweight.errors import StoreError
from commonweight.study.inventory import take_inventory
from commonweight.study.jobs import NUMERICS, identity
from commonweight.study.record import AGREEMENT, RECORD, Result
from commonweight.study.setting import Experiment, Part
from commonweight.study.store import Store

ONE, OTHER = make_job(init=(0, 1)), make_job(init=(2, 3))  # of the same shape: nothing but their names tells them apart
FACTS = {"started": "2026-11-24T18:40:00+00:00", "seconds": 1.5}
RESULT = Result(make_record(ONE), {"epoch-1": {"weights/a": np.ones((2, 3), "f4")}}, FACTS)


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    for job in (ONE, OTHER):
        store.write(job, RESULT if job is ONE else Result(make_record(job)))
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


BRACKETS = b"[" * 100_000
NAN = np.array([np.nan])


def arrays(**changes):
    """The record of `ONE` as a file, some of its arrays changed by these functions; None takes one away."""
    content = RESULT.record.arrays()
    for name, change in changes.items():
        content[name] = change(content.get(name))
    return safetensors.numpy.save({name: array for name, array in content.items() if array is not None})


def framed(header):
    """A file of safetensors with this header, up to its numbers."""
    return struct.pack("<Q", len(header)) + header


def with_nan(array):
    array = array.copy()
    array.flat[-1] = np.nan
    return array


def how(**facts):
    return json.dumps(FACTS | facts).encode()


BAD = {
    # what stands in a file whose checksum is right: (file, content, what is told)
    "NaN": (RECORD, arrays(accuracy=with_nan), "accuracy.safetensors holds what is no finite number"),
    "NaN of the judgement": (RECORD, arrays(judged=with_nan), "holds what is no finite number"),
    "infinite": (RECORD, arrays(judged=lambda a: a + np.inf), "holds what is no finite number"),
    "percent": (RECORD, arrays(accuracy=lambda a: 100 * a), r"an accuracy lies outside \[0, 1\]"),
    "an array more": (
        RECORD,
        arrays(batch=lambda _: np.zeros(3)),
        "has the arrays accuracy, batch, judged, step, trained, ",
    ),
    "an array less": (RECORD, arrays(step=lambda _: None), "has the arrays accuracy, judged, trained, which are not"),
    "another shape": (RECORD, arrays(step=lambda a: a[1:]), "the record has shapes .*, the job asked for"),
    "an accuracy more": (RECORD, arrays(recalibrated=lambda _: np.zeros((2, 3))), "the record has shapes"),
    "whole accuracies": (RECORD, arrays(accuracy=lambda a: a.astype(np.int64)), "accuracy are numbers of kind int64"),
    "moments in fractions": (RECORD, arrays(step=lambda a: a + 0.5), "step are numbers of kind float64"),
    "moments backwards": (RECORD, arrays(step=lambda a: a[::-1].copy()), "moments are not in their order in 1 … 6"),
    "moment 0": (RECORD, arrays(step=lambda a: a - a[0]), "moments are not in their order in 1 … 6"),
    "moments after the end": (RECORD, arrays(step=lambda a: a + 1), "moments are not in their order in 1 … 6"),
    "child 3 of 3": (RECORD, arrays(trained=lambda a: a * 0 + 3), "trained children are not in 0 … 2"),
    "child -1": (RECORD, arrays(trained=lambda a: a * 0 - 1), "trained children are not in 0 … 2"),
    "an empty header": (RECORD, safetensors.numpy.save({}), "the record has the arrays none, which are not"),
    "no header": (RECORD, b"", "accuracy.safetensors holds no arrays that can be read"),
    "brackets for a header": (RECORD, framed(BRACKETS), "holds no arrays that can be read"),
    "numbers of a kind that NumPy lacks": (
        RECORD,
        framed(b'{"a":{"dtype":"F8_E8M0","shape":[1],"data_offsets":[0,1]}}') + b"1",
        "holds no arrays that can be read",
    ),
    "a snapshot of brackets": (
        "snapshot-epoch-1.safetensors",
        BRACKETS,
        "epoch-1.safetensors holds no arrays that can be",
    ),
    "a snapshot with NaN": (
        "snapshot-epoch-1.safetensors",
        safetensors.numpy.save({"weights/a": NAN}),
        "snapshot-epoch-1.safetensors holds what is no finite number",
    ),
    **{
        f"job.json: {content[:9].decode(errors='replace')}": ("job.json", content, "job.json ")
        for content in (b"", b"{}", b"3", b'"x"', b"null", b"[]", b"NaN", b"\xff", BRACKETS, b"[" * 900 + b"]" * 900)
    },
    **{
        f"how.json: {content[:9].decode(errors='replace')}": (
            "how.json",
            content,
            "how.json does not say how a job ran",
        )
        for content in (b"", b"[]", b"3", b"null", b"\xff", BRACKETS)
    },
    "no time at all": ("how.json", how(started="yesterday"), "how.json does not say how a job ran"),
    "no time zone": ("how.json", how(started="2026-01-01T00:00:00"), "how.json does not say how a job ran"),
    "the end of time": ("how.json", how(started="9999-12-31T23:59:59+00:00"), "how.json does not say how a job ran"),
    "time as a number": ("how.json", how(started=1e9), "how.json does not say how a job ran"),
    "no seconds": ("how.json", how(seconds=None), "how.json does not say how a job ran"),
    "NaN seconds": ("how.json", how(seconds=math.nan), "how.json does not say how a job ran"),
    "endless": ("how.json", how(seconds=1e300), "how.json does not say how a job ran"),
    "no children": ("how.json", how(through_pytorch=[3]), "how.json does not say how a job ran"),
    "no numbers": ("how.json", how(**{AGREEMENT: "all"}), "how.json does not say how a job ran"),
}


def forge(store, name, content):
    """Another content for a file of `ONE`, with the right checksum."""
    (store.folder(ONE.id) / name).write_bytes(content)
    done = json.loads((store.folder(ONE.id) / "done.json").read_text(encoding="utf-8"))
    done["files"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (store.folder(ONE.id) / "done.json").write_text(json.dumps(done), encoding="utf-8")


def heals(store, told):
    """The job is damaged for that reason, in one line; writing it makes it whole, and what was there is kept aside."""
    with pytest.raises(StoreError, match=rf"^job {ONE.id}: .*{told}") as caught:
        store.has(ONE)
    assert "\n" not in str(caught.value)
    made = take_inventory([Experiment("x", ((Part(ONE, 0),), (Part(OTHER, 0),)))], store)
    assert (made.done, made.missing, made.damaged) == ((OTHER,), (ONE,), {ONE.id: str(caught.value)})
    for read in (store.read, lambda job: store.read_snapshot(job, "epoch-1")):
        with pytest.raises(StoreError, match=rf"^job {ONE.id}: .*{told}.*; run the study to train it again$"):
            read(ONE)
    store.write(ONE, RESULT)
    assert store.has(ONE)
    assert [path.name for path in store.damaged.iterdir()] == [f"{ONE.id}-1"]


@pytest.mark.parametrize("name", BAD)
def test_bad_content_with_a_right_checksum_is_damage(store, name):
    file, content, told = BAD[name]
    forge(store, file, content)
    heals(store, told)


def test_facts_of_any_kind_are_kept_as_they_are(store):
    forge(store, "how.json", how(**{AGREEMENT: [0.5, math.nan], "through_pytorch": ["111"], "more": {"of": [1]}}))
    store.verify(ONE.id)
    assert store.how(ONE.id)["more"] == {"of": [1]}
    forge(store, "how.json", b"{}")
    store.verify(ONE.id)


NO_LISTS = {
    "brackets": BRACKETS,
    "a million spaces": b"{" + b" " * (1 << 20) + b"}",
    "no version": {"numerics": None},
    "no sizes": {"files": {name: {"sha256": "0" * 64} for name in ("job.json", "how.json", RECORD)}},
    "sizes in words": {"files": {name: {"bytes": "1", "sha256": "0"} for name in ("job.json", "how.json", RECORD)}},
}


@pytest.mark.parametrize("name", NO_LISTS)
def test_a_done_of_the_wrong_shape_is_damage(store, name):
    if isinstance(content := NO_LISTS[name], bytes):
        (store.folder(ONE.id) / "done.json").write_bytes(content)
    else:
        change_done(store, ONE.id, **content)
    heals(store, r"done\.json is missing or unreadable")


@pytest.mark.parametrize(
    "path", ["../../../outside", "/etc/hostname", "/dev/zero", "sub/file", "snapshot-../x.safetensors"]
)
def test_no_file_is_read_whose_name_is_not_a_jobs(store, path, tmp_path, monkeypatch):
    (tmp_path / "outside").write_text("x")
    done = json.loads((store.folder(ONE.id) / "done.json").read_text(encoding="utf-8"))
    change_done(store, ONE.id, files=done["files"] | {path: {"bytes": 1, "sha256": hashlib.sha256(b"x").hexdigest()}})
    opened, read_bytes = [], Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", lambda self: (opened.append(self.name), read_bytes(self))[1])
    with pytest.raises(StoreError, match="which is no file of a job"):
        store.has(ONE)
    assert opened == ["done.json"]
    monkeypatch.undo()
    heals(store, f"done.json names '{path}', which is no file of a job")


def link(path, target):
    path.unlink()
    path.symlink_to(target)


ODD_FILES = {
    "a link to a device": lambda path: link(path, "/dev/zero"),
    "a link to a file": lambda path: link(path, shutil.copy(path, path.parents[2] / "copy")),
    "a link to itself": lambda path: link(path, path.name),
    "a pipe": lambda path: (path.unlink(), os.mkfifo(path)),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.mark.parametrize("name", ["job.json", "how.json", RECORD, "snapshot-epoch-1.safetensors", "done.json"])
@pytest.mark.parametrize("odd", ODD_FILES)
def test_only_plain_files_are_opened(store, name, odd):
    """A pipe would never end, a device would fill the memory."""
    ODD_FILES[odd](store.folder(ONE.id) / name)
    heals(store, f"{name} is (no plain file|missing or unreadable)")


def test_a_file_of_another_size_is_not_read(store):
    with (store.folder(ONE.id) / RECORD).open("ab") as file:
        file.truncate(1 << 40)  # no block of it is on the disk
    heals(store, rf"{RECORD} does not agree with its checksum \(1099511627776 of \d+ bytes\)")


PLACES = {
    "a plain file": lambda folder: folder.write_text("x"),
    "a link to nothing": lambda folder: folder.symlink_to("/nowhere/at all"),
    "a link to itself": lambda folder: folder.symlink_to(folder.name),
    "a link to another job": lambda folder: folder.symlink_to(OTHER.id),
    "a pipe": os.mkfifo,
}


@pytest.mark.parametrize("name", PLACES)
def test_what_stands_in_a_folders_place_heals(store, name):
    shutil.rmtree(store.folder(ONE.id))
    PLACES[name](store.folder(ONE.id))
    heals(store, "(is no folder|is that of job)")
    assert not store.folder(ONE.id).is_symlink()


def test_a_file_more_is_damage(store):
    (store.folder(ONE.id) / ".DS_Store").touch()
    (store.folder(ONE.id) / "notes.txt").touch()
    heals(store, r"\.DS_Store, notes\.txt beside the files of done\.json, expected no other")
