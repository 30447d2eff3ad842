"""A tiny study with all its results, undisturbed: what every attack begins from, and what must be there in the end."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import count
from pathlib import Path

import numpy as np
import yaml

import commonweight as cw
from commonweight import __main__ as command_line
from commonweight.cli import driving
from commonweight.study.checkpoint import CHECKPOINT
from commonweight.study.keeper import Keeper
from commonweight.study.work import Runtime
from tools.torture.apart import KILLED, MEMORY, Apart, Ended

STUDY = {
    "name": "torture",
    "trial": False,
    "space": {"nodes": 1, "primitives": ["max_pool_3x3", "sep_conv_3x3", "none"]},
    "net": {"cells": 1, "channels": 2, "stem_multiplier": 1},
    "training": {"epochs": 2, "batch": 16},
    "experiments": {"instances": 2, "ground_truth_seeds": 2, "last_epochs": 2},
}
TARGETS = ("table-1", "table-2")
COMPARED = ("jobs/*/job.json", "jobs/*/*.safetensors", "report/tables/*.csv", "study.json")
"""What does not depend on when and how a job ran."""


@dataclass(frozen=True)
class World:
    """A folder with the study, its images, and the results of one undisturbed run, `whole`.

    `midway` are those of a run that was killed after the first checkpoint of a job.
    """

    folder: Path
    seconds: float  # of the undisturbed run

    @classmethod
    def make(cls, folder: Path) -> "World":
        """Train the study once, in seconds; raises `RuntimeError` when that alone goes wrong."""
        world = cls(folder, 0.0)
        write_images(folder / "images", np.random.default_rng(0))
        study = STUDY | {"data": {"name": "idx", "path": str(folder / "images")}}
        world.study.write_text(yaml.safe_dump(study), encoding="utf-8")
        warm(world)
        begun = time.monotonic()
        whole = world.run(world.whole).ended()
        seconds = time.monotonic() - begun
        midway = world.run(world.midway, die_after_checkpoint).ended()
        if (whole.code, midway.code) != (0, KILLED):
            raise RuntimeError(f"the undisturbed study ended with {whole} and {midway}")
        if not list(world.midway.glob(f"checkpoints/*/{CHECKPOINT}")):
            raise RuntimeError("no checkpoint was made")
        return cls(folder, seconds)

    @property
    def study(self) -> Path:
        return self.folder / "study.yaml"

    @property
    def whole(self) -> Path:
        return self.folder / "whole"

    @property
    def midway(self) -> Path:
        return self.folder / "midway"

    def fresh(self, like: Path | None = None) -> Path:
        """A folder for one attack: a copy, or one that is not there yet."""
        out = next(path for path in (self.folder / f"out-{number}" for number in count()) if not path.exists())
        return out if like is None else shutil.copytree(like, out)

    def tidy(self) -> None:
        """Remove what attacks left."""
        for out in self.folder.glob("out-*"):
            shutil.rmtree(out)

    def run(
        self, out: Path, before: Callable[[], None] | None = None, *more: str, memory: int | None = MEMORY
    ) -> Apart:
        """The command that trains what is missing, by default in its own process; `before` is called in it at first."""
        more = more or ("--workers", "0")
        words = ["run", str(self.study), *TARGETS, "--out", str(out), *more]
        return Apart(partial(_command, words, before), memory)

    def check(self, out: Path) -> Ended:
        """`check --json` of a folder."""
        return Apart(partial(_command, ["check", "--out", str(out), "--json"])).ended()

    def difference(self, out: Path) -> str:
        """The first compared file that is not as an undisturbed run wrote it, or that is missing, or too much."""
        expected, found = _compared(self.whole), _compared(out)
        names = sorted(expected.keys() | found.keys())
        return next((f"{name} differs" for name in names if expected.get(name) != found.get(name)), "")

    def undamaged(self, out: Path) -> str:
        """What is wrong when `check` speaks of damage, or fails to speak; a folder without results yet is fine."""
        checked = self.check(out)
        return checked.wrong or (f"check: exit {checked.code}: {checked.out}" if checked.code not in (0, 1) else "")

    def healed(self, out: Path) -> str:
        """What is wrong after the same command was given once more and `check` after it; nothing when all is whole."""
        again = self.run(out).ended()
        if again.wrong or again.code:
            return f"run again: {again.wrong or f'exit {again.code}: {again.err.strip()[-300:]}'}"
        checked = self.check(out)
        if checked.wrong or checked.code:
            return f"check after it: {checked.wrong or f'exit {checked.code}: {checked.err.strip()[-300:]}'}"
        found = json.loads(checked.out)
        if found["damaged"] or found["unknown"] or found["unfinished"]:
            return f"check after it: {checked.out}"
        return self.difference(out)


def warm(world: World) -> None:
    """Import here what a run imports, and let matplotlib find its fonts: each attack's process is forked from this one."""
    cw.run(cw.load_study(world.study), TARGETS, world.folder / "warm")


def die_after_checkpoint() -> None:
    """This process dies as soon as a job has a checkpoint."""
    keep = Keeper.keep

    def dying(self: Keeper, *words: object) -> str:
        keep(self, *words)  # type: ignore[arg-type]
        os.kill(os.getpid(), -KILLED)
        return ""

    Keeper.keep = dying  # type: ignore[method-assign]


def write_images(folder: Path, rng: np.random.Generator, train: int = 64, validation: int = 24) -> None:
    """Four IDX files of 7 x 7 pixels in 4 classes."""
    folder.mkdir()
    for part, number in (("train", train), ("t10k", validation)):
        labels = (np.arange(number) % 4).astype(np.uint8)
        images = rng.integers(0, 128, (number, 7, 7), np.uint8)
        images[np.arange(number), labels] += 100
        for kind, array in (("images", images), ("labels", labels)):
            header = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes()
            (folder / f"{part}-{kind}-idx{array.ndim}-ubyte").write_bytes(header + array.tobytes())


def _command(words: list[str], before: Callable[[], None] | None = None) -> int:
    """The command line as a user calls it, except that a checkpoint is due at once."""
    driving.Runtime = partial(Runtime, checkpoint_seconds=1e-3)  # type: ignore[misc]
    sys.argv = ["commonweight", *words]
    if before is not None:
        before()
    command_line.main()
    return 0


def _compared(out: Path) -> dict[str, bytes]:
    return {str(path.relative_to(out)): path.read_bytes() for name in COMPARED for path in out.glob(name)}
