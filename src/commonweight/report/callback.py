"""What the callback of a run is told: events of executors, with how far the run is."""

from collections.abc import Callable
from dataclasses import dataclass

from commonweight.study.executors import Advanced, Event, Failed, Finished
from commonweight.study.inventory import Inventory, image_passes
from commonweight.values import brief


@dataclass(frozen=True)
class Progress:
    """What a callback of `run` is told: an event, how many of the jobs have ended, and the share of their work.

    `label` says which job it is: `seeds, copies 1–5`. As text it is a line; `event` has more.
    """

    __repr__ = brief

    event: Event
    label: str
    ended: int
    jobs: int
    share: float

    def __str__(self) -> str:
        return f"[{self.ended}/{self.jobs}] {self.share:.0%} {self.label}: {type(self.event).__name__.lower()}"


def telling(progress: Callable[[Progress], None], inventory: Inventory) -> Callable[[Event], None]:
    """Events as `Progress`; a job's share of the work is that of its image passes."""
    costs = {job.id: image_passes(job) for job in inventory.missing}
    done: dict[str, float] = {}
    ended: set[str] = set()

    def tell(event: Event) -> None:
        job_id = event.job.id
        match event:
            case Advanced():
                done[job_id] = costs[job_id] * event.done / event.total
            case Finished() | Failed():
                done[job_id] = costs[job_id]
                ended.add(job_id)
        share = sum(done.values()) / sum(costs.values())
        progress(Progress(event, inventory.label(event.job), len(ended), len(costs), share))

    return tell
