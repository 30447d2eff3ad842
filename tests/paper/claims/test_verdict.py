"""What makes a check supported, against or undecided, and a claim with it."""

from math import inf

import numpy as np
import pytest

from commonweight.paper.claims import Check, Claim, Verdict
from commonweight.paper.claims.power import enough_for, excluded
from commonweight.paper.claims.verdict import above, below, not_below, within
from commonweight.paper.tables import Number
from commonweight.ranking import Interval

SUPPORTED, AGAINST, UNDECIDED, NOT_MEASURED = Verdict


def number(value, low=None, high=None):
    return Number(value, interval=None if low is None else Interval(low, high, 0.95))


@pytest.mark.parametrize(
    ("statistic", "least", "verdict"),
    [
        (number(0.3, 0.1, 0.5), 0.0, SUPPORTED),
        (number(0.3, -0.1, 0.5), 0.0, UNDECIDED),
        (number(0.3, 0.0, 0.5), 0.0, UNDECIDED),
        (number(-0.3, -0.5, -0.1), 0.0, AGAINST),
        (number(-0.3, -0.5, 0.0), 0.0, AGAINST),  # what is at most 0 is not above it
        (number(0.0, 0.0, 0.0), 0.0, AGAINST),
        (number(-0.3, -0.5, 0.1), 0.0, UNDECIDED),
        (number(0.3, 0.1, 0.5), 0.3, SUPPORTED),
        (number(0.3, 0.1, 0.5), 0.31, UNDECIDED),  # sure, but too little
        (number(0.3, 0.1, 0.5), 0.51, AGAINST),  # surely something, and surely too little
        (number(0.3, 0.1, 0.5), 0.5, UNDECIDED),
        (number(0.0, -0.1, 0.05), 0.1, AGAINST),
        (number(0.3, -0.1, 0.5), 0.1, UNDECIDED),  # enough, but not sure
        (number(0.3), 0.0, UNDECIDED),  # too few instances
        (number(np.nan), 0.1, NOT_MEASURED),
    ],
)
def test_above(statistic, least, verdict):
    check = above("this", statistic, 7, least)
    assert (check.text, check.statistic, check.instances, check.verdict) == ("this", statistic, 7, verdict)
    assert check.expected == (f"at least {least:g}, and surely above 0" if least else "above 0")


@pytest.mark.parametrize(
    ("statistic", "verdict"),
    [
        (number(-1, -2, -0.1), SUPPORTED),
        (number(-1, -2, 0), UNDECIDED),
        (number(1, -0.5, 2), UNDECIDED),
        (number(1, 0, 2), AGAINST),
        (number(1, 0.5, 2), AGAINST),
        (number(-1), UNDECIDED),
        (number(np.nan), NOT_MEASURED),
    ],
)
def test_below(statistic, verdict):
    check = below("this", statistic, 7)
    assert (check.text, check.instances, check.verdict, check.expected) == ("this", 7, verdict, "below 0")


@pytest.mark.parametrize(
    ("statistic", "verdict"),
    [
        (number(0, -0.1, 0.1), SUPPORTED),
        (number(0.15, 0.11, 0.19), SUPPORTED),  # surely not 0, but surely little
        (number(0, -0.2, 0.1), UNDECIDED),
        (number(0, -0.1, 0.2), UNDECIDED),
        (number(0, -0.9, 0.9), UNDECIDED),  # not knowing is no proof of being alike
        (number(0.3, 0.1, 0.5), UNDECIDED),
        (number(0.3, 0.2, 0.5), AGAINST),
        (number(-0.3, -0.5, -0.2), AGAINST),
        (number(0), UNDECIDED),
        (number(np.nan), NOT_MEASURED),
    ],
)
def test_within(statistic, verdict):
    check = within("this", statistic, 7, 0.2)
    assert (check.verdict, check.expected, check.instances) == (verdict, "surely between -0.2 and 0.2", 7)


@pytest.mark.parametrize(
    ("statistic", "verdict"),
    [
        (number(0.5, 0.4, 0.6), SUPPORTED),
        (number(0, -0.1, 0.9), SUPPORTED),
        (number(0, -0.2, 0.9), UNDECIDED),
        (number(-0.3, -0.5, -0.2), AGAINST),
        (number(-0.3, -0.5, 0), UNDECIDED),
        (number(np.nan), NOT_MEASURED),
    ],
)
def test_not_below(statistic, verdict):
    check = not_below("this", statistic, 7, 0.2)
    assert (check.verdict, check.expected) == (verdict, "surely above -0.2")


def test_a_decided_check_has_the_p_of_its_border_and_an_undecided_one_a_number_of_instances():
    """The nearest border that its interval excludes; and of all borders that it must, the one that asks for most."""
    sure, unsure = Interval(0.1, 0.5, 0.95), Interval(-0.1, 0.7, 0.95)
    expected = [
        (above("", Number(0.3, interval=sure), 5), excluded(0.3, sure), None),
        (above("", Number(0.3, interval=sure), 5, 0.6), excluded(0.3, sure), None),
        (below("", Number(0.3, interval=sure), 5), excluded(0.3, sure), None),
        (within("", Number(0.3, interval=sure), 5, 0.6), excluded(0.3, sure), None),
        (within("", Number(0.3, interval=sure), 5, 0.05), excluded(0.25, sure), None),
        (not_below("", Number(0.3, interval=sure), 5, 0.2), excluded(0.5, sure), None),
        (above("", Number(0.3, interval=unsure), 5), None, enough_for(unsure, 5, (0.3,))),
        (above("", Number(0.3, interval=unsure), 5, 0.25), None, enough_for(unsure, 5, (0.3,), 0.05)),
        (above("", Number(0.3, interval=unsure), 5, 0.6), None, enough_for(unsure, 5, (0.3,))),
        (below("", Number(0.3, interval=unsure), 5), None, enough_for(unsure, 5, (0.3,))),
        (within("", Number(0.3, interval=unsure), 5, 0.4), None, enough_for(unsure, 5, (0.1,))),
        (within("", Number(0.3, interval=unsure), 5, 0.2), None, enough_for(unsure, 5, (0.1,))),
        (above("", Number(0.3, interval=unsure), 5, 0.3), None, None),  # just at the border: no number would do
        (above("", Number(0.3), 2), None, None),
        (above("", Number(np.nan), 5), None, None),
    ]
    for check, p, enough in expected:
        assert (check.p, check.enough) == (pytest.approx(p) if p is not None else None, enough)
    assert above("", Number(0.3, interval=unsure), 5, 0.25).enough > above("", Number(0.3, interval=unsure), 5).enough
    assert enough_for(unsure, 5, (0.3, inf)) == enough_for(unsure, 5, (0.3,))


@pytest.mark.parametrize(
    ("verdicts", "verdict"),
    [
        ([], NOT_MEASURED),
        ([SUPPORTED], SUPPORTED),
        ([SUPPORTED, SUPPORTED], SUPPORTED),
        ([SUPPORTED, AGAINST], AGAINST),
        ([UNDECIDED, AGAINST, NOT_MEASURED], AGAINST),
        ([SUPPORTED, UNDECIDED], UNDECIDED),
        ([SUPPORTED, NOT_MEASURED], NOT_MEASURED),
        ([UNDECIDED, NOT_MEASURED], NOT_MEASURED),
    ],
)
def test_a_claim_needs_all_of_its_checks_and_one_is_enough_against_it(verdicts, verdict):
    checks = tuple(Check("this", number(0), "that", 3, each) for each in verdicts)
    assert Claim(1, "words", "numbers", checks).verdict is verdict


def test_a_claim_needs_as_many_instances_as_its_neediest_check():
    def enough(*numbers):
        checks = [Check("this", number(0), "that", 3, UNDECIDED, enough=each) for each in numbers]
        return Claim(1, "", "", (Check("sure", number(1), "that", 3, SUPPORTED), *checks)).enough

    assert [enough(7, 20, 8), enough(7), enough(7, None), enough()] == [20, 7, None, None]


def test_the_words_of_a_verdict():
    assert [verdict.value for verdict in Verdict] == ["supported", "against", "undecided", "not measured"]
