"""The schedule against PyTorch's, and the moments against their description."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from commonweight.training import Inactive, Moments, Recipe, Window


@pytest.mark.parametrize("recipe", [Recipe(), Recipe(epochs=7, lr=0.1, lr_min=0.0), Recipe(epochs=1)])
def test_the_cosine_is_pytorchs(recipe):
    optimiser = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=recipe.lr)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, recipe.epochs, eta_min=recipe.lr_min)
    for epoch in range(recipe.epochs):
        assert recipe.lr_at(epoch) == pytest.approx(optimiser.param_groups[0]["lr"], rel=1e-9)
        optimiser.step()
        schedule.step()


def test_the_papers_recipe():
    recipe = Recipe()
    assert (recipe.epochs, recipe.batch, recipe.momentum, recipe.weight_decay) == (200, 256, 0.9, 1e-3)
    assert recipe.lr_at(0) == pytest.approx(0.025)
    assert recipe.lr_at(100) == pytest.approx(0.013)
    assert recipe.lr_at(200) == pytest.approx(0.001)
    assert recipe.inactive is Inactive.FREEZE


def test_equal_rates_are_a_constant_one():
    recipe = Recipe(epochs=5, lr=0.01, lr_min=0.01)
    assert [recipe.lr_at(epoch) for epoch in range(5)] == [0.01] * 5


@pytest.mark.parametrize(
    ("moments", "expected"),
    [
        (Moments(), {4, 8, 12}),
        (Moments(every_epoch=False), {12}),
        (Moments(every_epoch=True, last_batches=3), {4, 8, 10, 11, 12}),
        (Moments(every_epoch=False, last_batches=1), {12}),
        (Moments(every_epoch=False, last_batches=5), {8, 9, 10, 11, 12}),
        (Moments(every_epoch=False, last_batches=12), set(range(1, 13))),
        (Moments(every_epoch=True, last_batches=1000), set(range(1, 13))),
        (Moments(every_epoch=False, windows=(Window(2, 3),)), {6, 7, 8, 12}),
        (Moments(every_epoch=False, last_batches=2, windows=(Window(1, 9), Window(3, 3))), {1, 2, 3, 4, 10, 11, 12}),
    ],
)
def test_moments_of_three_epochs_of_four(moments, expected):
    assert moments.steps(total=12, batches_per_epoch=4) == expected


@given(st.booleans(), st.integers(0, 30), st.integers(1, 6), st.integers(1, 6))
def test_moments_by_asking_every_step(every_epoch, last, epochs, per_epoch):
    total = epochs * per_epoch
    expected = {
        step
        for step in range(1, total + 1)
        if step == total or (every_epoch and step % per_epoch == 0) or total - step < last
    }
    assert Moments(every_epoch, last).steps(total, per_epoch) == expected


def test_runs_alike_look_at_one_object():
    """A study of 4,096 children has thousands of runs alike, and each may look at thousands of moments."""
    first, second = (Moments(last_batches=3, windows=(Window(1, 2),)) for _ in range(2))
    assert first.steps(12, 4) is second.steps(12, 4)
    assert first.steps(12, 4) != first.steps(12, 6)
    assert first.steps(12, 4) != first.steps(16, 4)


def test_a_run_cut_short_looks_only_at_what_it_trains():
    assert Recipe(epochs=3).steps(4, stop_after=6) == 6
    assert Recipe(epochs=3).steps(4, stop_after=100) == 12
    assert Moments(last_batches=2, windows=(Window(3, 8),)).steps(6, 4) == {4, 5, 6}
