"""`run` and `plan`: training what is missing, and saying what that will take."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from commonweight import api
from commonweight.cli.output import print_json, print_made, print_text
from commonweight.cli.stderr import errors, say
from commonweight.errors import CommonweightError, JobFailed, ReadOnly, UsageError
from commonweight.net import EngineChoice, find_library
from commonweight.paper import Made
from commonweight.report import Style
from commonweight.report.progress import clock, meanwhile, watch
from commonweight.study.calibration import Estimate, estimate
from commonweight.study.executors import Executor, make_executor
from commonweight.study.inventory import Inventory, record_bytes
from commonweight.study.load import load_study
from commonweight.study.unseen import made_up, sizes_unseen
from commonweight.study.work import Runtime, Worker, require_native, resolve_device, study_images


def run(
    *,
    study: str,
    target: Sequence[str] | None,
    out: Path | None,
    workers: int | None,
    executor_name: str | None,
    device: str,
    engine: str,
    overrides: Sequence[str] | None,
    replace_study: bool,
    retry_failed: bool,
    style: str,
    as_json: bool,
) -> None:
    """Train what is missing, then print and write the targets."""
    chosen = Style.named(style)
    runtime, executor = _executor(device, engine, executor_name, workers)
    work = api.programme(load_study(study, overrides or ()), target or (), out)
    _say_refused(work)
    failed = None
    with work.driven(replace_study=replace_study):
        inventory = work.inventory(retry_failed=retry_failed)
        for reason in inventory.damaged.values():
            say(f"{reason}; training it again, and keeping what is there in {work.store.damaged}")
        for reason in inventory.failures():
            say(reason)
        say(
            f"{len(inventory.jobs)} jobs needed, {len(inventory.done)} there, {_given_up(inventory)}"
            f"{len(inventory.missing)} to train in {work.store.out}"
        )
        with _resumable(work.store.out):
            found = _estimate(inventory, Worker(work.setting.study.data, runtime))
            for line in _about(found, runtime):
                say(line)
            if inventory.missing:
                say(
                    f"about {clock(found.seconds(inventory, executor.workers))} with {executor.workers or 'no'} "
                    "worker processes"
                )
            try:
                with watch(inventory, found, executor.workers, errors()) as observe:
                    api.train_missing(work, inventory, executor, observe)
            except JobFailed as error:
                failed = error
        if not failed and (agreement := work.precision_agreement()):
            say(
                f"sweeps in {work.setting.study.experiments.sweep_precision.value}: tau with float32 "
                f"{min(agreement):.4f} … {max(agreement):.4f} over {len(agreement)} instances"
            )
        made, told = _reported(work, failed, chosen)
    print_made(work, made, as_json)
    say(told)
    if failed:
        raise failed


def plan(
    *,
    study: str,
    target: Sequence[str] | None,
    out: Path | None,
    workers: int | None,
    executor_name: str | None,
    device: str,
    engine: str,
    overrides: Sequence[str] | None,
    as_json: bool,
) -> None:
    """Say which jobs the targets need, which exist, and what the rest will cost."""
    runtime, executor = _executor(device, engine, executor_name, workers)
    asked = load_study(study, overrides or ())
    if sizes := sizes_unseen(asked.data):
        work, read = api.programme_unseen(asked, sizes, target or (), out), made_up
    else:
        work, read = api.programme(asked, target or (), out), study_images
    inventory = work.inventory()
    found = _estimate(inventory, Worker(asked.data, runtime, read))
    seconds = found.seconds(inventory, executor.workers)
    size = sum(map(record_bytes, inventory.missing))
    needs = {name: experiment.jobs for name, experiment in work.experiments.items()}
    if as_json:
        print_json(
            {
                "jobs": len(inventory.jobs),
                "done": len(inventory.done),
                "damaged": sorted(inventory.damaged),
                "missing": [job.id for job in inventory.missing],
                "given up": [job.id for job in inventory.given_up],
                "failed": {job_id: failure.reason for job_id, failure in inventory.failed.items()},
                "seconds": round(seconds, 1),
                "engine": found.engine,
                "through_pytorch": found.through_pytorch,
                "bytes": size,
                "made_up_images": sizes is not None,
                "experiments": {name: [job.id for job in jobs] for name, jobs in needs.items()},
                "targets": {artefact.name: artefact.experiments(work.setting) for artefact in work.targets},
                "refused": work.refused,
            }
        )
        return
    print_text(
        f"{len(inventory.jobs)} jobs in all, {len(inventory.done)} done, {len(inventory.damaged)} damaged, "
        f"{_given_up(inventory)}{len(inventory.missing)} to train: about {clock(seconds)} with {executor.workers or 'no'} "
        f"worker processes, about {size / 1e6:.1f} MB"
    )
    if sizes:
        print_text(
            f"data {asked.data.name} has no path yet: measured on made-up images of its sizes, and no stored job was looked "
            "for; give --set data.path=PATH"
        )
    for line in (*_about(found, runtime), *inventory.failures()):
        print_text(line)
    missing = {job.id for job in inventory.missing}
    for name, jobs in needs.items():
        print_text(f"{name}: {len(jobs)} jobs, {sum(job.id in missing for job in jobs)} of them to train")
    for artefact in work.targets:
        print_text(f"{artefact.name}: {', '.join(artefact.experiments(work.setting))}")
    _say_refused(work)


def _executor(device: str, engine: str, name: str | None, workers: int | None) -> tuple[Runtime, Executor]:
    """How and where these options say that jobs run; without a name, `inline` for no workers and `local` otherwise."""
    require_native()
    runtime = Runtime(device=resolve_device(device), engine=_choice(engine))
    if name is None:
        name = "inline" if workers == 0 else "local"
    return runtime, make_executor(name, runtime, workers)


def _choice(word: str) -> EngineChoice:
    try:
        return EngineChoice(word)
    except ValueError:
        raise UsageError(f"engine {word!r}; expected {', '.join(choice.value for choice in EngineChoice)}") from None


def _estimate(inventory: Inventory, worker: Worker) -> Estimate:
    with meanwhile("measuring how fast this machine is", errors()):
        return estimate(inventory.missing, worker)


def _about(found: Estimate, runtime: Runtime) -> Iterator[str]:
    """Which engine an estimate is for, and what it leaves to PyTorch; nothing when nothing was estimated."""
    if found.engine is None:
        return
    library, reason = find_library()
    missed = library is None and runtime.engine is EngineChoice.AUTO and runtime.device == "cpu"
    yield f"engine: {found.engine}" + (f", as {reason}" if missed else "")
    if found.through_pytorch:
        yield (
            f"through PyTorch, as the native part cannot run them: every child with {', '.join(found.through_pytorch)} "
            "(slower; the results say it of each child)"
        )


def _given_up(inventory: Inventory) -> str:
    """So many are given up, as a part of a sentence; nothing for none."""
    return f"{len(inventory.given_up)} given up, " if inventory.given_up else ""


def _reported(work: api.Programme, failed: JobFailed | None, style: Style) -> tuple[list[Made], str]:
    """What was made, and where the report of it is; after a failure of jobs that alone is the error to be told."""
    try:
        made, files = work.report(style)
    except (CommonweightError, OSError) as error:
        if not (failed or isinstance(error, ReadOnly)):
            raise
        return [] if failed else work.make(), f"no report: {error}"
    return made, f"report: {files[0]}"


def _say_refused(work: api.Programme) -> None:
    for name, reason in work.refused.items():
        say(f"not made: {name}: {reason}")


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted; finished jobs are kept in {out}, the same command goes on from there")
        raise
