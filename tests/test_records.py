"""A folder of results answers for itself: its report needs no images, and it says at once what it lacks."""

import json
import shutil

import pytest
from tiny import all_images, tiny_study, write_idx_folder
from typer.testing import CliRunner

import commonweight
from commonweight import api
from commonweight.cli import app
from commonweight.errors import DataError, ResultMissing, StudyError, UsageError
from commonweight.report import to_data
from commonweight.study.settled import write_settled

TARGETS = ("table-1", "table-2", "figure-2")
JOBS = 12  # one of seeds, one of orders, two of shuffled orders, eight children alone


def call(*words, code=0):
    result = CliRunner().invoke(app, [str(word) for word in words])
    assert result.exit_code == code, result.stderr
    return result


def files(out):
    return {path.relative_to(out): path.read_bytes() for path in (out / "report").rglob("*.*")}


@pytest.fixture(scope="module")
def gone(tmp_path_factory):
    """A study, the folder of its run, and what the run made; its images were moved away afterwards."""
    folder = tmp_path_factory.mktemp("gone")
    images = write_idx_folder(folder / "images")
    study = tiny_study(data=all_images("idx", images) | {"sweep_images": 20})
    made = commonweight.run(study, TARGETS, folder / "out")
    images.rename(folder / "moved")
    return study, folder / "out", made


@pytest.fixture
def copy(gone, tmp_path):
    """The results in a folder that a test may change; its records are those of `gone`."""
    shutil.copy(gone[1] / "study.json", tmp_path)
    (tmp_path / "jobs").symlink_to(gone[1] / "jobs")
    return tmp_path


def test_the_report_is_that_of_the_run_byte_for_byte(gone):
    study, out, made = gone
    before = files(out)
    assert len(before) > 8
    with pytest.raises(DataError, match="images"):
        api.programme(study, TARGETS, out)
    shutil.rmtree(out / "report")
    work = api.open(out, TARGETS)
    again, _ = work.report()
    assert files(out) == before
    assert [to_data(one) for one in work.make()] == [to_data(one) for one in again] == [to_data(one) for one in made]
    assert work.inventory().missing == ()
    assert (work.setting.train_images, work.setting.sweep_images, work.setting.judge_images) == (64, 20, 24)


def test_show_report_and_check_without_images(gone):
    _, out, made = gone
    before = files(out)
    call("run", out / "study.json", *TARGETS, "--out", out, "--workers", 0, code=1)  # training would need them
    assert "### Table 1. " in call("report", *TARGETS, "--out", out).stdout
    assert files(out) == before
    assert json.loads(call("show", "table-2", "--out", out, "--json").stdout) == {"table-2": to_data(made[1])}
    assert call("check", "--out", out).stdout == f"{JOBS} jobs whole, 0 damaged\n"


def test_results_of_an_older_version_are_one_line_until_a_run_says_what_the_images_are(gone, copy):
    """Their `study.json` was the study alone."""
    study, out, _ = gone
    content = json.loads((copy / "study.json").read_text(encoding="utf-8"))
    del content["settled"]
    (copy / "study.json").write_text(json.dumps(content), encoding="utf-8")
    for words in (["report", *TARGETS], ["show", "table-1"], ["check"]):
        (line,) = call(*words, "--out", copy, code=1).stderr.splitlines()
        assert line.startswith(f"error: {copy}/study.json: got no section 'settled', which says what ")
        assert "; give the run command once more, which writes it and trains nothing" in line
    assert not (copy / "report").exists()
    (out.parent / "moved").rename(study.data.path)
    try:
        run = call("run", copy / "study.json", *TARGETS, "--out", copy, "--workers", 0)
    finally:
        (out.parent / "images").rename(out.parent / "moved")
    assert f"{JOBS} there, 0 to train" in run.stderr
    assert call("report", *TARGETS, "--out", copy).stdout == run.stdout
    assert call("check", "--out", copy).stdout == f"{JOBS} jobs whole, 0 damaged\n"


def test_records_beside_another_studys_file_are_one_line(copy):
    other = api.programme(tiny_study(seed=2), out=copy)
    write_settled(other.setting, copy)  # as when its run was stopped before the first job
    (line,) = call("report", *TARGETS, "--out", copy, code=1).stderr.splitlines()
    assert line.startswith(
        f"error: table-1: 12 of its 12 jobs are not stored; commonweight run {copy}/study.json table-1 "
    )
    assert line.endswith(f" --out {copy} trains them")
    assert not (copy / "report").exists()


def test_records_beside_a_file_changed_by_hand_are_one_line(copy):
    content = json.loads((copy / "study.json").read_text(encoding="utf-8"))
    content["data"]["train_images"] = 32
    (copy / "study.json").write_text(json.dumps(content), encoding="utf-8")
    told = "the section 'data' was changed after its images were looked at; give the run command once more"
    for words in (["report", *TARGETS], ["show", "table-1"]):
        (line,) = call(*words, "--out", copy, code=4).stderr.splitlines()
        assert told in line
    line, last = call("check", "--out", copy, code=4).stdout.splitlines()
    assert told in line
    assert last == f"{JOBS} jobs whole, 1 damaged"


def test_wrong_words_are_told(gone, tmp_path):
    with pytest.raises(UsageError, match="unknown target 'table-9'"):
        api.open(gone[1], ["table-9"])
    with pytest.raises(StudyError, match="'tiny' cannot make figure-5a"):
        api.open(gone[1], ["figure-5"])
    with pytest.raises(ResultMissing, match="no study in"):
        api.open(tmp_path)
