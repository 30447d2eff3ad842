"""Checksums of stored files: a file is believed only when it is a plain one of the size and the content that was written."""

import hashlib
import json
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from commonweight.errors import StoreError

LARGEST_LIST = 1 << 20  # bytes; the list of a job with a thousand snapshots has an eighth of that


@dataclass(frozen=True)
class Checksum:
    """What a file's content must be: its size in bytes and its SHA-256."""

    size: int
    sha256: str

    @classmethod
    def of(cls, content: bytes) -> "Checksum":
        return cls(len(content), hashlib.sha256(content).hexdigest())

    def read(self, path: Path) -> bytes:
        """The file's content; raises `StoreError` unless it agrees. Only a plain file of this size is opened."""
        size = plain_size(path)
        if size == self.size and Checksum.of(content := _content(path)) == self:
            return content
        raise StoreError(f"{path.name} does not agree with its checksum ({size} of {self.size} bytes)")


def write_list(sums: Mapping[str, Checksum], **more: Any) -> bytes:
    """A list of checksums by the names of the files, after what is said of all of them."""
    return as_json(more | {"files": {name: {"bytes": one.size, "sha256": one.sha256} for name, one in sums.items()}})


def read_list(path: Path) -> tuple[dict[str, Checksum], dict[str, Any]]:
    """What `write_list` wrote; raises `StoreError` for a missing file, and `ValueError` for one with anything else."""
    if (size := plain_size(path)) > LARGEST_LIST:
        raise ValueError(f"{size} bytes")
    match parsed(_content(path)):
        case {"files": dict(files), **more}:
            return {name: _checksum(entry) for name, entry in files.items()}, more
        case _:
            raise ValueError("no list of files")


def parsed(content: bytes) -> Any:
    """What JSON says; raises `ValueError` for anything else, and for JSON that is nested too deeply to be read."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("nested too deeply") from None


def as_json(content: Any) -> bytes:
    """Content as a file of JSON that a person can read."""
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()


def plain_size(path: Path) -> int:
    """Bytes of a file; raises `StoreError` when there is none, and for a link, a pipe or a device, which is not opened."""
    try:
        found = path.lstat()
    except OSError:
        raise StoreError(f"{path.name} is missing or unreadable") from None
    if not stat.S_ISREG(found.st_mode):
        raise StoreError(f"{path.name} is no plain file")
    return found.st_size


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        raise StoreError(f"{path.name} is missing or unreadable") from None


def _checksum(entry: Any) -> Checksum:
    match entry:
        case {"bytes": int(size), "sha256": str(digest)}:
            return Checksum(size, digest)
        case _:
            raise ValueError("no checksum")
