"""A claim as it is declared: words, what it looks at, and the function that checks it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from commonweight.paper.claims.verdict import Check
from commonweight.paper.evidence import Evidence
from commonweight.paper.views import View, all_of
from commonweight.study.setting import Setting


@dataclass(frozen=True, eq=False)
class Definition:
    """A claim in words, with the paper's figures for it; None of what is not in the paper but a claim of ours.

    `shown` are the tables and figures that show its evidence, by their names. Called with evidence, it checks it, and looks
    at `view` alone.
    """

    number: int
    text: str
    paper: str | None
    view: View[tuple[Any, ...]]
    check: Callable[..., tuple[Check, ...]]
    shown: tuple[str, ...] = ()

    def __call__(self, evidence: Evidence) -> tuple[Check, ...]:
        return self.check(*self.view.read(evidence), evidence.setting)

    def experiments(self, setting: Setting) -> tuple[str, ...]:
        """The names of the experiments that it needs."""
        return self.view.experiments(setting)

    def refused(self, setting: Setting) -> str | None:
        """Why this study cannot have it; None when it can."""
        return self.view.refused(setting)


def claim(
    number: int, text: str, paper: str | None, *views: View[Any], shown: tuple[str, ...] = ()
) -> Callable[[Callable[..., tuple[Check, ...]]], Definition]:
    """Makes a claim of a function, which is called with what each view gives, and with the study's setting."""
    return lambda check: Definition(number, text, paper, all_of(*views), check, shown)
