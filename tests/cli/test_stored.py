"""`ls`, `show`, `check` and `report`: what is made of results that are there."""

import json
import shutil

import pytest
from cli.calling import JOBS, SETS, TARGETS, call
from tiny import flip_accuracy, tiny_study

from commonweight.paper import ARTEFACTS
from commonweight.study.jobs import FinalAccuracy
from commonweight.study.load import load_study
from commonweight.study.store import Store


def test_ls(whole, tmp_path):
    out, _ = whole
    lines = call("ls", "--out", out.parent).stdout.splitlines()
    studies = ["nb201", "paper", "quick", "small", "smoke"]
    assert [line.partition(":")[0] for line in lines] == [*studies, "targets", f"tiny in {out}"]
    assert lines[-2] == f"targets: {', '.join(ARTEFACTS)}"
    assert lines[-1] == f"tiny in {out}: {JOBS} stored jobs"
    content = json.loads(call("ls", "--out", out.parent, "--json").stdout)
    assert content["targets"] == list(ARTEFACTS)
    assert set(content["shipped"]) == set(studies)
    assert content["results"] == {str(out): {"study": "tiny", "jobs": JOBS, "unfinished": 0}}
    assert json.loads(call("ls", "--out", tmp_path, "--json").stdout)["results"] == {}


@pytest.mark.parametrize("name", ["paper", "quick", "small", "smoke"])
def test_show_a_study(tmp_path, name):
    path = tmp_path / "shown.yaml"
    path.write_text(call("show", name).stdout, encoding="utf-8")
    assert load_study(path) == load_study(name)
    assert json.loads(call("show", name, "--json").stdout)["name"] == name


def test_show_a_table(whole):
    out, run = whole
    result = call("show", "table-2", "--out", out)
    assert result.stderr == f"study tiny in {out}\n"
    shown = result.stdout
    assert shown[shown.index("### Table 2") :] == run.stdout[run.stdout.index("### Table 2") :]
    assert "### Table 1" not in shown
    content = json.loads(call("show", "table-2", "--out", out, "--json").stdout)
    assert content["table-2"]["rows"][0]["name"] == "Different seeds"


def test_show_a_job_by_the_start_of_its_id(whole):
    out, _ = whole
    labels = set()
    for job_id in Store(out).ids():
        job, record = Store(out).job(job_id), Store(out).read(Store(out).job(job_id))
        content = json.loads(call("show", job_id[:12], "--out", out, "--json").stdout)
        assert content["id"] == job_id
        labels.add(content["label"])
        assert content["job"] == job.model_dump(mode="json")
        final = record.final.get(FinalAccuracy.JUDGED, record.accuracy[:, -1])
        assert content["final accuracy"] == pytest.approx(dict(zip(job.children, final.mean(0), strict=True)), abs=1e-4)
        assert content["how"]["device"] == "cpu"
        text = call("show", job_id, "--out", out).stdout
        assert text.startswith(f"job {job_id}: {content['label']}\nhow: ")
    named = {"seeds, copies 1–2", "orders, instance 2", "orders-shuffled, instance 1", "orders-shuffled, instance 2"}
    alone = {f"ground-truth, child {child.name}, copies 1–2" for child in tiny_study().space.children()}
    assert labels == {f"{label}, of study tiny" for label in named | alone}


def test_show_a_job_beside_no_study(copy):
    (copy / "study.json").unlink()
    job_id = next(Store(copy).ids())
    assert call("show", job_id, "--out", copy).stdout.startswith(
        f"job {job_id}: {Store(copy).job(job_id).label}\nhow: "
    )


def test_ls_tells_of_a_study_that_cannot_be_read(copy):
    (copy / "study.json").write_text("{}")
    assert f"a study that cannot be read in {copy}: {JOBS} stored jobs" in call("ls", "--out", copy.parent).stdout


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
    assert content["unknown"] == {}
    remedy = "give the run command once more: what is damaged is made again, and a damaged job is kept aside"
    assert result.stderr == f"{remedy}\n"
    call("run", "smoke", *TARGETS, "--out", copy, "--workers", 0, *SETS)
    assert call("check", "--out", copy).stdout == f"{JOBS} jobs whole, 0 damaged\n"


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


def test_a_report_of_a_part_says_what_is_missing(copy):
    """What can be made is, whatever the run was for; each target that cannot be says what to do."""
    result = call("report", "--out", copy)
    *lost, last = result.stderr.splitlines()
    assert last == f"report: {copy}/report/index.html"
    assert (
        f"not made: insight-2: 16 of its 25 jobs are not stored; commonweight run {copy}/study.json insight-2 "
        in result.stderr
    )
    assert all(line.startswith("not made: ") and line.endswith((" trains them", " trains it")) for line in lost)
    for title in ("### Table 1.", "### Table 2.", "### Insight 1."):
        assert title in result.stdout
    assert (copy / "report/figures/figure-3b.png").is_file()
    text = (copy / "report/report.md").read_text(encoding="utf-8")
    assert f"Part of the study: 6 of its {6 + len(lost)} targets are here" in text
    (line,) = call("report", "insight-2", "--out", copy, code=1).stderr.splitlines()
    assert line.startswith("error: insight-2: 16 of its 25 jobs are not stored; commonweight run ")
    shutil.rmtree(copy / "jobs")
    (line,) = call("report", "--out", copy, code=1).stderr.splitlines()
    assert line.startswith(f"error: table-1: {JOBS} of its {JOBS} jobs are not stored; ")


def test_a_report_beside_damage_is_made_and_exits_with_4(copy):
    store = Store(copy)
    (job_id,) = (
        job_id for job_id in store.ids() if (job := store.job(job_id)).order.value == "fixed" and job.seeds.order
    )
    flip_accuracy(store, job_id)
    result = call("report", "--out", copy, code=4)
    assert f"not made: table-1: job {job_id}: accuracy.safetensors does not agree with its checksum" in result.stderr
    assert "### Insight 1." in result.stdout
    assert "### Table 1." not in result.stdout


def test_damaged_results_exit_with_4(copy):
    store = Store(copy)
    damaged = next(job_id for job_id in store.ids() if len(store.job(job_id).children) > 1)
    flip_accuracy(store, damaged)
    for words in (["report", *TARGETS], ["show", "table-1"], ["show", damaged]):
        result = call(*words, "--out", copy, code=4)
        assert result.stdout == ""
        told = f"job {damaged}: accuracy.safetensors does not agree with its checksum"
        assert result.stderr.startswith((f"error: {told}", f"error: table-1: {told}"))


def test_a_report_in_the_papers_layout_says_how_it_was_made(whole, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(whole[0], copy)
    before = (copy / "report/figures/figure-2.svg").read_bytes()
    call("report", "--out", copy, "--style", "paper", *TARGETS)
    page = (copy / "report/index.html").read_text(encoding="utf-8")
    assert f"--out {copy} --style paper" in page
    call("report", "--out", copy, *TARGETS)
    assert "--style" not in (copy / "report/index.html").read_text(encoding="utf-8")
    assert (copy / "report/figures/figure-2.svg").read_bytes() == before
    told = "error: style 'loud'; expected clear, paper"
    assert told in call("report", "--out", copy, "--style", "loud", code=2).stderr
