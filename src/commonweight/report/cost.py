"""What jobs cost and where they ran, as a reader of a report wants it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from commonweight.report.progress import clock
from commonweight.study.jobs import Job
from commonweight.study.record import ENDED, THROUGH_PYTORCH
from commonweight.study.store import Store

NOT_RECORDED = "not recorded"


def cost_of(jobs: Sequence[Job], store: Store, failed: int) -> dict[str, str]:
    """Facts of these stored jobs by their titles, and how many others failed; none without a job."""
    if not jobs:
        return {}
    hows = [store.how(job.id) for job in jobs]
    spent, wall = _times(hows)
    epochs = sum(job.copies * job.mini_batches / job.batches_per_epoch for job in jobs)
    passes = sum(job.copies * job.validations for job in jobs)
    left = {name for how in hows for name in how.get(THROUGH_PYTORCH, ())}
    return {
        "Jobs": f"{len(jobs)}" + (f", and {failed} that failed" if failed else ""),
        "Training": f"{epochs:,.0f} child-epochs (the training images once through one child)",
        "Validation": f"{passes / 1e6:,.1f} million images through a child",
        "Time of all jobs": spent,
        "From the first start to the last end": wall,
        **{
            title: ", ".join(sorted({str(how.get(key, NOT_RECORDED)) for how in hows}))
            for title, key in (
                ("Machine", "machine"),
                ("Processor", "processor"),
                ("Device", "device"),
                ("Engine", "engine"),
                ("Threads of a job", "threads"),
                ("PyTorch", "torch"),
                ("Python", "python"),
            )
        },
        **({"Children that the engine left to PyTorch": f"{len(left)}"} if left else {}),
    }


def _times(hows: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """The time of all jobs, and from the first start to the last end; not recorded when one of the jobs does not tell."""
    if not all({"started", "seconds"} <= how.keys() for how in hows):
        return NOT_RECORDED, NOT_RECORDED
    starts = [datetime.fromisoformat(how["started"]) for how in hows]
    ends = [
        datetime.fromisoformat(how[ENDED]) if ENDED in how else start + timedelta(seconds=how["seconds"])
        for start, how in zip(starts, hows, strict=True)
    ]
    return clock(sum(how["seconds"] for how in hows)), clock((max(ends) - min(starts)).total_seconds())
