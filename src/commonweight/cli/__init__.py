"""The command line: words become objects, outcomes become exit codes."""

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import torch
import typer
from typer.core import TyperGroup

from commonweight import api
from commonweight.cli import from_elsewhere
from commonweight.cli.options import (
    Device,
    EngineName,
    ExecutorName,
    Json,
    Out,
    Overrides,
    Results,
    StudyWord,
    Targets,
    WorkerCount,
)
from commonweight.cli.output import errors, print_all, print_json, print_text, say, show_job
from commonweight.errors import CommonweightError, JobFailed, ResultMissing, StoreError, UsageError
from commonweight.net import EngineChoice, find_library
from commonweight.paper import named
from commonweight.report import preface
from commonweight.report.progress import clock, meanwhile, watch
from commonweight.study.calibration import Estimate, estimate
from commonweight.study.executors import Executor, make_executor
from commonweight.study.executors.local import cores
from commonweight.study.inventory import Inventory, record_bytes
from commonweight.study.load import dump_study, load_study, shipped_studies
from commonweight.study.settled import STUDY_FILE, read_settled
from commonweight.study.store import Store
from commonweight.study.verification import verify_results
from commonweight.study.work import Runtime, Worker, require_native, resolve_device

DONE, ERROR, USAGE, JOBS_FAILED, DAMAGED, INTERRUPTED = 0, 1, 2, 3, 4, 130


class Guarded(TyperGroup):
    """All commands; every error that a user can cause becomes one line on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise typer.Exit(INTERRUPTED) from None
        except CommonweightError as error:
            say(f"error: {error}")
            raise typer.Exit(exit_code(error)) from None
        except BrokenPipeError:
            raise  # who reads our results has seen enough; typer ends quietly
        except OSError as error:
            say(f"error: {error}")
            raise typer.Exit(ERROR) from None


def exit_code(error: CommonweightError) -> int:
    """The exit code that tells a script what kind of error it was."""
    match error:
        case UsageError():
            return USAGE
        case JobFailed():
            return JOBS_FAILED
        case StoreError() if not isinstance(error, ResultMissing):
            return DAMAGED
        case _:
            return ERROR


app = typer.Typer(
    cls=Guarded,
    no_args_is_help=True,
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Can a weight-sharing ranking of architectures be trusted, and what makes it better?",
    epilog="Exit codes: 0 done, 1 error, 2 usage or study file, 3 some jobs failed, 4 damaged results, 130 interrupted.",
)


@app.callback()
def _options(
    show_version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    if show_version:
        print_text(version("commonweight"))
        raise typer.Exit


@app.command(epilog="Example: **commonweight run quick table-1 --set training.epochs=3 --out /tmp/q**")
def run(
    study: StudyWord,
    target: Targets = None,
    out: Out = None,
    workers: WorkerCount = None,
    executor_name: ExecutorName = None,
    device: Device = "auto",
    engine: EngineName = EngineChoice.AUTO,
    overrides: Overrides = None,
    replace_study: Annotated[
        bool, typer.Option("--replace-study", help="Go on in a folder that holds another study; its stored jobs stay.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Train what is missing, then print and write the targets. Interrupting is fine: run it again to go on."""
    runtime, executor = _executor(device, engine, executor_name, workers)
    work = api.programme(load_study(study, overrides or ()), target or (), out)
    _say_refused(work)
    with work.driven(replace_study=replace_study):
        inventory = work.inventory()
        for reason in inventory.damaged.values():
            say(f"{reason}; training it again, and keeping what is there in {work.store.damaged}")
        say(
            f"{len(inventory.jobs)} jobs needed, {len(inventory.done)} there, {len(inventory.missing)} to train "
            f"in {work.store.out}"
        )
        with _resumable(work.store.out):
            found = _estimate(work, inventory, runtime)
            for line in _about(found, runtime):
                say(line)
            if inventory.missing:
                say(
                    f"about {clock(found.seconds(inventory, executor.workers))} with {executor.workers or 'no'} "
                    "worker processes"
                )
            with watch(inventory, found, executor.workers, errors()) as observe:
                api.train_missing(work, inventory, executor, observe)
        if agreement := work.precision_agreement():
            say(
                f"sweeps in {work.setting.study.experiments.sweep_precision.value}: tau with float32 "
                f"{min(agreement):.4f} … {max(agreement):.4f} over {len(agreement)} instances"
            )
        made, files = work.report()
    print_all(made, preface(work.setting), as_json)
    say(f"report: {files[0]}")


@app.command(epilog="Example: **commonweight plan quick table-1**")
def plan(
    study: StudyWord,
    target: Targets = None,
    out: Out = None,
    workers: WorkerCount = None,
    executor_name: ExecutorName = None,
    device: Device = "auto",
    engine: EngineName = EngineChoice.AUTO,
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Say which jobs the targets need, which exist, and what the rest will cost in time and disk."""
    runtime, executor = _executor(device, engine, executor_name, workers)
    work = api.programme(load_study(study, overrides or ()), target or (), out)
    inventory = work.inventory()
    found = _estimate(work, inventory, runtime)
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
                "seconds": round(seconds, 1),
                "engine": found.engine,
                "through_pytorch": found.through_pytorch,
                "bytes": size,
                "experiments": {name: [job.id for job in jobs] for name, jobs in needs.items()},
                "targets": {artefact.name: artefact.experiments(work.setting) for artefact in work.targets},
                "refused": work.refused,
            }
        )
        return
    _say_refused(work)
    for artefact in work.targets:
        print_text(f"{artefact.name}: {', '.join(artefact.experiments(work.setting))}")
    missing = {job.id for job in inventory.missing}
    for name, jobs in needs.items():
        print_text(f"{name}: {len(jobs)} jobs, {sum(job.id in missing for job in jobs)} of them to train")
    for line in _about(found, runtime):
        print_text(line)
    print_text(
        f"{len(inventory.jobs)} jobs in all, {len(inventory.done)} done, {len(inventory.damaged)} damaged, "
        f"{len(inventory.missing)} to train: about {clock(seconds)} with {executor.workers or 'no'} worker processes, "
        f"about {size / 1e6:.1f} MB"
    )


@app.command(epilog="Example: **commonweight ls --out results**")
def ls(
    out: Annotated[Path, typer.Option("--out", help="Where results are.")] = Path("results"), as_json: Json = False
) -> None:
    """List the shipped studies, and the studies that have results below a folder."""
    shipped = {name: load_study(name).about for name in shipped_studies()}
    studies = [out / STUDY_FILE, *sorted(out.glob(f"*/{STUDY_FILE}"))]
    found = {str(path.parent): sum(1 for _ in Store(path.parent).ids()) for path in studies if path.is_file()}
    if as_json:
        print_json({"shipped": shipped, "results": found})
        return
    for name, about in shipped.items():
        print_text(f"{name}: {about}")
    for folder, jobs in found.items():
        print_text(f"{folder}: {jobs} stored jobs")


@app.command(epilog="Examples: **commonweight show quick**, **commonweight show table-1 --out results/quick**")
def show(
    thing: Annotated[str, typer.Argument(metavar="THING", help="A study, a target, or (the start of) a job's id.")],
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Show a study as it is resolved, or from the results in --out a target or a job."""
    if _is_target(thing):
        work = _stored(out, [thing])
        print_all(work.make(), preface(work.setting), as_json)
        return
    if out is not None:
        show_job(Store(out), thing, as_json)
        return
    study = load_study(thing)
    if as_json:
        print_json(study.model_dump(mode="json"))
    else:
        print_text(dump_study(study).rstrip())


@app.command(epilog="Example: **commonweight info --json**")
def info(as_json: Json = False) -> None:
    """Say what this installation can use: versions, devices, and which engine runs and why."""
    library, reason = find_library()
    try:
        require_native()
        runs = "native" if library else "reference"
    except UsageError as error:
        runs, reason = "none", f"error: {error}"
    facts = {
        "commonweight": version("commonweight"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": cores(),
        "CUDA devices": torch.cuda.device_count(),
        "engine on a CPU": runs,
        "because": reason,
    }
    if as_json:
        print_json(facts)
        return
    for name, fact in facts.items():
        print_text(f"{name}: {fact}")


@app.command(epilog="Example: **commonweight check --out results/quick**")
def check(out: Results, as_json: Json = False) -> None:
    """Verify every stored job, the study and the report, and name what no run wrote; exit code 4 if anything is damaged."""
    found = verify_results(out)
    if as_json:
        print_json({"whole": found.whole, "damaged": found.damaged, "unknown": found.unknown})
    else:
        for reason in found.damaged.values():
            print_text(reason)
        for name, told in found.unknown.items():
            print_text(f"{name}: {told}")
        print_text(f"{found.whole} jobs whole, {len(found.damaged)} damaged")
    if found.damaged:
        say("give the run command once more: what is damaged is made again, and a damaged job is kept aside")
        raise typer.Exit(DAMAGED)
    read_settled(out)


@app.command(epilog="Example: **commonweight report --out results/quick**")
def report(
    out: Results,
    target: Targets = None,
    as_json: Json = False,
) -> None:
    """Make tables, figures and the page again from stored records; nothing is trained."""
    work = _stored(out, target or [])
    made, files = work.report()
    print_all(made, preface(work.setting), as_json)
    say(f"report: {files[0]}")


@app.command(
    epilog="Examples: **commonweight rank log.csv --ground-truth truth.csv**, **commonweight rank losses.json "
    "--lower-is-better --ground-truth truth.parquet**"
)
def rank(
    file: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Accuracies as CSV, JSON or Parquet, - for standard input: one of all, or one for each instance.",
        ),
    ],
    ground_truth: Annotated[
        Path, typer.Option("--ground-truth", help="A number for each child, or several seeds; the same kinds of file.")
    ],
    rows: Annotated[
        str | None, typer.Option("--rows", help="moments or instances, where the file does not say.")
    ] = None,
    groups: Annotated[
        int | None,
        typer.Option(
            "--groups", metavar="M", help="Also find M groups of equal size of children that go well together."
        ),
    ] = None,
    scores: Annotated[
        bool, typer.Option("--scores", help="Numbers are scores on any scale, and no accuracies; higher is better.")
    ] = False,
    lower_is_better: Annotated[
        bool, typer.Option("--lower-is-better", help="Numbers are losses, or other scores of which less is better.")
    ] = False,
    truth_lower_is_better: Annotated[
        bool, typer.Option("--truth-lower-is-better", help="The same of ground truth.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for a report; without it tables are printed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what ranks from elsewhere are worth: a number for each child, and for each moment or instance there is."""
    from_elsewhere.rank(
        file=file,
        ground_truth=ground_truth,
        rows=rows,
        groups=groups,
        scores=scores,
        lower_is_better=lower_is_better,
        truth_lower_is_better=truth_lower_is_better,
        out=out,
        as_json=as_json,
    )


def main() -> None:
    """Run the command line."""
    app()


def _executor(device: str, engine: EngineChoice, name: str | None, workers: int | None) -> tuple[Runtime, Executor]:
    """How and where these options say that jobs run; without a name, `inline` for no workers and `local` otherwise."""
    require_native()
    runtime = Runtime(device=resolve_device(device), engine=engine)
    if name is None:
        name = "inline" if workers == 0 else "local"
    return runtime, make_executor(name, runtime, workers)


def _estimate(work: api.Programme, inventory: Inventory, runtime: Runtime) -> Estimate:
    with meanwhile("measuring how fast this machine is", errors()):
        return estimate(inventory.missing, Worker(work.setting.study.data, runtime))


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


def _say_refused(work: api.Programme) -> None:
    for name, reason in work.refused.items():
        say(f"not made: {name}: {reason}")


def _is_target(word: str) -> bool:
    try:
        return bool(named([word]))
    except UsageError:
        return False


def _stored(out: Path | None, targets: list[str]) -> api.Programme:
    if out is None:
        raise UsageError("where are the results? name their folder with --out")
    return api.stored(out, targets)


@contextmanager
def _resumable(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        say(f"interrupted; finished jobs are kept in {out}, the same command goes on from there")
        raise
