"""Instances that are stored: what is trained again and what is not, and what damage is refused."""

import json

import numpy as np
import pytest
import torch
from own.nets import images
from typer.testing import CliRunner

from commonweight.cli import app
from commonweight.errors import StoreError, UsageError
from commonweight.judging import all_trials, judge
from commonweight.study.lock import locked

TRAIN, VALIDATION = images(), images(30, seed=1)
NAME = "own.named:net"
QUICK = {"epochs": 2, "batch": 20, "instances": 2, "window": 2}


@pytest.fixture
def trained(monkeypatch):
    """The instances that were trained, in order."""
    numbers, run = [], all_trials.run_trial

    def noted(*given):
        numbers.append(given[5])
        return run(*given)

    monkeypatch.setattr(all_trials, "run_trial", noted)
    return numbers


def judged(out, **more):
    return judge(NAME, more.pop("train", TRAIN), VALIDATION, out=out, **QUICK | more)


def same(a, b):
    weights = [[m.state_dict() for modules in one.modules for m in modules] for one in (a, b)]
    alike = all(torch.equal(v, y[n]) for x, y in zip(*weights, strict=True) for n, v in x.items())
    return alike and all(
        np.array_equal(getattr(a, n), getattr(b, n)) for n in ("accuracy", "trained", "step", "by_batch")
    )


def test_what_is_stored_is_not_trained_again(tmp_path, trained):
    first = judged(tmp_path)
    again = judged(tmp_path)
    assert trained == [0, 1]
    assert same(first, again)
    more = judged(tmp_path, instances=3)
    assert trained == [0, 1, 2]
    assert np.array_equal(more.accuracy[:2], first.accuracy)
    assert same(first, judge(NAME, TRAIN, VALIDATION, **QUICK))  # nothing stored: the same numbers


def test_private_sites_and_groups_are_stored_too(tmp_path, trained):
    how = {"private": ["edge0"], "groups": 2}
    assert same(judged(tmp_path, **how), judged(tmp_path, **how))
    assert trained == [0, 1]


@pytest.mark.parametrize(
    "more",
    [
        {"lr": 0.05},
        {"seed": 1},
        {"inactive": "coast"},
        {"order": "fixed"},
        {"window": 3},
        {"groups": 2},
        {"private": ["edge1"]},
        {"children": ["skip/skip", "conv3/skip", "conv1/skip"]},
        {"sweep_images": 20},
        {"train": (TRAIN[0] + 1e-3, TRAIN[1])},
    ],
    ids=lambda more: next(iter(more)),
)
def test_what_decides_the_numbers_is_another_instance(more, tmp_path, trained):
    judged(tmp_path, instances=1, epochs=1)
    judged(tmp_path, **{"instances": 1, "epochs": 1} | more)
    assert trained == [0, 0]


def test_another_text_of_the_file_is_another_instance(tmp_path, trained):
    path = tmp_path / "my_space.py"
    path.write_text("from own.nets import by_select\n\nnet = by_select()\n")

    def judged_file():
        return judge(f"{path}:net", TRAIN, VALIDATION, out=tmp_path / "out", **QUICK | {"instances": 1})

    judged_file()
    judged_file()
    assert trained == [0]
    path.write_text(path.read_text() + "# the same net, but who knows that\n")
    judged_file()
    assert trained == [0, 0]


def test_an_interrupted_run_goes_on_after_its_whole_instances(tmp_path, trained, monkeypatch):
    run = all_trials.run_trial

    def stops(*given):
        if given[5] == 1:
            raise KeyboardInterrupt
        return run(*given)

    with monkeypatch.context() as patched:
        patched.setattr(all_trials, "run_trial", stops)
        with pytest.raises(KeyboardInterrupt):
            judged(tmp_path)
    assert not [path for path in (tmp_path / "trials").iterdir() if path.name.startswith(".")]
    judged(tmp_path)
    assert trained == [0, 1]


def test_damage_is_refused(tmp_path):
    judged(tmp_path, instances=1)
    (folder,) = (tmp_path / "trials").iterdir()
    assert json.loads((folder / "trial.json").read_text())["instance"] == 0
    for name in ("accuracy.safetensors", "trial.json", "weights-0.safetensors", "done.json"):
        path = folder / name
        whole = path.read_bytes()
        path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        with pytest.raises(StoreError, match=rf"^trial {folder}: .*; delete this folder to train it again$"):
            judged(tmp_path, instances=1)
        path.write_bytes(whole)
    judged(tmp_path, instances=1)


def test_one_process_at_a_time(tmp_path):
    with locked(tmp_path), pytest.raises(UsageError, match=r"is in use by process"):
        judged(tmp_path)


def test_the_command(tmp_path, trained):
    for name, (x, y) in (("train", TRAIN), ("validation", VALIDATION)):
        np.savez(tmp_path / f"{name}.npz", images=x, labels=y)
    words = ["judge", NAME, "--train", f"{tmp_path}/train.npz", "--validation", f"{tmp_path}/validation.npz"]
    words += ["--epochs", "2", "--batch", "20", "--instances", "2", "--window", "2", "--out", f"{tmp_path}/out"]
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.stderr
    assert "How far the ranks of instances agree" in first.stdout
    assert "Judged(6 children, 2 instances" in first.stderr
    assert f"report: {tmp_path}/out/report/index.html" in first.stderr
    again = CliRunner().invoke(app, [*words, "--json"])
    assert json.loads(again.stdout).keys() == {"stability", "statistics"}
    assert trained == [0, 1]
    assert same(judged(tmp_path / "out"), judge(NAME, TRAIN, VALIDATION, **QUICK))
    assert trained == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([], "error: no training data; give train and validation, or a file that has them under these names"),
        (["--data", "fashion14", "--train", "x.npz"], "error: --data was given with --train or --validation"),
        (["--path", "x"], "error: --path was given without --data"),
        (["--data", "fashion15"], "error: got data 'fashion15', expected one of"),
    ],
)
def test_mistyped_commands(words, message):
    told = CliRunner().invoke(app, ["judge", NAME, *words])
    assert told.exit_code in (1, 2)
    assert told.stderr.startswith(message)
    assert told.stderr.count("\n") == 1
