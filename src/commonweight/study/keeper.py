"""When a job's checkpoint is made, and when it counts."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from torch import nn

from commonweight.errors import NotWritten, StoreError
from commonweight.study.checkpoint import Checkpoint, HowFar, Midway
from commonweight.study.durable import set_aside
from commonweight.study.jobs import NUMERICS, Job
from commonweight.study.store import Store

SHARE = 0.01  # of a job's time that its checkpoints take, at most; the first is made on trust


@dataclass
class Keeper:
    """Keeps a job while it is trained: a checkpoint every `pause` seconds, and less often where one costs much.

    A checkpoint counts for the same job under the same `circumstances` (engine, threads, …), on which its bits depend: under
    others it is dropped, and one that is damaged is moved to `<out>/damaged`. Then the job begins anew. `begun` is when
    `time.monotonic` said that work on it began here, `started` when that was, or when it began elsewhere before.
    """

    store: Store
    job: Job
    circumstances: Mapping[str, str]
    pause: float
    started: datetime
    begun: float
    stops: tuple[int, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self.checkpoint = Checkpoint(self.store.checkpoints / self.job.id)
        self._asked, self._next = self.begun, self.begun + self.pause
        self._earlier = 0.0  # seconds of work before this process

    @property
    def seconds(self) -> float:
        """Work on the job until now; what was lost with a process does not count."""
        return self._earlier + time.monotonic() - self.begun

    def resume(self, net: nn.Module) -> tuple[Midway | None, str]:
        """Where the job goes on, None for its beginning; and what is to be told of that, if anything."""
        if not self.checkpoint.there:
            return None, ""
        try:
            place, midway = self.checkpoint.read()
            self._require_fit(midway, net)
        except StoreError as error:
            aside = set_aside(self.checkpoint.path, self.store.damaged)
            return None, f"its checkpoint is damaged, {error}; it begins anew, and that is kept in {aside}"
        if other := self._other(place.circumstances):
            self.checkpoint.remove()
            return None, f"its checkpoint was made with {other}, on which bits depend; it begins anew"
        self.started, self._earlier = datetime.fromisoformat(place.started), place.seconds
        self.stops = (*place.stops, place.step)
        return midway, f"it goes on after mini-batch {place.step:,} of {place.total:,}"

    def due(self) -> bool:
        """Whether it is time for a checkpoint, which is then to be made."""
        self._asked = time.monotonic()
        return self._asked >= self._next

    def keep(self, midway: Midway) -> str:
        """Renew the checkpoint; what is to be told when that fails, which is no failure of the job."""
        place = HowFar(
            job=self.job.id,
            numerics=NUMERICS,
            label=self.job.label,
            step=midway.at.step,
            total=self.job.mini_batches,
            started=self.started.isoformat(timespec="seconds"),
            seconds=self.seconds,
            stops=self.stops,
            circumstances=dict(self.circumstances),
        )
        told = ""
        try:
            self.checkpoint.write(place, midway)
        except (NotWritten, OSError, StoreError) as error:
            told = f"it goes on without a checkpoint: {error}"
        now = time.monotonic()
        self._next = now + max(self.pause, (now - self._asked) / SHARE)
        return told

    def _require_fit(self, midway: Midway, net: nn.Module) -> None:
        """Raises `StoreError` for a checkpoint that was written whole, but not by this code for this job."""
        job, at = self.job, midway.at
        shapes = {name: value.shape for name, value in net.state_dict().items()}
        momentum = {name: value.shape for name, value in at.momentum.items()}
        if (
            shapes != {name: value.shape for name, value in at.weights.items()}
            or not momentum.items() <= shapes.items()
        ):
            raise StoreError("its weights are those of another net")
        moments = sorted(job.moments.steps(job.mini_batches, job.batches_per_epoch))
        if [step for step, _, _ in midway.sweeps] != [step for step in moments if step <= at.step]:
            raise StoreError(f"its sweeps are not those of this job until mini-batch {at.step}")
        snapshots = {f"epoch-{epoch}" for epoch in job.snapshots if epoch * job.batches_per_epoch <= at.step}
        if midway.snapshots.keys() != snapshots or not 1 <= at.step < job.mini_batches:
            raise StoreError(f"its snapshots are not those of this job until mini-batch {at.step}")

    def _other(self, theirs: Mapping[str, str]) -> str:
        """The first of the circumstances that is another one, in words."""
        names = sorted(self.circumstances.keys() | theirs.keys())
        name = next((name for name in names if self.circumstances.get(name) != theirs.get(name)), None)
        return "" if name is None else f"{name} {theirs.get(name, 'none')}, not {self.circumstances.get(name, 'none')}"
