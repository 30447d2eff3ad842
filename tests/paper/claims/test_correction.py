"""Holm's correction against its own definition, and what is told of it."""

import numpy as np
import pytest

from commonweight.paper.claims import Check, Claim, Verdict
from commonweight.paper.claims.correction import corrected, told
from commonweight.paper.tables import Number


def check(p, verdict=Verdict.SUPPORTED):
    return Check("this", Number(1), "that", 5, verdict, p)


def claims(*of_each):
    """Claims of checks with these p; None is undecided, nan not measured."""

    def made(p):
        if p is None:
            return check(None, Verdict.UNDECIDED)
        return check(None, Verdict.NOT_MEASURED) if np.isnan(p) else check(p)

    return tuple(Claim(number, "", "", tuple(map(made, ps))) for number, ps in enumerate(of_each, 1))


@pytest.mark.parametrize("seed", range(20))
def test_what_passes_is_what_holms_adjusted_p_lets_pass(seed):
    rng = np.random.default_rng(seed)
    ps, undecided = 0.05 * rng.random(8) ** 4, int(rng.integers(0, 20))
    found = corrected(claims(ps[:3], [*ps[3:], *[None] * undecided, np.nan]))
    kept = [one.verdict is Verdict.SUPPORTED for claim in found for one in claim.checks][:8]
    count = len(ps) + undecided
    order = np.argsort(ps)
    adjusted = {p: max((count - place) * ps[order[place]] for place in range(rank + 1)) for rank, p in enumerate(order)}
    assert kept == [adjusted[place] <= 0.05 for place in range(8)]


def test_equal_p_pass_together():
    (claim,) = corrected(claims([0.01, 0.01, 0.01]))
    assert [one.verdict for one in claim.checks] == [Verdict.SUPPORTED] * 3


def test_what_does_not_pass_is_undecided_also_what_was_against():
    ((one,),) = (claim.checks for claim in corrected((Claim(1, "", "", (check(0.06, Verdict.AGAINST),)),)))
    assert (one.verdict, one.p) == (Verdict.UNDECIDED, None)


def test_the_verdicts_that_would_change_are_told():
    said = "The verdicts are not corrected for being of many checks. With Holm's correction for all "
    assert told(claims([0.001], [0.04, 0.002], [np.nan, None], [])) == (
        f"{said}4: claim 2 would be undecided instead of supported.",
    )
    assert told(claims([0.001], [None])) == (f"{said}2: no verdict would change.",)
    assert told(claims([], [np.nan])) == ()
