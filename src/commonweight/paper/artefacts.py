"""Every table and figure as a target: what it needs, and how it comes from the records."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from commonweight.errors import UsageError, nearest
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import EXPERIMENTS
from commonweight.paper.stability import figure_2, table_1, table_2
from commonweight.paper.tables import Curves, Table
from commonweight.study.experiments import Experiment, Setting
from commonweight.study.store import Store


@dataclass(frozen=True)
class Artefact:
    """A target: the names of the experiments it needs, and the function from their records to its numbers."""

    name: str
    experiments: tuple[str, ...]
    compute: Callable[[Evidence], Table | Curves]


ARTEFACTS = {
    artefact.name: artefact
    for artefact in (
        Artefact("table-1", ("seeds", "orders", "orders-shuffled", "ground-truth"), table_1),
        Artefact("table-2", ("seeds", "orders", "orders-shuffled", "ground-truth"), table_2),
        Artefact("figure-2", ("seeds", "orders-shuffled", "ground-truth"), figure_2),
    )
}


def artefacts(names: Iterable[str] = ()) -> tuple[Artefact, ...]:
    """The artefacts of these names in the paper's order, or all; raises `UsageError` with the known names."""
    wanted = set(names) or set(ARTEFACTS)
    for name in sorted(wanted - set(ARTEFACTS)):
        raise UsageError(f"unknown target {name!r}; known are {', '.join(ARTEFACTS)}{nearest(name, ARTEFACTS)}")
    return tuple(artefact for name, artefact in ARTEFACTS.items() if name in wanted)


def needed(targets: Iterable[Artefact], setting: Setting) -> dict[str, Experiment]:
    """The experiments that these artefacts need, each once, by name."""
    names = {name for target in targets for name in target.experiments}
    return {name: build(setting) for name, build in EXPERIMENTS.items() if name in names}


def evidence(experiments: dict[str, Experiment], setting: Setting, store: Store) -> Evidence:
    """The experiments' records; raises `StoreError` when one is missing or damaged."""
    return Evidence(setting.study, {name: experiment.read(store) for name, experiment in experiments.items()})
