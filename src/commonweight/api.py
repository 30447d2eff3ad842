"""A study from start to report in a few lines: what the command line does, for Python."""

from __future__ import annotations  # help shows `list[Made]`, and not all that `Made` may be

import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from commonweight.errors import CommonweightError, JobFailed, NotWritten, ReadOnly, ResultMissing, StoreError
from commonweight.images import Sizes
from commonweight.paper import (
    Artefact,
    Boxes,
    Claims,
    Curves,
    Evidence,
    Made,
    Table,
    artefacts,
    claims_so_far,
    evidence,
    named,
    needed,
)
from commonweight.report import Run, about_study, write_report
from commonweight.report.progress import clock
from commonweight.study.durable import sweep, write_whole
from commonweight.study.executors import Advanced, Event, Executor, Failed, Finished, Inline, Task
from commonweight.study.experiment_record import ExperimentRecord
from commonweight.study.inventory import Inventory, image_passes, take_inventory
from commonweight.study.jobs import Job
from commonweight.study.listing import rewriting
from commonweight.study.load import load_study, shipped_studies
from commonweight.study.lock import locked
from commonweight.study.record import AGREEMENT, THROUGH_PYTORCH
from commonweight.study.schema import Study
from commonweight.study.setting import Experiment, Setting, settle
from commonweight.study.settled import STUDY_FILE, read_settled, require_same_study, write_settled
from commonweight.study.store import Store
from commonweight.study.unseen import settle_unseen
from commonweight.values import brief

NOT_RECORDED = "not recorded"


@dataclass(frozen=True)
class Programme:
    """A study run toward some artefacts in one folder: what it needs, what is there, and what can be made of it.

    `refused` are targets that this study cannot have, with the reason; `missing` those of which not all is stored, with the
    error that making them would raise. Made by `programme`, or from a folder by `open`.

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
    missing: dict[str, StoreError] = field(default_factory=dict)

    @property
    def jobs(self) -> tuple[Job, ...]:
        """Every job that the targets need, once."""
        return tuple({job.id: job for experiment in self.experiments.values() for job in experiment.jobs}.values())

    @contextmanager
    def driven(self, *, replace_study: bool = False) -> Iterator[None]:
        """Inside, this process alone trains and reports in the folder; what killed ones left unfinished there is removed.

        Raises `UsageError` when another process drives the folder, and, unless `replace_study`, when it holds another study.
        A folder that cannot be written needs no lock when it has all jobs; else that raises `ReadOnly`.
        """
        out = self.store.out
        with ExitStack() as stack:
            try:
                stack.enter_context(locked(out))
                swept = [out, self.store.jobs, out / "failed", *(out / "report").glob("**")]
            except ReadOnly:
                if self.inventory().missing:
                    raise
                swept = []
            if not replace_study:
                require_same_study(self.setting, out)
            sweep(swept)
            yield

    def inventory(self) -> Inventory:
        """The jobs, done and missing, as the store is now."""
        return take_inventory(self.experiments.values(), self.store)

    def precision_agreement(self) -> list[float]:
        """Kendall's tau of sweeps that were not in float32 with the same in float32, one for each stored instance."""
        return [value for job in self.jobs for value in self.store.how(job.id).get(AGREEMENT, [])]

    def make(self) -> list[Made]:
        """Every target from the stored records; raises `StoreError` when one is missing or damaged."""
        return [one for _, one in self._made]

    @property
    def tables(self) -> dict[str, Table | Claims]:
        """Of what `make` gives, the tables and the list of claims by their names: `work.tables["table-1"].to_frame()`."""
        return {one.name: one for one in self.make() if isinstance(one, Table | Claims)}

    @property
    def figures(self) -> dict[str, Curves | Boxes]:
        """Of what `make` gives, the figures by their names: `work.figures["figure-2"].plot()`."""
        return {one.name: one for one in self.make() if isinstance(one, Curves | Boxes)}

    @cached_property
    def records(self) -> dict[str, ExperimentRecord]:
        """What the experiments measured, by their names: `work.records["seeds"].accuracy`; raises as `make` does."""
        return {name: ExperimentRecord.of(one, self.store) for name, one in self.experiments.items()}

    def report(self) -> tuple[list[Made], list[Path]]:
        """Make every target, and write the report of all that is stored; returns what was made and the files, the page first.

        So the report has every other target that can be made too, the verdict on the claims that the records happen to speak
        to, and what is missing. Raises as `make` does, and `ReadOnly` when it cannot be written, and `make` gives the targets
        all the same.
        """
        whole = self.all_stored()
        if lost := [whole.missing[target.name] for target in self.targets if target.name in whole.missing]:
            raise lost[0]
        shown = [one for _, one in whole._made]
        more = [] if any(isinstance(one, Claims) for one in shown) else claims_so_far(whole._evidence)
        commands = {one.name: self.command(target.name) for target, one in whole._made}
        command = self.command(*([target.name for target in whole.targets] if whole.missing else ()))
        about = about_study(self.setting)
        about = replace(about, sentences=(*about.sentences, *whole._lack()))
        with rewriting(self.store.out / "report") as listed:
            files = write_report(about, [*shown, *more], self.store.out, Run(command, commands, whole.facts()))
            listed.extend(files)
        return [one for target, one in whole._made if target in self.targets], files

    def all_stored(self) -> Programme:
        """The same study toward all that can be made of what is stored, with every experiment that is whole there."""
        targets, refused = artefacts((), self.setting)
        experiments = needed(targets, self.setting)
        inventory = take_inventory(experiments.values(), self.store)
        lost = {job.id for job in inventory.missing}
        missing: dict[str, StoreError] = {}
        for target in targets:
            jobs = {job.id for name in target.experiments(self.setting) for job in experiments[name].jobs}
            if damaged := [inventory.damaged[job_id] for job_id in inventory.damaged if job_id in jobs]:
                told = f"{target.name}: {damaged[0]}"
                missing[target.name] = StoreError(f"{told}; {self.command(target.name)} trains it again")
            elif jobs & lost:
                told = f"{target.name}: {len(jobs & lost)} of its {len(jobs)} jobs are not stored"
                missing[target.name] = ResultMissing(f"{told}; {self.command(target.name)} trains them")
        there = {name: one for name, one in experiments.items() if not any(job.id in lost for job in one.jobs)}
        made = tuple(target for target in targets if target.name not in missing)
        return Programme(self.setting, made, refused, there, self.store, missing)

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

    def _lack(self) -> list[str]:
        """What a report says of targets that are missing; nothing when none is."""
        if not self.missing:
            return []
        whole = len(self.missing) + len(self.targets)
        return [
            f"Part of the study: {len(self.targets)} of its {whole} targets are here, all that can be made of what is "
            f"stored. Missing are {', '.join(self.missing)}; {self.command()} trains what they need."
        ]

    @cached_property  # a record never changes, and one that is missing raises
    def _evidence(self) -> Evidence:
        return evidence(self.experiments, self.setting, self.store)

    @cached_property
    def _made(self) -> list[tuple[Artefact, Made]]:
        return [(target, one) for target in self.targets for one in target(self._evidence)]


@dataclass(frozen=True)
class Progress:
    """What a callback of `run` is told: an event, how many of the jobs have ended, and the share of their work.

    `label` says which job it is: `seeds, copies 1–5`. As text it is a line; `event` has more.
    """

    __repr__ = brief

    event: Event
    label: str
    ended: int
    jobs: int
    share: float

    def __str__(self) -> str:
        return f"[{self.ended}/{self.jobs}] {self.share:.0%} {self.label}: {type(self.event).__name__.lower()}"


def programme(study: Study, targets: str | Iterable[str] = (), out: Path | str | None = None) -> Programme:
    """The study toward these targets (all that it can have, if none is named) in `out`, by default `results/<its name>`.

    Raises `UsageError` for an unknown target, `StudyError` for one that was named and that this study cannot have.

    >>> inventory = cw.programme(cw.load_study("smoke"), "figure-5").inventory()
    >>> [inventory.label(job) for job in inventory.missing][:2]
    ['seeds, copies 1–3', 'orders-shuffled, instance 1']
    """
    named(words := _words(targets))  # before the images are read: a wrong word is told at once
    return _toward(words, settle(study), Path(out or Path("results") / study.name))


def open(out: Path | str, targets: str | Iterable[str] = ()) -> Programme:  # noqa: A001 - what `cw.open` does
    """The study that was run in `out`, from what is stored there: its images may be gone.

    Toward these targets; toward all that can be made of what is stored, if none is named: `missing` says what cannot. Raises
    as `programme` does, and `ResultMissing` or `StoreError` when no run left its study in `out`, or left it damaged.

    >>> _ = cw.run(cw.load_study("smoke", {"space.nodes": 1}), "table-2", out="results/four-children")
    >>> found = cw.open("results/four-children")
    >>> found.tables["table-2"].to_frame()["ranks"].tolist()
    [3, 3, 3, 2, 2, 3]
    >>> found.records["seeds"].accuracy.shape  # [instance, moment, child]
    (3, 14, 4)
    """
    words = _words(targets)
    work = _toward(words, read_settled(Path(out)), Path(out))
    return work if words else work.all_stored()


def programme_unseen(study: Study, sizes: Sizes, targets: str | Iterable[str], out: Path | str | None) -> Programme:
    """As `programme`, of a study whose images of these sizes are not here: to be planned, and not to be run."""
    named(words := _words(targets))
    return _toward(words, settle_unseen(study, sizes), Path(out or Path("results") / study.name))


def place_of(job: Job, store: Store) -> str:
    """Which part of the folder's study a stored job is: `seeds, copies 1–5, of study quick`; else what it is alone."""
    try:
        setting = read_settled(store.out)
    except CommonweightError:
        return job.label
    for experiment in needed(artefacts((), setting)[0], setting).values():
        if label := experiment.labels().get(job.id):
            return f"{label}, of study {setting.study.name}"
    return job.label


def _words(targets: str | Iterable[str]) -> tuple[str, ...]:
    """A string is one target and not its letters."""
    return (targets,) if isinstance(targets, str) else tuple(targets)


def _toward(targets: tuple[str, ...], setting: Setting, out: Path) -> Programme:
    chosen, refused = artefacts(targets, setting)
    return Programme(setting, chosen, refused, needed(chosen, setting), Store(out))


def run(
    study: Study,
    targets: str | Iterable[str] = (),
    out: Path | str | None = None,
    executor: Executor | None = None,
    progress: Callable[[Progress], None] = lambda told: None,  # noqa: ARG005
    *,
    replace_study: bool = False,
) -> list[Made]:
    """Train what is missing, then make the targets and write all that is stored into `out`; returns the targets made.

    Jobs run in this process unless an `executor` says otherwise; `progress` is called at every event, `print` will do. When
    jobs fail, all others are done first; then it raises `JobFailed`. After an interrupt the same call goes on: finished jobs
    are kept.

    Raises `UsageError` when another process drives the folder, and when the folder holds another study, unless this one is
    to `replace_study` there: then what both need is trained once.

    >>> (table,) = cw.run(cw.load_study("smoke", {"space.nodes": 1}), "table-2", out="results/four-children")
    >>> [column.title for column in table.columns if not column.paper]
    ['GT-Tau', 'T1R', 'T3R']
    """
    work = programme(study, targets, out)
    with work.driven(replace_study=replace_study):
        inventory = work.inventory()
        train_missing(work, inventory, executor or Inline(), _telling(progress, inventory))
        return work.report()[0]


def _telling(progress: Callable[[Progress], None], inventory: Inventory) -> Callable[[Event], None]:
    """Events as `Progress`; a job's share of the work is that of its image passes."""
    costs = {job.id: image_passes(job) for job in inventory.missing}
    done: dict[str, float] = {}
    ended: set[str] = set()

    def tell(event: Event) -> None:
        job_id = event.job.id
        match event:
            case Advanced():
                done[job_id] = costs[job_id] * event.done / event.total
            case Finished() | Failed():
                done[job_id] = costs[job_id]
                ended.add(job_id)
        share = sum(done.values()) / sum(costs.values())
        progress(Progress(event, inventory.label(event.job), len(ended), len(costs), share))

    return tell


def train_missing(work: Programme, inventory: Inventory, executor: Executor, observe: Callable[[Event], None]) -> None:
    """Do the inventory's missing jobs, inside `Programme.driven`.

    Raises `JobFailed` at the end when some failed, their traces below `failed/`.
    """
    failed: dict[str, str] = {}
    jobs, after = inventory.missing, inventory.after
    try:
        write_settled(work.setting, work.store.out)
    except ReadOnly:
        if jobs:
            raise
    for event in executor.run([Task(job, work.setting.study.data, work.store.out, after[job.id]) for job in jobs]):
        path = work.store.out / "failed" / f"{event.job.id}.txt"
        if isinstance(event, Finished):
            with suppress(OSError):  # there is none, or it cannot be removed, which is no failure of this job
                path.unlink()
        if isinstance(event, Failed):
            label = inventory.label(event.job)
            failed[event.job.id] = f"{event.job.id} ({label}): {event.reason}; {_note(event, label, path)}"
        observe(event)
    if failed:
        first = next(iter(failed.values()))
        raise JobFailed(f"{len(failed)} of {len(jobs)} jobs failed; the first: {first}")


def _note(failure: Failed, label: str, path: Path) -> str:
    """Write the trace of a failure, and say where it is, or why it could not be written: that must not hide the failure."""
    try:
        write_whole(path, f"{label}\n{failure.reason}\n\n{failure.trace}".encode())
    except (NotWritten, OSError) as error:
        return f"its trace is lost, as {error}"
    return f"trace in {path}"


def _times(hows: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """The time of all jobs, and from the first start to the last end; not recorded when one of the jobs does not tell."""
    if not all({"started", "seconds"} <= how.keys() for how in hows):
        return NOT_RECORDED, NOT_RECORDED
    starts = [datetime.fromisoformat(how["started"]) for how in hows]
    ends = [start + timedelta(seconds=how["seconds"]) for start, how in zip(starts, hows, strict=True)]
    return clock(sum(how["seconds"] for how in hows)), clock((max(ends) - min(starts)).total_seconds())
