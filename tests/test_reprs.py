"""Whatever a user meets has a repr of one line: what `cw` gives, and all that is reached from it."""

from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from pydantic import BaseModel
from tiny import tiny_study

import commonweight as cw
from commonweight.images import fashion14
from commonweight.study.store import Store
from commonweight.values import LINE, brief

LONG = 120  # letters, for what other libraries name


def reached(thing, seen):
    """The thing, and what its fields hold, one of each kind in a container."""
    if id(thing) in seen:
        return
    seen[id(thing)] = thing
    if isinstance(thing, BaseModel) or (is_dataclass(thing) and not isinstance(thing, type)):
        yield thing
        for name in type(thing).model_fields if isinstance(thing, BaseModel) else [one.name for one in fields(thing)]:
            yield from reached(getattr(thing, name), seen)
    elif isinstance(thing, dict | list | tuple):
        for one in list(thing.values() if isinstance(thing, dict) else thing)[:70]:
            yield from reached(one, seen)


@pytest.fixture(scope="module")
def things(tmp_path_factory):
    out, told = tmp_path_factory.mktemp("reprs"), []
    study = tiny_study(training__epochs=8)
    made = cw.run(study, ["table-1", "figure-2", "figure-3a", "figure-5a"], out, progress=told.append)
    work = cw.open(out)
    rng = np.random.default_rng(0)
    ranks = cw.rank(rng.random((40, 8)), rng.random(8))
    store = Store(out)
    records = [store.read(job) for job in work.jobs[:2]]
    shown = [study, made, work, work.records, work.inventory(), told[0], told[-1], ranks, records, fashion14()]
    seen = {}
    return [one for thing in shown for one in reached(thing, seen)]


def test_it_fits_a_line(things):
    kinds = {type(thing).__name__ for thing in things}
    assert {"Study", "Programme", "Table", "Row", "Number", "Curves", "Series", "Boxes", "Claims", "Check"} <= kinds
    assert {"Inventory", "Job", "Experiment", "ExperimentRecord", "Record", "Progress", "RawImages", "Setting"} <= kinds
    for thing in things:
        shown = repr(thing)
        assert "\n" not in shown
        assert len(shown) <= LONG, shown
        assert shown.startswith(f"{type(thing).__name__}(")
    assert repr(Store("results/quick")) == "Store('results/quick')"


def test_what_does_not_fit_is_told_by_kind_and_number():
    study = tiny_study()
    assert repr(study.training).startswith("Recipe(epochs=2, batch=64, lr=0.025, ")
    assert repr(study).startswith("Study(name='tiny', about=")
    assert repr(study).endswith(", …)")
    raw = fashion14()
    assert repr(raw).startswith("RawImages(train_images=uint8 [10000, 1, 14, 14], train_labels=int64 [10000], ")
    child = next(study.space.children())
    assert repr(child) == "Child(space=SearchSpace(…), digits=(1, 1, 1))"


def test_brief_is_as_long_as_a_line_at_most():
    study = tiny_study(name="n" * 100, about="a\nb " * 99)
    assert len(brief(study)) <= LINE
    assert "\n" not in brief(study)
