"""The folder of one stored job: what it must hold, and how it is read so that no damage and no other job passes for it.

`done.json` has the job's id, the version of the numerics that made it, and size and checksum of every other file.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from commonweight.errors import StoreError
from commonweight.study.checksums import Checksum, as_json, parsed, read_list, write_list
from commonweight.study.jobs import NUMERICS, Job, identity
from commonweight.study.record import RECORD, Record, Result, require_facts

DONE = "done.json"
NEEDED = {"job.json", "how.json", RECORD}
"""The files that every job has beside `done.json`; those of its snapshots stand beside them."""

SNAPSHOT = re.compile(r"snapshot-[A-Za-z0-9-]+\.safetensors")


def files_of(job: Job, result: Result) -> dict[str, bytes]:
    """The content of all files of a job's folder by their names, `done.json` last."""
    files = {
        "job.json": as_json(job.model_dump(mode="json")),
        "how.json": as_json(result.how),
        RECORD: safetensors.numpy.save(result.record.arrays()),
    }
    for name, arrays in result.snapshots.items():
        files[f"snapshot-{name}.safetensors"] = safetensors.numpy.save(dict(arrays))
    sums = {name: Checksum.of(content) for name, content in files.items()}
    return files | {DONE: write_list(sums, job=job.id, numerics=NUMERICS)}


@dataclass(frozen=True)
class JobFolder:
    """A folder whose name is the id of the job that it must hold. Every reading method checks what it reads.

    They raise `StoreError` with the reason when the folder is not whole, or answers for another job.
    """

    path: Path

    def verify(self) -> Record:
        """The record, when the folder holds all files of the job of this name, each as it was written, and no other file."""
        with self._told():
            sums, numerics = self._done()
            contents = {name: one.read(self.path / name) for name, one in sums.items()}
            if more := {path.name for path in self.path.iterdir()} - {DONE, *sums}:
                raise StoreError(f"{', '.join(sorted(more))} beside the files of done.json, expected no other")
            record, job = _record(contents[RECORD]), self._described(contents["job.json"], numerics)
            record.require_fit(job)
            _facts(contents["how.json"])
            for name in sums.keys() - NEEDED:
                arrays_in(name, contents[name])
            return record

    def job(self) -> Job:
        """What was asked of the job."""
        with self._told():
            sums, numerics = self._done()
            return self._described(sums["job.json"].read(self.path / "job.json"), numerics)

    def how(self) -> dict[str, Any]:
        """How the job ran: machine, device, threads, versions, seconds."""
        with self._told():
            sums, _ = self._done()
            return _facts(sums["how.json"].read(self.path / "how.json"))

    def snapshot(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of one snapshot of the job, by name; None when it has none of that name."""
        with self._told():
            (sums, _), file = self._done(), f"snapshot-{name}.safetensors"
            return arrays_in(file, sums[file].read(self.path / file)) if file in sums else None

    @contextmanager
    def _told(self) -> Iterator[None]:
        """Reasons say which job's they are."""
        try:
            yield
        except StoreError as error:
            raise StoreError(f"job {self.path.name}: {error}") from None

    def _done(self) -> tuple[dict[str, Checksum], int]:
        """The checksums of the other files, and the version of the numerics."""
        if not self.path.is_dir():
            raise StoreError(f"{self.path} is no folder, so the result is not whole")
        try:
            sums, more = read_list(self.path / DONE)
            numerics = more["numerics"]
            if not sums.keys() >= NEEDED:
                raise KeyError(RECORD)
        except (StoreError, ValueError, KeyError):
            raise StoreError(f"{DONE} is missing or unreadable, so the result is not whole") from None
        if unknown := [name for name in sums.keys() - NEEDED if not SNAPSHOT.fullmatch(name)]:
            raise StoreError(f"{DONE} names {unknown[0]!r}, which is no file of a job")
        # Earlier versions wrote no id: there the description alone tells.
        if (found := more.get("job", self.path.name)) != self.path.name:
            raise StoreError(f"{DONE} is that of job {found}, expected this one's")
        return sums, numerics

    def _described(self, content: bytes, numerics: int) -> Job:
        try:
            found = identity(parsed(content), numerics)
            if found == self.path.name:
                return Job.model_validate_json(content)
        except (ValueError, RecursionError):
            raise StoreError("job.json is no job as this version describes one") from None
        raise StoreError(f"job.json describes job {found}, expected this one")


def _facts(content: bytes) -> dict[str, Any]:
    try:
        return require_facts(parsed(content))
    except ValueError:
        raise StoreError("how.json does not say how a job ran") from None


def _record(content: bytes) -> Record:
    arrays = arrays_in(RECORD, content)
    try:
        return Record.of(arrays)
    except (KeyError, ValueError):
        known = ", ".join(sorted(arrays)) or "none"
        raise StoreError(f"the record has the arrays {known}, which are not those that this version writes") from None


def arrays_in(name: str, content: bytes) -> dict[str, np.ndarray]:
    """The arrays of a file, none of which holds what is no finite number."""
    try:
        arrays = safetensors.numpy.load(content)
        finite = all(np.isfinite(array).all() for array in arrays.values())
    except (safetensors.SafetensorError, LookupError, TypeError, ValueError):
        raise StoreError(f"{name} holds no arrays that can be read") from None
    if not finite:
        raise StoreError(f"{name} holds what is no finite number")
    return arrays
