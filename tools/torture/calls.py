"""A driver meets its end, or an error of the system, at one chosen call that writes."""

import builtins
import errno
import fcntl
import io
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tools.torture.apart import KILLED
from tools.torture.outcome import Outcome
from tools.torture.world import World

CALLS = ("mkdir", "rename", "replace", "unlink", "remove", "rmdir", "fsync", "open", "write")
ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EACCES)
TOLD = (0, 1, 2, 3)  # exit codes of a run that met an error and does not call its results damaged
STRIDE = 101  # from one attack's call to the next one's: a few attacks meet calls of every phase, many meet all
EINTR_SECONDS = 0.002  # between two signals that interrupt whatever call there is


@dataclass
class Trap:
    """Counts the calls that write below a folder; at call number `at`, the process dies or gets an error.

    A file's `write` puts half of its content first. `after`: dies behind the call. `stays`: each later call fails too.
    """

    out: Path
    at: int
    error: int = 0
    after: bool = False
    stays: bool = False
    log: Path | None = None
    calls: int = field(default=0, init=False)

    def set(self) -> None:
        """From now on in this process, which is forked and ends: nothing is put back."""
        for name in CALLS:
            self._wrap(os, name)
        self._wrap(fcntl, "flock")
        self._wrap_open()

    def call(self, name: str, real: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        """What the call gives, unless this is the one."""
        self.calls += 1
        if self.log is not None:
            with io.FileIO(self.log, "a") as log:
                log.write(f"{name}\n".encode())
        if self.calls - 1 != self.at and not (self.stays and self.calls - 1 > self.at):
            return real()
        if half is not None:
            half()
        elif self.after and not self.error:
            with suppress(OSError):
                real()
        if not self.error:
            os.kill(os.getpid(), signal.SIGKILL)
        raise OSError(self.error, os.strerror(self.error))

    def below(self, place: Any, folder: int | None = None) -> bool:
        """Whether a path, or what a descriptor is open for, is in the watched folder."""
        link = place if isinstance(place, int) else place.fileno() if hasattr(place, "fileno") else folder
        path = place if link is None else Path(f"/proc/self/fd/{link}").readlink()
        return str(path).startswith(str(self.out))

    def _wrap(self, module: Any, name: str) -> None:
        real = getattr(module, name)

        def called(place: Any, *words: Any, **more: Any) -> Any:
            if not self.below(place, more.get("dir_fd")):
                return real(place, *words, **more)
            return self.call(name, lambda: real(place, *words, **more))

        setattr(module, name, called)

    def _wrap_open(self) -> None:
        real = io.open

        def opened(file: Any, mode: str = "r", *words: Any, **more: Any) -> Any:
            if isinstance(file, int) or not set(mode) & set("wax+") or not self.below(file):
                return real(file, mode, *words, **more)
            return _Written(self.call("open", lambda: real(file, mode, *words, **more)), self)

        io.open = builtins.open = opened


class _Written:
    """An open file whose every `write` the trap sees."""

    def __init__(self, file: Any, trap: Trap) -> None:
        self._file, self._trap = file, trap

    def write(self, content: Any) -> int:
        def half() -> None:
            self._file.write(content[: len(content) // 2])
            self._file.flush()

        return self._trap.call("file.write", lambda: self._file.write(content), half)

    def __enter__(self) -> "_Written":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def killed_at_a_call(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:
    """The driver is killed at every call in turn: before it, behind it, in the middle of a file's write."""
    names, out = names_of(world), world.fresh()
    at = number * STRIDE % len(names)
    ended = world.run(out, Trap(out, at, after=bool(rng.integers(2))).set).ended()
    if ended.code != KILLED:
        return [Outcome.lost(f"at call {at}, {names[at]}: {ended.wrong or f'exit {ended.code}'}")]
    why = world.undamaged(out) or world.healed(out)
    return [Outcome.of(why and f"at call {at}, {names[at]}: {why}")]


def failed_at_a_call(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:
    """The system has an error for every call in turn: once, or from then on."""
    names, out = names_of(world), world.fresh()
    at, error, stays = number * STRIDE % len(names), ERRORS[rng.integers(len(ERRORS))], bool(rng.integers(2))
    ended = world.run(out, Trap(out, at, error, stays=stays).set).ended()
    where = f"{errno.errorcode[error]} at call {at}, {names[at]}{' and later' if stays else ''}"
    if ended.wrong or ended.code not in TOLD:
        return [Outcome.lost(f"{where}: {ended.wrong or f'exit {ended.code}: {ended.err.strip()[-300:]}'}")]
    why = world.undamaged(out) or world.healed(out)
    return [Outcome.of(why and f"{where}: {why}", noticed=ended.code != 0)]


def interrupted_calls(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:  # noqa: ARG001
    """Signals that mean nothing interrupt calls of the system (EINTR) hundreds of times."""
    out = world.fresh()
    ended = world.run(out, _disturb).ended()
    if ended.wrong or ended.code:
        return [Outcome.lost(ended.wrong or f"exit {ended.code}: {ended.err.strip()[-300:]}")]
    return [Outcome.of(world.undamaged(out) or world.healed(out))]


def _disturb() -> None:
    signal.signal(signal.SIGALRM, lambda number, frame: None)  # noqa: ARG005
    signal.setitimer(signal.ITIMER_REAL, EINTR_SECONDS, EINTR_SECONDS)


def names_of(world: World) -> list[str]:
    """All calls of an undisturbed run, in their order."""
    log = world.folder / "calls.txt"
    if not log.exists():
        out = world.fresh()
        world.run(out, Trap(out, -1, log=log).set).ended()
    return log.read_text(encoding="utf-8").splitlines()
