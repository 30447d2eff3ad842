"""What a correction for the checks of all claims together would change."""

from collections.abc import Sequence
from dataclasses import replace

from commonweight.paper.claims.power import LEVEL
from commonweight.paper.claims.verdict import Check, Claim, Verdict


def corrected(claims: Sequence[Claim]) -> tuple[Claim, ...]:
    """The claims when decided checks that Holm's procedure (1979) does not let pass are undecided.

    Of all measured checks, the decided one with the smallest p passes at level / checks, the next at level / (checks − 1),
    and so on up to the first that does not: so the chance of a single wrong decision among all is at most the level.
    """
    checks = [check for claim in claims for check in claim.checks if check.verdict is not Verdict.NOT_MEASURED]
    largest = -1.0  # p that passes
    for place, p in enumerate(sorted(check.p for check in checks if check.p is not None)):
        if p > LEVEL / (len(checks) - place):
            break
        largest = p

    def kept(check: Check) -> Check:
        passes = check.p is None or check.p <= largest
        return check if passes else replace(check, verdict=Verdict.UNDECIDED, p=None)

    return tuple(replace(claim, checks=tuple(map(kept, claim.checks))) for claim in claims)


def told(claims: Sequence[Claim]) -> tuple[str, ...]:
    """Which verdicts `corrected` would change, as a note; none where nothing was measured."""
    number = sum(check.verdict is not Verdict.NOT_MEASURED for claim in claims for check in claim.checks)
    if not number:
        return ()
    changes = [
        f"claim {claim.number} would be {after.verdict.value} instead of {claim.verdict.value}"
        for claim, after in zip(claims, corrected(claims), strict=True)
        if claim.verdict is not after.verdict
    ]
    said = "; ".join(changes) or "no verdict would change"
    return (
        f"The verdicts are not corrected for being of many checks. With Holm's correction for all {number}: {said}.",
    )
