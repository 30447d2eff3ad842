"""The paper's claims as checks of this study's records."""

from commonweight.paper.claims.verdict import Check, Claim, Claims, Verdict

__all__ = ["Check", "Claim", "Claims", "Verdict"]
