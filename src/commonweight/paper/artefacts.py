"""Every table, figure and insight as a target: what it needs, when it cannot be had, and how it comes from the records."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from commonweight.errors import StudyError, UsageError, nearest
from commonweight.paper import degrees, distributions, finetuning, hidden, lastbatches, readings, stability
from commonweight.paper.claims import Claims
from commonweight.paper.claims.programme import claims, needed_by_claims
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import catalogue
from commonweight.paper.figures import Boxes, Curves
from commonweight.paper.needs import (
    HALF_ROUND,
    ONE_ROUND,
    TWO_ROUNDS,
    Names,
    Refusal,
    always,
    first_refusal,
    groups,
    groups_of_four,
    kinds,
    prefixes,
    random_quarter,
)
from commonweight.paper.tables import Table
from commonweight.study.experiments import Experiment, Setting
from commonweight.study.store import Store

Made = Table | Curves | Boxes | Claims


@dataclass(frozen=True)
class Artefact:
    """A target: the names of the experiments that it needs, and the function from their records to what is shown.

    `refusals` say why a study cannot have it, each in one line, or None.
    """

    name: str
    experiments: Names
    compute: Callable[[Evidence], tuple[Made, ...]]
    refusals: tuple[Refusal, ...] = ()

    def refused(self, setting: Setting) -> str | None:
        """Why this study cannot have it; None when it can."""
        return first_refusal(self.refusals, setting)


_STABILITY = ("seeds", "orders", "orders-shuffled", "ground-truth")
ARTEFACTS = {
    artefact.name: artefact
    for artefact in (
        Artefact("table-1", always(*_STABILITY), stability.table_1),
        Artefact("table-2", always(*_STABILITY), stability.table_2),
        Artefact("figure-2", always("seeds", "orders-shuffled", "ground-truth"), stability.figure_2),
        Artefact("figure-3a", always("orders-shuffled", "ground-truth"), distributions.figure_3a),
        Artefact("figure-3b", always("orders-shuffled", "ground-truth"), distributions.figure_3b),
        Artefact("insight-1", always("orders-shuffled", "ground-truth"), distributions.insight_1),
        *(
            Artefact(name, always("seeds", tuned, "ground-truth"), compute, (refusal,))
            for name, tuned, compute, refusal in (
                ("figure-4a", "finetuned-half", finetuning.figure_4a, HALF_ROUND),
                ("figure-4b", "finetuned-end", finetuning.figure_4b, ONE_ROUND),
                ("figure-4c", "finetuned-half", finetuning.figure_4c, HALF_ROUND),
                ("figure-4d", "finetuned-end", finetuning.figure_4d, ONE_ROUND),
            )
        ),
        Artefact("insight-2", always("seeds", "finetuned-half", "finetuned-end", "ground-truth"), finetuning.insight_2),
        Artefact("figure-5a", always("seeds", "ground-truth"), lastbatches.figure_5a, (TWO_ROUNDS,)),
        Artefact("figure-5b", always("orders-shuffled", "ground-truth"), lastbatches.figure_5b, (TWO_ROUNDS,)),
        Artefact("table-3a", groups, degrees.table_3a, (ONE_ROUND,)),
        Artefact("section-4.2.1", random_quarter, degrees.section_4_2_1, (groups_of_four, ONE_ROUND)),
        Artefact("figure-6a", random_quarter, lastbatches.figure_6a, (groups_of_four, ONE_ROUND)),
        Artefact("figure-6b", random_quarter, lastbatches.figure_6b, (groups_of_four, ONE_ROUND)),
        Artefact("table-3b", prefixes(True), degrees.table_3b, (ONE_ROUND,)),
        Artefact("table-4", prefixes(True, False), degrees.table_4, (ONE_ROUND,)),
        Artefact("figure-7", always("seeds-long", "ground-truth"), lastbatches.figure_7, (TWO_ROUNDS,)),
        Artefact("figure-8", always("bn-0.1", "bn-0.9", "ground-truth"), lastbatches.figure_8, (TWO_ROUNDS,)),
        Artefact("figure-9", always("sgd-0", "ground-truth"), lastbatches.figure_9, (TWO_ROUNDS,)),
        Artefact(
            "hidden-choices",
            always("seeds", "other-inactive", "other-data-order", "ground-truth"),
            hidden.hidden_choices,
        ),
        Artefact("sharing-kinds", kinds, degrees.sharing_kinds, (ONE_ROUND,)),
        Artefact(
            "readings",
            always("seeds", "orders-shuffled", "ground-truth"),
            readings.readings_artefact,
            (TWO_ROUNDS,),
        ),
        Artefact("claims", needed_by_claims, claims),
    )
}


def named(words: Iterable[str]) -> list[Artefact]:
    """The artefacts of these names in the paper's order, `figure-5` meaning 5a and 5b; raises `UsageError` with the known."""
    wanted: set[str] = set()
    for word in words:
        found = {name for name in ARTEFACTS if name == word or (name[:-1] == word and name[-1].isalpha())}
        if not found:
            raise UsageError(f"unknown target {word!r}; known are {', '.join(ARTEFACTS)}{nearest(word, ARTEFACTS)}")
        wanted |= found
    return [artefact for name, artefact in ARTEFACTS.items() if name in wanted]


def artefacts(words: Iterable[str], setting: Setting) -> tuple[tuple[Artefact, ...], dict[str, str]]:
    """The artefacts of these names, or all that this study can have; and the others by name, with the reason.

    Raises `UsageError` for an unknown name, `StudyError` when an artefact that was named cannot be had.
    """
    asked = named(words)
    refused = {artefact.name: reason for artefact in ARTEFACTS.values() if (reason := artefact.refused(setting))}
    for artefact in asked:
        if artefact.name in refused:
            raise StudyError(f"study {setting.study.name!r} cannot make {artefact.name}: {refused[artefact.name]}")
    chosen = asked or [artefact for artefact in ARTEFACTS.values() if artefact.name not in refused]
    return tuple(chosen), {} if asked else refused


def needed(targets: Iterable[Artefact], setting: Setting) -> dict[str, Experiment]:
    """The experiments that these artefacts need, each once, by name."""
    names = {name for target in targets for name in target.experiments(setting)}
    return {name: build() for name, build in catalogue(setting).items() if name in names}


def evidence(experiments: dict[str, Experiment], setting: Setting, store: Store) -> Evidence:
    """The experiments' records; raises `StoreError` when one is missing or damaged."""
    return Evidence(setting, {name: experiment.read(store) for name, experiment in experiments.items()})
