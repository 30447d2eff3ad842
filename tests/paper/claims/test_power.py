"""Numbers of instances against the power that they then have, by SciPy's normal distribution and by simulation."""

from math import inf, sqrt

import numpy as np
import pytest
from scipy import stats

from commonweight.paper.claims.power import enough_for, enough_to_name, exceeded, excluded
from commonweight.ranking import Interval


def around(value, deviation, instances):
    """Normal 95 % interval of a mean of instances with this standard deviation."""
    reach = stats.norm.ppf(0.975) * deviation / sqrt(instances)
    return Interval(value - reach, value + reach, 0.95)


def power(distance, deviation, instances):
    """Chance that the interval of so many instances excludes a border at this distance."""
    return stats.norm.sf(stats.norm.ppf(0.975) - distance * sqrt(instances) / deviation)


@pytest.mark.parametrize("distance", [0.05, 0.1, 0.3])
@pytest.mark.parametrize("instances", [3, 5, 10])
def test_so_many_instances_decide_with_80_percent_power_and_one_less_do_not(distance, instances):
    enough = enough_for(around(0.4, 1, instances), instances, (distance,))
    assert power(distance, 1, enough) >= 0.8 > power(distance, 1, enough - 1)


def test_so_many_instances_decide_in_80_percent_of_simulated_studies():
    enough = enough_for(around(0.5, 1, 5), 5, (0.5,))
    means = np.random.default_rng(0).normal(0.5, 1, (20_000, enough)).mean(axis=1)
    decided = means > stats.norm.ppf(0.975) / sqrt(enough)
    assert decided.mean() == pytest.approx(0.8, abs=0.02)


def test_a_value_that_must_stay_on_its_side_of_a_border_asks_for_80_percent_too():
    enough = enough_for(around(0.4, 1, 5), 5, (0.4,), 0.05)
    assert stats.norm.cdf(0.05 * sqrt(enough)) >= 0.8 > stats.norm.cdf(0.05 * sqrt(enough - 1))
    assert enough_for(around(0.4, 1, 5), 5, (0.4,), 0.39) == enough_for(around(0.4, 1, 5), 5, (0.4,))


def test_the_nearest_border_counts_and_none_at_a_border_can_be_decided():
    interval = around(0, 1, 5)
    assert enough_for(interval, 5, (0.3, 0.1, inf)) == enough_for(interval, 5, (0.1,))
    assert enough_for(interval, 5, (0.3, 0)) is None
    assert enough_for(interval, 5, (0.3,), 0) is None
    assert enough_for(interval, 5, (100,)) == 6  # more than there are


def test_p_is_that_of_the_normal_distribution_and_never_above_the_level_that_the_interval_kept():
    assert exceeded(2) == exceeded(-2) == pytest.approx(2 * stats.norm.sf(2))
    assert excluded(0.9, around(0.9, 1, 9)) == pytest.approx(2 * stats.norm.sf(2.7))
    assert excluded(0.1, around(0.9, 1, 9)) == 0.05  # a skewed bootstrap excludes what a normal interval would not
    assert excluded(0.1, Interval(0.9, 0.9, 0.95)) == 0


@pytest.mark.parametrize(("z", "place", "tests"), [(1, 1, 192), (2.5, 1, 24), (1.5, 7, 64)])
def test_so_many_instances_name_the_test_in_this_place_with_80_percent_power(z, place, tests):
    enough = enough_to_name(2 * stats.norm.sf(z), place, tests, 5)
    asked = stats.norm.isf(0.05 * place / tests / 2)  # Benjamini and Hochberg, two-sided
    assert stats.norm.sf(asked - z * sqrt(enough / 5)) >= 0.8 > stats.norm.sf(asked - z * sqrt((enough - 1) / 5))


def test_tests_that_found_nothing_at_all_give_no_number():
    assert enough_to_name(1.0, 1, 24, 5) is None
    assert enough_to_name(1.7, 1, 24, 5) is None
