"""Arguments and options that two commands or more share; what one command alone takes stands at that command.

Nothing heavy is imported for their texts: they are what `--help` waits for.
"""

from pathlib import Path
from typing import Annotated

import typer

StudyWord = Annotated[
    str, typer.Argument(metavar="STUDY", help="A shipped study (smoke, quick, small, paper) or a YAML file.")
]
Targets = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[TARGET]...", help="Tables, figures and more, as **commonweight ls** names them; default all."
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
        help="Where jobs run: inline (in this process), local (in worker processes), ray (on a cluster that RAY_ADDRESS "
        "names, else in a Ray of its own), or one that an installed package adds; default: inline with --workers 0, else "
        "local.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:n.")]
EngineName = Annotated[
    str, typer.Option("--engine", help="auto, native or reference; auto: native on a CPU where it was built.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one value of the study.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
