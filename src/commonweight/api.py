"""A study from start to report in a few lines: what the command line does, for Python."""

from __future__ import annotations  # help shows `list[Made]`, and not all that `Made` may be

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from commonweight.errors import JobFailed
from commonweight.paper import (
    ARTEFACTS,
    Artefact,
    Claims,
    Evidence,
    Made,
    artefacts,
    claims_so_far,
    evidence,
    named,
    needed,
)
from commonweight.report import Run, about_study, write_report
from commonweight.report.progress import clock
from commonweight.study.durable import sweep, write_whole
from commonweight.study.executors import Event, Executor, Failed, Finished, Inline, Task
from commonweight.study.inventory import Inventory, take_inventory
from commonweight.study.jobs import Job
from commonweight.study.listing import rewriting
from commonweight.study.load import load_study, shipped_studies
from commonweight.study.lock import locked
from commonweight.study.record import AGREEMENT, THROUGH_PYTORCH
from commonweight.study.schema import Study
from commonweight.study.setting import Experiment, Setting, settle
from commonweight.study.settled import STUDY_FILE, read_settled, require_same_study, write_settled
from commonweight.study.store import Store
from commonweight.values import brief

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Programme:
    """A study run toward some artefacts in one folder: what it needs, what is there, and what can be made of it.

    `refused` are targets that this study cannot have, with the reason. Made by `programme`, or from a folder by `stored`.

    >>> work = cw.programme(cw.load_study("smoke"), ["table-1", "figure-2"], out="results/two")
    >>> list(work.experiments)
    ['seeds', 'orders', 'orders-shuffled', 'ground-truth']
    >>> work.command("figure-2")
    'commonweight run smoke figure-2 --out results/two'
    """

    __repr__ = brief

    setting: Setting
    targets: tuple[Artefact, ...]
    refused: dict[str, str]
    experiments: dict[str, Experiment]
    store: Store

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job that the targets need, once."""
        return tuple({job.id: job for experiment in self.experiments.values() for job in experiment.jobs}.values())

    @contextmanager
    def driven(self, *, replace_study: bool = False) -> Iterator[None]:
        """Inside, this process alone trains and reports in the folder; what killed ones left unfinished there is removed.

        Raises `UsageError` when another process drives the folder, and, unless `replace_study`, when it holds another study.
        """
        with locked(self.store.out):
            if not replace_study:
                require_same_study(self.setting, self.store.out)
            out = self.store.out
            sweep([out, self.store.jobs, out / "failed", *(out / "report").glob("**")])
            yield

    def inventory(self) -> Inventory:
        """The jobs, done and missing, as the store is now."""
        return take_inventory(self.experiments.values(), self.store)

    def precision_agreement(self) -> list[float]:
        """Kendall's tau of sweeps that were not in float32 with the same in float32, one for each stored instance."""
        return [value for job in self.jobs for value in self.store.how(job.id).get(AGREEMENT, [])]

    def make(self) -> list[Made]:
        """Every target from the stored records; raises `StoreError` when one is missing or damaged."""
        return [one for _, one in self._made(self._evidence())]

    def report(self) -> tuple[list[Made], list[Path]]:
        """Make every target and write the report; returns what was made and the files, the page first.

        The report also has the verdict on the claims that the records happen to speak to.
        """
        records = self._evidence()
        made = self._made(records)
        commands = {one.name: self.command(target.name) for target, one in made}
        shown = [one for _, one in made]
        more = [] if any(isinstance(one, Claims) for one in shown) else claims_so_far(records)
        every = len(self.targets) + len(self.refused) == len(ARTEFACTS)
        run = Run(self.command(*(() if every else [target.name for target in self.targets])), commands, self.facts())
        with rewriting(self.store.out / "report") as listed:
            files = write_report(about_study(self.setting), [*shown, *more], self.store.out, run)
            listed.extend(files)
        return shown, files

    def command(self, *targets: str) -> str:
        """The command that makes these targets of this study again, in the same folder."""
        study = self.setting.study
        shipped = study.name in shipped_studies() and load_study(study.name) == study
        source = study.name if shipped else self.store.out / STUDY_FILE
        return shlex.join(map(str, ["commonweight", "run", source, *targets, "--out", self.store.out]))

    def facts(self) -> dict[str, str]:
        """What the jobs, all of them stored, cost and where they ran, for a reader."""
        jobs = self.jobs
        hows = [self.store.how(job.id) for job in jobs]
        spent, wall = _times(hows)
        epochs = sum(job.copies * job.mini_batches / job.batches_per_epoch for job in jobs)
        passes = sum(job.copies * job.validations for job in jobs)
        left = {name for how in hows for name in how.get(THROUGH_PYTORCH, ())}
        return {
            "Jobs": f"{len(jobs)}",
            "Training": f"{epochs:,.0f} child-epochs (the training images once through one child)",
            "Validation": f"{passes / 1e6:,.1f} million images through a child",
            "Time of all jobs": spent,
            "From the first start to the last end": wall,
            **{
                title: ", ".join(sorted({str(how.get(key, NOT_RECORDED)) for how in hows}))
                for title, key in (
                    ("Machine", "machine"),
                    ("Processor", "processor"),
                    ("Device", "device"),
                    ("Engine", "engine"),
                    ("Threads of a job", "threads"),
                    ("PyTorch", "torch"),
                    ("Python", "python"),
                )
            },
            **({"Children that the engine left to PyTorch": f"{len(left)}"} if left else {}),
        }

    def _evidence(self) -> Evidence:
        return evidence(self.experiments, self.setting, self.store)

    def _made(self, records: Evidence) -> list[tuple[Artefact, Made]]:
        return [(target, one) for target in self.targets for one in target(records)]


def programme(study: Study, targets: Iterable[str] = (), out: Path | str | None = None) -> Programme:
    """The study toward these targets (all that it can have, if none is named) in `out`, by default `results/<its name>`.

    Raises `UsageError` for an unknown target, `StudyError` for one that was named and that this study cannot have.

    >>> [job.label for job in cw.programme(cw.load_study("smoke"), ["figure-5"]).inventory().missing][:2]
    ['64 children, all, fixed order 0, 3 copies', '64 children, all, shuffled order 0, 1 copy']
    """
    named(targets := tuple(targets))  # before the images are read: a wrong word is told at once
    return _toward(targets, settle(study), Path(out or Path("results") / study.name))


def stored(out: Path | str, targets: Iterable[str] = ()) -> Programme:
    """The study that was run in `out` toward these targets, from what is stored there: its images may be gone.

    Raises as `programme` does, and `ResultMissing` or `StoreError` when no run left its study in `out`, or left it damaged.

    >>> _ = cw.run(cw.load_study("smoke", {"space.nodes": 1}), ["table-2"], out="results/four-children")
    >>> [made.title for made in cw.stored("results/four-children", ["table-2"]).make()]
    ['Comparison with ground truth with GT-Tau and TnR, after epoch 4']
    """
    return _toward(tuple(targets), read_settled(Path(out)), Path(out))


def _toward(targets: tuple[str, ...], setting: Setting, out: Path) -> Programme:
    chosen, refused = artefacts(targets, setting)
    return Programme(setting, chosen, refused, needed(chosen, setting), Store(out))


def run(
    study: Study,
    targets: Iterable[str] = (),
    out: Path | str | None = None,
    executor: Executor | None = None,
    observe: Callable[[Event], None] = lambda event: None,  # noqa: ARG005
    *,
    replace_study: bool = False,
) -> list[Made]:
    """Train what is missing, then make the targets and write them with a report into `out`; returns the targets made.

    Jobs run in this process unless an `executor` says otherwise; `observe` is told every event. When jobs fail, all others
    are done first; then it raises `JobFailed`. After an interrupt the same call goes on: finished jobs are kept.

    Raises `UsageError` when another process drives the folder, and when the folder holds another study, unless this one is
    to `replace_study` there: then what both need is trained once.

    >>> (table,) = cw.run(cw.load_study("smoke", {"space.nodes": 1}), ["table-2"], out="results/four-children")
    >>> [column.title for column in table.columns if not column.paper]
    ['GT-Tau', 'T1R', 'T3R']
    """
    work = programme(study, targets, out)
    with work.driven(replace_study=replace_study):
        train_missing(work, work.inventory(), executor or Inline(), observe)
        return work.report()[0]


def train_missing(work: Programme, inventory: Inventory, executor: Executor, observe: Callable[[Event], None]) -> None:
    """Do the inventory's missing jobs, inside `Programme.driven`.

    Raises `JobFailed` at the end when some failed, their traces below `failed/`.
    """
    write_settled(work.setting, work.store.out)
    failed: dict[str, str] = {}
    jobs, after = inventory.missing, inventory.after
    for event in executor.run([Task(job, work.setting.study.data, work.store.out, after[job.id]) for job in jobs]):
        path = work.store.out / "failed" / f"{event.job.id}.txt"
        if isinstance(event, Finished):
            path.unlink(missing_ok=True)
        if isinstance(event, Failed):
            write_whole(path, f"{event.job.label}\n{event.reason}\n\n{event.trace}".encode())
            failed[event.job.id] = f"{event.job.id} ({event.job.label}): {event.reason}; trace in {path}"
        observe(event)
    if failed:
        first = next(iter(failed.values()))
        raise JobFailed(f"{len(failed)} of {len(jobs)} jobs failed; the first: {first}")


def _times(hows: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """The time of all jobs, and from the first start to the last end; not recorded when one of the jobs does not tell."""
    if not all({"started", "seconds"} <= how.keys() for how in hows):
        return NOT_RECORDED, NOT_RECORDED
    starts = [datetime.fromisoformat(how["started"]) for how in hows]
    ends = [start + timedelta(seconds=how["seconds"]) for start, how in zip(starts, hows, strict=True)]
    return clock(sum(how["seconds"] for how in hows)), clock((max(ends) - min(starts)).total_seconds())
