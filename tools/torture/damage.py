"""Stored files change behind the program's back."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from commonweight.study.lock import LOCK
from tools.torture.outcome import Fate, Outcome
from tools.torture.world import World

AT_ONCE = 16  # files that one attack damages, each once
Change = Callable[[bytes, np.random.Generator], bytes]


def flipped(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:
    """One bit of each of some files of results, checkpoints, study and report."""

    def flip(content: bytes, rng: np.random.Generator) -> bytes:
        changed = bytearray(content)
        changed[rng.integers(len(changed))] ^= 1 << rng.integers(8)
        return bytes(changed)

    return _changed(world, number, rng, flip)


def cut(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:
    """Some files end before their end."""
    return _changed(world, number, rng, lambda content, rng: content[: rng.integers(len(content))])


def replaced(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:
    """Job folders are swapped, one is copied over another, or something odd stands in a folder's or a file's place."""
    out = world.fresh(world.whole)
    jobs = sorted((out / "jobs").iterdir())
    one, other = (jobs[place] for place in rng.permutation(len(jobs))[:2])
    damaged, odd = {one.name}, one / "job.json"
    match number % 6:
        case 0:
            one.rename(out / "aside")
            other.rename(one)
            (out / "aside").rename(other)
            damaged.add(other.name)
        case 1:
            shutil.rmtree(one)
            shutil.copytree(other, one)
        case 2:
            shutil.rmtree(one)
            one.symlink_to(other.name)
        case 3:
            shutil.rmtree(one)
            one.write_text("a file")
        case 4:
            odd.unlink()
            os.mkfifo(odd)
        case _:
            odd.unlink()
            odd.symlink_to("/dev/zero")
    named, why = _named(world, out)
    why = why or world.healed(out)
    if not why and not damaged <= named:
        why = f"check named {sorted(named)}, expected {sorted(damaged)}"
    return [Outcome.of(why, noticed=True)]


def _changed(world: World, number: int, rng: np.random.Generator, change: Change) -> list[Outcome]:
    out = world.fresh(world.midway if number % 4 == 3 else world.whole)  # only the former has a checkpoint
    files = [path for path in sorted(out.rglob("*")) if path.is_file() and path.stat().st_size and path.name != LOCK]
    places = [files[place] for place in rng.permutation(len(files))[:AT_ONCE]]
    for path in places:
        path.write_bytes(change(path.read_bytes(), rng))
    named, why = _named(world, out)
    why = why or world.healed(out)
    if why:
        told = f"{', '.join(str(path.relative_to(out)) for path in places)}: {why}"
        return [Outcome.lost(told) for _ in places]
    return [Outcome(Fate.NOTICED if _key(path.relative_to(out), named) else Fate.SURVIVED) for path in places]


def _named(world: World, out: Path) -> tuple[set[str], str]:
    """What `check` calls damaged, and what is wrong with how it does so."""
    checked = world.check(out)
    if checked.wrong or checked.code not in (0, 4):
        return set(), f"check: {checked.wrong or f'exit {checked.code}: {checked.err.strip()[-300:]}'}"
    return set(json.loads(checked.out)["damaged"]), ""


def _key(path: Path, named: set[str]) -> bool:
    """Whether damage of this file was named: a job by its id, others by their place."""
    match path.parts:
        case ("jobs", job_id, *_):
            return job_id in named
        case ("checkpoints", job_id, *_):
            return f"checkpoints/{job_id}" in named
        case ("report", "checksums.json"):
            return any(name.startswith("report/") for name in named)
        case ("report", *_):
            return bool(named & {path.as_posix(), "report/checksums.json"})  # without its list, the report as a whole
        case _:
            return path.as_posix() in named
