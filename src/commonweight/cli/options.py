"""Arguments and options that two commands or more share; what one command alone takes stands at that command.

Nothing heavy is imported for their texts: they are what `--help` waits for.
"""

from importlib import import_module
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer


def _studies(incomplete: str) -> list[str]:
    """What a shell offers for the start of a study's word."""
    shipped = (entry.name for entry in (files("commonweight.study") / "shipped").iterdir())
    here = (str(path) for path in Path().glob("*.yaml"))
    names = [*(name.removesuffix(".yaml") for name in shipped if name.endswith(".yaml")), *here]
    return sorted(name for name in names if name.startswith(incomplete))


def _targets(incomplete: str) -> list[str]:
    """And of a target's, for which the catalogue is imported: two seconds, whenever a shell asks."""
    return [name for name in import_module("commonweight.paper").ARTEFACTS if name.startswith(incomplete)]


StudyWord = Annotated[
    str,
    typer.Argument(
        metavar="STUDY",
        help="A shipped study (smoke, quick, small, paper) or a YAML file.",
        autocompletion=_studies,
    ),
]
Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...",
        help="Tables, figures and more, as **commonweight ls** names them; default all.",
        autocompletion=_targets,
    ),
]
Out = Annotated[Path | None, typer.Option("--out", help="Folder of the results; by default results/<study's name>.")]
Results = Annotated[Path, typer.Option("--out", help="Folder of the results.")]
WorkerCount = Annotated[
    int | None, typer.Option("--workers", min=0, help="Worker processes; default: one per core, one on a GPU; 0: none.")
]
ExecutorName = Annotated[
    str | None,
    typer.Option(
        "--executor",
        metavar="NAME",
        help="Where jobs run: inline (in this process), local (in worker processes), or one that an installed package "
        "adds; default: inline with --workers 0, else local.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:n.")]
EngineName = Annotated[
    str, typer.Option("--engine", help="auto, native or reference; auto: native on a CPU where it was built.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the study.")
]
StyleName = Annotated[
    str, typer.Option("--style", help="How figures are laid out: clear, or paper for the paper's own layout.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
