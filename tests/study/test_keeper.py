"""A job that was stopped anywhere goes on from its checkpoint with the same bits; when one is made, and when it counts."""

import json
import re
import shutil
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pytest
import safetensors.numpy
import torch
from oracle import needs_native
from tiny import tiny_study

from commonweight.errors import DivergedError
from commonweight.net import EngineChoice
from commonweight.sharing import similar
from commonweight.study import keeper
from commonweight.study.checkpoint import CHECKPOINT, Checkpoint
from commonweight.study.checksums import Checksum, read_list, write_list
from commonweight.study.executors import Failed, Finished, Noted, Task
from commonweight.study.executors.perform import perform
from commonweight.study.failures import Cause
from commonweight.study.jobs import Job
from commonweight.study.keeper import Keeper
from commonweight.study.setting import Member, settle
from commonweight.study.store import Store
from commonweight.study.work import Runtime, Worker
from commonweight.training import ChildOrder

LENGTH = 6  # 128 images in batches of 48: 3 mini-batches an epoch, the last one of 32, and 2 epochs
engines = pytest.mark.parametrize("engine", [pytest.param("native", marks=needs_native), "reference"])


class Clock:
    """`time.monotonic` as a test wants it."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture(scope="module")
def setting():
    return settle(tiny_study(training__batch=48, data__augment={"padding": 1, "flip": True}))


@pytest.fixture(autouse=True)
def always(monkeypatch):
    """A checkpoint after every mini-batch, for those who ask for one now and then."""
    monkeypatch.setattr(keeper, "SHARE", 1e9)


def job_of(setting, **fields):
    """Half of the children in two copies, with all that a job can be asked for; fields replace the job's."""
    job = setting.experiment("x", similar(setting.children, 2), [Member(0), Member(1)], setting.conditions).jobs[0]
    asked = {
        "moments": {"every_epoch": True, "last_batches": 2},
        "images": job.images.model_dump(mode="json") | {"judge_images": 30},
        "snapshots": [1, 2],
        "calibration_batches": 1,
    }
    return Job.model_validate(job.model_dump(mode="json") | asked | fields)


def worker_of(setting, seconds=1e-9, **runtime):
    return Worker(setting.study.data, Runtime(checkpoint_seconds=seconds, **runtime))


def stop(worker, job, store, at):
    """Begin or go on, and be killed after so many mini-batches, before the checkpoint after the last of them."""
    work = worker.do(job, store)
    told = next(step for step in work if not isinstance(step, str) and step[0] == at)
    assert told == (at, LENGTH)
    work.close()


def do(worker, job, store):
    """What was told, the mini-batches trained, and the result."""
    notes, steps, work = [], [], worker.do(job, store)
    while True:
        try:
            step = next(work)
        except StopIteration as end:
            return notes, steps, end.value
        notes.append(step) if isinstance(step, str) else steps.append(step[0])


def same(result, other):
    arrays, others = (
        {f"record/{name}": array for name, array in one.record.arrays().items()}
        | {f"{name}/{key}": array for name, some in one.snapshots.items() for key, array in some.items()}
        for one in (result, other)
    )
    return arrays.keys() == others.keys() and all(np.array_equal(array, others[name]) for name, array in arrays.items())


def undisturbed(setting, job, tmp_path, **runtime):
    """The result of a run that is too short for a checkpoint."""
    notes, steps, result = do(worker_of(setting, 60, **runtime), job, Store(tmp_path / "undisturbed"))
    assert (notes, steps) == ([], list(range(1, LENGTH + 1)))
    assert not (tmp_path / "undisturbed").exists()
    assert "continued_after" not in result.how
    return result


@pytest.mark.parametrize("order", ChildOrder, ids=lambda order: order.value)
@engines
def test_a_job_that_was_stopped_anywhere_goes_on_with_the_same_bits(setting, tmp_path, engine, order):
    """In the middle of an epoch, after its end, before its small last mini-batch, in a window; and twice."""
    job, runtime = job_of(setting, order=order.value), {"engine": EngineChoice(engine)}
    expected = undisturbed(setting, job, tmp_path, **runtime)
    for stops in ((2,), (3,), (5,), (6,), (2, 6)):
        store = Store(tmp_path / str(stops))
        for at in stops:
            stop(worker_of(setting, **runtime), job, store, at)
        notes, steps, result = do(worker_of(setting, **runtime), job, store)
        assert notes == [f"it goes on after mini-batch {stops[-1] - 1} of {LENGTH}"]
        assert steps == list(range(stops[-1], LENGTH + 1))
        assert same(result, expected)
        assert list(result.how["continued_after"]) == [at - 1 for at in stops]
        assert result.how["started"] <= result.how["ended"]


def test_coasting_weights_and_no_momentum_go_on_too(setting, tmp_path):
    training = job_of(setting).training
    for change in ({"inactive": "coast"}, {"momentum": 0.0}):
        job = job_of(setting, training=json.loads(json.dumps(vars(training), default=lambda one: one.value)) | change)
        expected, store = undisturbed(setting, job, tmp_path), Store(tmp_path / job.id)
        stop(worker_of(setting), job, store, 3)
        assert same(do(worker_of(setting), job, store)[2], expected)


def test_work_before_the_stop_counts_and_what_was_lost_does_not(setting, tmp_path, monkeypatch):
    clock, store, job = Clock(), Store(tmp_path), job_of(setting)
    monkeypatch.setattr(keeper, "time", clock)
    monkeypatch.setattr("commonweight.study.work.time", clock)
    work = worker_of(setting).do(job, store)
    for step in work:
        clock.now += 10
        if step == (3, LENGTH):  # two checkpoints, the second after 20 seconds; 10 more are lost
            break
    work.close()
    clock.now = 5.0
    work = worker_of(setting).do(job, store)
    assert next(work) == f"it goes on after mini-batch 2 of {LENGTH}"
    clock.now += 7
    assert do(SimpleNamespace(do=lambda *_: work), job, store)[2].how["seconds"] == 20 + 7


def test_under_other_circumstances_it_begins_anew(setting, tmp_path):
    job = job_of(setting)
    for runtime, word in (({"threads": 2}, "threads 1, not 2"), ({"engine": "reference"}, "engine native")):
        store = Store(tmp_path / word)
        worker = worker_of(setting)
        stop(worker, job, store, 4)
        place = Checkpoint(store.checkpoints / job.id).place()
        if place.circumstances["engine"] == "reference" and word.startswith("engine"):
            pytest.skip("there is no native engine here")
        other = worker_of(setting, 60, **runtime)
        (note,), steps, result = do(other, job, store)
        assert note.startswith(f"its checkpoint was made with {word}")
        assert note.endswith(", on which bits depend; it begins anew")
        assert steps == list(range(1, LENGTH + 1))
        assert not Checkpoint(store.checkpoints / job.id).there
        assert same(result, undisturbed(setting, job, tmp_path, **runtime))


def test_what_it_starts_from_is_one_of_the_circumstances(setting, tmp_path):
    """A child that goes on from a snapshot goes on from its own checkpoint, unless the snapshot was made again."""
    store, parent = Store(tmp_path), job_of(setting)
    store.write(parent, result := do(worker_of(setting, 60), parent, store)[2])
    start = {"children": [parent.children[0]], "start": {"job": parent.id, "epoch": 1}, "snapshots": []}
    job = job_of(setting, **start).normalised()
    expected = do(worker_of(setting, 60), job, store)[2]
    stop(worker_of(setting), job, store, 5)
    notes, _, again = do(worker_of(setting), job, store)
    assert notes == [f"it goes on after mini-batch 4 of {LENGTH}"]
    assert same(again, expected)
    shutil.rmtree(store.folder(parent.id))
    result.how["seconds"] += 1
    store.write(parent, result)
    (note,), *_ = do(worker_of(setting, 60), job, store)
    assert note.startswith(f"its checkpoint was made with the result of {parent.id} ")


def test_a_job_whose_children_were_found_goes_on_with_them(setting, tmp_path):
    store, parent = Store(tmp_path), job_of(setting, moments={"every_epoch": False, "last_batches": LENGTH})
    store.write(parent, do(worker_of(setting, 60), parent, store)[2])
    rule = {"job": parent.id, "number": 1, "by": "correlation", "over": LENGTH, "m": 2, "group": 1, "size": 2}
    job = job_of(setting, children=rule)
    expected = do(worker_of(setting, 60), job, store)[2]
    stop(worker_of(setting), job, store, 5)
    notes, _, result = do(worker_of(setting), job, store)
    assert notes == [f"it goes on after mini-batch 4 of {LENGTH}"]
    assert same(result, expected)
    assert result.record.children is not None


def rewrite(folder, change, **facts):
    """Change the arrays of the state, or what is said of them, with checksums that are right."""
    sums, more = read_list(folder / CHECKPOINT)
    (name,) = (name for name in sums if name.startswith("state-"))
    arrays = safetensors.numpy.load_file(folder / name)
    change(arrays)
    (folder / name).write_bytes(content := safetensors.numpy.save(arrays))
    sums[name] = Checksum.of(content)
    (folder / CHECKPOINT).write_bytes(write_list(sums, **more | facts))


def nan(arrays):
    min(arrays.items())[1][...] = np.nan  # the accuracies


def other_net(arrays):
    arrays["weights/more"] = np.zeros(1, dtype=np.float32)


def flipped(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


DAMAGE = {
    "a bit of the state": (lambda folder: flipped(folder / "state-4.safetensors"), "does not agree with its checksum"),
    "a bit of a snapshot": (lambda f: flipped(f / "snapshot-epoch-1.safetensors"), "does not agree with its checksum"),
    "a lost file": (lambda folder: (folder / "state-4.safetensors").unlink(), "state-4.safetensors is missing"),
    "no JSON": (lambda folder: (folder / CHECKPOINT).write_text("{"), "does not say how far a job is"),
    "deep JSON": (lambda folder: (folder / CHECKPOINT).write_text("[" * 100_000), "does not say how far a job is"),
    "another job": (lambda folder: rewrite(folder, lambda _: None, job="0" * 16), "is that of job 0000000000000000"),
    "other numerics": (lambda folder: rewrite(folder, lambda _: None, numerics=1), "under numerics 1, expected"),
    "not a number": (lambda folder: rewrite(folder, nan), "holds what is no finite number"),
    "a lost array": (lambda folder: rewrite(folder, lambda arrays: arrays.pop("step")), "has not the arrays of a job"),
    "another net": (lambda folder: rewrite(folder, other_net), "its weights are those of another net"),
    "other sweeps": (
        lambda folder: rewrite(folder, lambda arrays: arrays["step"].__setitem__(0, 1)),
        "its sweeps are not those of this job until mini-batch 4",
    ),
    "a place outside": (lambda folder: rewrite(folder, lambda _: None, step=3), "names .*, expected state-3"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_or_foreign_checkpoint_is_named_put_aside_and_ignored(setting, tmp_path, damage):
    job, store = job_of(setting), Store(tmp_path)
    expected = undisturbed(setting, job, tmp_path)
    stop(worker_of(setting), job, store, 5)
    hurt, told = DAMAGE[damage]
    hurt(store.checkpoints / job.id)
    (note,), steps, result = do(worker_of(setting, 60), job, store)
    aside = store.damaged / f"{job.id}-1"
    assert note.startswith("its checkpoint is damaged, ")
    assert note.endswith(f"; it begins anew, and that is kept in {aside}")
    assert re.search(told, note)
    assert steps == list(range(1, LENGTH + 1))
    assert same(result, expected)
    assert (aside / CHECKPOINT).exists()
    assert not (store.checkpoints / job.id).exists()


def test_a_checkpoint_is_due_every_minute_and_takes_a_hundredth_of_the_time_at_most(setting, tmp_path, monkeypatch):
    clock, job = Clock(), job_of(setting)
    monkeypatch.setattr(keeper, "SHARE", 0.01)
    monkeypatch.setattr(keeper, "time", clock)
    kept, costs = Keeper(Store(tmp_path), job, {}, 60.0, datetime.now(UTC), 1000.0), iter([0.1, 2.0, 0.0])
    monkeypatch.setattr(Checkpoint, "write", lambda *_: setattr(clock, "now", clock.now + next(costs)))
    midway = SimpleNamespace(at=SimpleNamespace(step=1))
    dues = []
    for second in range(1, 1000):
        clock.now = max(clock.now, 1000.0 + second)
        if kept.due():
            dues.append(round(clock.now - 1000, 1))
            kept.keep(midway)
        if len(dues) == 3:
            break
    assert dues == [60, 121, 323]  # after 0.1 s a minute's pause, after 2 s one of 200 s


def events_of(setting, job, out, **runtime):
    return list(perform(worker_of(setting, **runtime), Task(job, setting.study.data, out)))


def test_it_goes_when_the_job_is_stored(setting, tmp_path):
    job, store = job_of(setting), Store(tmp_path)
    stop(worker_of(setting), job, store, 5)
    events = events_of(setting, job, tmp_path)
    assert [event.note for event in events if isinstance(event, Noted)] == [
        f"it goes on after mini-batch 4 of {LENGTH}"
    ]
    assert isinstance(events[-1], Finished)
    assert store.is_whole(job.id)
    assert list(store.checkpoints.iterdir()) == []
    assert store.how(job.id)["continued_after"] == [4]


def test_it_stays_after_an_error_but_not_when_the_job_diverged(setting, tmp_path, monkeypatch):
    job, store = job_of(setting), Store(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "write", full)
    failed = events_of(setting, job, tmp_path)[-1]
    assert isinstance(failed, Failed)
    assert failed.cause is Cause.ERROR
    assert Checkpoint(store.checkpoints / job.id).place().step == LENGTH - 1
    monkeypatch.setattr("commonweight.training.loop.require_finite", diverging)
    failed = events_of(setting, job, tmp_path)[-1]
    assert failed.cause is Cause.DIVERGED
    assert not (store.checkpoints / job.id).exists()


def diverging(*_):
    raise DivergedError("training diverged")


def test_a_checkpoint_that_cannot_be_written_is_told_and_the_job_goes_on(setting, tmp_path, monkeypatch):
    job, store = job_of(setting), Store(tmp_path)
    expected = undisturbed(setting, job, tmp_path)

    def full(_):
        raise OSError(28, "No space left on device")

    stop(worker_of(setting), job, store, 3)
    monkeypatch.setattr("os.fsync", full)
    notes, _, result = do(worker_of(setting), job, store)
    assert notes[0].startswith("it goes on after mini-batch 2")
    assert len(notes) > 1
    for note in notes[1:]:
        assert note.startswith("it goes on without a checkpoint: ")
        assert " cannot be written: No space left on device; make room there and " in note
    assert same(result, expected)
    assert Checkpoint(store.checkpoints / job.id).read()[0].step == 2  # that of before is whole


def test_the_device_and_the_data_type_are_those_of_the_net(setting, tmp_path):
    job, store = job_of(setting), Store(tmp_path)
    stop(worker_of(setting), job, store, 5)
    _, midway = Checkpoint(store.checkpoints / job.id).read()
    assert {value.dtype for value in (*midway.at.weights.values(), *midway.at.momentum.values())} == {torch.float32}
    assert {accuracy.dtype for _, _, accuracy in midway.sweeps} == {torch.float64}
