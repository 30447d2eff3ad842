"""A primitive of one's own by import path: as CONTRIBUTING has it, in this process and in workers, known by its text."""

import json
import re
import sys
from pathlib import Path

import pytest
from tiny import record_files, tiny_study

import commonweight as cw
from commonweight.errors import JobFailed, StudyError, UsageError
from commonweight.net import primitive
from commonweight.study.executors import Inline, Local
from commonweight.study.jobs import Job
from commonweight.study.store import Store

PAGE = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("## A primitive of your own")[2].partition("\n## ")[0]
(MODULE,) = re.findall(r"^```python\n(.*?)^```", SECTION, re.M | re.S)
NAME = "my_ops:wide_conv_3x3"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The page's module in a folder of its own that Python looks in."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "my_ops.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "my_ops", raising=False)
    yield folder / "my_ops.py"
    sys.modules.pop("my_ops", None)


def own(**more):
    return tiny_study(space__primitives=["max_pool_3x3", NAME], **more)


def ids(study, out):
    return {job.id for job in cw.programme(study, "figure-2", out).jobs}


def test_the_page_names_it_as_a_study_does():
    assert f"commonweight run quick table-2 --set 'space.primitives=[max_pool_3x3, {NAME}]'" in SECTION


@pytest.mark.usefixtures("module")
def test_workers_have_it_and_give_the_same_bits(tmp_path):
    made = [
        cw.run(own(), "figure-2", tmp_path / name, executor) for name, executor in (("a", Inline()), ("b", Local(1)))
    ]
    assert record_files(Store(tmp_path / "a")) == record_files(Store(tmp_path / "b"))
    assert made[0][0].name == "figure-2"
    assert not any(job.own == () for job in cw.programme(own(), "figure-2", tmp_path).jobs)


def test_its_text_is_what_a_job_is_known_by(module, tmp_path):
    before = ids(own(), tmp_path)
    module.write_text(MODULE + "\n# the same, and who knows that\n", encoding="utf-8")
    after = ids(own(), tmp_path)
    assert not before & after
    module.write_text(MODULE, encoding="utf-8")
    assert ids(own(), tmp_path) == before


def test_the_text_that_is_run_is_the_text_that_is_known(module):
    """Whatever was imported before: a notebook that goes on after an edit does not train the old code under the new name."""
    first = primitive(NAME)
    module.write_text(MODULE.replace("2 * c", "3 * c"), encoding="utf-8")
    second = primitive(NAME)
    assert second is not first
    assert primitive(NAME) is second
    assert second.__code__.co_consts != first.__code__.co_consts


def test_a_change_between_plan_and_training_is_told(module, tmp_path):
    work = cw.programme(own(), "figure-2", tmp_path)
    module.write_text(MODULE + "\n", encoding="utf-8")
    failed = []
    with pytest.raises(JobFailed, match=f"StudyError: primitive '{NAME}' has changed since the study was planned; run"):
        cw.api.train_missing(work, work.inventory(), Inline(), failed.append)


def test_results_are_read_without_it(module, tmp_path):
    """`study.json` has its checksum, and the records need no net."""
    cw.run(own(), "figure-2", tmp_path)
    module.unlink()
    (figure,) = cw.open(tmp_path, "figure-2").make()
    assert figure.name == "figure-2"
    settled = json.loads((tmp_path / "study.json").read_text())["settled"]
    assert [name for name, _ in settled["own"]] == [NAME]
    with pytest.raises(
        UsageError, match=f"primitive '{NAME}': no file of Python for module 'my_ops'; install its package"
    ):
        cw.programme(own(), "figure-2", tmp_path)


def test_a_folder_holds_the_study_of_one_text(module, tmp_path):
    cw.run(own(), "figure-2", tmp_path)
    module.write_text(MODULE + "\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"holds another study: settled\.own"):
        cw.run(own(), "figure-2", tmp_path)


def test_jobs_of_our_primitives_say_nothing_of_it(tmp_path):
    """So they keep the ids under which they were trained before there was anything to say."""
    (job, *_) = cw.programme(tiny_study(), "figure-2", tmp_path).jobs
    content = job.model_dump(mode="json")
    assert "own" not in content
    assert Job.model_validate(content) == job


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere:wide", "no file of Python for module 'nowhere'"),
        ("nowhere.at.all:wide", "module 'nowhere.at.all' cannot be found"),
        ("sys:exit", "no file of Python for module 'sys'"),
    ],
)
def test_a_module_that_is_not_there_is_one_line(tmp_path, name, message):
    study = tiny_study(space__primitives=["max_pool_3x3", name])
    with pytest.raises(UsageError, match=message) as caught:
        cw.programme(study, "figure-2", tmp_path)
    assert "\n" not in str(caught.value)


def test_a_module_that_fails_or_has_no_such_function(module):
    with pytest.raises(UsageError, match=r"my_ops\.py has no such function; expected one of a UnitShape"):
        primitive("my_ops:narrow")
    module.write_text("1 / 0")
    with pytest.raises(UsageError, match=r"module 'my_ops' \(.*my_ops.py\) fails when it is run: ZeroDivisionError"):
        primitive(NAME)


@pytest.mark.parametrize("name", ["my ops:wide", "my_ops:", ":wide", "my_ops:wide:r", "../my_ops:wide", "my_ops:a.b"])
def test_what_is_no_import_path_is_an_unknown_primitive(name):
    with pytest.raises(StudyError, match=r"known are max_pool_3x3, .*one of your own is named by its import path"):
        tiny_study(space__primitives=["max_pool_3x3", name])
