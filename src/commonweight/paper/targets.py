"""Targets: a table, figure or insight is a function of the views that it declares."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from commonweight.paper.claims import Claims
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import TRUTH
from commonweight.paper.figures import Boxes, Curves
from commonweight.paper.tables import Table, sampled, updates
from commonweight.paper.views import View, all_of
from commonweight.study.setting import Setting
from commonweight.values import brief

Made = Table | Curves | Boxes | Claims


@dataclass(frozen=True, eq=False)
class Artefact:
    """A target: called with evidence, it makes what is shown. It looks at nothing but `view`.

    Under a table of anything but children alone stands how often a child is trained, and under every table which children
    are ranked where they are a sample. `section` is where the paper has the
    target; None of what is not in the paper.
    """

    __repr__ = brief

    name: str
    section: str | None
    view: View[tuple[Any, ...]]
    compute: Callable[..., tuple[Made, ...]]

    def __call__(self, evidence: Evidence) -> tuple[Made, ...]:
        setting = evidence.setting
        made = self.compute(*self.view.read(evidence), setting)
        alone = all(planned is TRUTH for planned in self.view.looks(setting))
        about = [note for note in ("" if alone else updates(setting), sampled(setting)) if note]
        return tuple(replace(one, notes=(*one.notes, *about)) if isinstance(one, Table) else one for one in made)

    def experiments(self, setting: Setting) -> tuple[str, ...]:
        """The names of the experiments that it needs."""
        return self.view.experiments(setting)

    def refused(self, setting: Setting) -> str | None:
        """Why this study cannot have it; None when it can."""
        return self.view.refused(setting)


def artefact(
    name: str, section: str | None, *views: View[Any]
) -> Callable[[Callable[..., tuple[Made, ...]]], Artefact]:
    """Makes a target of a function, which is called with what each view gives, and with the study's setting."""
    return lambda compute: Artefact(name, section, all_of(*views), compute)
