"""Failed and unfinished jobs at the command line: `run`, `plan`, `check`, `report` and `ls` name them with the reason."""

import json
import re

import pytest
from cli.calling import JOBS, SETS, TARGETS, call
from tiny import record_files

from commonweight import api
from commonweight.errors import DivergedError
from commonweight.study.checkpoint import Checkpoint, HowFar, Midway
from commonweight.study.failures import Cause, note_failure
from commonweight.study.jobs import NUMERICS
from commonweight.study.load import load_study
from commonweight.study.store import Store
from commonweight.training import Snapshot

WHY = "DivergedError: training diverged: after mini-batch 2 weights are not finite; lower training.lr"


@pytest.fixture
def diverged(copy):
    """A whole folder, but for the job of another fixed order: that diverged. And that job."""
    job = api.programme(load_study(copy / "study.json"), TARGETS, copy).experiments["orders"].jobs[1]
    folder = Store(copy).folder(job.id)
    folder.rename(copy.with_name("taken"))
    note_failure(copy, job, Cause.DIVERGED, WHY, "Traceback")
    return copy, job


def run(out, *more, code=0):
    return call("run", "smoke", *TARGETS, "--out", out, "--workers", 0, *SETS, *more, code=code)


def test_run_names_it_makes_the_rest_and_tries_it_again_on_request(diverged, whole):
    out, job = diverged
    result = run(out, code=3)
    line = f"job {job.id} ({job.label}) failed: {WHY}; not tried again without --retry-failed"
    assert line in result.stderr.splitlines()
    assert f"{JOBS} jobs needed, {JOBS - 1} there, 1 given up, 0 to train in {out}" in result.stderr.splitlines()
    assert "### Table 1. " not in result.stdout
    for name in ("table-1", "table-2"):
        assert f"not made: {name}: job {job.id} ({job.label}) failed: {WHY}" in result.stderr.splitlines()
    assert result.stderr.splitlines()[-2] == f"report: {out}/report/index.html"
    assert result.stderr.splitlines()[-1].startswith(
        f"error: 1 of {JOBS} jobs are given up, as they would fail again, "
    )
    again = run(out, "--retry-failed")
    assert f"{JOBS - 1} there, 1 to train" in again.stderr
    assert again.stdout == whole[1].stdout
    assert record_files(Store(out)) == record_files(Store(whole[0]))
    assert "failed" not in run(out).stderr


def test_run_makes_what_it_can_when_a_job_fails_now(copy, monkeypatch):
    job = api.programme(load_study(copy / "study.json"), TARGETS, copy).experiments["orders"].jobs[1]
    Store(copy).folder(job.id).rename(copy.with_name("taken"))

    def diverge(*_):
        raise DivergedError(WHY.partition(": ")[2])

    monkeypatch.setattr(Store, "write", diverge)
    result = run(copy, "--json", code=3)
    assert list(json.loads(result.stdout)) == ["figure-2"]
    assert result.stderr.splitlines()[-1].startswith(
        f"error: 1 of 1 jobs failed; the first: {job.id} (orders, instance 2): {WHY}; "
    )


def test_plan_names_it(diverged):
    out, job = diverged
    words = ["plan", "smoke", *TARGETS, "--out", out, *SETS]
    told = call(*words).stdout.splitlines()
    assert f"job {job.id} ({job.label}) failed: {WHY}; not tried again without --retry-failed" in told
    assert told[0].startswith(f"{JOBS} jobs in all, {JOBS - 1} done, 0 damaged, 1 given up, 0 to train: about 0 s")
    content = json.loads(call(*words, "--json").stdout)
    assert (content["failed"], content["given up"], content["missing"]) == ({job.id: WHY}, [job.id], [])
    note_failure(out, job, Cause.LOST, "its worker process was killed by signal 9", "")
    told = call(*words).stdout.splitlines()
    assert f"job {job.id} ({job.label}) failed: its worker process was killed by signal 9; to be tried again" in told
    assert f"{JOBS - 1} done, 0 damaged, 1 to train" in told[0]


def test_check_report_and_show_name_it(diverged):
    out, job = diverged
    reason = f"job {job.id} ({job.label}) failed: {WHY}"
    assert call("check", "--out", out).stdout.splitlines() == [reason, f"{JOBS - 1} jobs whole, 0 damaged"]
    assert json.loads(call("check", "--out", out, "--json").stdout)["failed"] == {job.id: reason}
    result = call("report", *TARGETS, "--out", out)
    assert re.findall("^not made: (.*?):", result.stderr, re.MULTILINE) == ["table-1", "table-2"]
    assert call("show", "figure-2", "--out", out, "--json").stdout
    assert call("show", "table-1", "--out", out, code=1).stderr == f"error: table-1 cannot be made: {reason}\n"


def test_check_and_ls_name_an_unfinished_job(diverged, tmp_path):
    out, job = diverged
    facts = {"started": "2026-01-01T00:00:00+00:00", "seconds": 60.0, "stops": (), "circumstances": {}}
    place = HowFar(job=job.id, numerics=NUMERICS, label=job.label, step=2, total=4, **facts)
    checkpoint = Checkpoint(out / "checkpoints" / job.id)
    checkpoint.write(place, Midway(Snapshot(2, {}, {}), [], {}))
    told = f"job {job.id} ({job.label}) is unfinished: 2 of 4 mini-batches are kept"
    assert told in call("check", "--out", out).stdout.splitlines()
    assert f"tiny in {out}: {JOBS - 1} stored jobs, 1 unfinished" in call("ls", "--out", tmp_path).stdout.splitlines()
    assert json.loads(call("ls", "--out", tmp_path, "--json").stdout)["results"][str(out)]["unfinished"] == 1
    (checkpoint.path / "state-2.safetensors").write_bytes(b"")
    assert f"checkpoint of job {job.id}: state-2.safetensors" in call("check", "--out", out, code=4).stdout
    note = "orders, instance 2: its checkpoint is damaged, state-2.safetensors does not agree with its checksum (0 of "
    assert note in run(out, "--retry-failed").stderr  # named, put aside, ignored
    assert call("check", "--out", out).stdout == f"{JOBS} jobs whole, 0 damaged\n"
    assert (out / "damaged" / f"{job.id}-1").is_dir()
