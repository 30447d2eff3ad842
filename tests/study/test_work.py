"""One job done in this process."""

import importlib
from dataclasses import asdict, replace

import numpy as np
import oracle
import pytest
import torch
from tiny import all_images, tiny_study, write_idx_folder
from torch import nn

from commonweight.errors import DataError, ResultMissing, StudyError, UsageError
from commonweight.net import Statistics, find_library, register_primitive, sweep_under
from commonweight.sharing import similar
from commonweight.study import work
from commonweight.study.jobs import FinalAccuracy, Job
from commonweight.study.schema import DataSpec
from commonweight.study.setting import Member, settle
from commonweight.study.store import Store
from commonweight.study.work import (
    Runtime,
    Worker,
    Workers,
    make_engine,
    require_native,
    resolve_device,
    study_images,
)
from commonweight.training import ChildOrder

registry = importlib.import_module("commonweight.net.primitives")


def job_of(setting, **fields):
    """The first half of the children in two copies, judged; fields replace the job's."""
    groups = similar(setting.children, 2)
    conditions = replace(setting.conditions, order=ChildOrder.SHUFFLED, judged=True)
    job = setting.experiment("x", groups, [Member(0), Member(1)], conditions).jobs[0]
    return Job.model_validate(job.model_dump(mode="json") | fields)


def do(worker, job, store=None):
    """The steps and the result of a job."""
    steps, work = [], worker.do(job, store or Store("nowhere"))
    while True:
        try:
            steps.append(next(work))
        except StopIteration as end:
            return steps, end.value


@pytest.fixture(scope="module")
def setting():
    return settle(tiny_study())


def test_a_job_tells_every_mini_batch_and_gives_what_was_asked(setting):
    job = job_of(setting, moments={"every_epoch": True, "last_batches": 2})
    steps, result = do(Worker(setting.study.data, Runtime()), job)
    assert steps == [(step, 4) for step in (1, 2, 3, 4)]  # 2 epochs of 128 images in batches of 64
    result.record.require_fit(job)
    assert result.record.step.tolist() == [2, 3, 4]
    visited = ChildOrder.SHUFFLED.visits(4, 4, job.seeds.stream("order"))
    assert result.record.trained.tolist() == visited[[1, 2, 3]].tolist()
    assert result.how["device"] == "cpu"
    assert result.how["threads"] == 1
    assert result.how["seconds"] > 0
    assert result.how["torch"] == torch.__version__


@oracle.needs_native
def test_children_that_no_kernel_knows_are_named_beside_the_record(setting, monkeypatch):
    monkeypatch.setattr(registry, "_PRIMITIVES", dict(registry._PRIMITIVES))
    register_primitive("squash", lambda _: nn.Tanh())
    space = {"nodes": 1, "primitives": ["max_pool_3x3", "squash"]}
    found = {}
    for engine in ("native", "reference"):
        for children in (["1", "2"], ["1"]):
            job = job_of(setting, space=space, children=children)
            how = do(Worker(setting.study.data, Runtime(engine=engine)), job)[1].how
            found[engine, len(children)] = how.get("through_pytorch")
    assert found == {("native", 2): ["2"], ("native", 1): None, ("reference", 2): None, ("reference", 1): None}


@pytest.fixture
def native(monkeypatch):
    """Sets COMMONWEIGHT_NATIVE; nothing is remembered from before, and nothing afterwards."""
    find_library.cache_clear()
    yield lambda value: monkeypatch.setenv("COMMONWEIGHT_NATIVE", value)
    find_library.cache_clear()


@pytest.mark.parametrize("value", ["nonsense", "AVX2", "0"])
def test_an_unknown_build_is_refused_and_no_other_takes_its_place(setting, native, value):
    native(value)
    words = (
        rf"COMMONWEIGHT_NATIVE='{value}' is none of .*off; unset COMMONWEIGHT_NATIVE, or set it to off or to a build"
    )
    with pytest.raises(UsageError, match=words):
        require_native()
    with pytest.raises(UsageError, match=words):
        do(Worker(setting.study.data, Runtime()), job_of(setting))


@pytest.mark.parametrize("reason", ["this processor does not run the avx512 build", "the avx2 build is missing"])
def test_a_build_that_cannot_run_here_is_refused(native, monkeypatch, reason):
    monkeypatch.setattr(work, "find_library", lambda: (None, reason))
    native("avx512")
    with pytest.raises(UsageError, match=rf"^{reason}; unset COMMONWEIGHT_NATIVE"):
        require_native()
    for fine in ("off", ""):  # nothing was asked for that cannot be had
        native(fine)
        require_native()


def test_the_judgement_is_a_sweep_of_the_last_weights_on_the_images_for_it(setting):
    job = job_of(setting, snapshots=[2])
    worker = Worker(setting.study.data, Runtime())
    result = do(worker, job)[1]
    images = worker.images(job.images.augment)
    engine = make_engine(job, images, Runtime())
    arrays = result.snapshots["epoch-2"]
    engine.net.load_state_dict(
        {
            name.removeprefix("weights/"): torch.from_numpy(a)
            for name, a in arrays.items()
            if name.startswith("weights/")
        }
    )
    for measured, count in ((result.record.final[FinalAccuracy.JUDGED], 30), (result.record.accuracy[:, -1], 20)):
        assert np.array_equal(measured, engine.sweep(*images.validation(count), engine.net.plan.children).numpy())
    assert {name.partition("/")[0] for name in arrays} == {"weights", "momentum"}


def test_snapshots_are_stored_and_read_back(setting, tmp_path):
    job, store = job_of(setting, snapshots=[1, 2]), Store(tmp_path)
    result = do(Worker(setting.study.data, Runtime()), job)[1]
    assert set(result.snapshots) == {"epoch-1", "epoch-2"}
    store.write(job, result)
    for name, arrays in result.snapshots.items():
        read = store.read_snapshot(job, name)
        assert read.keys() == arrays.keys()
        assert all(np.array_equal(read[key], array) and read[key].dtype == array.dtype for key, array in arrays.items())
    first, second = (store.read_snapshot(job, name) for name in ("epoch-1", "epoch-2"))
    assert any(not np.array_equal(first[key], second[key]) for key in first)


def test_the_same_job_gives_the_same_bits_and_another_initialisation_others(setting):
    job = job_of(setting)
    one, two = (do(Worker(setting.study.data, Runtime()), job)[1].record for _ in range(2))
    assert all(np.array_equal(one.arrays()[name], two.arrays()[name]) for name in one.arrays())
    assert not np.array_equal(one.accuracy[0], one.accuracy[1])  # the copies


@pytest.mark.parametrize("ends", ["done", "closed", "failed"])
def test_threads_are_as_many_as_asked_and_put_back(setting, ends):
    before = torch.get_num_threads()
    assert before == 1  # tests/conftest.py
    job = job_of(setting, **({"snapshots": [3]} if ends == "failed" else {}))  # after the last epoch: refused
    work = Worker(setting.study.data, Runtime(threads=2)).do(job, Store("nowhere"))
    if ends == "failed":
        with pytest.raises(UsageError, match="snapshot after epoch 3"):
            next(work)
    else:
        next(work)
        assert torch.get_num_threads() == 2
        work.close() if ends == "closed" else list(work)
    assert torch.get_num_threads() == before


def test_device_words():
    assert resolve_device("cpu") == "cpu"
    assert resolve_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    for word in ("gpu", "", "cuda:x", "cuda:-1", "mps", "meta", "cuda:99", "CPU"):
        with pytest.raises(UsageError, match=rf"device '{word}'; expected auto, cpu, cuda or cuda:n"):
            resolve_device(word)


@pytest.mark.parametrize(
    ("there", "word", "good"), [(0, "cuda", False), (1, "cuda", True), (2, "cuda:1", True), (2, "cuda:2", False)]
)
def test_cuda_words_against_what_the_machine_has(monkeypatch, there, word, good):
    monkeypatch.setattr(torch.cuda, "device_count", lambda: there)
    if good:
        assert resolve_device(word) == word
    else:
        with pytest.raises(UsageError, match=f"this machine has {there} CUDA devices"):
            resolve_device(word)


@pytest.mark.parametrize("key", ["sweep_images", "judge_images"])
def test_more_validation_images_than_there_are(tmp_path, key):
    write_idx_folder(tmp_path, validation=24)
    data = {"name": "idx", "path": str(tmp_path)}
    study_images(DataSpec(**data, **{key: 24}))
    with pytest.raises(StudyError, match=rf"data\.{key}: got 25; data 'idx' allows 1 … 24"):
        study_images(DataSpec(**data, **{key: 25}))


def test_images_that_changed_are_not_used(tmp_path):
    write_idx_folder(tmp_path)
    setting = settle(tiny_study(data=all_images("idx", tmp_path)))
    write_idx_folder(tmp_path, seed=1)
    with pytest.raises(DataError, match="data 'idx' has changed since the study was planned; run the command again"):
        next(Worker(setting.study.data, Runtime()).do(job_of(setting), Store("nowhere")))


def test_a_worker_reads_its_images_once_and_workers_keep_one_for_each_data(setting, tmp_path):
    workers = Workers(Runtime())
    worker = workers.of(setting.study.data)
    job = job_of(setting)
    assert worker.images(job.images.augment) is worker.images(job.images.augment, setting.fingerprint)
    assert workers.of(DataSpec(**dict(setting.study.data))) is worker
    write_idx_folder(tmp_path)
    assert workers.of(DataSpec(name="idx", path=str(tmp_path))) is not worker


@pytest.mark.parametrize("sharing", [{}, {"kind": "prefix", "k": 0}, {"kind": "all-but", "kinds": ["norm"]}])
def test_a_child_goes_on_from_its_own_weights_in_a_snapshot(setting, tmp_path, sharing):
    """Against the super-net's own weights, trained on by hand with PyTorch's optimiser."""
    store, worker = Store(tmp_path), Worker(setting.study.data, Runtime(engine="reference"))
    parent = job_of(setting, snapshots=[1], sharing=sharing)
    store.write(parent, do(worker, parent)[1])
    name = parent.children[2]
    fields = {
        "order": "fixed",
        "sharing": {},
        "snapshots": [],
        "start": {"job": parent.id, "epoch": 1},
        "stop_after": 3,
    }
    fields |= {"moments": {"every_epoch": False, "last_batches": 3}, "seeds": parent.seeds.model_dump() | {"data": 1}}
    training = asdict(replace(parent.training, lr=0.02, lr_min=0.02))
    job = job_of(setting, **fields, children=[name], training=training).normalised()
    steps, result = do(worker, job, store)
    assert steps == [(step, 3) for step in (1, 2, 3)]
    assert result.record.step.tolist() == [1, 2, 3]

    images = worker.images(job.images.augment)
    net = make_engine(parent, images, worker.runtime).net
    arrays = store.read_snapshot(parent, "epoch-1")
    net.load_state_dict(
        {k.removeprefix("weights/"): torch.from_numpy(a) for k, a in arrays.items() if k.startswith("weights/")}
    )
    child = net.plan.space.child(name)
    optimiser = torch.optim.SGD(net.path(child).parameters, lr=0.02, momentum=0.9, weight_decay=1e-3)
    batches = [
        batch
        for epoch in (0, 1)
        for batch in images.epoch(64, job.seeds.stream("data").fork(epoch), job.seeds.stream("augment").fork(epoch))
    ]
    validation, labels = images.validation(20)
    for moment, (batch, target) in enumerate(batches[:3]):
        net.train()
        optimiser.zero_grad()
        sum(torch.nn.functional.cross_entropy(copy, target) for copy in net(batch, child)).backward()
        optimiser.step()
        net.eval()
        with torch.no_grad():
            right = (net(validation, child).argmax(-1) == labels).double().mean(-1)
        assert np.allclose(result.record.accuracy[:, moment, 0], right, atol=0.051)  # one image of 20 may tip


def test_a_start_that_is_not_there(setting, tmp_path):
    job = job_of(setting, start={"job": "0" * 16, "epoch": 1})
    with pytest.raises(ResultMissing, match="job 0000000000000000 has no result"):
        do(Worker(setting.study.data, Runtime()), job, Store(tmp_path))


UNDER = {FinalAccuracy.UNDER_BATCH_STATISTICS: Statistics.BATCH, FinalAccuracy.RECALIBRATED: Statistics.RECALIBRATED}


def test_accuracies_under_other_statistics_leave_the_rest_alone(setting):
    worker = Worker(setting.study.data, Runtime())
    plain, more = job_of(setting), job_of(setting, calibration_batches=3)
    one, two = do(worker, plain)[1].record, do(worker, more)[1].record
    assert plain.id != more.id
    assert set(one.final) == {FinalAccuracy.JUDGED}
    assert {which: array.shape for which, array in two.final.items()} == dict.fromkeys(FinalAccuracy, (2, 4))
    assert all(np.array_equal(array, two.arrays()[name]) for name, array in one.arrays().items())


def test_accuracies_under_other_statistics_are_of_the_final_weights_and_of_batches_never_trained(setting):
    """Against `sweep_under` itself (tests/net holds it to PyTorch's) on weights restored from the last snapshot."""
    worker = Worker(setting.study.data, Runtime())
    job = job_of(setting, calibration_batches=1, snapshots=[2])
    result = do(worker, job)[1]
    images = worker.images(job.images.augment)
    net = make_engine(job, images, Runtime()).net
    arrays = result.snapshots["epoch-2"]
    net.load_state_dict(
        {k.removeprefix("weights/"): torch.from_numpy(a) for k, a in arrays.items() if k.startswith("weights/")}
    )
    third = images.epoch(64, job.seeds.stream("data").fork(2), job.seeds.stream("augment").fork(2))  # of epochs 0 and 1
    calibration = [next(third)[0]]  # half of the images: all of them would have one mean in any order
    for which, how in UNDER.items():
        expected = sweep_under(net, how, *images.validation(20), net.plan.children, 64, calibration)
        assert np.array_equal(result.record.final[which], expected.numpy())
    assert not np.array_equal(*(result.record.final[which] for which in UNDER))
