"""What stands in a folder of results: what is whole, what is damaged and why, and what no run wrote."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from commonweight.errors import ResultMissing, StoreError, StudyError
from commonweight.study.checkpoint import Checkpoint, checkpoints
from commonweight.study.durable import UNFINISHED
from commonweight.study.failures import Cause, read_failures
from commonweight.study.jobs import ID
from commonweight.study.listing import LIST, damaged_files, listed
from commonweight.study.lock import LOCK
from commonweight.study.settled import STUDY_FILE, read_settled
from commonweight.study.store import Store


@dataclass(frozen=True)
class Findings:
    """`whole` jobs, and the reason for each damage and what is said of each unknown file, by job id or path in the folder.

    By their ids: the reasons of jobs that `failed`, and how far `unfinished` ones are that have a checkpoint.
    """

    whole: int
    damaged: dict[str, str]
    unknown: dict[str, str]
    failed: dict[str, str] = field(default_factory=dict)
    unfinished: dict[str, str] = field(default_factory=dict)


def verify_results(out: Path) -> Findings:
    """Reads every stored job and checkpoint, the study and the report below `out`; raises `ResultMissing` where no run was.

    A missing `study.json`, or one of an older version, is no damage, nor is a report that was never made. Files that are not
    yet written to their end are not looked at: they may be those of a run.
    """
    store = Store(out)
    if not any(folder.is_dir() for folder in (store.jobs, store.checkpoints)):
        raise ResultMissing(f"no results in {out}: expected a folder {store.jobs}; name the folder given to run --out")
    damaged, ids = {}, tuple(store.ids())
    for job_id in ids:
        try:
            store.verify(job_id)
        except StoreError as error:
            damaged[job_id] = str(error)
    whole = len(ids) - len(damaged)
    try:
        read_settled(out)
    except ResultMissing:
        pass
    except (StoreError, StudyError) as error:
        damaged[STUDY_FILE] = str(error)
    unfinished = {}
    for checkpoint in checkpoints(store):
        try:
            unfinished[checkpoint.path.name] = _how_far(checkpoint)
        except StoreError as error:
            if checkpoint.there:  # else a run has just ended the job
                damaged[f"checkpoints/{checkpoint.path.name}"] = f"checkpoint of job {checkpoint.path.name}: {error}"
    failed = {
        failure.job: f"job {failure.job} ({failure.label}) failed: {failure.reason}"
        for failure in read_failures(out).values()
        if failure.cause is not Cause.SOURCE and failure.job not in ids
    }
    again = f"give commonweight report --out {out}, which writes it anew"
    damaged |= {
        f"report/{name}": f"report: {reason}; {again}" for name, reason in damaged_files(out / "report").items()
    }
    unknown = dict.fromkeys(_unknown(out), "no file of a run, left alone")
    if (out / "report").is_dir() and not (out / "report" / LIST).exists():
        unknown["report"] = f"without checksums, of an earlier version or not written to its end; {again}"
    return Findings(whole, damaged, unknown, failed, unfinished)


def _how_far(checkpoint: Checkpoint) -> str:
    """How far the job is, when its checkpoint is whole; one that a run has just replaced is read again."""
    try:
        place, _ = checkpoint.read()
    except StoreError:
        place, _ = checkpoint.read()
    return f"job {place.job} ({place.label}) is unfinished: {place.step:,} of {place.total:,} mini-batches are kept"


def _unknown(out: Path) -> Iterator[str]:
    """Paths below `out` that no run wrote, in their order."""
    ours = {STUDY_FILE, LOCK, "jobs", "report", "failed", "damaged", "checkpoints"}
    yield from (path.name for path in _others(out) if path.name not in ours)
    yield from (f"jobs/{path.name}" for path in _others(out / "jobs") if not ID.fullmatch(path.name))
    yield from (
        f"failed/{path.name}"
        for path in _others(out / "failed")
        if not (ID.fullmatch(path.stem) and path.suffix == ".json")
    )
    yield from (f"checkpoints/{path.name}" for path in _others(out / "checkpoints") if not ID.fullmatch(path.name))
    try:
        known = {LIST, *listed(out / "report")}
    except StoreError:
        return
    for folder in sorted((out / "report").glob("**")):
        names = (path.relative_to(out / "report").as_posix() for path in _others(folder) if not path.is_dir())
        yield from (f"report/{name}" for name in names if name not in known)


def _others(folder: Path) -> list[Path]:
    """What stands in a folder, but for unfinished work."""
    there = sorted(folder.iterdir()) if folder.is_dir() else []
    return [path for path in there if not UNFINISHED.fullmatch(path.name)]
