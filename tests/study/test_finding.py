"""Jobs whose children are found: from planted records, from snapshots, and a whole study that runs them."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from tiny import make_job, make_record, tiny_study
from torch.nn import functional as F

from commonweight import api
from commonweight.errors import ResultMissing, StoreError
from commonweight.paper.artefacts import catalogue
from commonweight.ranking import mutual_help
from commonweight.sharing import by_affinity
from commonweight.study import finding
from commonweight.study.executors import Inline, Local, Task
from commonweight.study.executors.wire import decode_task, encode_task
from commonweight.study.finding import with_children
from commonweight.study.inventory import Inventory
from commonweight.study.jobs import Affinity, FoundSpec
from commonweight.study.nets import make_net
from commonweight.study.record import CHILDREN, Record, Result
from commonweight.study.setting import Experiment, Part, settle
from commonweight.study.store import Store
from commonweight.study.work import Runtime, Worker

NAMES = ("111", "112", "121", "122", "211", "212", "221", "222")
GROUPS = (("111", "222"), ("112", "211"), ("121", "212"), ("122", "221"))  # planted
OVER = 16
SOURCE = make_job(
    NAMES, init=(5, 6), training={"epochs": 10, "batch": 50}, moments={"every_epoch": False, "last_batches": OVER}
)


def found(by="help", group=0, **more):
    rule = {"job": SOURCE.id, "number": 1, "by": by, "over": OVER, "m": 4, "group": group, "size": 2}
    return make_job(children=FoundSpec.model_validate(rule | more), init=(0, 1, 2))


def planted_record(by):
    """In copy 1 the children of a group swing alike, or lift each other when one is trained; copy 0 is noise."""
    rng, record = np.random.default_rng(0), make_record(SOURCE)
    trained = np.concatenate([rng.permutation(8), rng.permutation(8)])
    group = np.array([next(g for g, names in enumerate(GROUPS) if name in names) for name in NAMES])
    moves = rng.normal(0, 0.001, (OVER, 8))
    if by == "correlation":
        moves += rng.normal(0, 0.05, (OVER, 4))[:, group]
    else:
        moves = np.cumsum(moves + 0.03 * (group[trained][:, None] == group), axis=0)
    accuracy = record.accuracy.copy()
    accuracy[1] = 0.3 + moves
    return Record(np.clip(accuracy, 0, 1), record.step, trained, record.final)


@pytest.mark.parametrize("by", ["help", "correlation"])
def test_groups_planted_in_one_copy_are_found(tmp_path, by):
    store = Store(tmp_path)
    store.write(SOURCE, Result(planted_record(by)))
    for group, names in enumerate(GROUPS):
        asked = found(by, group)
        assert with_children(asked, store, None, {}) == make_job(names, init=(0, 1, 2))
    assert with_children(found(by, 0, number=0), store, None, {}).children not in GROUPS


def test_a_job_that_names_its_children_is_itself(tmp_path):
    assert with_children(SOURCE, Store(tmp_path), None, {}) is SOURCE


def test_what_it_is_found_in_must_be_there_and_dense_enough(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ResultMissing, match=f"job {SOURCE.id} has no result"):
        with_children(found(), store, None, {})
    store.write(SOURCE, Result(planted_record("help")))
    for by in ("help", "correlation"):
        with pytest.raises(StoreError, match=f"job {SOURCE.id}: it did not look at each of its last 17 mini-batches"):
            with_children(found(by, over=17), store, None, {})


# ------------------------------------------------------------------ gradients


@pytest.fixture(scope="module")
def setting():
    """8 children of 8 mini-batches an epoch."""
    return settle(tiny_study(training__epochs=6, training__batch=16, experiments__instances=3))


def done(worker, job, store):
    work = worker.do(job, store)
    while True:
        try:
            next(work)
        except StopIteration as end:
            return end.value


def test_groups_found_by_gradients_of_a_snapshot(setting, tmp_path, monkeypatch):
    """One child at a time in the stack of all copies, on the first batches of the epoch that comes after the last."""
    worker, store = Worker(setting.study.data, Runtime(engine="reference")), Store(tmp_path)
    (source,) = catalogue(setting)["seeds"]().jobs
    store.write(source, done(worker, source, store))
    images = worker.images(setting.study.data.augment)
    net = make_net(source, images).double()
    arrays = store.read_snapshot(source, "epoch-6")
    net.load_state_dict({k[8:]: torch.from_numpy(a) for k, a in arrays.items() if k.startswith("weights/")})
    streams = [source.seeds.stream(purpose).fork(6) for purpose in ("data", "augment")]
    batches = list(images.epoch(16, *streams))[:3]
    gradients = []
    for child in setting.children:
        net.zero_grad()
        for some, labels in batches:
            F.cross_entropy(net(some.double(), child)[2], labels).backward()
        gradients.append([p.grad.chunk(3)[2].flatten() if p.grad is not None else None for p in net.parameters()])

    def cosine(a, b):
        pairs = [(x, y) for x, y in zip(a, b, strict=True) if x is not None and y is not None]
        x, y = (torch.cat(side) for side in zip(*pairs, strict=True))
        return float(x @ y / (x.norm() * y.norm()))

    affinity = [[cosine(a, b) for b in gradients] for a in gradients]
    expected = by_affinity(setting.children, affinity, 4)
    divided = []
    monkeypatch.setattr(finding, "by_affinity", lambda *args: divided.append(args) or by_affinity(*args))
    for group in range(4):
        rule = FoundSpec(job=source.id, number=2, by=Affinity.GRADIENTS, over=3, m=4, group=group, size=2)
        names = with_children(make_job(children=rule), store, images, {}).children
        assert names == tuple(child.name for child in expected[group])
    for children, found_affinity, m in divided:
        assert (children, m) == (setting.children, 4)
        np.testing.assert_allclose(found_affinity, affinity, atol=1e-9)


def test_a_worker_reads_an_affinity_once_for_each_source(tmp_path, monkeypatch):
    read, kept = [], {}
    monkeypatch.setattr(finding, "mutual_help", lambda *args: read.append(args) or mutual_help(*args))
    for folder in ("a", "b"):  # another study may hold another result of the same job
        store = Store(tmp_path / folder)
        store.write(SOURCE, Result(planted_record("help")))
        for group, names in enumerate(GROUPS):
            assert with_children(found(group=group), store, None, kept).children == names
        assert len(with_children(found(m=2, size=4), store, None, kept).children) == 4
        with_children(found(number=0), store, None, kept)
    assert len(read) == 4


# ------------------------------------------------------------------ records, experiments, plans


def test_a_record_says_which_children_were_found(tmp_path):
    store, job = Store(tmp_path), found()
    plain = make_record(job)
    with pytest.raises(StoreError, match="the record has shapes"):
        store.write(job, Result(replace(plain, children=None)))
    with pytest.raises(StoreError, match="a child that was found is not in the space"):
        store.write(job, Result(replace(plain, children=np.array([0, 8]))))
    store.write(job, Result(replace(plain, children=np.array([0, 7]))))
    record = store.read(job)
    assert record.arrays()[CHILDREN].tolist() == [0, 7]
    assert [child.name for child in record.children_of(job)] == ["111", "222"]
    known = make_job(("112", "211"))
    assert CHILDREN not in make_record(known).arrays()
    assert [child.name for child in make_record(known).children_of(known)] == ["112", "211"]
    with pytest.raises(StoreError, match="the record has shapes"):
        replace(make_record(known), children=np.array([0, 7])).require_fit(known)


def of_groups(store, *groups):
    """An experiment of two instances, whose parts found these children."""
    jobs = [found(group=group) for group in range(len(groups))]
    for job, group in zip(jobs, groups, strict=True):
        store.write(job, Result(replace(make_record(job), children=np.array(group))))
    return Experiment("x", tuple(tuple(Part(job, copy) for job in jobs) for copy in (0, 2)))


def test_an_experiment_puts_found_children_in_their_place(tmp_path):
    store = Store(tmp_path)
    groups = ((3, 6), (0, 7), (2, 5), (1, 4))
    experiment = of_groups(store, *groups)
    measured = experiment.read(store)
    for part, group in zip(experiment.instances[1], groups, strict=True):
        record = store.read(part.job)
        for place, child in enumerate(group):
            np.testing.assert_array_equal(measured.accuracy[1, :, child], record.accuracy[2, :, place])
            np.testing.assert_array_equal(measured.trained[1, :, child], record.trained == place)


def test_groups_found_in_different_results_of_one_job_are_told(tmp_path):
    store = Store(tmp_path)
    experiment = of_groups(store, (3, 6), (0, 7), (2, 5), (1, 3))
    with pytest.raises(
        StoreError, match=f"a child is in two of them; delete its jobs, {found().id} the first, to train"
    ):
        experiment.read(store)


def test_a_job_comes_after_the_one_in_which_its_children_are_found():
    job = found()
    assert Inventory((), (job, SOURCE), {}).after == {job.id: (SOURCE.id,), SOURCE.id: ()}
    assert Inventory((SOURCE,), (job,), {}).after == {job.id: ()}
    task = Task(job, tiny_study().data, "out", (SOURCE.id,))
    assert decode_task(encode_task(task)).job == job


@pytest.mark.parametrize("executor", [Inline(), Local(2)])
def test_a_study_finds_groups_and_trains_them(setting, tmp_path, executor):
    """Every group of every affinity; the children in the record are those that the partition of the stored source has."""
    out = tmp_path / "out"
    study = tiny_study(training__epochs=6, training__batch=16, experiments__instances=3)
    made = {one.name: one for one in api.run(study, ["table-3a-found"], out, executor)}
    work, store = api.open(out, ["table-3a-found"]), Store(out)
    names = [name for name in work.experiments if name.startswith("found-")]
    assert names == ["found-help-2", "found-correlation-2", "found-gradients-2"]
    for name in names:
        experiment = work.experiments[name]
        groups = [store.read(job).children.tolist() for job in experiment.jobs]
        assert sorted(child for group in groups for child in group) == list(range(8))
        images = Worker(study.data, Runtime()).images(study.data.augment)
        for job, group in zip(experiment.jobs, groups, strict=True):
            known = with_children(job, store, images, {})
            assert [setting.children[place].name for place in group] == list(known.children)
            alone = done(Worker(study.data, Runtime()), known, store).record
            np.testing.assert_array_equal(store.read(job).accuracy, alone.accuracy)
    assert len(made["table-3a-found"].rows) == 5
    assert work.inventory().missing == ()
