"""Values are valid from birth, and say in one line why they are not; a study refuses the same in the same words."""

from dataclasses import FrozenInstanceError, replace

import pytest
from tiny import tiny_study

from commonweight.errors import StudyError, UsageError
from commonweight.net import Combine, NetShape, Precision
from commonweight.study.jobs import Job
from commonweight.study.schema import DataSpec, Study
from commonweight.training import Augmentation, Inactive, Moments, Recipe, Window

AT_LEAST_1 = "input should be greater than or equal to 1"
REFUSED = {
    "by name": (lambda: Recipe(epochs=0), f"Recipe.epochs: got 0; {AT_LEAST_1}"),
    "by place": (lambda: Recipe(1, 1), "Recipe.batch: got 1; input should be greater than or equal to 2"),
    "by replace": (lambda: replace(Recipe(), lr=0.0), "Recipe.lr: got 0.0; input should be greater than 0"),
    "nested": (
        lambda: Moments(windows=({"epoch": 1, "batches": 0},)),
        f"Moments.windows.0.batches: got 0; {AT_LEAST_1}",
    ),
    "no number": (lambda: NetShape(cells="3"), "NetShape.cells: got '3'; input should be a valid integer"),
    "a bool for a number": (lambda: NetShape(True), "NetShape.cells: got True; input should be a valid integer"),
    "a number for a bool": (lambda: Augmentation(flip=1), "Augmentation.flip: got 1; input should be a valid boolean"),
    "unknown": (lambda: Augmentation(flop=True), "Augmentation.flop: got True; unexpected keyword argument"),
    "unknown to replace": (lambda: replace(NetShape(), cell=3), "NetShape.cell: got 3; unexpected keyword argument"),
    "too many": (lambda: Augmentation(1, True, 5), "Augmentation.2: got 5; unexpected positional argument"),
    "missing": (lambda: Window(3), "Window.batches: missing"),
}


@pytest.mark.parametrize("how", REFUSED)
def test_a_value_that_is_impossible_is_refused_in_one_line(how):
    make, message = REFUSED[how]
    with pytest.raises(UsageError) as caught:
        make()
    assert str(caught.value) == message


@pytest.mark.parametrize(("section", "value"), [("training", Recipe), ("net", NetShape)])
def test_a_study_refuses_it_in_the_same_words(section, value):
    first = {"training": "epochs", "net": "cells"}[section]
    with pytest.raises(StudyError, match=rf"{section}\.{first}: got 0; {AT_LEAST_1}$"):
        tiny_study(**{f"{section}__{first}": 0})
    with pytest.raises(UsageError, match=rf"{value.__name__}\.{first}: got 0; {AT_LEAST_1}$"):
        value(**{first: 0})


def test_the_sections_of_a_study_and_of_a_job_are_the_values_that_the_loop_and_the_net_take():
    study = Study(name="x", data=DataSpec(name="fashion14"))
    assert (study.training, study.net, study.data.augment) == (Recipe(), NetShape(), Augmentation())
    study = tiny_study(training__inactive="coast", net__combine="sum", data__augment={"padding": 1})
    assert study.training == Recipe(epochs=2, batch=64, inactive=Inactive.COAST)
    assert study.net == NetShape(cells=1, channels=2, stem_multiplier=1, combine=Combine.SUM)
    assert study.data.augment == Augmentation(padding=1)
    kinds = {name: field.annotation for name, field in Job.model_fields.items()}
    assert (kinds["training"], kinds["net"], kinds["moments"]) == (Recipe, NetShape, Moments)


def test_values_from_words_and_numbers_are_those_from_objects():
    moments = Moments(False, 3, [{"epoch": 1, "batches": 2}], "bfloat16")
    assert moments == Moments(False, 3, (Window(1, 2),), Precision.BFLOAT16)
    assert hash(moments) == hash(replace(moments))
    assert repr(Recipe(lr=1)) == repr(Recipe(lr=1.0))  # a job's identity is made of what is printed


def test_values_are_frozen():
    with pytest.raises(FrozenInstanceError):
        Recipe().lr = 1.0
