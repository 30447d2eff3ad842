"""Results on disk: one folder per job, written once, whole, with checksums, and never changed.

`done.json` is written last and holds the checksum of every other file, so a folder with a `done.json` that agrees with
its files is complete, and anything else is not. A folder appears under its final name only when it is complete.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from commonweight.errors import ResultMissing, StoreError
from commonweight.study.checksums import Checksum
from commonweight.study.durable import flush, make_folder, set_aside, unfinished, write_durably, writing
from commonweight.study.job_folder import DONE, JobFolder, files_of
from commonweight.study.jobs import ID, Job
from commonweight.study.record import Record, Result


class Store:
    """The results below `<out>/jobs`. Several processes may write at once, the same job too; readers see whole jobs.

    A folder answers for a job only if the description in it has that job's id.
    """

    def __init__(self, out: Path | str) -> None:
        self.out = Path(out)
        self.jobs, self.damaged = self.out / "jobs", self.out / "damaged"
        self.checkpoints = self.out / "checkpoints"

    def __repr__(self) -> str:
        return f"Store({str(self.out)!r})"

    def folder(self, job_id: str) -> Path:
        return self.jobs / job_id

    def has(self, job: Job) -> bool:
        """Whether the job's result is here, whole and undamaged; a damaged one raises `StoreError` saying how."""
        if not os.path.lexists(self.folder(job.id)):
            return False
        self.verify(job.id)
        return True

    def verify(self, job_id: str) -> None:
        """Raises `StoreError` with the reason unless the job's folder is whole and its description is this job's."""
        JobFolder(self.folder(job_id)).verify()

    def is_whole(self, job_id: str) -> bool:
        """Whether the job's result is here, whole and undamaged."""
        try:
            self.verify(job_id)
        except StoreError:
            return False
        return True

    def seal(self, job_id: str) -> str:
        """A checksum over the files of a stored job: after another training another one. Raises as `job` does."""
        self.job(job_id)
        return Checksum.of((self.folder(job_id) / DONE).read_bytes()).sha256

    def read(self, job: Job) -> Record:
        """The job's record; raises `ResultMissing`, or `StoreError` when it is damaged or not what the job asked for."""
        if not os.path.lexists(self.folder(job.id)):
            raise ResultMissing(
                f"job {job.id} ({job.label}) has no result below {self.jobs}; run the study to train it"
            )
        return self._verified(job.id)

    def read_snapshot(self, job: Job, name: str) -> dict[str, np.ndarray]:
        """The arrays of one snapshot of the job, by name; raises `ResultMissing` when it has none of that name."""
        arrays = None
        if os.path.lexists(folder := self.folder(job.id)):
            self._verified(job.id)
            arrays = JobFolder(folder).snapshot(name)
        if arrays is None:
            raise ResultMissing(f"job {job.id} ({job.label}) has no snapshot {name!r} below {self.jobs}")
        return arrays

    def how(self, job_id: str) -> dict[str, Any]:
        """How the job ran: machine, device, threads, versions, seconds; raises `StoreError` when that is damaged."""
        return JobFolder(self.folder(job_id)).how()

    def job(self, job_id: str) -> Job:
        """What was asked of a stored job; raises `ResultMissing` when it is not here, `StoreError` when it is damaged."""
        if not os.path.lexists(self.folder(job_id)):
            raise ResultMissing(f"job {job_id} has no result below {self.jobs}; run the study to train it")
        return JobFolder(self.folder(job_id)).job()

    def ids(self) -> Iterator[str]:
        """Ids of all results here, whole or not, in order; unfinished work of a stopped process is not among them."""
        if self.jobs.is_dir():
            yield from sorted(entry.name for entry in self.jobs.iterdir() if ID.fullmatch(entry.name))

    def write(self, job: Job, result: Result) -> None:
        """Store the job's result. Durable when it returns.

        A whole result stays, and this one is dropped. Anything else in the job's place is moved to `<out>/damaged`.
        Raises `NotWritten` for want of space or permission.
        """
        try:
            result.record.require_fit(job)
        except StoreError as error:
            raise StoreError(f"job {job.id}: {error}") from None
        with writing(self.folder(job.id)):
            make_folder(self.jobs)
            with unfinished(self.folder(job.id)) as folder:
                folder.mkdir()
                for name, content in files_of(job, result).items():
                    write_durably(folder / name, content)
                flush(folder)
                try:
                    folder.rename(self.folder(job.id))
                except OSError:  # it is taken: only an empty folder is replaced
                    if self.is_whole(job.id):
                        return
                    if os.path.lexists(self.folder(job.id)):
                        set_aside(self.folder(job.id), self.damaged)
                    folder.rename(self.folder(job.id))
            flush(self.jobs)

    def _verified(self, job_id: str) -> Record:
        try:
            return JobFolder(self.folder(job_id)).verify()
        except StoreError as error:
            raise StoreError(f"{error}; run the study to train it again") from None
