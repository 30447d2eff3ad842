"""Views: the one way in which artefacts and claims look at experiments. A view says what it needs, and gives the arrays."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from commonweight.paper.evidence import Evidence
from commonweight.paper.looks import Looks
from commonweight.study.setting import Setting
from commonweight.values import brief

if TYPE_CHECKING:  # experiments give views, and views name their experiments
    from commonweight.paper.planned import Planned

T = TypeVar("T")
R = TypeVar("R")
Refusal = Callable[[Setting], str | None]
"""Why a study cannot have something, in one line; None when it can."""


@dataclass(frozen=True, eq=False)
class View(Generic[T]):
    """What somebody looks at in the records of some experiments.

    `looks` are the experiments of a study that it needs, each with what the experiment's jobs must look at for it. `read`
    gives the arrays. `refused` says why a study is too short or too small for it. `SEEDS.window(rounds=2)` is one: it needs
    `SEEDS`, whose jobs must look at each of the last 2 × 64 mini-batches; a study that trains fewer cannot have it.
    """

    __repr__ = brief

    looks: Callable[[Setting], Mapping["Planned", Looks]]
    read: Callable[[Evidence], T]
    refused: Refusal = lambda setting: None  # noqa: ARG005

    def experiments(self, setting: Setting) -> tuple[str, ...]:
        """The names of the experiments that it needs."""
        return tuple(planned.name for planned in self.looks(setting))

    def then(self, change: Callable[[T, Setting], R]) -> "View[R]":
        """What becomes of the arrays."""
        return View(self.looks, lambda evidence: change(self.read(evidence), evidence.setting), self.refused)


def all_of(*views: View[Any]) -> View[tuple[Any, ...]]:
    """Several views as one, refused for the reason of the first that is."""
    return View(
        lambda setting: union(view.looks(setting) for view in views),
        lambda evidence: tuple(view.read(evidence) for view in views),
        lambda setting: next((reason for view in views if (reason := view.refused(setting))), None),
    )


def of_study(choose: Callable[[Setting], View[T]]) -> View[T]:
    """The view that `choose` gives for the study at hand."""
    return View(
        lambda setting: choose(setting).looks(setting),
        lambda evidence: choose(evidence.setting).read(evidence),
        lambda setting: choose(setting).refused(setting),
    )


def union(several: Iterable[Mapping["Planned", Looks]]) -> dict["Planned", Looks]:
    """All that any of them asks of each experiment, in the order in which the experiments are first named."""
    found: dict[Planned, Looks] = {}
    for looks in several:
        for planned, asked in looks.items():
            found[planned] = found.get(planned, Looks()) | asked
    return found
