"""`plan`: the engine it speaks of, what is there, what is to do; and that `run` says the same."""

import importlib
import json
import shutil

import oracle
from cli.calling import JOBS, SETS, TARGETS, call
from tiny import flip_accuracy
from torch import nn

from commonweight import api
from commonweight.net import find_library, register_primitive
from commonweight.study.executors.local import cores
from commonweight.study.load import load_study
from commonweight.study.store import Store

registry = importlib.import_module("commonweight.net.primitives")


def test_plan_says_which_engine_it_speaks_of(tmp_path, native):
    words = ["plan", "smoke", "figure-2", "--out", tmp_path, *SETS]
    library, reason = find_library()
    runs = f"native {library.flavour}" if library else "reference"
    assert f"\nengine: {runs}" + ("" if library else f", as {reason}") + "\n" in call(*words).stdout
    assert json.loads(call(*words, "--json").stdout)["engine"] == runs
    assert "\nengine: reference\n" in call(*words, "--engine", "reference").stdout
    native("off")
    off = "\nengine: reference, as the native part is switched off by COMMONWEIGHT_NATIVE=off\n"
    assert off in call(*words).stdout
    assert json.loads(call(*words, "--json").stdout)["engine"] == "reference"


@oracle.needs_native
def test_plan_and_run_say_what_goes_through_pytorch(tmp_path, monkeypatch):
    monkeypatch.setattr(registry, "_PRIMITIVES", dict(registry._PRIMITIVES))
    register_primitive("squash", lambda _: nn.Tanh())
    sets = [*SETS, "--set", 'space.primitives=["max_pool_3x3", "squash"]']
    words = ["smoke", "figure-2", "--out", tmp_path, *sets]
    told = "through PyTorch, as the native part cannot run them: every child with squash "
    assert f"\n{told}" in call("plan", *words).stdout
    assert json.loads(call("plan", *words, "--json").stdout)["through_pytorch"] == ["squash"]
    assert f"\n{told}" in call("run", *words, "--workers", 0).stderr
    facts = api.programme(load_study(tmp_path / "study.json"), ["figure-2"], tmp_path).facts()
    assert facts["Children that the engine left to PyTorch"] == "7"
    assert told not in call("plan", "smoke", "figure-2", "--out", tmp_path, *SETS).stdout


def test_plan_before_and_after(whole, tmp_path):
    result = call("plan", "smoke", "table-1", "figure-2", "--out", tmp_path / "none", *SETS)
    first, engine, *lines = result.stdout.splitlines()
    assert first.startswith(f"{JOBS} jobs in all, 0 done, 0 damaged, {JOBS} to train: about ")  # what matters, first
    assert engine.startswith("engine: ")
    assert lines == [
        "seeds: 1 jobs, 1 of them to train",
        "orders: 2 jobs, 2 of them to train",
        "orders-shuffled: 2 jobs, 2 of them to train",
        "ground-truth: 8 jobs, 8 of them to train",
        "table-1: seeds, orders, orders-shuffled, ground-truth",
        "figure-2: seeds, orders-shuffled, ground-truth",
    ]
    assert not (tmp_path / "none").exists()
    result = call("plan", "smoke", *TARGETS, "--out", whole[0], "--workers", 3, *SETS)
    assert f"{JOBS} done, 0 damaged, 0 to train: about 0 s with 3 worker processes, about 0.0 MB" in result.stdout


def test_a_plan_needs_no_images_of_data_that_everyone_knows(tmp_path, monkeypatch):
    """As many jobs, as long, as those on images that are there; nothing is looked for, and no run may take them for true."""
    monkeypatch.chdir(tmp_path)
    words = ["smoke", "table-1", *SETS, "--set", "data.name=cifar10"]
    first, second, *_ = call("plan", *words).stdout.splitlines()
    assert first.startswith(f"{JOBS} jobs in all, 0 done, 0 damaged, {JOBS} to train: about ")
    assert second.startswith("data cifar10 has no path yet: measured on made-up images of its sizes")
    content = json.loads(call("plan", *words, "--json").stdout)
    assert content["made_up_images"]
    assert len(content["missing"]) == JOBS
    assert not json.loads(call("plan", "smoke", "table-1", *SETS, "--json").stdout)["made_up_images"]
    assert "got no path for data 'cifar10'" in call("run", *words, code=1).stderr
    assert (
        "data.train_images: got 50001; data 'cifar10' allows 1 … 50000"
        in call("plan", *words, "--set", "data.train_images=50001", code=2).stderr
    )
    for data in ("idx", "hub", "images"):
        assert "got no path" in call("plan", "smoke", "--set", f"data.name={data}", code=1).stderr
    assert list(tmp_path.iterdir()) == []


def test_plan_is_for_the_executor_that_run_would_take(whole):
    words = ["plan", "smoke", *TARGETS, "--out", whole[0], *SETS]
    for more, told in (
        (("--workers", 0), "no"),
        (("--executor", "inline"), "no"),
        (("--executor", "inline", "--workers", 0), "no"),
        (("--executor", "local", "--workers", 1), "1"),
        (("--workers", 7), "7"),
        ((), str(cores())),
    ):
        assert f"with {told} worker processes, " in call(*words, *more).stdout


def test_plan_as_json(copy):
    store = Store(copy)
    first, second = list(store.ids())[:2]
    flip_accuracy(store, first)
    shutil.rmtree(store.folder(second))
    content = json.loads(call("plan", "smoke", *TARGETS, "--out", copy, "--json", *SETS).stdout)
    assert (content["jobs"], content["done"], content["damaged"]) == (JOBS, JOBS - 2, [first])
    assert set(content["missing"]) == {first, second}
    assert content["seconds"] >= 0
    assert content["bytes"] > 1000
    assert {name: len(jobs) for name, jobs in content["experiments"].items()} == {
        "seeds": 1,
        "orders": 2,
        "orders-shuffled": 2,
        "ground-truth": 8,
    }
    assert content["targets"]["figure-2"] == ["seeds", "orders-shuffled", "ground-truth"]
