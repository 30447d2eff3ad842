"""CONTRIBUTING's worked example: a primitive that nobody had, in a study that trains it and against plain PyTorch."""

import importlib
import re
from pathlib import Path

import oracle
import pytest
import torch
from tiny import tiny_study

import commonweight
from commonweight import api
from commonweight.errors import JobFailed, StudyError
from commonweight.net import UnitShape, primitive, register_primitive
from commonweight.net.native.stages import Work, stages
from commonweight.study.executors import Inline, Local
from commonweight.study.work import Runtime, Worker, make_engine
from plain import opponent

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## Adding a primitive")[2].partition("\n## ")[0]
FUNCTION, LINE, PLAIN, STAGES = re.findall(r"```python\n(.*?)```", SECTION, re.DOTALL)
NAME = "wide_conv_3x3"
LONG = {"space__primitives": ["skip_connect", NAME], "training__epochs": 8}  # two rounds of 8 children
registry = importlib.import_module("commonweight.net.primitives")


def line_of(block, names):
    """The entry of a dictionary, as if it stood in the file of these names."""
    return eval(f"{{{block}}}", dict(names))


@pytest.fixture(autouse=True)
def added(monkeypatch):
    """What the blocks of the page declare, as if they stood in the files that it names."""
    names = dict(vars(registry))
    exec(FUNCTION, names)
    monkeypatch.setattr(registry, "_PRIMITIVES", registry._PRIMITIVES | line_of(LINE, names))
    monkeypatch.setattr(opponent, "PRIMITIVES", opponent.PRIMITIVES | line_of(PLAIN, vars(opponent)))


def test_without_it_a_study_says_what_there_is(monkeypatch):
    assert tiny_study(**LONG).space.primitives[1] == NAME
    monkeypatch.delitem(registry._PRIMITIVES, NAME)
    with pytest.raises(StudyError, match=f"'{NAME}'; known are max_pool_3x3, "):
        tiny_study(**LONG)


def test_the_native_engine_takes_it_for_what_the_page_says():
    ((name, expected),) = line_of(STAGES, {"Work": Work, "C": 3}).items()
    found = stages(primitive(name)(UnitShape(3, 2, 0.4)), copies=2)
    assert [stage.work for stage in found] == [work for work, _ in expected]
    for stage, (_, numbers) in zip(found, expected, strict=True):
        assert ({"channels": 3} | numbers).items() <= ({"channels": stage.channels} | stage.numbers).items()


def plain_runs(engine, job, images):
    """Each copy of the net trained in double by PyTorch's own optimiser: the job's batches, children and rates."""
    net, children = engine.net, engine.net.plan.children
    recipe, (end,) = job.training, job.snapshots[-1:]
    visits = job.order.visits(len(children), end * job.batches_per_epoch, job.seeds.stream("order"))
    for copy in range(net.copies):
        plain = oracle.plain_super_net(net, copy).double()
        optimiser = torch.optim.SGD(plain.parameters(), recipe.lr, recipe.momentum, weight_decay=recipe.weight_decay)
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs, eta_min=recipe.lr_min)
        places = iter(visits)
        for epoch in range(end):
            streams = (job.seeds.stream(purpose).fork(epoch) for purpose in ("data", "augment"))
            for batch, labels in images.epoch(recipe.batch, *streams):
                opponent.train_step(plain, optimiser, batch.double(), labels, children[next(places)].primitives)
            schedule.step()
        yield plain.eval()


@pytest.mark.parametrize("engine", ["reference", pytest.param("native", marks=oracle.needs_native)])
def test_a_study_trains_it_as_plain_pytorch_does(engine, tmp_path):
    study, runtime = tiny_study(**LONG), Runtime(engine=engine)
    (table,) = commonweight.run(study, ["table-2"], tmp_path, Inline(runtime))
    assert len(table.rows) > 2
    work = api.programme(study, ["table-2"], tmp_path)
    (job,) = work.experiments["seeds"].jobs
    images = Worker(study.data, runtime).images(job.images.augment)
    made = make_engine(job, images, runtime)
    assert made.through_pytorch() == ()
    plains = list(plain_runs(made, job, images))
    begun, arrays = oracle.state(made.net), work.store.read_snapshot(job, f"epoch-{job.snapshots[-1]}")
    made.net.load_state_dict({name: torch.from_numpy(arrays[f"weights/{name}"]) for name in begun})
    made.net.eval()
    pixels, _ = images.validation(500)
    for child in made.net.plan.children:
        for logits, plain in zip(made.net(pixels, child), plains, strict=True):
            torch.testing.assert_close(logits.double(), plain(pixels.double(), child.primitives), rtol=1e-4, atol=1e-4)
    moved = [name for name, value in oracle.state(made.net).items() if not torch.equal(value, begun[name])]
    assert len([name for name in moved if NAME in name]) > 0.9 * len([name for name in begun if NAME in name]) > 0


def test_worker_processes_do_not_have_what_this_one_registered(tmp_path):
    register_primitive("own", primitive(NAME))
    study = tiny_study(space__primitives=["skip_connect", "own"], training__epochs=8)
    with pytest.raises(JobFailed, match="UsageError: unknown primitive 'own'"):
        commonweight.run(study, ["insight-1"], tmp_path, Local(1))
