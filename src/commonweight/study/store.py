"""Results on disk: one folder per job, written once, whole, with checksums, and never changed.

`done.json` is written last and holds the checksum of every other file, so a folder with a `done.json` that agrees with
its files is complete, and anything else is not. A folder appears under its final name only when it is complete.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from commonweight.errors import ResultMissing, StoreError
from commonweight.space import Child
from commonweight.study.jobs import NUMERICS, FinalAccuracy, FoundSpec, Job

RECORD = "accuracy.safetensors"
SWEPT = ("accuracy", "step", "trained")
"""The arrays that every record has, by their names on disk; those of the final accuracies stand beside them."""
CHILDREN = "children"
"""One more, of a job whose children were found."""


@dataclass(frozen=True)
class Record:
    """What a job measured. Accuracies are fractions in [0, 1].

    `accuracy` `[copy, moment, child]`, after `step` `[moment]` mini-batches, just after one that trained the child at
    position `trained` `[moment]`. `final` are the accuracies at the end that the job asked for, `[copy, child]` each.
    `children` `[child]` are the indices in the space of those that were found, None where the job names its children.
    """

    accuracy: np.ndarray
    step: np.ndarray
    trained: np.ndarray
    final: Mapping[FinalAccuracy, np.ndarray] = field(default_factory=dict)
    children: np.ndarray | None = None

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Record":
        """From the arrays by the names they have on disk; raises `KeyError` or `ValueError` for other names."""
        final = {FinalAccuracy(name): array for name, array in arrays.items() if name not in (*SWEPT, CHILDREN)}
        accuracy, step, trained = (arrays[name] for name in SWEPT)
        return cls(accuracy, step, trained, final, arrays.get(CHILDREN))

    def at(self, step: np.ndarray) -> "Record":
        """The record at these of its moments alone."""
        moments = np.searchsorted(self.step, step)
        return replace(self, accuracy=self.accuracy[:, moments], step=step, trained=self.trained[moments])

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by the names they have on disk."""
        swept = {name: getattr(self, name) for name in SWEPT}
        final = {which.value: array for which, array in self.final.items()}
        found = {} if self.children is None else {CHILDREN: self.children}
        return {name: np.ascontiguousarray(array) for name, array in (swept | final | found).items()}

    def children_of(self, job: Job) -> tuple[Child, ...]:
        """The children of the job that made it, in the order of its arrays."""
        if self.children is not None:
            return tuple(job.space.child_at(int(index)) for index in self.children)
        assert not isinstance(job.children, FoundSpec), (
            f"job {job.id}: its record does not say which children were found"
        )
        return tuple(job.space.child(name) for name in job.children)

    def require_fit(self, job: Job) -> None:
        """Raises `StoreError` unless the arrays have the shapes and range that the job asks for."""
        copies, moments, children = job.copies, job.sweeps, len(job.children)
        expected = {
            "accuracy": (copies, moments, children),
            "step": (moments,),
            "trained": (moments,),
            **{which.value: (copies, children) for which in job.final_accuracies},
            **({CHILDREN: (children,)} if isinstance(job.children, FoundSpec) else {}),
        }
        found = {name: array.shape for name, array in self.arrays().items()}
        if found != expected:
            raise StoreError(f"job {job.id}: the record has shapes {found}, the job asked for {expected}")
        if not all((a >= 0).all() and (a <= 1).all() for a in (self.accuracy, *self.final.values())):
            raise StoreError(f"job {job.id}: an accuracy lies outside [0, 1]")
        if self.children is not None and not set(self.children.tolist()) <= set(range(job.space.size)):
            raise StoreError(f"job {job.id}: a child that was found is not in the space")


@dataclass(frozen=True)
class Result:
    """A record, the snapshots by name (arrays by name), and facts about how the job ran (JSON)."""

    record: Record
    snapshots: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)


class Store:
    """The results below `<out>/jobs`. Several processes may write different jobs at once; readers see whole jobs."""

    def __init__(self, out: Path | str) -> None:
        self.out = Path(out)
        self.jobs = self.out / "jobs"

    def folder(self, job_id: str) -> Path:
        return self.jobs / job_id

    def has(self, job: Job) -> bool:
        """Whether the job's result is here, whole and undamaged; a damaged one raises `StoreError` saying how."""
        if not self.folder(job.id).exists():
            return False
        self.verify(job.id)
        return True

    def verify(self, job_id: str) -> None:
        """Raises `StoreError` with the reason unless all files of this job agree with their checksums."""
        folder = self.folder(job_id)
        try:
            done = json.loads((folder / "done.json").read_text(encoding="utf-8"))
            expected = {name: (entry["bytes"], entry["sha256"]) for name, entry in done["files"].items()}
            if not {"job.json", "how.json", RECORD} <= set(expected):
                raise KeyError(RECORD)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            raise StoreError(f"job {job_id}: done.json is missing or unreadable, so the result is not whole") from None
        for name, (size, digest) in expected.items():
            try:
                content = (folder / name).read_bytes()
            except OSError:
                raise StoreError(f"job {job_id}: {name} is missing or unreadable") from None
            if len(content) != size or hashlib.sha256(content).hexdigest() != digest:
                raise StoreError(
                    f"job {job_id}: {name} does not agree with its checksum ({len(content)} of {size} bytes)"
                )

    def read(self, job: Job) -> Record:
        """The job's record; raises `ResultMissing`, or `StoreError` when it is damaged or not what the job asked for."""
        if not self.has(job):
            raise ResultMissing(
                f"job {job.id} ({job.label}) has no result below {self.jobs}; run the study to train it"
            )
        arrays = safetensors.numpy.load_file(self.folder(job.id) / RECORD)
        try:
            record = Record.of(arrays)
        except (KeyError, ValueError):
            raise StoreError(
                f"job {job.id}: the record has the arrays {', '.join(sorted(arrays))}, which are not those that this version "
                f"writes; delete {self.folder(job.id)} to train it again"
            ) from None
        record.require_fit(job)
        return record

    def read_snapshot(self, job: Job, name: str) -> dict[str, np.ndarray]:
        """The arrays of one snapshot of the job, by name; raises `ResultMissing` when it has none of that name."""
        if not self.has(job) or not (path := self.folder(job.id) / f"snapshot-{name}.safetensors").is_file():
            raise ResultMissing(f"job {job.id} ({job.label}) has no snapshot {name!r} below {self.jobs}")
        return safetensors.numpy.load_file(path)

    def how(self, job_id: str) -> dict[str, Any]:
        """How the job ran: machine, device, threads, versions, seconds."""
        return json.loads((self.folder(job_id) / "how.json").read_text(encoding="utf-8"))

    def job(self, job_id: str) -> Job:
        """What was asked of a stored job; raises `ResultMissing` when it is not here."""
        try:
            return Job.model_validate_json((self.folder(job_id) / "job.json").read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise ResultMissing(f"job {job_id} has no result below {self.jobs}; run the study to train it") from None

    def ids(self) -> Iterator[str]:
        """Ids of all results here, whole or not, in order; unfinished work of a stopped process is not among them."""
        if self.jobs.is_dir():
            yield from sorted(entry.name for entry in self.jobs.iterdir() if not entry.name.startswith("."))

    def write(self, job: Job, result: Result) -> None:
        """Store the job's result, replacing a damaged one. Durable when it returns."""
        result.record.require_fit(job)
        files = {
            "job.json": _json(job.model_dump(mode="json")),
            "how.json": _json(result.how),
            RECORD: safetensors.numpy.save(result.record.arrays()),
        }
        for name, arrays in result.snapshots.items():
            files[f"snapshot-{name}.safetensors"] = safetensors.numpy.save(dict(arrays))
        done = {n: {"bytes": len(c), "sha256": hashlib.sha256(c).hexdigest()} for n, c in files.items()}
        unfinished = self.jobs / f".{job.id}-{os.getpid()}"
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        for name, content in files.items():
            _write_durably(unfinished / name, content)
        _write_durably(unfinished / "done.json", _json({"numerics": NUMERICS, "files": done}))
        _sync(unfinished)
        shutil.rmtree(self.folder(job.id), ignore_errors=True)
        unfinished.rename(self.folder(job.id))
        _sync(self.jobs)


def write_whole(path: Path, content: bytes) -> None:
    """Replace a file at once: whoever reads it sees the old content or the new, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    _write_durably(temporary, content)
    temporary.replace(path)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    """Flush a folder's list of names, where the system can."""
    if hasattr(os, "O_DIRECTORY"):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _json(content: Mapping[str, Any]) -> bytes:
    return (json.dumps(content, indent=1, ensure_ascii=False) + "\n").encode()
