"""A study from start to report in a few lines: what the command line does, for Python."""

from __future__ import annotations  # help shows `list[Made]`, and not all that `Made` may be

import os
import shlex
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

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
    answer_so_far,
    artefacts,
    chapter,
    claims_so_far,
    evidence,
    named,
    needed,
)
from commonweight.report import Run, Style, about_study, write_report
from commonweight.report.callback import Progress, telling
from commonweight.report.cost import cost_of
from commonweight.study.checkpoint import sweep_checkpoints
from commonweight.study.durable import sweep
from commonweight.study.executors import Event, Executor, Failed, Finished, Inline, Task
from commonweight.study.experiment_record import ExperimentRecord
from commonweight.study.failures import forget_failure, note_failure, read_failures
from commonweight.study.inventory import Inventory, fates, take_inventory
from commonweight.study.jobs import Job
from commonweight.study.listing import rewriting
from commonweight.study.load import load_study, shipped_studies
from commonweight.study.lock import locked
from commonweight.study.record import AGREEMENT
from commonweight.study.schema import Study
from commonweight.study.setting import Experiment, Setting, settle
from commonweight.study.settled import STUDY_FILE, read_settled, require_same_study, write_settled
from commonweight.study.store import Store
from commonweight.study.unseen import settle_unseen
from commonweight.values import brief


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
                sweep_checkpoints(self.store)
                swept = [out, self.store.jobs, out / "failed", *(out / "report").glob("**")]
            except ReadOnly:
                if self.inventory().missing:
                    raise
                swept = []
            if not replace_study:
                require_same_study(self.setting, out)
            sweep(swept)
            yield

    def inventory(self, *, retry_failed: bool = False) -> Inventory:
        """The jobs, done and missing, as the store is now; one that diverged is given up unless it is to `retry_failed`."""
        return take_inventory(self.experiments.values(), self.store, retry_failed=retry_failed)

    def lacking(self) -> dict[str, str]:
        """The targets that a failed job leaves unmade, each with the first such job and its reason."""
        failed = self._failed()
        found = {}
        for target in self.targets:
            jobs = (job for name in target.experiments(self.setting) for job in self.experiments[name].jobs)
            if bad := next((job for job in jobs if job.id in failed), None):
                found[target.name] = f"job {bad.id} ({bad.label}) failed: {failed[bad.id]}"
        return found

    def precision_agreement(self) -> list[float]:
        """Kendall's tau of sweeps that were not in float32 with the same in float32, one for each stored instance."""
        return [value for job in self.jobs for value in self.store.how(job.id).get(AGREEMENT, [])]

    def make(self) -> list[Made]:
        """Every target from the stored records; raises `StoreError` when one is missing or damaged."""
        for name, reason in self.lacking().items():
            raise ResultMissing(f"{name} cannot be made: {reason}")
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

    def report(self, style: Style = Style.CLEAR) -> tuple[list[Made], list[Path]]:
        """Make every target, and write the report of all that is stored; returns what was made and the files, the page first.

        So the report has every other target that can be made too, what a super-net's rank is worth, the verdict on the claims
        that the records happen to speak to, what is missing, and of targets that are `lacking` why. These are left out;
        another whose records are not there raises as `make` does. Raises `ReadOnly` when the report cannot be written, and
        `make` gives the targets all the same.
        """
        whole, lacking = self.all_stored(), self.lacking()
        for target in self.targets:
            if target.name in whole.missing and target.name not in lacking:
                raise whole.missing[target.name]
        everything = _toward((), self.setting, self.store.out)
        facts = cost_of(whole.jobs, self.store, len(everything._failed()))
        shown = [one for _, one in whole._made]
        more = [] if any(isinstance(one, Claims) for one in shown) else claims_so_far(whole._evidence)
        commands = {one.name: self.command(target.name) for target, one in whole._made}
        command = self.command(*([target.name for target in whole.targets] if whole.missing else ()))
        command += f" --style {style.value}" if style is not Style.CLEAR else ""
        chapters = {one.name: chapter(target) for target, one in whole._made}
        run = Run(command, commands, facts, everything.lacking(), chapters)
        about = about_study(self.setting)
        about = replace(about, sentences=(*about.sentences, *whole._lack()))
        answer = answer_so_far(whole._evidence)
        with rewriting(self.store.out / "report") as listed:
            files = write_report(about, [*shown, *more], self.store.out, run, answer, style)
            listed.extend(files)
        return [one for target, one in whole._made if target in self.targets], files

    def all_stored(self) -> Programme:
        """The same study toward all that can be made of what is stored, with every experiment that is whole there."""
        everything = _toward((), self.setting, self.store.out)
        inventory = everything.inventory(retry_failed=True)
        lost, lacking = {job.id for job in inventory.missing}, everything.lacking()
        missing: dict[str, StoreError] = {}
        for target in everything.targets:
            names = target.experiments(self.setting)
            jobs = {job.id for name in names for job in everything.experiments[name].jobs}
            again = self.command(target.name)
            if damaged := [inventory.damaged[job_id] for job_id in inventory.damaged if job_id in jobs]:
                missing[target.name] = StoreError(f"{target.name}: {damaged[0]}; {again} trains it again")
            elif target.name in lacking:
                missing[target.name] = ResultMissing(f"{target.name} cannot be made: {lacking[target.name]}")
            elif jobs & lost:
                told = f"{len(jobs & lost)} of its {len(jobs)} jobs are not stored; {again} trains them"
                missing[target.name] = ResultMissing(f"{target.name}: {told}")
        whole = {
            name: one for name, one in everything.experiments.items() if not any(job.id in lost for job in one.jobs)
        }
        made = tuple(target for target in everything.targets if target.name not in missing)
        return replace(everything, targets=made, experiments=whole, missing=missing)

    def command(self, *targets: str) -> str:
        """The command that makes these targets of this study again, in the same folder."""
        study = self.setting.study
        shipped = study.name in shipped_studies() and load_study(study.name) == study
        source = study.name if shipped else self.store.out / STUDY_FILE
        return shlex.join(map(str, ["commonweight", "run", source, *targets, "--out", self.store.out]))

    def facts(self) -> dict[str, str]:
        """What the jobs, all of them stored but those that failed, cost and where they ran, for a reader."""
        failed = self._failed()
        return cost_of([job for job in self.jobs if job.id not in failed], self.store, len(failed))

    def _failed(self) -> dict[str, str]:
        """Why jobs failed that are not stored, by their ids."""
        undone = [job for job in self.jobs if not os.path.lexists(self.store.folder(job.id))]
        return {job_id: failure.reason for job_id, failure in fates(undone, read_failures(self.store.out))[0].items()}

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
    retry_failed: bool = False,
) -> list[Made]:
    """Train what is missing, then make the targets and write all that is stored into `out`; returns the targets made.

    Jobs run in this process unless an `executor` says otherwise; `progress` is called at every event, `print` will do. When
    jobs fail, all others are done first, and the report made of what there is; then it raises `JobFailed`. The next call
    tries a failed job again, but one that diverged, as it would again, only if it is to `retry_failed`. After an interrupt
    the same call goes on: finished jobs are kept, and of a long one what it had at its last checkpoint.


    Raises `UsageError` when another process drives the folder, and when the folder holds another study, unless this one is
    to `replace_study` there: then what both need is trained once. Raises `ReadOnly` when the folder cannot be written.

    >>> (table,) = cw.run(cw.load_study("smoke", {"space.nodes": 1}), "table-2", out="results/four-children")
    >>> [column.title for column in table.columns if not column.paper]
    ['GT-Tau', 'T1R', 'T3R']
    """
    work = programme(study, targets, out)
    with work.driven(replace_study=replace_study):
        inventory = work.inventory(retry_failed=retry_failed)
        try:
            train_missing(work, inventory, executor or Inline(), telling(progress, inventory))
        except JobFailed:
            with suppress(CommonweightError, OSError):  # the jobs that failed are what is to be told
                work.report()
            raise
        return work.report()[0]


def train_missing(work: Programme, inventory: Inventory, executor: Executor, observe: Callable[[Event], None]) -> None:
    """Do the inventory's missing jobs, inside `Programme.driven`.

    Raises `JobFailed` at the end when some failed, their traces below `failed/`, or are given up.
    """
    out = work.store.out
    failed: dict[str, str] = {}
    jobs, after = inventory.missing, inventory.after
    try:
        write_settled(work.setting, out)
    except ReadOnly:
        if jobs:
            raise
    for event in executor.run([Task(job, work.setting.study.data, out, after[job.id]) for job in jobs]):
        if isinstance(event, Finished):
            with suppress(OSError):  # the note cannot be removed, which is no failure of this job
                forget_failure(out, event.job.id)
        if isinstance(event, Failed):
            label = inventory.label(event.job)
            failed[event.job.id] = f"{event.job.id} ({label}): {event.reason}; {_note(event, out)}"
        observe(event)
    told = [f"{len(failed)} of {len(jobs)} jobs failed; the first: {next(iter(failed.values()))}"] if failed else []
    for job in inventory.given_up[:1]:
        first = f"{job.id} ({inventory.label(job)}): {inventory.failed[job.id].reason}"
        told.append(
            f"{len(inventory.given_up)} of {len(inventory.jobs)} jobs are given up, as they would fail again, unless "
            f"--retry-failed is given; the first: {first}"
        )
    if told:
        raise JobFailed("; ".join(told))


def _note(failure: Failed, out: Path) -> str:
    """Write the trace of a failure, and say where it is, or why it could not be written: that must not hide the failure."""
    try:
        path = note_failure(out, failure.job, failure.cause, failure.reason, failure.trace)
    except (NotWritten, OSError) as error:
        return f"its trace is lost, as {error}"
    return f"trace in {path}"
