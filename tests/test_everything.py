"""A study that is long enough for every target: all of them at once, and each from what it needs alone."""

import pytest
from tiny import tiny_study

import commonweight
from commonweight import api
from commonweight.paper import ARTEFACTS, Claims
from commonweight.report import to_data
from commonweight.study.executors import Inline
from commonweight.study.store import Store

LONG = tiny_study(training__epochs=5, training__batch=16)  # 40 mini-batches: with groups found, one epoch of 8 is left


@pytest.fixture(scope="module")
def everything(tmp_path_factory):
    """The folder of a run of a study that is long enough for every target; none was named."""
    out = tmp_path_factory.mktemp("everything")
    return out, commonweight.run(LONG, out=out)


def test_a_report_of_everything_is_made_again_without_naming_targets(everything):
    out, _ = everything
    document = (out / "report/report.md").read_text(encoding="utf-8")
    assert f"\ncommonweight run {out}/study.json --out {out}\n" in document


def test_no_target_named_makes_all_of_them(everything):
    out, made = everything
    work = api.programme(LONG, out=out)
    assert [target.name for target in work.targets] == list(ARTEFACTS)
    assert (work.refused, work.inventory().missing) == ({}, ())
    assert {item.name for item in made} >= ARTEFACTS.keys()
    report = {path.stem for path in (out / "report").rglob("*.*")}
    assert {item.name for item in made if not isinstance(item, Claims)} <= report


def test_what_claims_and_the_answer_point_at_is_made(everything):
    out, made = everything
    (claims,) = [item for item in made if isinstance(item, Claims)]
    names = {item.name for item in made}
    assert all(claim.shown for claim in claims.claims)
    assert {name for claim in claims.claims for name in claim.shown} <= names
    page = (out / "report/index.html").read_text(encoding="utf-8")
    assert 'id="answer"' in page
    assert all(page.count(f'id="{name}"') == 1 for name in names)
    assert page.count("<h2>Beyond the paper</h2>") == page.count("<h2>3.2 Variance of weight sharing</h2>") == 1


@pytest.mark.parametrize("name", ARTEFACTS)
def test_each_target_alone_needs_no_more_than_its_experiments_and_is_the_same(everything, tmp_path, name):
    """From a folder with the jobs of that target alone; nothing else is there, and nothing is trained."""
    out, made = everything
    work = api.programme(LONG, [name], tmp_path)
    needed = {job.id for job in work.inventory().missing}
    assert needed <= set(Store(out).ids())
    (tmp_path / "jobs").mkdir()
    for job_id in needed:
        (tmp_path / "jobs" / job_id).symlink_to(out / "jobs" / job_id)
    events = []
    api.train_missing(work, work.inventory(), Inline(), events.append)
    assert events == []
    alone = work.make()
    assert alone
    there = {item.name: item for item in made}
    assert [to_data(item) for item in alone] == [to_data(there[item.name]) for item in alone]
