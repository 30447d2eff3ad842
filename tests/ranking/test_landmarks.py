"""Landmarks: the prediction against the formula of a Gaussian process, taus against SciPy, the equivalent by hand."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import kendalltau
from sklearn.gaussian_process import GaussianProcessRegressor

from commonweight.errors import UsageError
from commonweight.ranking.landmarks import drawn, equivalent, held_out_tau, predict


def task(children=24, seed=0):
    """Two blocks that decide a value `[child]`, each on its own scale, and noise."""
    rng = np.random.default_rng(seed)
    blocks = [rng.integers(0, 2, (children, 6)) * 1.0, 1000 * rng.normal(size=(children, 2)) + 50]
    values = blocks[0] @ rng.normal(size=6) + blocks[1][:, 0] / 1000 + 0.05 * rng.normal(size=children)
    return blocks, values


@pytest.mark.parametrize("seed", range(3))
def test_the_prediction_is_that_of_a_gaussian_process(seed, monkeypatch):
    fitted = []
    fit = GaussianProcessRegressor.fit
    monkeypatch.setattr(GaussianProcessRegressor, "fit", lambda self, x, y: fitted.append((self, x)) or fit(self, x, y))
    blocks, values = task(seed=seed)
    places = [3, 20, 7, 11, 0, 15, 9, 18]
    found = predict(blocks, places, values[places])
    ((process, x),) = fitted

    scaled = [block - block.mean(axis=0) for block in blocks]
    scaled = [block / math.sqrt(np.mean([row @ row for row in block])) for block in scaled]
    every = np.hstack(scaled)
    assert x == pytest.approx(every[places])
    bilinear = process.kernel_.k1.k2
    squared, noise = process.kernel_.k1.k1, process.kernel_.k2.noise_level
    length = squared.k2.length_scale

    def kernel(a, b):
        distance = sum((p - q) ** 2 for p, q in zip(a, b, strict=True))
        return squared.k1.constant_value * math.exp(-distance / (2 * length**2)) + bilinear.k1.constant_value * (a @ b)

    inner = np.array([[kernel(every[i], every[j]) + noise * (i == j) for j in places] for i in places])
    across = np.array([[kernel(child, every[j]) for j in places] for child in every])
    known, size = values[places].mean(), values[places].std()
    mean = across @ np.linalg.solve(inner, (values[places] - known) / size) * size + known
    assert found.mean == pytest.approx(mean, rel=1e-6, abs=1e-8)
    spread = [
        kernel(child, child) + noise - row @ np.linalg.solve(inner, row)
        for child, row in zip(every, across, strict=True)
    ]
    assert found.std == pytest.approx(np.sqrt(spread) * size, rel=1e-5)


def test_held_out_tau_is_of_the_others_alone():
    blocks, values = task()
    places = list(range(0, 24, 2))
    rest = [child for child in range(24) if child not in places]
    found = predict(blocks, places, values[places]).mean
    assert held_out_tau(blocks, places, values[places], values) == pytest.approx(
        kendalltau(found[rest], values[rest]).statistic
    )
    assert held_out_tau(blocks, places, values[places], values) > 0.6  # what decides a value is in the blocks


def test_a_reading_that_tells_the_truth_helps_and_a_constant_block_tells_nothing():
    blocks, values = task()
    noise = [np.random.default_rng(1).normal(size=(24, 3))]
    places = list(range(6))
    alone = held_out_tau(noise, places, values[places], values)
    assert held_out_tau([*noise, values[:, None]], places, values[places], values) > alone + 0.3
    same = predict([*blocks, np.full((24, 2), 7.0)], places, values[places])
    assert same.mean.tolist() == predict(blocks, places, values[places]).mean.tolist()


def test_landmarks_that_tie_predict_ties():
    blocks, values = task()
    found = predict(blocks, [0, 1, 2], [0.5, 0.5, 0.5])
    assert (found.mean.tolist(), found.std.tolist()) == ([0.5] * 24, [0.0] * 24)
    assert math.isnan(held_out_tau(blocks, [0, 1, 2], [0.5, 0.5, 0.5], values))


@given(st.integers(4, 40), st.data())
def test_drawn_sets_are_different_children(children, data):
    count = data.draw(st.integers(2, children - 2))
    sets = drawn(children, count, 5, np.random.default_rng(children))
    assert sets.shape == (5, count)
    for one in sets.tolist():
        assert one == sorted(set(one))
        assert set(one) <= set(range(children))


def test_every_child_is_drawn_alike():
    sets = drawn(6, 3, 4000, np.random.default_rng(0))
    assert np.bincount(sets.ravel(), minlength=6) / 4000 == pytest.approx(np.full(6, 0.5), abs=0.04)


@pytest.mark.parametrize(
    ("without", "beside", "expected"),
    [
        ([0.2, 0.4, 0.8], [0.6, 0.6, 0.6], math.sqrt(4 * 8)),  # half-way between 4 and 8, in logarithms
        ([0.2, 0.6, 0.8], [0.6, 0.6, 0.6], 4),
        ([0.7, 0.1, 0.8], [0.6, 0.6, 0.6], 2),
        ([0.2, 0.4, 0.5], [0.6, 0.6, 0.6], math.inf),
        ([0.2, 0.7, 0.5], [0.6, 0.5, 0.6], 2 ** (1 + 2 / 3)),  # reached for the first time counts
        ([0.2, math.nan, 0.5], [0.6, 0.5, 0.6], math.nan),
    ],
)
def test_the_equivalent(without, beside, expected):
    assert equivalent([2, 4, 8], without, beside) == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("places", "values", "words"),
    [
        ([0, 0], [0.1, 0.2], "different places 0 … 23, and a value for each"),
        ([0, 24], [0.1, 0.2], "different places"),
        ([0, 1, 2], [0.1, 0.2], "3 landmarks, 2 values and 24 children"),
        ([0], [0.1], "at least 2 landmark"),
    ],
)
def test_landmarks_that_do_not_fit(places, values, words):
    blocks, _ = task()
    with pytest.raises(UsageError, match=words):
        predict(blocks, places, values)


def test_blocks_that_do_not_fit_and_too_many_landmarks():
    blocks, _ = task()
    with pytest.raises(UsageError, match="all of the same children"):
        predict([*blocks, np.eye(5)], [0, 1], [0.1, 0.2])
    with pytest.raises(UsageError, match="all of the same children"):
        predict([np.ones((5, 1))], [0, 1], [0.1, 0.2])
    with pytest.raises(UsageError, match="5 landmarks of 6 children; expected 2 … 4"):
        drawn(6, 5, 1, np.random.default_rng(0))
