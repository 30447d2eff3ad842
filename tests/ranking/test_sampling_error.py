"""The sampling deviation of tau against brute force and against what samples of a known population do."""

import numpy as np
import pytest
from scipy.stats import kendalltau

from commonweight.errors import UsageError
from commonweight.ranking import tau, tau_sampling_deviation


def pair(n: int, seed: int = 0, levels: int | None = None, noise: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Correlated accuracies, of few levels where ties are wanted."""
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    b = a + noise * rng.normal(size=n)
    return (a, b) if levels is None else (np.round(a * levels), np.round(b * levels))


@pytest.mark.parametrize("levels", [None, 1, 3])
@pytest.mark.parametrize("n", [4, 9, 40])
def test_it_is_the_jackknife_of_scipys_tau_b(n, levels):
    a, b = pair(n, levels=levels, seed=n)
    without = np.array([kendalltau(np.delete(a, i), np.delete(b, i)).statistic for i in range(n)])
    expected = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    assert tau_sampling_deviation(a, b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n", "population"), [(50, 2000), (50, 80), (200, 400)])
def test_samples_of_a_population_deviate_so(n, population):
    """Drawn without replacement: also from a population that is hardly larger."""
    a, b = pair(population, noise=0.8)
    rng = np.random.default_rng(1)
    draws = [rng.choice(population, n, replace=False) for _ in range(600)]
    seen = np.std([tau(a[draw], b[draw]) for draw in draws])
    told = np.mean([tau_sampling_deviation(a[draw], b[draw], population) for draw in draws[:100]])
    assert told == pytest.approx(seen, rel=0.12)


def test_what_samples_of_a_hundred_and_a_thousand_mean():
    """About 0.05 and 0.015 at a tau of 0.57, more at a lower one."""
    told = {n: np.mean([tau_sampling_deviation(*pair(n, seed, noise=0.8)) for seed in range(5)]) for n in (100, 1000)}
    assert told[100] == pytest.approx(0.047, abs=0.008)
    assert told[1000] == pytest.approx(0.015, abs=0.003)
    weak = np.mean([tau_sampling_deviation(*pair(100, seed, noise=3)) for seed in range(5)])
    assert weak == pytest.approx(0.065, abs=0.008)


def test_all_children_have_no_sampling_error():
    assert tau_sampling_deviation(*pair(20), population=20) == 0


def test_equal_ranks_never_deviate():
    assert tau_sampling_deviation(np.arange(9), 2 * np.arange(9)) == 0


def test_undefined_where_one_child_is_all_that_differs():
    assert np.isnan(tau_sampling_deviation([1, 1, 1, 2], [1, 2, 3, 4]))


@pytest.mark.parametrize(
    ("a", "b", "population", "words"),
    [
        ([1, 2], [1, 2], None, "child"),
        ([1, 2, 3], [1, 2, 3, 4], None, "a has 3 children and b 4; give the same children"),
        ([1, 2, 3], [1, 2, np.nan], None, "b"),
        ([1, 2, 3], [1, 2, 3], 2, "a population of 2 for a sample of 3; expected at least as many"),
    ],
)
def test_what_is_refused(a, b, population, words):
    with pytest.raises(UsageError, match=words):
        tau_sampling_deviation(a, b, population)
