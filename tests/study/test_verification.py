"""What `check` says of a whole folder: its jobs, its study, its report, and what no run wrote."""

import json
import os

import pytest
from tiny import make_job, make_record, tiny_study

from commonweight.errors import ResultMissing, StoreError
from commonweight.study.checkpoint import CHECKPOINT, Checkpoint, HowFar, Midway
from commonweight.study.failures import Cause, note_failure
from commonweight.study.jobs import NUMERICS
from commonweight.study.listing import LIST, listed, rewriting
from commonweight.study.record import Result
from commonweight.study.setting import Setting
from commonweight.study.settled import STUDY_FILE, write_settled
from commonweight.study.store import Store
from commonweight.study.verification import verify_results
from commonweight.training import Snapshot

JOB = make_job()
PAGES = {"index.html": "<p>", "tables/table-1.md": "| |", "tables/table-1.csv": "a,b", "figures/figure-2.svg": "<svg/>"}


def report(out, pages):
    """Writes a report of these files as a run does."""
    with rewriting(out / "report") as files:
        for name, text in pages.items():
            path = out / "report" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            files.append(path)


@pytest.fixture
def out(tmp_path):
    """A folder of one job, a study and a report."""
    Store(tmp_path).write(JOB, Result(make_record(JOB)))
    write_settled(Setting(tiny_study(), "f" * 64, (7, 7), 128, 20, 30), tmp_path)
    report(tmp_path, PAGES)
    return tmp_path


def test_a_whole_folder(out):
    found = verify_results(out)
    assert (found.whole, found.damaged, found.unknown) == (1, {}, {})
    assert listed(out / "report").keys() == PAGES.keys()
    with pytest.raises(ResultMissing, match=r"no results in .*/nowhere: expected a folder .*/nowhere/jobs; name the"):
        verify_results(out / "nowhere")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("change", ["flipped", "cut", "gone", "a pipe"])
def test_a_damaged_file_of_the_report_is_named(out, name, change):
    path = out / "report" / name
    content = path.read_bytes()
    path.unlink()
    match change:
        case "flipped":
            path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        case "cut":
            path.write_bytes(content[:-1])
        case "a pipe":
            os.mkfifo(path)
    found = verify_results(out)
    assert (found.whole, found.damaged.keys(), found.unknown) == (1, {f"report/{name}"}, {})
    (told,) = found.damaged.values()
    assert told.startswith(f"report: {path.name} ")
    assert told.endswith(f"; give commonweight report --out {out}, which writes it anew")
    path.unlink(missing_ok=True)
    report(out, PAGES)
    assert verify_results(out).damaged == {}


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "[" * 100_000,
        '{"files": {"../study.json": {"bytes": 1, "sha256": ""}}}',
        '{"files": {"/dev/zero": {}}}',
    ],
    ids=lambda content: content[:30],
)
def test_a_list_that_says_nothing_is_damage(out, content):
    (out / "report" / LIST).write_text(content)
    assert verify_results(out).damaged.keys() == {f"report/{LIST}"}
    with pytest.raises(StoreError, match=f"{LIST} is no list of a report's files"):
        listed(out / "report")
    report(out, PAGES)
    assert verify_results(out).damaged == {}


def test_files_of_an_earlier_report_stay_listed_while_they_are_whole(out):
    report(out, {"index.html": "<p>later"})
    assert verify_results(out).damaged == {}
    assert listed(out / "report").keys() == PAGES.keys()
    (out / "report/tables/table-1.md").write_text("|x|")
    (out / "report/tables/table-1.csv").unlink()
    report(out, {"index.html": "<p>last"})
    found = verify_results(out)
    assert (found.damaged, found.unknown.keys()) == ({}, {"report/tables/table-1.md"})


def test_a_report_that_is_not_written_to_its_end_is_no_damage(out):
    (out / "report/index.html").write_text("<p>half")
    with pytest.raises(KeyboardInterrupt), rewriting(out / "report"):
        raise KeyboardInterrupt
    found = verify_results(out)
    assert found.damaged == {}
    assert found.unknown == {
        "report": "without checksums, of an earlier version or not written to its end; "
        f"give commonweight report --out {out}, which writes it anew"
    }


def test_a_damaged_study_is_named(out):
    content = json.loads((out / STUDY_FILE).read_text(encoding="utf-8"))
    for damaged in (json.dumps(content | {"seed": 9}), '{"name": ', "[" * 100_000):
        (out / STUDY_FILE).write_text(damaged, encoding="utf-8")
        assert verify_results(out).damaged.keys() == {STUDY_FILE}
    (out / STUDY_FILE).unlink()  # what is missing is told by whoever needs it
    assert verify_results(out).damaged == {}


def test_failed_jobs_are_named_and_no_damage(out):
    other, tuned = make_job(init=(1,)), make_job(init=(2,))
    note_failure(out, other, Cause.DIVERGED, "DivergedError: why", "")
    note_failure(out, tuned, Cause.SOURCE, f"job {other.id}, from which it starts, failed", "")  # told once
    note_failure(out, JOB, Cause.LOST, "of another time", "")  # it is stored now
    found = verify_results(out)
    assert (found.damaged, found.unknown) == ({}, {})
    assert found.failed == {other.id: f"job {other.id} ({other.label}) failed: DivergedError: why"}


def place(job, step):
    """That of a job which is so far."""
    return HowFar(
        job=job.id,
        numerics=NUMERICS,
        label=job.label,
        step=step,
        total=1234,
        started="2026-01-01T00:00:00+00:00",
        seconds=1.0,
        stops=(),
        circumstances={},
    )


def test_unfinished_jobs_are_told_and_a_damaged_checkpoint_is_damage(out, monkeypatch):
    job = make_job(init=(1,))
    checkpoint, midway = Checkpoint(out / "checkpoints" / job.id), Midway(Snapshot(1000, {}, {}), [], {})
    checkpoint.write(place(job, 1000), midway)
    told = f"job {job.id} ({job.label}) is unfinished: 1,000 of 1,234 mini-batches are kept"
    found = verify_results(out)
    assert (found.whole, found.damaged, found.unknown, found.unfinished) == (1, {}, {}, {job.id: told})
    (checkpoint.path / "state-1000.safetensors").write_bytes(b"")
    found = verify_results(out)
    assert found.unfinished == {}
    assert found.damaged == {
        f"checkpoints/{job.id}": f"checkpoint of job {job.id}: state-1000.safetensors does not agree with its checksum "
        f"(0 of {(checkpoint.path / CHECKPOINT).read_text().partition('bytes')[2][3:].partition(',')[0]} bytes)"
    }
    read = Checkpoint.read

    def renewed(one):  # by a run, while it is read
        monkeypatch.setattr(Checkpoint, "read", read)
        try:
            return read(one)
        finally:
            one.remove()
            one.write(place(job, 1001), Midway(Snapshot(1001, {}, {}), [], {}))

    monkeypatch.setattr(Checkpoint, "read", renewed)
    found = verify_results(out)
    assert found.damaged == {}
    assert found.unfinished == {job.id: told.replace("1,000", "1,001")}

    def ended(one):  # the job, while it is read
        one.remove()
        return read(one)

    monkeypatch.setattr(Checkpoint, "read", ended)
    found = verify_results(out)
    assert (found.damaged, found.unfinished) == ({}, {})


def test_a_folder_of_which_no_job_is_done_yet(tmp_path):
    Checkpoint(tmp_path / "checkpoints" / JOB.id).write(place(JOB, 3), Midway(Snapshot(3, {}, {}), [], {}))
    found = verify_results(tmp_path)
    assert (found.whole, found.unfinished.keys()) == (0, {JOB.id})


def test_unknown_files_are_named_and_no_damage_and_one_more_in_a_job_is(out):
    folder = Store(out).folder(JOB.id)
    known = [
        f"failed/{JOB.id}.json",
        f"damaged/{JOB.id}-1/job.json",
        "lock",
        "report/.index.html.12",
        f"jobs/.{JOB.id}.12",
    ]
    unknown = [
        "checkpoints/notes",
        "failed/notes.txt",
        "jobs/notes.txt",
        "notes.txt",
        "report/deep/mine.png",
        "report/mine.html",
    ]
    for name in (*known, *unknown):
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (out / name).touch()
    found = verify_results(out)
    assert (found.whole, found.damaged) == (1, {})
    assert sorted(found.unknown) == unknown
    assert set(found.unknown.values()) == {"no file of a run, left alone"}
    (folder / "notes.txt").touch()
    found = verify_results(out)
    assert (found.whole, found.damaged.keys()) == (0, {JOB.id})
    assert sorted(found.unknown) == unknown
