"""The catalogue: every target, and every experiment that any of them or any claim looks at."""

from collections.abc import Callable, Iterable
from functools import cache, partial

from commonweight.errors import StudyError, UsageError, nearest
from commonweight.paper import (
    baselines,
    degrees,
    distributions,
    finetuning,
    found,
    hidden,
    instability,
    landmark_equivalents,
    lastbatches,
    published,
    reading_costs,
    recipes,
    stability,
)
from commonweight.paper.claims import every
from commonweight.paper.evidence import Evidence
from commonweight.paper.looks import Looks
from commonweight.paper.planned import Planned
from commonweight.paper.targets import Artefact
from commonweight.paper.views import union
from commonweight.study.setting import Experiment, Setting
from commonweight.study.store import Store

_MODULES = (
    stability,
    distributions,
    finetuning,
    hidden,
    instability,
    degrees,
    found,
    lastbatches,
    reading_costs,
    baselines,
    landmark_equivalents,
    recipes,
    every,
)
_DECLARED = [one for module in _MODULES for one in vars(module).values() if isinstance(one, Artefact)]
ARTEFACTS = {one.name: one for one in sorted(_DECLARED, key=lambda one: one.section or "beyond")}
"""By name: as the paper's sections come, and in one section as these modules declare them; last what is not in the paper."""


def named(words: Iterable[str]) -> list[Artefact]:
    """The artefacts of these names in the paper's order, `figure-5` meaning 5a and 5b; raises `UsageError` with the known."""
    wanted: set[str] = set()
    for word in words:
        found = {name for name in ARTEFACTS if name == word or (name[:-1] == word and name[-1].isalpha())}
        if not found:
            raise UsageError(f"unknown target {word!r}; known are {', '.join(ARTEFACTS)}{nearest(word, ARTEFACTS)}")
        wanted |= found
    return [artefact for name, artefact in ARTEFACTS.items() if name in wanted]


def chapter(target: Artefact) -> str:
    """The chapter of a report that a target stands in: its section in the paper, or that it is in none."""
    if target.section is None:
        return "Beyond the paper"
    return f"{target.section} {published.SECTIONS[target.section]}"


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


def looked_at(setting: Setting) -> dict[Planned, Looks]:
    """Every experiment of the catalogue with all that any artefact or claim looks at in it, whatever a study is run toward.

    What the study is too short for counts too: so an experiment's jobs are the same for every choice of targets, and no two
    targets train one twice.
    """
    declared = (*ARTEFACTS.values(), *every.DEFINITIONS)
    return union(one.view.looks(setting) for one in declared)


def catalogue(setting: Setting) -> dict[str, Callable[[], Experiment]]:
    """How to make every experiment of the catalogue, by name, for this study."""
    looks = looked_at(setting)

    @cache
    def made(planned: Planned) -> Experiment:
        return planned.experiment(setting, looks[planned], made)

    found = {planned.name: partial(made, planned) for planned in looks}
    assert len(found) == len(looks), f"two experiments have one name among {[planned.name for planned in looks]}"
    return found


def needed(targets: Iterable[Artefact], setting: Setting) -> dict[str, Experiment]:
    """The experiments that these artefacts need, each once, by name."""
    make = catalogue(setting)
    names = dict.fromkeys(name for target in targets for name in target.experiments(setting))
    return {name: make[name]() for name in names}


def evidence(experiments: dict[str, Experiment], setting: Setting, store: Store) -> Evidence:
    """The experiments' records; raises `StoreError` when one is missing or damaged."""
    return Evidence(setting, {name: experiment.read(store) for name, experiment in experiments.items()})
