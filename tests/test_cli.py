"""Every command, as a user and as a script would call it."""

import csv
import importlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import oracle
import pytest
from study.data import making
from tiny import TINY, flip_accuracy, record_files, tiny_study
from torch import nn
from typer.testing import CliRunner

from commonweight import api, cli
from commonweight.cli import app, exit_code
from commonweight.errors import (
    CommonweightError,
    DataError,
    JobFailed,
    ResultMissing,
    StoreError,
    StudyError,
    UsageError,
)
from commonweight.net import find_library, register_primitive
from commonweight.paper import ARTEFACTS
from commonweight.report import progress
from commonweight.study.jobs import FinalReading
from commonweight.study.load import load_study
from commonweight.study.store import Store

SETS = [word for key, value in TINY.items() for word in ("--set", f"{key}={json.dumps(value)}")]
TARGETS = ("table-1", "table-2", "figure-2")  # of three experiments; a test of all targets says so
registry = importlib.import_module("commonweight.net.primitives")
JOBS = 12  # one of seeds, one of orders, two of shuffled orders, eight children alone


def call(*words, code=0):
    """The result of a command in this process; no exception that is not an exit ever leaves it."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.stderr
    assert "Traceback" not in result.output
    return result


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder and the outcome of one whole run."""
    out = tmp_path_factory.mktemp("cli") / "tiny"
    return out, call("run", "smoke", *TARGETS, "--out", out, "--workers", 0, *SETS)


@pytest.fixture
def copy(whole, tmp_path):
    """Results that a test may damage."""
    shutil.copytree(whole[0], tmp_path / "copy")
    return tmp_path / "copy"


@pytest.fixture
def native(monkeypatch):
    """Sets COMMONWEIGHT_NATIVE; nothing is remembered from before, and nothing afterwards."""
    find_library.cache_clear()
    yield lambda value: (monkeypatch.setenv("COMMONWEIGHT_NATIVE", value), find_library.cache_clear())
    find_library.cache_clear()


def parsed(text):
    return list(csv.DictReader(io.StringIO(text)))


# run


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
    assert "1 to train" in result.stderr
    assert record_files(store) == record_files(Store(whole[0]))


def test_failed_jobs_exit_with_3_and_say_where_the_trace_is(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Store, "write", full)
    result = call("run", "smoke", "table-1", "--out", tmp_path, "--workers", 0, *SETS, code=3)
    assert result.stdout == ""
    last = result.stderr.splitlines()[-1]
    assert last.startswith(f"error: {JOBS} of {JOBS} jobs failed; the first: ")
    assert "OSError: [Errno 28] No space left on device; trace in " in last
    assert len(list((tmp_path / "failed").glob("*.txt"))) == JOBS
    assert result.stderr.count(" failed: ") == JOBS
    monkeypatch.undo()
    assert (
        f"0 there, {JOBS} to train" in call("run", "smoke", *TARGETS, "--out", tmp_path, "--workers", 0, *SETS).stderr
    )


@pytest.mark.parametrize("engine", ["auto", "reference"])
def test_training_that_diverges_is_told_and_nothing_of_it_is_stored(tmp_path, engine):
    wild = (*SETS, "--set", "training.epochs=16", "--set", "training.lr=1e6")
    result = call("run", "smoke", "table-1", "--out", tmp_path, "--workers", 0, "--engine", engine, *wild, code=3)
    assert result.stdout == ""
    assert f"error: {JOBS} of {JOBS} jobs failed; the first: " in result.stderr
    reasons = re.findall(r" failed: DivergedError: training diverged: after mini-batch \d+ units\..*", result.stderr)
    assert len(reasons) == JOBS
    assert all(reason.endswith("; lower training.lr") for reason in reasons)
    assert list(Store(tmp_path).ids()) == []
    assert len(list((tmp_path / "failed").glob("*.txt"))) == JOBS


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

    said, measured, quiet = threading.Event(), cli.estimate, progress.QUIET_SECONDS
    console = cli.errors()
    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.001)
    monkeypatch.setattr(console, "print", lambda text, **_: said.set() if str(text).startswith("measuring") else None)
    monkeypatch.setattr(cli, "errors", lambda: console)
    monkeypatch.setattr(cli, "estimate", estimate)
    call("plan", "smoke", "figure-2", "--out", tmp_path, *SETS)
    said.clear()
    call("run", "smoke", "figure-2", "--out", tmp_path, "--workers", 0, *SETS)
    assert quiet < 15


# plan


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
    assert result.stdout.splitlines()[:2] == [
        "table-1: seeds, orders, orders-shuffled, ground-truth",
        "figure-2: seeds, orders-shuffled, ground-truth",
    ]
    assert "orders: 2 jobs, 2 of them to train" in result.stdout
    assert f"{JOBS} jobs in all, 0 done, 0 damaged, {JOBS} to train: about " in result.stdout
    assert not (tmp_path / "none").exists()
    result = call("plan", "smoke", *TARGETS, "--out", whole[0], "--workers", 3, *SETS)
    assert f"{JOBS} done, 0 damaged, 0 to train: about 0 s with 3 worker processes, about 0.0 MB" in result.stdout


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


# ls, show, check, report


def test_ls(whole, tmp_path):
    out, _ = whole
    lines = call("ls", "--out", out.parent).stdout.splitlines()
    assert [line.partition(":")[0] for line in lines] == ["paper", "quick", "small", "smoke", str(out)]
    assert lines[-1] == f"{out}: {JOBS} stored jobs"
    content = json.loads(call("ls", "--out", out.parent, "--json").stdout)
    assert set(content["shipped"]) == {"paper", "quick", "small", "smoke"}
    assert content["results"] == {str(out): JOBS}
    assert json.loads(call("ls", "--out", tmp_path, "--json").stdout)["results"] == {}


@pytest.mark.parametrize("name", ["paper", "quick", "small", "smoke"])
def test_show_a_study(tmp_path, name):
    path = tmp_path / "shown.yaml"
    path.write_text(call("show", name).stdout, encoding="utf-8")
    assert load_study(path) == load_study(name)
    assert json.loads(call("show", name, "--json").stdout)["name"] == name


def test_show_a_table(whole):
    out, run = whole
    shown = call("show", "table-2", "--out", out).stdout
    assert shown[shown.index("### Table 2") :] == run.stdout[run.stdout.index("### Table 2") :]
    assert "### Table 1" not in shown
    content = json.loads(call("show", "table-2", "--out", out, "--json").stdout)
    assert content["table-2"]["rows"][0]["name"] == "Different seeds"


def test_show_a_job_by_the_start_of_its_id(whole):
    out, _ = whole
    for job_id in Store(out).ids():
        job, record = Store(out).job(job_id), Store(out).read(Store(out).job(job_id))
        content = json.loads(call("show", job_id[:12], "--out", out, "--json").stdout)
        assert (content["id"], content["label"]) == (job_id, job.label)
        assert content["job"] == job.model_dump(mode="json")
        final = record.final.get(FinalReading.JUDGED, record.accuracy[:, -1])
        assert content["final accuracy"] == pytest.approx(dict(zip(job.children, final.mean(0), strict=True)), abs=1e-4)
        assert content["how"]["device"] == "cpu"
        text = call("show", job_id, "--out", out).stdout
        assert text.startswith(f"job {job_id}: {job.label}\nhow: ")


def test_check(whole, copy):
    out, _ = whole
    assert call("check", "--out", out).stdout == f"{JOBS} jobs whole, 0 damaged\n"
    store = Store(copy)
    first, second = list(store.ids())[:2]
    flip_accuracy(store, first)
    (store.folder(second) / "done.json").unlink()
    result = call("check", "--out", copy, code=4)
    assert result.stdout.splitlines()[-1] == f"{JOBS - 2} jobs whole, 2 damaged"
    assert f"job {first}: accuracy.safetensors does not agree" in result.stdout
    content = json.loads(call("check", "--out", copy, "--json", code=4).stdout)
    assert content["whole"] == JOBS - 2
    assert content["damaged"].keys() == {first, second}


def test_report_makes_everything_again_from_records(copy, whole):
    def files():
        return {path.relative_to(copy): path.read_bytes() for path in (copy / "report").rglob("*.*")}

    call("report", *TARGETS, "--out", copy)
    before = files()
    shutil.rmtree(copy / "report")
    result = call("report", *TARGETS, "--out", copy)
    assert result.stdout == whole[1].stdout
    assert result.stderr == f"report: {copy}/report/index.html\n"
    assert files() == before
    only = json.loads(call("report", "table-1", "--out", copy, "--json").stdout)
    assert list(only) == ["table-1"]


def test_damaged_results_exit_with_4(copy):
    store = Store(copy)
    damaged = next(job_id for job_id in store.ids() if len(store.job(job_id).children) > 1)
    flip_accuracy(store, damaged)
    for words in (["report", *TARGETS], ["show", "table-1"], ["show", damaged]):
        result = call(*words, "--out", copy, code=4)
        assert result.stdout == ""
        assert result.stderr.startswith(f"error: job {damaged}: accuracy.safetensors does not agree with its checksum")


def test_info_says_what_would_run():
    facts = json.loads(call("info", "--json").stdout)
    assert {"commonweight", "torch", "cores"} <= set(facts)
    shown = call("info").stdout
    assert all(f"{name}: {fact}\n" in shown for name, fact in facts.items())


def test_info_tells_a_wrong_build_and_works_all_the_same(native):
    native("nonsense")
    facts = json.loads(call("info", "--json").stdout)
    assert facts["engine on a CPU"] == "none"
    assert facts["because"].startswith("error: COMMONWEIGHT_NATIVE='nonsense' is none of portable, ")
    assert "because: error: COMMONWEIGHT_NATIVE='nonsense'" in call("info").stdout


@pytest.mark.parametrize("command", ["run", "plan"])
@pytest.mark.parametrize("more", [(), ("--engine", "reference"), ("--workers", 2)])
def test_a_wrong_build_is_a_line_on_stderr_before_anything_is_done(tmp_path, native, command, more):
    native("nonsense")
    result = call(command, "smoke", "figure-2", "--out", tmp_path / "out", *more, *SETS, code=2)
    assert result.stdout == ""
    (line,) = result.stderr.splitlines()
    assert line.startswith("error: COMMONWEIGHT_NATIVE='nonsense' is none of portable, ")
    assert "; unset COMMONWEIGHT_NATIVE, or " in line
    assert not (tmp_path / "out").exists()


# mistakes

MISTAKES = {
    # words: (exit code, what the last line of stderr must hold)
    ("run", "smok"): (
        2,
        "error: no study 'smok': neither a file nor a shipped study (paper, quick, small, smoke); did you mean",
    ),
    ("run", "smoke", "table-9"): (2, "error: unknown target 'table-9'; known are table-1, table-2, figure-2"),
    ("run", "smoke", "figure-5", "--set", "training.epochs=3"): (
        2,
        "error: study 'smoke' cannot make figure-5a: it looks at each of 128 mini-batches (2 × 64 children), and "
        "this study trains 96 up to there; raise training.epochs",
    ),
    ("run", "smoke", "table-1", "figure-6", "--set", "space.nodes=1"): (
        2,
        "error: study 'smoke' cannot make figure-6a: it needs groups of four children, and this space has only 4 children",
    ),
    ("run", "smoke", "--set", "training.epoch=3"): (2, "did you mean 'epochs'?"),
    ("run", "smoke", "--set", "training.epochs"): (2, "expected key=value, for example training.epochs=3"),
    ("run", "smoke", "--device", "gpu"): (2, "error: device 'gpu'; expected auto, cpu, cuda or cuda:n"),
    ("run", "smoke", "--set", "data.resize=15"): (2, "error: data.resize: got 15; data 'fashion14' allows 1 … 14"),
    ("run", "smoke", "--set", "data.train_images=10001"): (
        2,
        "error: data.train_images: got 10001; data 'fashion14' allows 1 … 10000",
    ),
    ("run", "paper"): (1, "error: got no path for data 'cifar10', expected the folder with CIFAR-10's binary version"),
    ("run", "paper", "--set", "data.path=nowhere"): (
        1,
        "nowhere: expected a folder with the binary version of CIFAR-10",
    ),
    ("run", "smoke", "--out", "a-file"): (1, "a-file"),
    ("plan", "smok"): (2, "did you mean 'smoke'?"),
    ("plan", "smoke", "table-9"): (2, "unknown target"),
    ("show", "smok"): (2, "did you mean 'smoke'?"),
    ("show", "table-1"): (2, "where are the results? name their folder with --out"),
    ("show", "table-1", "--out", "nowhere"): (1, "error: no study in nowhere: expected nowhere/study.json"),
    ("show", "12ab", "--out", "nowhere"): (2, "is the start of 0 job ids in nowhere/jobs; expected exactly 1"),
    ("check", "--out", "nowhere"): (1, "error: no results in nowhere: expected a folder nowhere/jobs"),
    ("report", "--out", "nowhere"): (1, "error: no study in nowhere"),
}


@pytest.mark.parametrize("words", MISTAKES, ids=" ".join)
def test_mistakes_are_one_line_on_stderr_and_leave_nothing(tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").touch()
    code, message = MISTAKES[words]
    result = call(*words, code=code)
    assert result.stdout == ""
    lines = [line for line in result.stderr.splitlines() if "jobs needed" not in line]
    assert len(lines) == 1
    assert message in lines[0]
    assert [path.name for path in tmp_path.iterdir()] == ["a-file"]


@pytest.mark.parametrize(
    "words",
    [
        ("run",),
        ("walk",),
        ("run", "smoke", "--workers", "-1"),
        ("run", "smoke", "--workers", "two"),
        ("check",),
        ("run", "--x"),
    ],
    ids=" ".join,
)
def test_wrong_words_exit_with_2_and_say_how_to_get_help(words):
    result = call(*words, code=2)
    assert result.stdout == ""
    assert "Usage: " in result.stderr
    assert "--help" in result.stderr


def test_a_target_that_was_never_trained(tmp_path):
    call("run", "smoke", "figure-2", "--out", tmp_path, "--workers", 0, *SETS)
    result = call("show", "table-1", "--out", tmp_path, code=1)
    assert "has no result below" in result.stderr
    assert "run the study to train it" in result.stderr


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (CommonweightError, 1),
        (DataError, 1),
        (ResultMissing, 1),
        (UsageError, 2),
        (StudyError, 2),
        (JobFailed, 3),
        (StoreError, 4),
    ],
)
def test_exit_codes(error, code):
    assert exit_code(error("x")) == code


@pytest.mark.parametrize("command", ["run", "plan", "ls", "show", "check", "report"])
def test_help_shows_an_example(command):
    shown = " ".join(call(command, "--help").stdout.split())
    assert "Example" in shown
    assert f"commonweight {command}" in shown


def test_help_lists_commands_and_exit_codes():
    shown = " ".join(call("--help").stdout.split())
    for word in ("run", "plan", "ls", "show", "check", "report", "0 done", "3 some jobs failed", "130 interrupted"):
        assert word in shown


# a process of its own


def start(*words, **more):
    command = [sys.executable, "-m", "commonweight", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **more)


@pytest.mark.parametrize("workers", [0, 1])
def test_ctrl_c_keeps_finished_jobs_and_the_same_command_goes_on(tmp_path, workers):
    words = ["run", "smoke", "table-1", "--out", tmp_path, "--workers", workers, *SETS, "--set", "training.epochs=80"]
    with start(*words) as process:
        deadline = time.monotonic() + 60
        while not list(Store(tmp_path).ids()):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert stdout == ""
    told = f"interrupted; finished jobs are kept in {tmp_path}, the same command goes on from there"
    assert stderr.splitlines()[-1] == told
    assert "Traceback" not in stderr
    kept = record_files(Store(tmp_path))
    assert 1 <= len(kept) < JOBS
    times = {path: path.stat().st_mtime_ns for path in tmp_path.glob("jobs/*/*")}
    words[words.index("--workers") + 1] = 0
    result = call(*words)
    assert f"{JOBS} jobs needed, {len(kept)} there" in result.stderr
    assert "### Table 1" in result.stdout
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_a_reader_that_has_seen_enough_makes_no_noise(whole):
    reader, writer = os.pipe()
    os.close(reader)
    with subprocess.Popen(
        [sys.executable, "-m", "commonweight", "report", *TARGETS, "--out", whole[0]],
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        os.close(writer)
        _, stderr = process.communicate(timeout=60)
    assert "Traceback" not in stderr
    assert "Error" not in stderr


def test_a_study_file_of_ones_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = tiny_study(name="mine").model_dump_json()
    (tmp_path / "mine.yaml").write_text(study, encoding="utf-8")
    result = call("run", "mine.yaml", "figure-2", "--workers", 0)
    assert result.stderr.splitlines()[-1] == "report: results/mine/report/index.html"
    assert (tmp_path / "results/mine/study.json").is_file()
    assert "results/mine: 11 stored jobs" in call("ls").stdout
