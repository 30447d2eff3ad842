"""What failed jobs do to a study: the others are done, what can be made is made, and the next run knows what to try again."""

import json
import re

import pytest
from tiny import record_files, tiny_study

import commonweight
from commonweight import api
from commonweight.errors import DivergedError, JobFailed, ResultMissing
from commonweight.study.checkpoint import CHECKPOINT
from commonweight.study.failures import Cause, note_failure, read_failures
from commonweight.study.store import Store

STUDY = tiny_study()
TARGETS = ("table-1", "figure-2")  # the figure needs all but the fixed orders
DIVERGED = "DivergedError: training diverged: after mini-batch 2 weights are not finite; lower training.lr"


@pytest.fixture
def bad(tmp_path):
    """The job of another fixed order, which table-1 alone needs."""
    return api.programme(STUDY, TARGETS, tmp_path).experiments["orders"].jobs[1]


@pytest.fixture
def failing(monkeypatch, bad):
    """A switch: the bad job raises this error when it is done, until there is none."""
    error, write = {}, Store.write

    def perhaps(store, job, result):
        if job.id == bad.id and error:
            raise error["raised"]
        write(store, job, result)

    monkeypatch.setattr(Store, "write", perhaps)
    return lambda raised: error.update(raised=raised) if raised else error.clear()


def run(out, **more):
    """The ids of jobs that were tried, and what was raised at the end."""
    tried = {}
    with pytest.raises(JobFailed) as caught:
        commonweight.run(STUDY, TARGETS, out, progress=lambda told: tried.setdefault(told.event.job.id), **more)
    return list(tried), str(caught.value)


def test_a_job_that_diverged_blocks_no_other_and_is_tried_again_on_request_alone(tmp_path, bad, failing):
    failing(DivergedError(DIVERGED.partition(": ")[2]))
    tried, told = run(tmp_path)
    assert len(tried) == 12
    assert told.startswith(
        f"1 of 12 jobs failed; the first: {bad.id} (orders, instance 2): {DIVERGED}; trace in {tmp_path}"
    )
    assert read_failures(tmp_path)[bad.id].cause is Cause.DIVERGED
    failing(None)
    tried, told = run(tmp_path)
    assert tried == []
    assert told == (
        "1 of 12 jobs are given up, as they would fail again, unless --retry-failed is given; "
        f"the first: {bad.id} (orders, instance 2): {DIVERGED}"
    )
    work = api.programme(STUDY, TARGETS, tmp_path)
    assert (len(work.inventory().done), work.inventory().missing) == (11, ())
    assert work.inventory().given_up == work.inventory(retry_failed=True).missing == (bad,)
    made = commonweight.run(STUDY, TARGETS, tmp_path, retry_failed=True)
    assert [one.name for one in made] == list(TARGETS)
    assert list((tmp_path / "failed").iterdir()) == []
    commonweight.run(STUDY, TARGETS, tmp_path / "undisturbed")
    assert record_files(Store(tmp_path)) == record_files(Store(tmp_path / "undisturbed"))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), MemoryError(), RuntimeError("why")])
def test_any_other_failure_is_tried_again_without_being_asked(tmp_path, bad, failing, error):
    failing(error)
    run(tmp_path)
    failing(None)
    tried = {}
    commonweight.run(STUDY, TARGETS, tmp_path, progress=lambda told: tried.setdefault(told.event.job.id))
    assert list(tried) == [bad.id]


def test_what_can_be_made_is_made_and_the_report_says_what_it_lacks(tmp_path, bad, failing):
    failing(DivergedError(DIVERGED.partition(": ")[2]))
    run(tmp_path)
    pages = [tmp_path / "report" / name for name in ("index.html", "report.md")]
    written = [page.read_bytes() for page in pages]
    work = api.programme(STUDY, TARGETS, tmp_path)
    reason = f"job {bad.id} ({bad.label}) failed: {DIVERGED}"
    assert work.lacking() == {"table-1": reason}
    made, files = work.report()
    assert [page.read_bytes() for page in pages] == written  # as by the run that failed
    assert [one.name for one in made] == ["figure-2"]
    assert f"<li>Table 1: {reason}</li>" in files[0].read_text(encoding="utf-8")
    document = (tmp_path / "report/report.md").read_text(encoding="utf-8")
    assert f"## Not made\n\n- Table 1: {reason}\n" in document.replace("\\", "")
    assert work.facts()["Jobs"] == "11, and 1 that failed"
    assert (tmp_path / "report/figures/figure-2.svg").is_file()
    for what in (work, api.open(tmp_path, ["table-1"])):
        with pytest.raises(ResultMissing, match=rf"^table-1 cannot be made: job {bad.id} .* failed: DivergedError"):
            what.make()
    failing(None)
    commonweight.run(STUDY, TARGETS, tmp_path, retry_failed=True)
    assert "Not made" not in files[0].read_text(encoding="utf-8")
    assert "Not made" not in (tmp_path / "report/report.md").read_text(encoding="utf-8")


def test_a_report_of_nothing_says_why(tmp_path):
    work = api.programme(STUDY, ["table-1"], tmp_path)
    for job in work.jobs:
        note_failure(tmp_path, job, Cause.DIVERGED, "DivergedError: why", "")
    made, files = work.report()
    assert made == []
    assert work.facts() == {}
    assert re.search(
        r"<li>Table 1: job \w{16} \(.*\) failed: DivergedError: why</li>", files[0].read_text(encoding="utf-8")
    )


def test_a_note_that_cannot_be_written_does_not_hide_the_failure(tmp_path, bad, failing, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    failing(RuntimeError("the reason"))
    monkeypatch.setattr(api, "note_failure", full)
    _, told = run(tmp_path)
    assert f"{bad.id} (orders, instance 2): RuntimeError: the reason; its trace is lost, as [Errno 28] No space" in told


def test_what_a_killed_run_left_of_checkpoints_is_removed_by_the_next(tmp_path):
    work = api.programme(STUDY, ["figure-2"], tmp_path)
    stranger = tmp_path / "checkpoints" / ("0" * 16)
    for folder in (tmp_path / "checkpoints" / work.jobs[0].id, stranger):
        folder.mkdir(parents=True)
        (folder / "state-3.safetensors").touch()
    (stranger / CHECKPOINT).write_text(json.dumps({"files": {}}))  # not that of a stored job: left for `check`
    with work.driven():
        assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == [stranger.name]


def test_the_end_of_a_job_that_was_stopped_is_told_and_not_reckoned(tmp_path, monkeypatch):
    commonweight.run(STUDY, ["figure-2"], tmp_path)
    work = api.programme(STUDY, ["figure-2"], tmp_path)
    real, stopped = work.store.how, work.jobs[0].id
    times = {"started": "2026-01-01T00:00:00+00:00", "seconds": 60}
    ended = {"ended": "2026-01-01T05:00:00+00:00", "continued_after": [2]}
    monkeypatch.setattr(Store, "how", lambda _, one: real(one) | times | (ended if one == stopped else {}))
    assert work.facts()["From the first start to the last end"] == "5:00:00"
    assert work.facts()["Time of all jobs"] == "11:00"
