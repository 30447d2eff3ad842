"""A study from start to report in a few lines: what the command line does, for Python."""

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from commonweight.errors import JobFailed
from commonweight.paper import Artefact, Curves, Table, artefacts, evidence, needed
from commonweight.report import write_report
from commonweight.study.executors import Event, Executor, Failed, Finished, Inline, Task
from commonweight.study.experiments import Experiment, Setting, settle
from commonweight.study.planning import Plan, plan
from commonweight.study.schema import Study
from commonweight.study.store import Store, write_whole
from commonweight.study.work import AGREEMENT

STUDY_FILE = "study.json"


@dataclass(frozen=True)
class Programme:
    """A study run toward some artefacts in one folder: what it needs, what is there, and what can be made of it."""

    setting: Setting
    targets: tuple[Artefact, ...]
    experiments: dict[str, Experiment]
    store: Store

    def plan(self) -> Plan:
        """The jobs, done and missing, as the store is now."""
        return plan(self.experiments.values(), self.store)

    def tasks(self, missing: Plan) -> list[Task]:
        """What an executor needs to do the plan's missing jobs."""
        return [Task(job, self.setting.study.data, self.store.out) for job in missing.missing]

    def precision_agreement(self) -> list[float]:
        """Kendall's tau of sweeps that were not in float32 with the same sweeps in float32, one for each instance."""
        return [value for job in self.plan().done for value in self.store.how(job.id).get(AGREEMENT, [])]

    def make(self) -> list[Table | Curves]:
        """Every target from the stored records; raises `StoreError` when one is missing or damaged."""
        records = evidence(self.experiments, self.setting, self.store)
        return [target.compute(records) for target in self.targets]

    def report(self) -> tuple[list[Table | Curves], list[Path]]:
        """Make every target and write the report; returns what was made and the files, the page first."""
        made = self.make()
        names = [target.name for target in self.targets]
        words = ["commonweight", "run", self.store.out / STUDY_FILE, *names, "--out", self.store.out]
        command = shlex.join(map(str, words))
        return made, write_report(self.setting, made, self.store.out, command)


def programme(study: Study, targets: Iterable[str] = (), out: Path | str | None = None) -> Programme:
    """The study toward these targets (all, if none is named) in `out`, by default `results/<study's name>`."""
    chosen, setting = artefacts(targets), settle(study)
    return Programme(setting, chosen, needed(chosen, setting), Store(out or Path("results") / study.name))


def run(
    study: Study,
    targets: Iterable[str] = (),
    out: Path | str | None = None,
    executor: Executor | None = None,
    observe: Callable[[Event], None] = lambda event: None,  # noqa: ARG005
) -> list[Table | Curves]:
    """Train what is missing, then make and write the targets; returns them.

    Runs in this process unless an `executor` says otherwise; `observe` is told every event. Raises `JobFailed` after all
    other jobs are done when some failed. Interrupting keeps finished jobs; the same call goes on from there.
    """
    work = programme(study, targets, out)
    train_missing(work, work.plan(), executor or Inline(), observe)
    return work.report()[0]


def train_missing(work: Programme, missing: Plan, executor: Executor, observe: Callable[[Event], None]) -> None:
    """Do the plan's missing jobs; raises `JobFailed` at the end when some failed, their traces below `failed/`."""
    write_whole(work.store.out / STUDY_FILE, f"{work.setting.study.model_dump_json(indent=1)}\n".encode())
    failed = []
    for event in executor.run(work.tasks(missing)):
        path = work.store.out / "failed" / f"{event.job.id}.txt"
        if isinstance(event, Finished):
            path.unlink(missing_ok=True)
        if isinstance(event, Failed):
            write_whole(path, f"{event.job.label}\n{event.reason}\n\n{event.trace}".encode())
            failed.append(f"{event.job.id} ({event.job.label}): {event.reason}; trace in {path}")
        observe(event)
    if failed:
        raise JobFailed(f"{len(failed)} of {len(missing.missing)} jobs failed; the first: {failed[0]}")
