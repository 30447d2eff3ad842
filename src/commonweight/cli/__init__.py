"""The command line: words become objects, outcomes become exit codes.

A command says here what words it takes. What it does with them is a function of its name in another module, which is imported
when the command is called: so help and mistyped words are answered without PyTorch, which takes two seconds.
"""

from collections.abc import Callable
from functools import partial, wraps
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from commonweight.cli.exit_codes import ERROR, INTERRUPTED, TOLD, exit_code
from commonweight.cli.options import (
    Device,
    EngineName,
    ExecutorName,
    Json,
    Out,
    Overrides,
    Results,
    StudyWord,
    StyleName,
    Targets,
    WorkerCount,
)
from commonweight.cli.stderr import say
from commonweight.errors import CommonweightError
from commonweight.interrupts import Interrupted, Interrupts


class Guarded(TyperGroup):
    """All commands; every error that a user can cause becomes one line on standard error and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        try:
            deed = super().invoke(ctx)
            if deed is not None:
                with (ctx.obj or Interrupts()).unwinding():
                    deed()
        except Interrupted as signal:
            raise typer.Exit(signal.code) from None
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


app = typer.Typer(
    cls=Guarded,
    context_settings={"help_option_names": ["--help", "-h"]},
    no_args_is_help=True,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="Can a weight-sharing ranking of architectures be trusted, and what makes it better?",
    epilog=TOLD,
)


@app.callback()
def _options(
    show_version: Annotated[bool, typer.Option("--version", "-V", help="Print the version and end.")] = False,
) -> None:
    if show_version:
        print(version("commonweight"))
        raise typer.Exit


def done_in(module: str) -> Callable[[Callable[..., None]], Callable[..., Any]]:
    """Makes a command of the words that it takes: it returns the deed, its words given to the function that does it."""

    def command(words: Callable[..., None]) -> Callable[..., Any]:
        @wraps(words)
        def called(**given: Any) -> Callable[[], None]:
            return partial(getattr(import_module(f"commonweight.cli.{module}"), words.__name__), **given)

        return called

    return command


@app.command(epilog="Example: **commonweight run quick table-1 --set training.epochs=3 --out /tmp/q**")
@done_in("driving")
def run(
    study: StudyWord,
    target: Targets = None,
    out: Out = None,
    workers: WorkerCount = None,
    executor_name: ExecutorName = None,
    device: Device = "auto",
    engine: EngineName = "auto",
    overrides: Overrides = None,
    replace_study: Annotated[
        bool, typer.Option("--replace-study", help="Go on in a folder that holds another study; its stored jobs stay.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Also try jobs again that diverged; other failures are tried anyhow.")
    ] = False,
    style: StyleName = "clear",
    as_json: Json = False,
) -> None:
    """Train what is missing, then print and write the targets. Interrupting is fine: run it again to go on."""


@app.command(epilog="Example: **commonweight plan quick table-1**")
@done_in("driving")
def plan(
    study: StudyWord,
    target: Targets = None,
    out: Out = None,
    workers: WorkerCount = None,
    executor_name: ExecutorName = None,
    device: Device = "auto",
    engine: EngineName = "auto",
    overrides: Overrides = None,
    as_json: Json = False,
) -> None:
    """Say which jobs the targets need, which exist, and what the rest will cost in time and disk."""


@app.command(epilog="Example: **commonweight ls --out results**")
@done_in("results")
def ls(
    out: Annotated[Path, typer.Option("--out", help="Where results are.")] = Path("results"), as_json: Json = False
) -> None:
    """List the shipped studies, the targets, and the studies that have results below a folder."""


@app.command(epilog="Examples: **commonweight show quick**, **commonweight show table-1 --out results/quick**")
@done_in("results")
def show(
    thing: Annotated[str, typer.Argument(metavar="THING", help="A study, a target, or (the start of) a job's id.")],
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Show a study as it is resolved, or from the results in --out a target or a job."""


@app.command(epilog="Example: **commonweight info --json**")
@done_in("installation")
def info(as_json: Json = False) -> None:
    """Say what this installation can use: versions, devices, and which engine runs and why."""


@app.command(epilog="Example: **commonweight check --out results/quick**")
@done_in("results")
def check(out: Results, as_json: Json = False) -> None:
    """Verify every stored job, the study and the report, and name what no run wrote; exit code 4 if anything is damaged."""


@app.command(epilog="Example: **commonweight report --out results/quick**")
@done_in("results")
def report(
    out: Results,
    target: Targets = None,
    style: StyleName = "clear",
    as_json: Json = False,
) -> None:
    """Make tables, figures and the page again from stored records; nothing is trained."""


@app.command(
    epilog="Examples: **commonweight rank log.csv --ground-truth truth.csv**, **commonweight rank losses.json "
    "--lower-is-better --ground-truth truth.parquet --baseline parameters=counts.csv**"
)
@done_in("from_elsewhere")
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
    baseline: Annotated[
        list[str] | None,
        typer.Option(
            "--baseline", metavar="NAME=FILE", help="What a rank has to beat, such as parameter counts; more is better."
        ),
    ] = None,
    population: Annotated[
        str | None,
        typer.Option("--population", metavar="TEXT", help="How the children were chosen, to stand beside every tau."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for a report; without it tables are printed.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what ranks from elsewhere are worth: a number for each child, and for each moment or instance there is."""


@app.command(
    epilog="Example: **commonweight judge my_space.py:net --data fashion14 --truth truth.csv --out results/mine**"
)
@done_in("own_supernet")
def judge(
    net: Annotated[
        str, typer.Argument(metavar="NET", help="FILE.py:NAME or PACKAGE.MODULE:NAME of a commonweight.Supernet.")
    ],
    data: Annotated[
        str | None,
        typer.Option("--data", help="Images of a study's kinds: fashion14, cifar10, …; default: train of the file."),
    ] = None,
    path: Annotated[Path | None, typer.Option("--path", help="Where the images of --data are.")] = None,
    train: Annotated[Path | None, typer.Option("--train", help="A .npz file of images and labels.")] = None,
    validation: Annotated[Path | None, typer.Option("--validation", help="The same, to rank children by.")] = None,
    truth: Annotated[Path | None, typer.Option("--truth", help="Ground truth; higher is better.")] = None,
    children: Annotated[int, typer.Option("--children", help="How many to judge, drawn at random.")] = 1000,
    instances: Annotated[int, typer.Option("--instances", help="Trainings, each with its own seeds.")] = 3,
    epochs: Annotated[int, typer.Option("--epochs")] = 20,
    batch: Annotated[int | None, typer.Option("--batch", help="64; a loader of the file has its own.")] = None,
    lr: Annotated[float, typer.Option("--lr", help="Learning rate, by cosine to --lr-min.")] = 0.025,
    lr_min: Annotated[float, typer.Option("--lr-min")] = 0.001,
    momentum: Annotated[float, typer.Option("--momentum")] = 0.9,
    weight_decay: Annotated[float, typer.Option("--weight-decay")] = 1e-3,
    inactive: Annotated[str, typer.Option("--inactive", help="freeze or coast.")] = "freeze",
    order: Annotated[str, typer.Option("--order", help="fixed, shuffled or uniform.")] = "shuffled",
    window: Annotated[int, typer.Option("--window", help="Last mini-batches, each followed by a sweep.")] = 16,
    groups: Annotated[int, typer.Option("--groups", help="Of children, each trained alone.")] = 1,
    private: Annotated[
        list[str] | None, typer.Option("--private", metavar="SITE", help="Each child has weights of its own there.")
    ] = None,
    padding: Annotated[int, typer.Option("--padding", help="Random crops of images padded by so many pixels.")] = 0,
    flip: Annotated[bool, typer.Option("--flip", help="Horizontal flips.")] = False,
    sweep_images: Annotated[int | None, typer.Option("--sweep-images", help="Of a sweep; default all.")] = None,
    seed: Annotated[int, typer.Option("--seed")] = 0,
    device: Device = "auto",
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for trained instances and a report; without it nothing is kept."),
    ] = None,
    as_json: Json = False,
) -> None:
    """Train a super-net of your own a few times and say what its ranks are worth. Interrupting is fine: run it again."""


def main(interrupts: Interrupts) -> None:
    """Run the command line, which these signals end."""
    app(obj=interrupts, prog_name="commonweight")
