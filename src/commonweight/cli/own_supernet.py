"""`judge`: what the ranks of a super-net of the user's own are worth."""

import shlex
import sys
from pathlib import Path

from commonweight.cli.output import print_all
from commonweight.cli.stderr import say
from commonweight.errors import UsageError
from commonweight.images import load_raw
from commonweight.judging import judge as judged
from commonweight.training import Augmentation


def judge(
    *,
    net: str,
    data: str | None,
    path: Path | None,
    train: Path | None,
    validation: Path | None,
    truth: Path | None,
    children: int,
    instances: int,
    epochs: int,
    batch: int | None,
    lr: float,
    lr_min: float,
    momentum: float,
    weight_decay: float,
    inactive: str,
    order: str,
    window: int,
    groups: int,
    private: list[str] | None,
    padding: int,
    flip: bool,
    sweep_images: int | None,
    seed: int,
    device: str,
    out: Path | None,
    as_json: bool,
) -> None:
    """Train what is not stored, print and write what is found."""
    if data is not None and (train is not None or validation is not None):
        raise UsageError("--data was given with --train or --validation; its images bring their own validation")
    if path is not None and data is None:
        raise UsageError("--path was given without --data; name the kind of images that are there")
    images = train if data is None else load_raw(data, path)
    try:
        verdict = judged(
            net,
            images,
            validation,
            truth=truth,
            children=children,
            instances=instances,
            epochs=epochs,
            batch=batch,
            lr=lr,
            lr_min=lr_min,
            momentum=momentum,
            weight_decay=weight_decay,
            inactive=inactive,
            order=order,
            window=window,
            groups=groups,
            private=private or (),
            augment=Augmentation(padding, flip),
            sweep_images=sweep_images,
            seed=seed,
            device=device,
            out=out,
            command=shlex.join(["commonweight", *sys.argv[1:]]),
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
