"""Files and folders that are whole or not there, and that stay when the machine stops.

What is not yet whole stands beside its place, under a name with the host and the number of the process that writes it: on two
machines that share the folder two processes may have one number.
"""

import errno
import os
import re
import shutil
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from commonweight.errors import NotWritten, ReadOnly

NO_SPACE = {errno.ENOSPC, errno.EDQUOT}
NO_PERMISSION = {errno.EROFS, errno.EACCES, errno.EPERM}
UNFINISHED = re.compile(r"\..+[.-]([1-9][0-9]{0,8})")  # `.<name>.<host>.<process>`; earlier: no host, a hyphen


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once: whoever reads it sees the old content or the new, never a part. Durable when it returns."""
    with writing(path):
        make_folder(path.parent)
        with unfinished(path) as temporary:
            write_durably(temporary, content)
            temporary.replace(path)
        flush(path.parent)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """What finds no space or no permission inside raises `NotWritten` or `ReadOnly`, which name this path and the remedy."""
    try:
        yield
    except OSError as error:
        told = f"{path} cannot be written: {error.strerror}"
        if error.errno in NO_SPACE:
            raise NotWritten(
                f"{told}; make room there and give the same command again, which goes on from what is finished"
            ) from error
        if error.errno in NO_PERMISSION:
            raise ReadOnly(f"{told}; give an --out where you may write, or copy the results to such a place") from error
        raise


@contextmanager
def unfinished(path: Path) -> Iterator[Path]:
    """Where to make what is then renamed to this path; nothing is left there, however the making ends."""
    temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
    remove(temporary)
    try:
        yield temporary
    finally:
        remove(temporary)


def sweep(folders: Iterable[Path]) -> None:
    """Remove what killed processes left unfinished in these folders; a process that lives keeps its own.

    Whether one of another host lives cannot be seen. Whoever sweeps has the lock, so what its driver had begun may go.
    """
    for folder in folders:
        for path in folder.iterdir() if folder.is_dir() else ():
            found = UNFINISHED.fullmatch(path.name)
            if found and not lives(int(found[1])):
                remove(path)


def set_aside(path: Path, folder: Path) -> Path:
    """Move what has this path into a folder, to the first free name `<its name>-<number>`; returns where it is then."""
    make_folder(folder)
    names = (folder / f"{path.name}-{number}" for number in count(1))
    aside = next(name for name in names if not os.path.lexists(name))
    path.rename(aside)
    flush(folder)
    return aside


def remove(path: Path) -> None:
    """Remove a file or a folder with all that is in it, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def make_folder(folder: Path) -> None:
    """Make a folder and those above it, durably."""
    for missing in reversed([one for one in (folder, *folder.parents) if not one.is_dir()]):
        missing.mkdir(exist_ok=True)
        flush(missing.parent)


def write_durably(path: Path, content: bytes) -> None:
    """Write a new file and flush it."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def flush(folder: Path) -> None:
    """Flush a folder's list of names, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def lives(process: int) -> bool:
    """Whether another process of this number runs here: what bears our own is of an earlier one, before we write."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
