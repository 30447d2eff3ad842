"""The files of a report with their checksums, in a list beside them that is away while the report is written."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from commonweight.errors import StoreError
from commonweight.study.checksums import Checksum, read_list, write_list
from commonweight.study.durable import write_whole, writing

LIST = "checksums.json"
LISTED = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9._-]*/)*[A-Za-z0-9_-][A-Za-z0-9._-]*")  # nothing above the folder


def listed(folder: Path) -> dict[str, Checksum]:
    """The checksums of a report's files by their paths below its folder; raises `StoreError` when they cannot be read."""
    try:
        sums, _ = read_list(folder / LIST)
        if unknown := [name for name in sums if not LISTED.fullmatch(name)]:
            raise ValueError(f"a file of the name {unknown[0]!r}")
    except ValueError:
        raise StoreError(f"{LIST} is no list of a report's files") from None
    return sums


def damaged_files(folder: Path) -> dict[str, str]:
    """Why files of the list are not as they were written, by their paths; none of a folder that has no list."""
    if not (folder / LIST).exists():
        return {}
    found = {}
    try:
        for name, checksum in listed(folder).items():
            try:
                checksum.read(folder / name)
            except StoreError as error:
                found[name] = str(error)
    except StoreError as error:
        found[LIST] = str(error)
    return found


@contextmanager
def rewriting(folder: Path) -> Iterator[list[Path]]:
    """A report is written inside. The list begins with the files of earlier reports; the writer adds its own."""
    damaged = damaged_files(folder)
    kept = listed(folder) if (folder / LIST).exists() and LIST not in damaged else {}
    files = [folder / name for name in kept if name not in damaged]
    with writing(folder):
        (folder / LIST).unlink(missing_ok=True)
    yield files
    sums = {path.relative_to(folder).as_posix(): Checksum.of(path.read_bytes()) for path in sorted({*files})}
    write_whole(folder / LIST, write_list(sums))
