"""`judge`: what the ranks of a super-net of the user's own are worth."""

import shlex
import sys
from pathlib import Path
from typing import Any

from commonweight.cli.output import print_all
from commonweight.cli.stderr import say
from commonweight.errors import UsageError
from commonweight.images import load_raw
from commonweight.judging import judge as judged
from commonweight.training import Augmentation


def judge(
    *,
    data: str | None,
    path: Path | None,
    train: Path | None,
    validation: Path | None,
    padding: int,
    flip: bool,
    private: list[str] | None,
    out: Path | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Train what is not stored, print and write what is found."""
    if data is not None and (train is not None or validation is not None):
        raise UsageError("--data was given with --train or --validation; its images bring their own validation")
    if path is not None and data is None:
        raise UsageError("--path was given without --data; name the kind of images that are there")
    images = train if data is None else load_raw(data, path)
    try:
        verdict = judged(
            train=images,
            validation=validation,
            augment=Augmentation(padding, flip),
            private=private or (),
            out=out,
            command=shlex.join(["commonweight", *sys.argv[1:]]),
            **options,
        )
    except KeyboardInterrupt:
        if out is not None:
            say(f"interrupted; whole instances are kept in {out}, the same command goes on from there")
        raise
    for sentence in verdict.told:
        say(sentence)
    print_all(verdict.made(), [], as_json)
    say(repr(verdict))
    if out is not None:
        say(f"report: {out / 'report' / 'index.html'}")
