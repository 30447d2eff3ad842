"""What makes a check hold and a claim supported."""

import numpy as np
import pytest

from commonweight.paper.claims import Check, Claim, Verdict
from commonweight.paper.claims.verdict import above, below, within
from commonweight.paper.tables import Number
from commonweight.ranking import Interval


def number(value, low=None, high=None):
    return Number(value, interval=None if low is None else Interval(low, high, 0.95))


@pytest.mark.parametrize(
    ("statistic", "least", "holds"),
    [
        (number(0.3, 0.1, 0.5), 0.0, True),
        (number(0.3, -0.1, 0.5), 0.0, False),
        (number(0.3, 0.0, 0.5), 0.0, False),
        (number(0.3, 0.1, 0.5), 0.3, True),
        (number(0.3, 0.1, 0.5), 0.31, False),  # sure, but too little
        (number(0.3, -0.1, 0.5), 0.1, False),  # enough, but not sure
        (number(0.3), 0.0, None),
        (number(np.nan), 0.1, None),
    ],
)
def test_above(statistic, least, holds):
    check = above("this", statistic, 7, least)
    assert (check.text, check.statistic, check.instances, check.holds) == ("this", statistic, 7, holds)
    assert check.expected == (f"at least {least:g}, and surely above 0" if least else "above 0")


@pytest.mark.parametrize(
    ("statistic", "holds"),
    [(number(-1, -2, -0.1), True), (number(-1, -2, 0), False), (number(1, 0.5, 2), False), (number(-1), None)],
)
def test_below(statistic, holds):
    check = below("this", statistic, 7)
    assert (check.text, check.instances, check.holds, check.expected) == ("this", 7, holds, "below 0")


@pytest.mark.parametrize(
    ("statistic", "holds"),
    [
        (number(0, -0.1, 0.1), True),
        (number(0.15, 0.11, 0.19), True),  # surely not 0, but surely little
        (number(0, -0.2, 0.1), False),
        (number(0, -0.1, 0.2), False),
        (number(0, -0.9, 0.9), False),  # not knowing is no proof of being alike
        (number(0), None),
    ],
)
def test_within(statistic, holds):
    check = within("this", statistic, 7, 0.2)
    assert (check.holds, check.expected, check.instances) == (holds, "surely between -0.2 and 0.2", 7)


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([], Verdict.NOT_MEASURED),
        ([True], Verdict.SUPPORTED),
        ([True, True], Verdict.SUPPORTED),
        ([True, False], Verdict.NOT_SUPPORTED),
        ([None, False], Verdict.NOT_SUPPORTED),
        ([True, None], Verdict.NOT_MEASURED),
        ([None], Verdict.NOT_MEASURED),
    ],
)
def test_a_claim_needs_all_of_its_checks(outcomes, verdict):
    checks = tuple(Check("this", number(0), "that", 3, holds) for holds in outcomes)
    assert Claim(1, "words", "numbers", checks).verdict is verdict


def test_the_words_of_a_verdict():
    assert [verdict.value for verdict in Verdict] == ["supported", "not supported", "not measured"]
