"""Notes of jobs that failed, one file each below `<out>/failed`: there until the job is stored."""

import json
from enum import Enum
from pathlib import Path
from typing import Annotated

from pydantic import Field

from commonweight.errors import StoreError
from commonweight.study.checksums import as_json, plain_size
from commonweight.study.durable import write_whole
from commonweight.study.jobs import ID, Job, Spec

LARGEST_NOTE = 1 << 20  # bytes; a trace has a few thousand


class Cause(Enum):
    """Why a job failed, which decides whether it is tried again.

    `ERROR`: an exception, by its job, its images or the machine (a full disk): the next run tries it again. `DIVERGED`: its
    numbers are not finite, and would not be again; it is tried on request. `LOST`: its worker process died; it is tried
    again once in the same run, and by the next. `SOURCE`: a job from which it starts failed, so it was not tried.
    """

    ERROR = "error"
    DIVERGED = "diverged"
    LOST = "lost"
    SOURCE = "source"


class Failure(Spec):
    """Why a job has no result: `reason` in one line, `trace` in many."""

    job: str
    label: str
    cause: Annotated[Cause, Field(strict=False)]
    reason: str
    trace: Annotated[tuple[str, ...], Field(strict=False)] = ()


def note_failure(out: Path, job: Job, cause: Cause, reason: str, trace: str) -> Path:
    """Write down that the job failed; returns where."""
    failure = Failure(job=job.id, label=job.label, cause=cause, reason=reason, trace=tuple(trace.splitlines()))
    write_whole(_place(out, job.id), as_json(failure.model_dump(mode="json")))
    return _place(out, job.id)


def forget_failure(out: Path, job_id: str) -> None:
    """The job is stored now."""
    _place(out, job_id).unlink(missing_ok=True)


def read_failures(out: Path) -> dict[str, Failure]:
    """The notes by the ids of the jobs; what is no note, as no run writes it, is none."""
    folder = out / "failed"
    paths = sorted(folder.glob("*.json")) if folder.is_dir() else []
    found = {path.stem: _read(path) for path in paths if ID.fullmatch(path.stem)}
    return {job_id: failure for job_id, failure in found.items() if failure is not None and failure.job == job_id}


def _read(path: Path) -> Failure | None:
    try:
        if plain_size(path) > LARGEST_NOTE:
            return None
        return Failure.model_validate(json.loads(path.read_bytes()))
    except (StoreError, OSError, ValueError, RecursionError):
        return None


def _place(out: Path, job_id: str) -> Path:
    return out / "failed" / f"{job_id}.json"
