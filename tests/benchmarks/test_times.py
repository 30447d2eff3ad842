"""Medians and ratios of a race, from times made up here."""

import pytest
from times import Times

TIMES = Times(
    {
        "NCHW": {"111": [10.0, 30.0, 20.0], "444": [40.0, 70.0, 100.0]},
        "channels_last": {"111": [4.0, 4.0, 4.0], "444": [200.0, 200.0, 200.0]},
        "engine": {"111": [2.0, 2.0, 2.0], "444": [8.0, 8.0, 8.0]},
        "second": {"111": [8.0]},
    }
)


def test_a_time_is_the_median_over_repeats_of_the_mean_over_children():
    assert TIMES.own("NCHW") == 50.0  # of 25, 50, 60; the mean of medians would be 45


def test_a_ratio_is_on_the_contenders_own_children():
    assert TIMES.ratio("NCHW", "engine") == 10.0
    assert TIMES.ratio("NCHW", "second") == 20.0 / 8.0
    with pytest.raises(KeyError):
        TIMES.ratio("second", "engine")  # has no time of child 444


def test_the_better_of_two_is_the_faster_on_the_contenders_own_children():
    assert TIMES.better(["NCHW", "channels_last"], "engine") == 10.0  # channels_last is slower over both children …
    assert TIMES.better(["NCHW", "channels_last"], "second") == 0.5  # … and faster on the first
