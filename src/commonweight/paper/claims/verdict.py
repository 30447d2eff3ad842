"""What a claim is made of: checks, each a statistic with its interval and what it must be, and the verdict from them."""

from dataclasses import dataclass
from enum import Enum

from commonweight.paper.tables import Number


class Verdict(Enum):
    """What this data says of a claim."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not supported"
    NOT_MEASURED = "not measured"


@dataclass(frozen=True)
class Check:
    """One thing that must hold for a claim. `holds` is None when the data cannot say (too few instances for an interval)."""

    text: str
    statistic: Number
    expected: str
    instances: int
    holds: bool | None


@dataclass(frozen=True)
class Claim:
    """A claim of the paper, the paper's figures for it, and the checks of this data, or the `reason` why there are none."""

    number: int
    text: str
    paper: str
    checks: tuple[Check, ...] = ()
    reason: str = ""

    @property
    def verdict(self) -> Verdict:
        """Supported when every check holds, not supported when one fails, not measured when none fails but one is unknown."""
        outcomes = [check.holds for check in self.checks]
        if False in outcomes:
            return Verdict.NOT_SUPPORTED
        return Verdict.SUPPORTED if outcomes and None not in outcomes else Verdict.NOT_MEASURED


@dataclass(frozen=True)
class Claims:
    """The list of the paper's claims."""

    name: str
    title: str
    claims: tuple[Claim, ...]
    notes: tuple[str, ...]


def above(text: str, statistic: Number, instances: int, least: float = 0.0) -> Check:
    """Holds when the interval lies above 0 and the value is at least `least`."""
    expected = "above 0" if least == 0 else f"at least {least:g}, and surely above 0"
    interval = statistic.interval
    return Check(
        text,
        statistic,
        expected,
        instances,
        None if interval is None else interval.low > 0 and statistic.value >= least,
    )


def below(text: str, statistic: Number, instances: int) -> Check:
    """Holds when the interval lies below 0."""
    interval = statistic.interval
    return Check(text, statistic, "below 0", instances, None if interval is None else interval.high < 0)


def within(text: str, statistic: Number, instances: int, margin: float) -> Check:
    """Holds when the interval lies between −`margin` and `margin`."""
    interval, expected = statistic.interval, f"surely between -{margin:g} and {margin:g}"
    holds = None if interval is None else -margin < interval.low and interval.high < margin
    return Check(text, statistic, expected, instances, holds)
