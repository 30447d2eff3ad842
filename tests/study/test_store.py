"""Results on disk: whole or not there, and no damage goes unseen."""

import hashlib
import json
import shutil

import numpy as np
import pytest
import safetensors.numpy
from tiny import flip_accuracy, make_job, make_record

from commonweight.errors import ResultMissing, StoreError
from commonweight.study import store as store_module
from commonweight.study.jobs import FinalAccuracy
from commonweight.study.record import RECORD, Record, Result
from commonweight.study.store import Store

JOB = make_job(init=(0, 1))
SNAPSHOTS = {"epoch-1": {"weights/a": np.arange(6, dtype=np.float32).reshape(2, 3), "momentum/a": np.ones(2, "f4")}}
RESULT = Result(make_record(JOB), SNAPSHOTS, {"seconds": 1.5, "device": "cpu"})
FILES = {"job.json", "how.json", RECORD, "snapshot-epoch-1.safetensors", "done.json"}


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path)
    store.write(JOB, RESULT)
    return store


def same(a, b):
    """Whether two records hold the same bits."""
    a, b = a.arrays(), b.arrays()
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and np.array_equal(a[k], b[k]) for k in a)


def test_round_trip(store):
    assert store.has(JOB)
    assert same(store.read(JOB), RESULT.record)
    snapshot = store.read_snapshot(JOB, "epoch-1")
    assert snapshot.keys() == SNAPSHOTS["epoch-1"].keys()
    assert all(np.array_equal(snapshot[name], array) for name, array in SNAPSHOTS["epoch-1"].items())
    assert store.how(JOB.id) == RESULT.how
    assert store.job(JOB.id) == JOB
    assert list(store.ids()) == [JOB.id]


def test_a_record_without_judgement_and_with_odd_memory(tmp_path):
    job = make_job(images=JOB.images.model_copy(update={"judge_images": None}))
    record = make_record(job)
    turned = Record(np.asfortranarray(record.accuracy), record.step[::-1][::-1], record.trained)
    store = Store(tmp_path)
    store.write(job, Result(turned))
    assert store.read(job).final == {}
    assert same(store.read(job), record)


def test_only_plain_formats_are_written(store):
    folder = store.folder(JOB.id)
    assert {path.name for path in folder.iterdir()} == FILES
    for path in folder.iterdir():  # each is read by a parser that cannot run code
        if path.suffix == ".json":
            json.loads(path.read_text(encoding="utf-8"))
        else:
            safetensors.numpy.load_file(path)


def test_what_is_not_there(tmp_path, store):
    empty, other = Store(tmp_path / "empty"), make_job(["111"])
    assert not empty.has(JOB)
    assert list(empty.ids()) == []
    assert not store.has(other)
    with pytest.raises(
        ResultMissing, match=rf"job {other.id} \(child 111, 1 copy\) has no result below .*; run the study"
    ):
        store.read(other)
    with pytest.raises(ResultMissing, match=r"has no snapshot 'epoch-2'"):
        store.read_snapshot(JOB, "epoch-2")
    with pytest.raises(ResultMissing, match=r"has no snapshot 'epoch-1'"):
        empty.read_snapshot(JOB, "epoch-1")


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_damage(store, name):
    (store.folder(JOB.id) / name).unlink()
    with pytest.raises(StoreError, match=rf"job {JOB.id}: {name} is missing"):
        store.has(JOB)
    for read in (store.read, lambda job: store.read_snapshot(job, "epoch-1")):
        with pytest.raises(StoreError, match="missing"):
            read(JOB)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_file_cut_anywhere_is_damage(store, name):
    path = store.folder(JOB.id) / name
    content = path.read_bytes()
    for length in range(len(content) - (name == "done.json")):  # the last byte of done.json ends a line, no more
        path.write_bytes(content[:length])
        with pytest.raises(StoreError, match=f"job {JOB.id}: {name} "):
            store.verify(JOB.id)
    path.write_bytes(content)
    store.verify(JOB.id)


@pytest.mark.parametrize("name", sorted(FILES - {"done.json"}))
def test_every_flipped_bit_is_damage(store, name):
    path = store.folder(JOB.id) / name
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :])
        with pytest.raises(StoreError, match=rf"{name} does not agree with its checksum"):
            store.verify(JOB.id)


def test_a_flipped_bit_in_the_checksums_never_lets_damage_through(store):
    path = store.folder(JOB.id) / "done.json"
    content = path.read_bytes()
    flip_accuracy(store, JOB.id)
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :])
        with pytest.raises(StoreError):
            store.verify(JOB.id)


@pytest.mark.parametrize(
    "text", ["", "[]", "3", "{}", '{"files": []}', '{"files": {"job.json": {}}}', "\x00", '{"files"']
)
def test_a_done_that_says_nothing_is_damage(store, text):
    (store.folder(JOB.id) / "done.json").write_text(text)
    with pytest.raises(StoreError, match=r"done\.json is missing or unreadable, so the result is not whole"):
        store.has(JOB)


def test_an_empty_folder_is_damage(store):
    shutil.rmtree(store.folder(JOB.id))
    store.folder(JOB.id).mkdir()
    with pytest.raises(StoreError, match="not whole"):
        store.has(JOB)


def contents(folder):
    """Every file of a folder by its name, as bytes."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_a_whole_result_is_never_rewritten(store):
    def files():
        there = (path.stat() for path in (store.folder(JOB.id), *sorted(store.folder(JOB.id).iterdir())))
        return [(found.st_ino, found.st_mtime_ns) for found in there]

    before = files()
    store.write(JOB, Result(make_record(JOB, seed=1)))
    assert files() == before
    assert same(store.read(JOB), RESULT.record)
    assert [path.name for path in store.jobs.iterdir()] == [JOB.id]
    assert not store.damaged.exists()


def test_a_result_that_came_first_stays(store, monkeypatch):
    """Another writer of the same job, a worker whose driver was killed, is done while this one writes."""
    later, first = store.folder(JOB.id).parent / "later", store.folder(JOB.id)
    first.rename(later)
    write = store_module.write_durably

    def overtaken(path, content):
        write(path, content)
        if path.name == "done.json":
            later.rename(first)

    monkeypatch.setattr(store_module, "write_durably", overtaken)
    store.write(JOB, Result(make_record(JOB, seed=1)))
    assert same(store.read(JOB), RESULT.record)
    assert [path.name for path in store.jobs.iterdir()] == [JOB.id]


def test_damage_is_moved_aside_each_time(store):
    kept = {}
    for number in (1, 2, 3):
        (store.folder(JOB.id) / RECORD).write_bytes(bytes(number))
        kept[f"{JOB.id}-{number}"] = contents(store.folder(JOB.id))
        store.write(JOB, RESULT)
        assert same(store.read(JOB), RESULT.record)
        assert {folder.name: contents(folder) for folder in store.damaged.iterdir()} == kept


def test_damage_is_replaced(store):
    flip_accuracy(store, JOB.id)
    (store.folder(JOB.id) / "stray.txt").touch()
    with pytest.raises(StoreError, match=f"{RECORD} does not agree"):
        store.has(JOB)
    store.write(JOB, Result(RESULT.record))
    assert same(store.read(JOB), RESULT.record)
    assert {path.name for path in store.folder(JOB.id).iterdir()} == FILES - {"snapshot-epoch-1.safetensors"}


@pytest.mark.parametrize("writes", range(len(FILES) + 1))
@pytest.mark.parametrize("death", [KeyboardInterrupt, OSError])
def test_dying_between_two_files_leaves_nothing_under_the_final_name(tmp_path, monkeypatch, writes, death):
    store, write = Store(tmp_path), store_module.write_durably
    done = []

    def dying(path, content):
        if len(done) == writes:
            path.write_bytes(content[: len(content) // 2])
            raise death("no space left")
        write(path, content)
        done.append(path.name)

    monkeypatch.setattr(store_module, "write_durably", dying)
    if writes < len(FILES):
        with pytest.raises(death):
            store.write(JOB, RESULT)
        assert not store.has(JOB)
        assert list(store.jobs.iterdir()) == []  # what failed removes its own
    else:
        store.write(JOB, RESULT)
        assert done[-1] == "done.json"
    monkeypatch.undo()
    store.write(JOB, RESULT)
    assert same(store.read(JOB), RESULT.record)
    assert [path.name for path in store.jobs.iterdir()] == [JOB.id]


def test_only_ids_are_jobs(store):
    for name in ("notes.txt", f"{JOB.id}.txt", JOB.id[:-1], f".{JOB.id}.1"):
        (store.jobs / name).touch()
    assert list(store.ids()) == [JOB.id]


def judged(array):
    return {FinalAccuracy.JUDGED: array}


BAD_RECORDS = {
    "moments": (
        lambda r: Record(r.accuracy[:, 1:], r.step[1:], r.trained[1:], r.final),
        r"shapes .*the job asked for",
    ),
    "children": (lambda r: Record(r.accuracy[..., 1:], r.step, r.trained, r.final), r"shapes .*the job asked for"),
    "copies": (lambda r: Record(r.accuracy[:1], r.step, r.trained, r.final), r"shapes .*the job asked for"),
    "no judgement": (lambda r: Record(r.accuracy, r.step, r.trained), r"shapes .*the job asked for"),
    "trained": (lambda r: Record(r.accuracy, r.step, r.trained[1:], r.final), r"shapes .*the job asked for"),
    "percent": (lambda r: Record(r.accuracy * 100, r.step, r.trained, r.final), r"outside \[0, 1\]"),
    "nan": (
        lambda r: Record(r.accuracy, r.step, r.trained, judged(r.final[FinalAccuracy.JUDGED] * np.nan)),
        r"outside \[0, 1\]",
    ),
    "negative": (
        lambda r: Record(r.accuracy, r.step, r.trained, judged(r.final[FinalAccuracy.JUDGED] - 1)),
        r"outside \[0, 1\]",
    ),
}


@pytest.mark.parametrize("name", BAD_RECORDS)
def test_a_record_that_the_job_did_not_ask_for_is_not_stored(tmp_path, name):
    change, message = BAD_RECORDS[name]
    store = Store(tmp_path)
    with pytest.raises(StoreError, match=rf"job {JOB.id}: .*{message}"):
        store.write(JOB, Result(change(RESULT.record)))
    assert not store.has(JOB)
    RESULT.record.require_fit(JOB)


@pytest.mark.parametrize("name", ["batch", "accuracy"])  # an array too many, and one too few
def test_other_arrays_than_this_version_writes_are_told(store, name):
    arrays = RESULT.record.arrays()
    arrays = {key: array for key, array in arrays.items() if key != name} | (
        {name: arrays["judged"]} if name == "batch" else {}
    )
    content = safetensors.numpy.save(arrays)
    (store.folder(JOB.id) / RECORD).write_bytes(content)
    done = json.loads((store.folder(JOB.id) / "done.json").read_text())
    done["files"][RECORD] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (store.folder(JOB.id) / "done.json").write_text(json.dumps(done))
    known = ", ".join(sorted(arrays))
    with pytest.raises(
        StoreError, match=rf"job {JOB.id}: the record has the arrays {known}, .*; run the study to train it again"
    ):
        store.read(JOB)


def test_a_record_is_read_by_the_names_of_its_arrays(store):
    """What stands on disk is a format: the names of a final accuracy may not change with the code."""
    job = make_job(calibration_batches=1)
    store.write(job, Result(make_record(job)))
    arrays = safetensors.numpy.load_file(store.folder(job.id) / RECORD)
    assert set(arrays) == {"accuracy", "step", "trained", "judged", "under-batch-statistics", "recalibrated"}
    record = store.read(job)
    assert set(record.final) == set(FinalAccuracy)
    assert all(np.array_equal(array, arrays[which.value]) for which, array in record.final.items())
