"""Every table, figure and insight as a target: what it needs, when it cannot be had, and how it comes from the records."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from commonweight.errors import StudyError, UsageError, nearest
from commonweight.paper import degrees, distributions, finetuning, hidden, lastbatches, readings, stability
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import catalogue, group_counts, half_way, kinds_of_sharing, prefix_name
from commonweight.paper.figures import Boxes, Curves
from commonweight.paper.tables import Table
from commonweight.study.experiments import Experiment, Setting
from commonweight.study.store import Store

Made = Table | Curves | Boxes
Names = Callable[[Setting], tuple[str, ...]]
Refusal = Callable[[Setting], str | None]


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
        reasons = (refusal(setting) for refusal in self.refusals)
        return next((reason for reason in reasons if reason), None)


def _always(*names: str) -> Names:
    return lambda setting: names  # noqa: ARG005


def _window(rounds: int, epochs: Callable[[Setting], int]) -> Refusal:
    """Each of the last `rounds` rounds of all children is looked at; the run must be so long."""

    def refusal(setting: Setting) -> str | None:
        wanted, have = rounds * len(setting.children), epochs(setting) * setting.batches_per_epoch
        if have >= wanted:
            return None
        return (
            f"it looks at each of {wanted} mini-batches ({rounds} rounds of {len(setting.children)} children), and this "
            f"study trains {have} up to there; raise training.epochs"
        )

    return refusal


def _groups_of_four(setting: Setting) -> str | None:
    children = len(setting.children)
    return None if children >= 8 else f"it needs groups of four children, and this space has only {children} children"


def _groups(setting: Setting) -> tuple[str, ...]:
    counts = group_counts(setting)
    return ("seeds", "ground-truth", *(f"{kind}-{m}" for kind in ("random", "similar") for m in counts))


def _quarter(setting: Setting) -> tuple[str, ...]:
    return ("seeds", "ground-truth", f"random-{lastbatches.quarter(len(setting.children))}")


def _prefixes(*lengths: bool) -> Names:
    def names(setting: Setting) -> tuple[str, ...]:
        cells = range(setting.study.net.cells + 1)
        return ("ground-truth", *(prefix_name(k, long=long) for long in lengths for k in cells))

    return names


def _kinds(setting: Setting) -> tuple[str, ...]:
    return ("seeds", "ground-truth", *kinds_of_sharing(setting))


def _whole(setting: Setting) -> int:
    return setting.study.training.epochs


ONE_ROUND = _window(1, _whole)
TWO_ROUNDS = _window(2, _whole)
HALF_ROUND = _window(1, half_way)

_STABILITY = ("seeds", "orders", "orders-shuffled", "ground-truth")
ARTEFACTS = {
    artefact.name: artefact
    for artefact in (
        Artefact("table-1", _always(*_STABILITY), stability.table_1),
        Artefact("table-2", _always(*_STABILITY), stability.table_2),
        Artefact("figure-2", _always("seeds", "orders-shuffled", "ground-truth"), stability.figure_2),
        Artefact("figure-3a", _always("orders-shuffled", "ground-truth"), distributions.figure_3a),
        Artefact("figure-3b", _always("orders-shuffled", "ground-truth"), distributions.figure_3b),
        Artefact("insight-1", _always("orders-shuffled", "ground-truth"), distributions.insight_1),
        *(
            Artefact(name, _always("seeds", tuned, "ground-truth"), compute, (HALF_ROUND,))
            for name, tuned, compute in (
                ("figure-4a", "finetuned-half", finetuning.figure_4a),
                ("figure-4b", "finetuned-end", finetuning.figure_4b),
                ("figure-4c", "finetuned-half", finetuning.figure_4c),
                ("figure-4d", "finetuned-end", finetuning.figure_4d),
            )
        ),
        Artefact(
            "insight-2", _always("seeds", "finetuned-half", "finetuned-end", "ground-truth"), finetuning.insight_2
        ),
        Artefact("figure-5a", _always("seeds", "ground-truth"), lastbatches.figure_5a, (TWO_ROUNDS,)),
        Artefact("figure-5b", _always("orders-shuffled", "ground-truth"), lastbatches.figure_5b, (TWO_ROUNDS,)),
        Artefact("table-3a", _groups, degrees.table_3a, (ONE_ROUND,)),
        Artefact("section-4.2.1", _quarter, degrees.section_4_2_1, (_groups_of_four, ONE_ROUND)),
        Artefact("figure-6a", _quarter, lastbatches.figure_6a, (_groups_of_four, ONE_ROUND)),
        Artefact("figure-6b", _quarter, lastbatches.figure_6b, (_groups_of_four, ONE_ROUND)),
        Artefact("table-3b", _prefixes(True), degrees.table_3b, (ONE_ROUND,)),
        Artefact("table-4", _prefixes(True, False), degrees.table_4, (ONE_ROUND,)),
        Artefact("figure-7", _always("seeds-long", "ground-truth"), lastbatches.figure_7, (TWO_ROUNDS,)),
        Artefact("figure-8", _always("bn-0.1", "bn-0.9", "ground-truth"), lastbatches.figure_8, (TWO_ROUNDS,)),
        Artefact("figure-9", _always("sgd-0", "ground-truth"), lastbatches.figure_9, (TWO_ROUNDS,)),
        Artefact("hidden-choices", _always("seeds", "other-inactive", "ground-truth"), hidden.hidden_choices),
        Artefact("sharing-kinds", _kinds, degrees.sharing_kinds, (ONE_ROUND,)),
        Artefact(
            "readings",
            _always("seeds", "orders-shuffled", "ground-truth"),
            readings.readings_artefact,
            (TWO_ROUNDS,),
        ),
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
