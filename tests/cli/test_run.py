"""`run`: what it prints and where, what it does after damage, failure and divergence."""

import csv
import io
import json
import os
import re
import shutil
import threading

import pytest
from cli.calling import JOBS, SETS, TARGETS, call
from images import making
from tiny import flip_accuracy, record_files, tiny_study

from commonweight.cli import driving
from commonweight.paper import ARTEFACTS
from commonweight.report import progress
from commonweight.study.lock import locked
from commonweight.study.store import Store


def parsed(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_run_prints_results_on_stdout_and_everything_else_on_stderr(whole):
    out, result = whole
    assert result.stdout.startswith("This is not the paper's experiment")
    assert "### Table 1. " in result.stdout
    assert "### Table 2. " in result.stdout
    assert "| Different seeds | 2 |" in result.stdout
    for words in ("report:", "jobs needed", f"[{JOBS}/{JOBS}]", "took"):
        assert words not in result.stdout
        assert words in result.stderr
    assert f"{JOBS} jobs needed, 0 there, {JOBS} to train in {out}" in result.stderr
    assert result.stderr.splitlines()[-1] == f"report: {out}/report/index.html"
    assert (out / "report" / "index.html").is_file()


def test_run_again_trains_nothing_and_prints_the_same(whole):
    out, first = whole
    again = call("run", "smoke", *TARGETS, "--out", out, "--workers", 0, *SETS)
    assert f"{JOBS} jobs needed, {JOBS} there, 0 to train" in again.stderr
    assert again.stdout == first.stdout
    from_file = call("run", out / "study.json", *TARGETS, "--out", out, "--workers", 0)
    assert from_file.stdout == first.stdout


def test_run_one_target_as_json(whole):
    out, _ = whole
    result = call("run", "smoke", "table-1", "--out", out, "--json", "--workers", 0, *SETS)
    tables = json.loads(result.stdout)
    assert list(tables) == ["table-1"]
    rows = parsed((out / "report/tables/table-1.csv").read_text(encoding="utf-8"))
    assert [row["name"] for row in tables["table-1"]["rows"]] == [row["experiment"] for row in rows]
    assert [row["s_tau"]["value"] for row in tables["table-1"]["rows"]] == [float(row["s_tau"]) for row in rows]


def test_a_bare_run_makes_all_that_the_study_can_have_and_tells_the_rest_on_stderr(tmp_path):
    # 8 mini-batches: a round of all children, but not two.
    sets = [*SETS, "--set", "training.epochs=4", "--set", "data.sweep_images=200"]
    result = call("run", "smoke", "--out", tmp_path, "--workers", 0, "--json", *sets)
    made = json.loads(result.stdout)
    told = dict(re.findall(r"^not made: (\S+): (.*)$", result.stderr, re.MULTILINE))
    assert {"figure-4a", "figure-5a", "figure-5b", "figure-7", "figure-8", "figure-9", "readings"} <= told.keys()
    assert all("raise training.epochs" in reason for reason in told.values())
    assert told.keys() | made.keys() >= ARTEFACTS.keys()
    assert not told.keys() & made.keys()
    planned = call("plan", "smoke", "--out", tmp_path, *sets)
    assert dict(re.findall(r"^not made: (\S+): (.*)$", planned.stderr, re.MULTILINE)) == told
    assert ", 0 to train: about 0 s" in planned.stdout
    content = json.loads(call("plan", "smoke", "--out", tmp_path, "--json", *sets).stdout)
    assert content["refused"] == told
    assert content["targets"].keys() == ARTEFACTS.keys() - told.keys()
    assert content["missing"] == []


def test_the_papers_own_network_on_images_in_cifar_10s_form(tmp_path):
    """4 cells of 16 channels on 32 x 32 pixels, crop and flip, in the shipped study; 8 children, 2 mini-batches an epoch."""
    making.write_files(tmp_path / "cifar", making.cifar10_binary(making.cifar_parts(images=14)))
    sets = {
        "data.path": str(tmp_path / "cifar"),
        "data.train_images": 64,
        "data.sweep_images": 10,
        "data.judge_images": 10,
        "space.primitives": ["max_pool_3x3", "sep_conv_3x3"],
        "training.epochs": 2,
        "training.batch": 32,
        "experiments.instances": 2,
        "experiments.ground_truth_seeds": 2,
        "experiments.last_epochs": 2,
    }
    words = [word for key, value in sets.items() for word in ("--set", f"{key}={json.dumps(value)}")]
    result = call("run", "paper", "table-2", "--out", tmp_path / "out", "--workers", 0, *words)
    assert "### Table 2. " in result.stdout
    jobs = [Store(tmp_path / "out").job(job_id) for job_id in Store(tmp_path / "out").ids()]
    assert len(jobs) == JOBS
    for job in jobs:
        assert (job.net.cells, job.net.channels, job.net.stem_multiplier, job.net.bn_momentum) == (4, 16, 3, 0.4)
        assert (job.images.augment.padding, job.images.augment.flip) == (4, True)
        assert (job.images.train_images, job.mini_batches) == (64, 4)
        assert Store(tmp_path / "out").read(job).accuracy.shape[1:] == (job.sweeps, len(job.children))
    (shared,) = (job for job in jobs if job.snapshots)
    arrays = Store(tmp_path / "out").read_snapshot(shared, "epoch-2")
    weights = {name: array.shape for name, array in arrays.items() if name.startswith("weights/")}
    assert any(shape[-3:] == (3, 3, 3) for shape in weights.values())  # the stem sees three colours


def test_run_in_worker_processes_goes_on_where_another_stopped(copy, whole):
    store = Store(copy)
    for job_id in list(store.ids())[:2]:
        shutil.rmtree(store.folder(job_id))
    result = call("run", "smoke", *TARGETS, "--out", copy, "--workers", 2, *SETS)
    assert f"{JOBS - 2} there, 2 to train" in result.stderr
    assert record_files(store) == record_files(Store(whole[0]))
    assert result.stdout == whole[1].stdout


def test_run_says_what_is_damaged_and_trains_it_again(copy, whole):
    store = Store(copy)
    damaged = next(store.ids())
    flip_accuracy(store, damaged)
    result = call("run", "smoke", *TARGETS, "--out", copy, "--workers", 0, *SETS)
    assert f"job {damaged}: accuracy.safetensors does not agree with its checksum" in result.stderr
    assert "training it again" in result.stderr
    assert f"; training it again, and keeping what is there in {copy}/damaged" in result.stderr
    assert "1 to train" in result.stderr
    assert [path.name for path in (copy / "damaged").iterdir()] == [f"{damaged}-1"]
    assert record_files(store) == record_files(Store(whole[0]))


def test_a_second_driver_and_another_study_exit_with_2(whole):
    out, _ = whole
    words = ["run", "smoke", *TARGETS, "--out", out, "--workers", 0, *SETS]
    with locked(out):
        (line,) = call(*words, code=2).stderr.splitlines()
        assert line.startswith(f"error: {out} is in use by process {os.getpid()} on ")
        assert line.endswith("; wait for its end, or give another --out")
        for reading in (["show", "table-1"], ["report", *TARGETS], ["check"]):  # readers need no lock
            call(*reading, "--out", out)
    before = (out / "study.json").read_bytes()
    (line,) = call(*words, "--set", "training.epochs=3", code=2).stderr.splitlines()
    assert line.startswith(
        f"error: {out} holds another study: training.epochs 2 there, 3 here; give another --out, or "
    )
    assert (out / "study.json").read_bytes() == before


def test_another_study_takes_the_folder_when_it_is_told_to(copy):
    more = [*SETS, "--set", "experiments.finetune_batches=4"]  # no job of these changes
    words = ["run", "smoke", "figure-2", "--out", copy, "--workers", 0, *more]
    call(*words, code=2)
    assert "11 there, 0 to train" in call(*words, "--replace-study").stderr
    call(*words)


def test_failed_jobs_exit_with_3_and_say_where_the_trace_is(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "write", full)
    result = call("run", "smoke", "table-1", "--out", tmp_path, "--workers", 0, *SETS, code=3)
    assert result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"error: {JOBS} of {JOBS} jobs failed; the first: ")
    assert "OSError: [Errno 28] No space left on device; trace in " in last
    assert len(list((tmp_path / "failed").iterdir())) == JOBS
    assert len(re.findall(r"^\[.* failed: ", result.stderr, re.MULTILINE)) == JOBS
    monkeypatch.undo()
    again = call("run", "smoke", *TARGETS, "--out", tmp_path, "--workers", 0, *SETS).stderr  # without being asked
    assert f"0 there, {JOBS} to train" in again
    told = re.findall(
        r"^job \w{16} \(.*\) failed: OSError: .* No space left on device; to be tried again$", again, re.MULTILINE
    )
    assert len(told) == JOBS


def test_a_failure_that_cannot_be_noted_is_told_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "failed").touch()
    words = ("run", "smoke", "figure-2", "--out", tmp_path, "--workers", 0, *SETS)
    fill, write = [None], Store.write

    def first_fails(*words):
        if fill:
            fill.pop()
            raise RuntimeError("out of luck")
        write(*words)

    monkeypatch.setattr(Store, "write", first_fails)
    last = call(*words, code=3).stderr.splitlines()[-1]
    assert last.startswith("error: 1 of 11 jobs failed; the first: ")
    assert f": RuntimeError: out of luck; its trace is lost, as [Errno 17] File exists: '{tmp_path}/failed'" in last
    assert "10 there, 1 to train" in call(*words).stderr


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_training_that_diverges_is_told_and_nothing_of_it_is_stored(tmp_path, engine):
    wild = (*SETS, "--set", "training.epochs=16", "--set", "training.lr=1e6")
    result = call("run", "smoke", "table-1", "--out", tmp_path, "--workers", 0, "--engine", engine, *wild, code=3)
    assert result.stdout == ""
    assert f"error: {JOBS} of {JOBS} jobs failed; the first: " in result.stderr
    reasons = re.findall(
        r"^\[.* failed: DivergedError: training diverged: after mini-batch \d+ units\..*", result.stderr, re.M
    )
    assert len(reasons) == JOBS
    assert all(reason.endswith("; lower training.lr") for reason in reasons)
    assert list(Store(tmp_path).ids()) == []
    assert len(list((tmp_path / "failed").iterdir())) == JOBS


def test_run_says_at_once_what_it_will_do(tmp_path, whole):
    """Before the first job: how many, with which engine, how long; and nothing of it when all is there."""
    lines = call("run", "smoke", "figure-2", "--out", tmp_path, "--workers", 0, "--engine", "reference", *SETS).stderr
    told = [line for line in lines.splitlines() if not line.startswith("[")]
    assert told[0] == f"11 jobs needed, 0 there, 11 to train in {tmp_path}"
    assert told[1] == "engine: reference"
    assert re.fullmatch(r"about \d+ s with no worker processes", told[2])
    assert lines.splitlines()[:3] == told[:3]
    again = call("run", "smoke", *TARGETS, "--out", whole[0], "--workers", 0, *SETS).stderr
    assert "engine" not in again
    assert "about" not in again


def test_no_command_is_silent_while_it_measures(tmp_path, monkeypatch):
    def estimate(*words):
        assert said.wait(timeout=60)
        return measured(*words)

    said, measured, quiet = threading.Event(), driving.estimate, progress.QUIET_SECONDS
    console = driving.errors()
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.001)
    monkeypatch.setattr(console, "print", lambda text, **_: said.set() if str(text).startswith("measuring") else None)
    monkeypatch.setattr(driving, "errors", lambda: console)
    monkeypatch.setattr(driving, "estimate", estimate)
    call("plan", "smoke", "figure-2", "--out", tmp_path, *SETS)
    said.clear()
    call("run", "smoke", "figure-2", "--out", tmp_path, "--workers", 0, *SETS)
    assert quiet < 15


def test_a_study_file_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = tiny_study(name="mine").model_dump_json()
    (tmp_path / "mine.yaml").write_text(study, encoding="utf-8")
    result = call("run", "mine.yaml", "figure-2", "--workers", 0)
    assert result.stderr.splitlines()[-1] == "report: results/mine/report/index.html"
    assert (tmp_path / "results/mine/study.json").is_file()
    assert "results/mine: 11 stored jobs" in call("ls").stdout
