"""What a claim is made of: checks, each a statistic with its interval and what it must be, and the verdict from them."""

from dataclasses import dataclass
from enum import Enum
from math import inf, isnan

from commonweight.paper.claims.power import enough_for, excluded
from commonweight.paper.shown import Listed
from commonweight.paper.tables import Number
from commonweight.values import brief

WELL = 0.1  # of a tau: what "well under" and "well above" must be at least
ALIKE = 0.2  # of a tau: within this, two S-Taus are "about as much", and a trend is about none


class Verdict(Enum):
    """What this data says, of a claim and of each of its checks."""

    SUPPORTED = "supported"
    AGAINST = "against"
    UNDECIDED = "undecided"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Check:
    """One thing that must hold for a claim.

    Supported: the data says so. Against: it excludes what the claim needs. Undecided: it does neither, or there are too few
    instances for an interval. Not measured: the statistic is undefined. `p` of a decided check is the chance of so clear
    an outcome where the truth lies just at the border. `enough` of an undecided one is the number of instances that would
    decide it with 80 % power if the truth is what was found; None where no number would, or no spread is known.
    """

    __repr__ = brief

    text: str
    statistic: Number
    expected: str
    instances: int
    verdict: Verdict
    p: float | None = None
    enough: int | None = None


@dataclass(frozen=True)
class Claim:
    """A claim, the paper's figures for it, and the checks of this data, or the `reason` why there are none.

    `paper` is None for a claim of ours, which is not in the paper. `shown` are the tables and figures that show its evidence,
    by their names; a report may lack some.
    """

    __repr__ = brief

    number: int
    text: str
    paper: str | None
    checks: tuple[Check, ...] = ()
    reason: str = ""
    shown: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """That of the first line which fits: against when one check is, not measured without checks or when one is not,
        undecided when one is, else supported."""
        found = {check.verdict for check in self.checks} or {Verdict.NOT_MEASURED}
        for verdict in (Verdict.AGAINST, Verdict.NOT_MEASURED, Verdict.UNDECIDED):
            if verdict in found:
                return verdict
        return Verdict.SUPPORTED

    @property
    def enough(self) -> int | None:
        """The number of instances that would decide all of its undecided checks; None where no number is known."""
        numbers = [check.enough for check in self.checks if check.verdict is Verdict.UNDECIDED]
        known = [number for number in numbers if number is not None]
        return max(known) if known and len(known) == len(numbers) else None


@dataclass(frozen=True)
class Claims(Listed):
    """The list of the paper's claims and of ours."""

    __repr__ = brief

    name: str
    title: str
    claims: tuple[Claim, ...]
    notes: tuple[str, ...]


def above(text: str, statistic: Number, instances: int, least: float = 0.0) -> Check:
    """Supported when the interval lies above 0 and the value is at least `least`; against when it lies below `least`."""
    expected = "above 0" if least == 0 else f"at least {least:.3g}, and surely above 0"
    return _between(text, statistic, expected, instances, low=0.0, least=least)


def below(text: str, statistic: Number, instances: int) -> Check:
    """Supported when the interval lies below 0, against when it lies above."""
    return _between(text, statistic, "below 0", instances, high=0.0)


def within(text: str, statistic: Number, instances: int, margin: float) -> Check:
    """Supported when the interval lies between −`margin` and `margin`, against when it lies outside."""
    return _between(text, statistic, f"surely between -{margin:g} and {margin:g}", instances, low=-margin, high=margin)


def not_below(text: str, statistic: Number, instances: int, margin: float) -> Check:
    """Supported when the interval lies above −`margin`: about 0 or more. Against when it lies below."""
    return _between(text, statistic, f"surely above -{margin:g}", instances, low=-margin)


def without_interval(text: str, statistic: Number, expected: str, instances: int) -> Check:
    """Not measured when the statistic is undefined; else undecided, as there are too few instances for an interval."""
    verdict = Verdict.NOT_MEASURED if isnan(statistic.value) else Verdict.UNDECIDED
    return Check(text, statistic, expected, instances, verdict)


def _between(
    text: str,
    statistic: Number,
    expected: str,
    instances: int,
    *,
    low: float = -inf,
    high: float = inf,
    least: float = -inf,
) -> Check:
    """The check that the truth lies between `low` and `high`, and the value found is no less than `least`."""
    value, interval = statistic.value, statistic.interval
    if interval is None:
        return without_interval(text, statistic, expected, instances)
    inside, outside = (value - low, high - value), max(max(low, least) - value, value - high)
    if low < interval.low and interval.high < high and value >= least:
        p = max(excluded(distance, interval) for distance in inside)
        return Check(text, statistic, expected, instances, Verdict.SUPPORTED, p)
    if interval.high <= low or interval.high < least or interval.low >= high:
        return Check(text, statistic, expected, instances, Verdict.AGAINST, excluded(outside, interval))
    if outside < 0:
        enough = enough_for(interval, instances, inside, value - least if least > low else inf)
    else:
        enough = enough_for(interval, instances, (outside,))
    return Check(text, statistic, expected, instances, Verdict.UNDECIDED, enough=enough)
