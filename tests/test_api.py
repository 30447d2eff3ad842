"""A study from start to report through Python; and what interruption, damage and later targets do to it."""

import csv
import json
import platform
from datetime import datetime

import pytest
from tiny import flip_accuracy, make_record, record_files, tiny_study

import commonweight
from commonweight import api
from commonweight.errors import JobFailed, ResultMissing, StudyError, UsageError
from commonweight.paper import ARTEFACTS, Curves, Table
from commonweight.report.progress import clock
from commonweight.study.executors import Advanced, Failed, Finished, Inline, Local, Started
from commonweight.study.load import load_study
from commonweight.study.record import Result
from commonweight.study.store import Store
from commonweight.study.work import Runtime, processor

STUDY = tiny_study()
TARGETS = ("table-1", "table-2", "figure-2")
JOBS = 1 + 1 + 2 + 8  # seeds in one stack, another order, two shuffled orders, and eight children alone


class Watcher:
    """Remembers the events of a run, and interrupts it when so many jobs have ended."""

    def __init__(self, interrupt_after=None):
        self.told, self.events, self.interrupt_after = [], [], interrupt_after

    def __call__(self, told):
        self.told.append(told)
        self.note(told.event)

    def note(self, event):
        self.events.append(event)
        if len(self.finished) == self.interrupt_after:
            raise KeyboardInterrupt

    @property
    def finished(self):
        return [event.job.id for event in self.events if isinstance(event, Finished)]


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The folder of a run that nothing disturbed, and what it made."""
    out = tmp_path_factory.mktemp("whole")
    return out, commonweight.run(STUDY, TARGETS, out)


def test_a_run_gives_its_targets_and_writes_them(whole):
    out, made = whole
    assert [item.name for item in made] == ["table-1", "table-2", "figure-2"]
    assert [type(item) for item in made] == [Table, Table, Curves]
    assert load_study(out / "study.json") == STUDY
    assert len(list(Store(out).ids())) == JOBS
    with (out / "report/tables/table-1.csv").open(newline="") as file:
        rows = {row["experiment"]: row for row in csv.DictReader(file)}
    for row in made[0].rows:
        assert float(rows[row.name]["s_tau"]) == pytest.approx(row.numbers[0].value, nan_ok=True)
    assert (out / "report/index.html").is_file()
    assert (out / "report/figures/figure-2.pdf").is_file()
    assert not (out / "failed").exists()


def test_the_same_study_again_elsewhere_is_the_same_bits(whole, tmp_path):
    watcher = Watcher()
    made = commonweight.run(STUDY, TARGETS, tmp_path, progress=watcher)
    assert record_files(Store(tmp_path)) == record_files(Store(whole[0]))
    assert made[:2] == whole[1][:2]
    assert len(watcher.finished) == len(set(watcher.finished)) == JOBS
    assert {type(event) for event in watcher.events} - {Advanced} == {Started, Finished}
    for name in ("tables/table-1.md", "tables/table-2.csv", "figures/figure-2.svg", "figures/figure-2.pdf"):
        assert (tmp_path / "report" / name).read_bytes() == (whole[0] / "report" / name).read_bytes()


def test_two_processes_give_the_same_bits(whole, tmp_path):
    commonweight.run(STUDY, ["table-2"], tmp_path, Local(2))
    assert record_files(Store(tmp_path)) == record_files(Store(whole[0]))


def test_the_same_run_again_trains_nothing(whole):
    out, made = whole
    before = {path: path.stat().st_mtime_ns for path in out.glob("jobs/*/*")}
    watcher = Watcher()
    again = commonweight.run(
        STUDY, TARGETS, out, progress=watcher, executor=Inline(Runtime(threads=2))
    )  # however it runs
    assert watcher.events == []
    assert again[:2] == made[:2]
    assert {path: path.stat().st_mtime_ns for path in out.glob("jobs/*/*")} == before


@pytest.mark.parametrize("jobs", [1, 7, JOBS])
def test_interrupted_and_continued_is_the_same_bits_as_undisturbed(whole, tmp_path, jobs):
    first, second = Watcher(interrupt_after=jobs), Watcher()
    with pytest.raises(KeyboardInterrupt):
        commonweight.run(STUDY, TARGETS, tmp_path, progress=first)
    assert set(Store(tmp_path).ids()) == set(first.finished)
    assert not (tmp_path / "report").exists()
    made = commonweight.run(STUDY, TARGETS, tmp_path, progress=second)
    assert len(first.finished) == jobs
    assert not set(first.finished) & set(second.finished)
    assert len(second.finished) == JOBS - jobs
    assert record_files(Store(tmp_path)) == record_files(Store(whole[0]))
    assert made[:2] == whole[1][:2]


def test_an_interrupt_in_the_middle_of_a_job(whole, tmp_path):
    """The job of which nothing is stored is trained again from its beginning."""

    def interrupt(told):
        if isinstance(told.event, Started) and len(list(Store(tmp_path).ids())) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        commonweight.run(STUDY, TARGETS, tmp_path, progress=interrupt)
    assert len(list(Store(tmp_path).ids())) == 3
    commonweight.run(STUDY, TARGETS, tmp_path)
    assert record_files(Store(tmp_path)) == record_files(Store(whole[0]))


def test_a_damaged_job_is_named_and_trained_again_and_no_other(whole, tmp_path):
    work = api.programme(STUDY, TARGETS, tmp_path)
    for job in work.inventory().jobs:
        how = {"started": "2026-01-01T00:00:00+00:00", "seconds": 1.0}
        work.store.write(job, Result(make_record(job), how=how))
    unharmed = record_files(work.store)
    damaged, half = work.inventory().done[0], work.inventory().done[5]
    flip_accuracy(work.store, damaged.id)
    (work.store.folder(half.id) / "done.json").unlink()
    assert set(work.inventory().damaged) == {damaged.id, half.id}
    watcher = Watcher()
    commonweight.run(STUDY, TARGETS, tmp_path, progress=watcher)
    assert set(watcher.finished) == {damaged.id, half.id}
    true = record_files(Store(whole[0]))
    for job_id, content in record_files(work.store).items():
        assert content == (true if job_id in {damaged.id, half.id} else unharmed)[job_id]


def test_a_folder_that_another_run_is_in_is_refused_and_untouched(tmp_path):
    def second(told):
        if not isinstance(told.event, Started):
            return
        with pytest.raises(UsageError, match="is in use by process"):
            commonweight.run(STUDY, ["figure-2"], tmp_path)
        seen.append(told)
        raise KeyboardInterrupt

    seen = []
    with pytest.raises(KeyboardInterrupt):
        commonweight.run(STUDY, ["figure-2"], tmp_path, progress=second)
    assert len(seen) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"lock", "study.json"}


def test_what_a_killed_run_left_is_removed_by_the_next(whole, tmp_path):
    for folder in (".", "jobs", "failed", "report", "report/tables"):
        (tmp_path / folder / ".left.999999999").mkdir(parents=True)
    for job_id in Store(whole[0]).ids():
        (tmp_path / "jobs" / job_id).symlink_to(whole[0] / "jobs" / job_id)
    commonweight.run(STUDY, ["figure-2"], tmp_path)
    assert list(tmp_path.rglob(".*")) == []


def test_later_targets_train_only_what_is_missing(tmp_path):
    first, second, third = Watcher(), Watcher(), Watcher()
    made = commonweight.run(STUDY, ["figure-2"], tmp_path, progress=first)
    assert [item.name for item in made] == ["figure-2"]
    assert len(first.finished) == JOBS - 1
    enough_for = {"claims", "insight-1", "settings"}
    assert {path.stem for path in (tmp_path / "report/tables").iterdir()} == enough_for
    commonweight.run(STUDY, ["table-1"], tmp_path, progress=second)
    orders = api.programme(STUDY, ["table-1"], tmp_path).experiments["orders"]
    assert second.finished == [orders.jobs[1].id]  # its first instance is one of the different seeds
    commonweight.run(STUDY, TARGETS, tmp_path, progress=third)
    assert third.finished == []


def test_more_instances_reuse_those_that_are_there(tmp_path):
    few, more = (tiny_study(experiments__stack=1, experiments__instances=n) for n in (2, 3))
    watcher = Watcher()
    commonweight.run(few, ["table-1"], tmp_path)
    before = set(Store(tmp_path).ids())
    with pytest.raises(UsageError, match=r"holds another study: experiments\.instances 2 there, 3 here; give another"):
        commonweight.run(more, ["table-1"], tmp_path, progress=watcher)
    assert watcher.events == []
    assert load_study(tmp_path / "study.json") == few
    commonweight.run(more, ["table-1"], tmp_path, progress=watcher, replace_study=True)
    assert not before & set(watcher.finished)
    assert len(watcher.finished) == 3  # one more of seeds, of orders and of shuffled orders
    assert load_study(tmp_path / "study.json") == more


def test_other_numbers_are_other_jobs_in_the_same_folder(whole):
    out, _ = whole
    for overrides in (
        {"seed": 2},
        {"training__lr": 0.02},
        {"data__train_images": 127},
        {"data__augment": {"flip": True}},
    ):
        assert api.programme(tiny_study(**overrides), TARGETS, out).inventory().done == ()
    same = tiny_study(name="other", about="words are no numbers", experiments__last_epochs=2)
    assert len(api.programme(same, TARGETS, out).inventory().done) == JOBS


def test_failed_jobs_are_told_at_the_end_and_the_others_are_stored(tmp_path, monkeypatch):
    work = api.programme(STUDY, TARGETS, tmp_path)
    bad = work.experiments["orders"].jobs[1]
    write = Store.write

    def full(store, job, result):
        if job.id == bad.id:
            raise OSError(28, "No space left on device")
        write(store, job, result)

    monkeypatch.setattr(Store, "write", full)
    watcher = Watcher()
    with pytest.raises(JobFailed, match=rf"1 of {JOBS} jobs failed; the first: {bad.id} \(.*No space left") as caught:
        commonweight.run(STUDY, TARGETS, tmp_path, progress=watcher)
    trace = tmp_path / "failed" / f"{bad.id}.json"
    assert str(trace) in str(caught.value)
    note = json.loads(trace.read_text(encoding="utf-8"))
    assert (note["label"], note["cause"], note["reason"]) == (
        bad.label,
        "error",
        "OSError: [Errno 28] No space left on device",
    )
    assert note["trace"][0].startswith("Traceback")
    assert len(watcher.finished) == JOBS - 1
    assert [event.job.id for event in watcher.events if isinstance(event, Failed)] == [bad.id]
    monkeypatch.undo()
    again = Watcher()
    commonweight.run(STUDY, TARGETS, tmp_path, progress=again)
    assert again.finished == [bad.id]
    assert list((tmp_path / "failed").iterdir()) == []


def test_what_starts_from_a_failed_job_fails_with_the_reason_and_others_are_done(tmp_path, monkeypatch):
    study = tiny_study(experiments__stack=1)
    work = api.programme(study, ["insight-2"], tmp_path)
    good, bad = work.experiments["seeds"].jobs
    children = [job for name in ("finetuned-half", "finetuned-end") for job in work.experiments[name].jobs]
    lost = {job.id for job in children if job.start.job == bad.id}
    assert len(lost) == 2 * 8
    write = Store.write

    def full(store, job, result):
        if job.id == bad.id:
            raise OSError(28, "No space left on device")
        write(store, job, result)

    monkeypatch.setattr(Store, "write", full)
    watcher = Watcher()
    jobs = len(work.inventory().jobs)
    with pytest.raises(JobFailed, match=rf"^{1 + 16} of {jobs} jobs failed; the first: {bad.id} \(.*No space left"):
        api.train_missing(work, work.inventory(), Inline(), watcher.note)
    failed = {event.job.id: event for event in watcher.events if isinstance(event, Failed)}
    assert failed.keys() == {bad.id} | lost
    assert {failed[job_id].reason for job_id in lost} == {f"job {bad.id}, from which it starts, failed"}
    for job_id in lost:
        kinds = [type(event) for event in watcher.events if event.job.id == job_id]
        assert kinds == [Started, Failed]  # as every job, and nothing was tried
        assert f"job {bad.id}, from which it starts, failed" in (tmp_path / "failed" / f"{job_id}.json").read_text()
    assert (
        set(watcher.finished)
        == {job.id for job in work.inventory().done}
        == {job.id for job in work.inventory().jobs} - set(failed)
    )
    assert good.id in watcher.finished
    monkeypatch.undo()
    again = Watcher()
    api.train_missing(work, work.inventory(), Inline(), again.note)
    assert set(again.finished) == set(failed)
    assert again.finished[0] == bad.id
    assert list((tmp_path / "failed").iterdir()) == []


def test_a_bare_run_of_a_short_study_makes_what_it_can(tmp_path):
    work = api.programme(STUDY, out=tmp_path)
    assert {"table-1", "figure-3b", "insight-2", "hidden-choices", "claims"} <= {target.name for target in work.targets}
    assert {"figure-4a", "figure-5a", "table-3a", "figure-6b", "table-4", "readings"} <= work.refused.keys()
    assert work.refused.keys() | {target.name for target in work.targets} == ARTEFACTS.keys()
    assert all("mini-batches" in reason and "\n" not in reason for reason in work.refused.values())


def test_a_report_needs_its_records(tmp_path):
    work = api.programme(STUDY, ["table-1"], tmp_path)
    with pytest.raises(ResultMissing, match="run the study to train it"):
        work.make()
    with pytest.raises(ResultMissing):
        work.report()
    assert not (tmp_path / "report").exists()


def test_the_folder_by_default_and_with_spaces(whole, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert str(api.programme(STUDY).store.out) == "results/tiny"
    spaced = tmp_path / "my results"
    (spaced / "jobs").parent.mkdir()
    (spaced / "jobs").symlink_to(whole[0] / "jobs")
    _, files = api.programme(STUDY, ["table-1"], spaced).report()
    page = files[0].read_text(encoding="utf-8")
    assert f"commonweight run &#39;{spaced}/study.json&#39; table-1 --out &#39;{spaced}&#39;" in page


def test_mistakes_are_told_before_anything_is_made(tmp_path):
    with pytest.raises(UsageError, match="unknown target 'table-9'"):
        commonweight.run(STUDY, ["table-9"], tmp_path / "out")
    with pytest.raises(StudyError, match="'tiny' cannot make figure-5a: it looks at each of 16 mini-batches"):
        commonweight.run(STUDY, ["table-1", "figure-5"], tmp_path / "out")
    with pytest.raises(StudyError, match=r"data\.judge_images: got 10001"):
        commonweight.run(tiny_study(data__judge_images=10_001), out=tmp_path / "out")
    with pytest.raises(StudyError, match="got 15"):
        commonweight.run(tiny_study(data__resize=15), out=tmp_path / "out")
    with pytest.raises(StudyError):
        commonweight.load_study("nope")
    assert not (tmp_path / "out").exists()


def test_the_stored_study_is_whole_json(whole):
    content = json.loads((whole[0] / "study.json").read_text(encoding="utf-8"))
    assert content["training"]["batch"] == 64
    assert content["experiments"]["stack"] == 10


def test_sweeps_in_bfloat16_say_how_they_agree_with_float32(tmp_path):
    study = tiny_study(experiments__sweep_precision="bfloat16", data__sweep_images=200)
    commonweight.run(study, ["table-1"], tmp_path)
    work = commonweight.programme(study, ["table-1"], tmp_path)
    agreement = work.precision_agreement()
    assert len(agreement) == 5  # two instances of seeds, the other order, two shuffled; a child alone has no rank
    assert all(0 < value <= 1 for value in agreement)
    exact = commonweight.programme(tiny_study(data__sweep_images=200), ["table-1"], tmp_path)
    assert not {job.id for job in exact.inventory().missing} & {job.id for job in work.inventory().jobs}


def test_the_command_of_a_shipped_study_is_its_name():
    work = commonweight.programme(load_study("smoke"), ["table-1"], "out folder")
    assert work.command("figure-5a") == "commonweight run smoke figure-5a --out 'out folder'"
    other = commonweight.programme(load_study("smoke", {"seed": 2}), ["table-1"], "out")
    assert other.command() == "commonweight run out/study.json --out out"


def test_the_facts_of_a_report_are_sums_over_its_jobs(whole):
    work = commonweight.programme(STUDY, TARGETS, whole[0])
    hows = [json.loads(path.read_text()) for path in (whole[0] / "jobs").glob("*/how.json")]
    assert len(hows) == JOBS
    facts = work.facts()
    assert facts["Jobs"] == str(JOBS)
    # 2 epochs of: 2 instances each of seeds, orders and shuffled orders, the first order being the first seed; 8 children
    # alone from 2 initialisations.
    assert facts["Training"].startswith(f"{2 * (2 + 1 + 2 + 8 * 2)} child-epochs")
    assert facts["Time of all jobs"] == clock(sum(how["seconds"] for how in hows))
    starts = [datetime.fromisoformat(how["started"]).timestamp() for how in hows]
    ends = [start + how["seconds"] for start, how in zip(starts, hows, strict=True)]
    assert facts["From the first start to the last end"] == clock(max(ends) - min(starts))
    assert facts["Machine"] == platform.platform()
    assert facts["Processor"] == processor() != ""


def test_wall_time_is_from_the_first_start_to_the_last_end(whole, monkeypatch):
    work = commonweight.programme(STUDY, ["table-1"], whole[0])
    hours = {job.id: place for place, job in enumerate(work.jobs)}
    real = work.store.how
    monkeypatch.setattr(
        Store,
        "how",
        lambda _, job_id: real(job_id) | {"started": f"2026-01-01T{hours[job_id]:02}:00:00", "seconds": 60},
    )
    assert work.facts()["From the first start to the last end"] == f"{len(hours) - 1}:01:00"
    assert work.facts()["Time of all jobs"] == f"{len(hours)}:00"
    silent = work.jobs[-1].id  # a sum without it would be no time of all jobs
    monkeypatch.setattr(Store, "how", lambda _, job_id: {} if job_id == silent else real(job_id))
    facts = work.facts()
    assert facts["Time of all jobs"] == facts["From the first start to the last end"] == "not recorded"
    assert facts["Machine"] == f"{platform.platform()}, not recorded"


def test_a_report_says_what_its_records_say_of_the_claims_and_how_to_make_each_part(whole):
    made, files = commonweight.programme(STUDY, TARGETS, whole[0]).report()
    assert [one.name for one in made] == ["table-1", "table-2", "figure-2"]  # what was asked for, and no more
    claims = next(path for path in files if path.name == "claims.csv").read_text(encoding="utf-8")
    measured = {row["claim"] for row in csv.DictReader(claims.splitlines())}
    assert measured == {"1", "2", "3", "4", "11"}
    page = files[0].read_text(encoding="utf-8")
    for name in ("table-1", "table-2", "figure-2"):
        assert f"commonweight run {whole[0]}/study.json {name} --out {whole[0]}</code>" in page
