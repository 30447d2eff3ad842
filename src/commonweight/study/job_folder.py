"""The folder of one stored job: what it must hold, and how it is read so that no damage and no other job passes for it.

`done.json` has the job's id, the version of the numerics that made it, and size and checksum of every other file.
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from commonweight.errors import StoreError
from commonweight.study.jobs import NUMERICS, Job, identity
from commonweight.study.record import RECORD, Record, Result

DONE = "done.json"
NEEDED = {"job.json", "how.json", RECORD}
"""The files that every job has beside `done.json`; those of its snapshots stand beside them."""


def files_of(job: Job, result: Result) -> dict[str, bytes]:
    """The content of all files of a job's folder by their names, `done.json` last."""
    files = {
        "job.json": _json(job.model_dump(mode="json")),
        "how.json": _json(result.how),
        RECORD: safetensors.numpy.save(result.record.arrays()),
    }
    for name, arrays in result.snapshots.items():
        files[f"snapshot-{name}.safetensors"] = safetensors.numpy.save(dict(arrays))
    sums = {name: {"bytes": len(content), "sha256": _digest(content)} for name, content in files.items()}
    return files | {DONE: _json({"job": job.id, "numerics": NUMERICS, "files": sums})}


@dataclass(frozen=True)
class JobFolder:
    """A folder whose name is the id of the job that it must hold. Every reading method checks what it reads.

    They raise `StoreError` with the reason when the folder is not whole, or answers for another job.
    """

    path: Path

    def verify(self) -> Record:
        """The record, when every file agrees with its checksum and the job described is the one of this name."""
        done = self._done()
        for name in done["files"]:
            self._content(done, name)
        job = self._described(done)
        record = self._record(done)
        record.require_fit(job)
        return record

    def job(self) -> Job:
        """What was asked of the job."""
        return self._described(self._done())

    def how(self) -> dict[str, Any]:
        """How the job ran: machine, device, threads, versions, seconds."""
        return json.loads(self._content(self._done(), "how.json"))

    def snapshot(self, name: str) -> dict[str, np.ndarray] | None:
        """The arrays of one snapshot of the job, by name; None when it has none of that name."""
        done, file = self._done(), f"snapshot-{name}.safetensors"
        return safetensors.numpy.load(self._content(done, file)) if file in done["files"] else None

    def _done(self) -> dict[str, Any]:
        try:
            done = json.loads((self.path / DONE).read_text(encoding="utf-8"))
            for entry in done["files"].values():
                entry["bytes"], entry["sha256"]
            if not set(done["files"]) >= NEEDED:
                raise KeyError(RECORD)
            told = done.get("job", self.path.name), int(done["numerics"])  # no "job" in what earlier versions wrote
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise self._damaged("done.json is missing or unreadable, so the result is not whole") from None
        if told[0] != self.path.name:
            raise self._damaged(f"done.json is that of job {told[0]}, expected this one's")
        return done

    def _content(self, done: dict[str, Any], name: str) -> bytes:
        size, digest = done["files"][name]["bytes"], done["files"][name]["sha256"]
        try:
            content = (self.path / name).read_bytes()
        except OSError:
            raise self._damaged(f"{name} is missing or unreadable") from None
        if len(content) != size or _digest(content) != digest:
            raise self._damaged(f"{name} does not agree with its checksum ({len(content)} of {size} bytes)")
        return content

    def _described(self, done: dict[str, Any]) -> Job:
        content = self._content(done, "job.json")
        found = identity(json.loads(content), done["numerics"])
        if found != self.path.name:
            raise self._damaged(f"job.json describes job {found}, expected this one")
        return Job.model_validate_json(content)

    def _record(self, done: dict[str, Any]) -> Record:
        arrays = safetensors.numpy.load(self._content(done, RECORD))
        try:
            return Record.of(arrays)
        except (KeyError, ValueError):
            known = ", ".join(sorted(arrays))
            raise self._damaged(
                f"the record has the arrays {known}, which are not those that this version writes"
            ) from None

    def _damaged(self, reason: str) -> StoreError:
        return StoreError(f"job {self.path.name}: {reason}")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json(content: Any) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
