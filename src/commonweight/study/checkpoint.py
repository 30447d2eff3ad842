"""What is kept of a job in the middle of its run, so that it goes on from there with the same bits when it was killed.

A checkpoint is a folder of array files and of `checkpoint.json`, which is replaced at once and names those that count, with
their checksums. It is there until the job is stored.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import safetensors.numpy
import torch
from pydantic import Field
from torch import Tensor

from commonweight.errors import NotWritten, StoreError
from commonweight.study.checksums import Checksum, read_list, write_list
from commonweight.study.durable import remove, sweep, write_whole
from commonweight.study.job_folder import SNAPSHOT, arrays_in
from commonweight.study.jobs import ID, NUMERICS, Spec
from commonweight.study.store import Store
from commonweight.training import Snapshot
from commonweight.values import Count, NonNegative

CHECKPOINT = "checkpoint.json"


class HowFar(Spec):
    """How far a job is: `step` of `total` mini-batches, after so many `seconds` of work since it `started`.

    `circumstances` are what its bits depend on beside the job. `stops` are the mini-batches after which it went on before.
    """

    job: str
    numerics: int
    label: str
    step: Count
    total: Count
    started: str
    seconds: NonNegative
    stops: Annotated[tuple[Count, ...], Field(strict=False)]
    circumstances: dict[str, str]


@dataclass(frozen=True)
class Midway:
    """A job in the middle of its run: its net and momentum, its sweeps, and the snapshots that it was asked for so far.

    A sweep is (mini-batches trained, position of the child just trained, accuracy `[copy, child]`); a snapshot is arrays by
    the names that they have on disk.
    """

    at: Snapshot
    sweeps: Sequence[tuple[int, int, Tensor]]
    snapshots: Mapping[str, Mapping[str, np.ndarray]]


@dataclass(frozen=True)
class Checkpoint:
    """The folder of one job's checkpoint, whose name is the job's id."""

    path: Path

    @property
    def there(self) -> bool:
        """Whether it was ever written to its end."""
        return (self.path / CHECKPOINT).exists()

    def write(self, place: HowFar, midway: Midway) -> None:
        """Replace the checkpoint at once; it is durable then. The one before stays when there is no room for this one.

        Both are of the same run, so snapshots that stand in the one before are not written again. Raises what `write_whole`
        raises.
        """
        before = self._read_list()[0] if self.there else {}
        sums = {name: one for name, one in before.items() if SNAPSHOT.fullmatch(name)}
        files = {_state(place.step): _state_arrays(midway)}
        files |= {f"snapshot-{name}.safetensors": arrays for name, arrays in midway.snapshots.items()}
        try:
            for name in files.keys() - sums.keys():
                content = safetensors.numpy.save(dict(files[name]))
                write_whole(self.path / name, content)
                sums[name] = Checksum.of(content)
            write_whole(self.path / CHECKPOINT, write_list(sums, **place.model_dump(mode="json")))
        except (NotWritten, OSError):
            self._remove_all_but(before)
            raise
        self._remove_all_but(sums)

    def place(self) -> HowFar:
        """How far the job is; raises `StoreError` when that is damaged, or when it is of another job or numerics."""
        return self._read_list()[1]

    def read(self) -> tuple[HowFar, Midway]:
        """How far the job is, and with what; raises `StoreError` with the reason unless every file is as it was written."""
        sums, place = self._read_list()
        arrays = {name: arrays_in(name, one.read(self.path / name)) for name, one in sums.items()}
        state = arrays.pop(_state(place.step))
        snapshots = {name.removeprefix("snapshot-").removesuffix(".safetensors"): some for name, some in arrays.items()}
        try:
            steps, trained = (state.pop(name).tolist() for name in ("step", "trained"))
            accuracies = torch.from_numpy(state.pop("accuracy")).unbind(1)
            sweeps = list(zip(steps, trained, accuracies, strict=True))
            return place, Midway(snapshot_of(place.step, state), sweeps, snapshots)
        except (KeyError, ValueError, IndexError, TypeError):
            raise StoreError(f"{_state(place.step)} has not the arrays of a job in the middle of its run") from None

    def remove(self) -> None:
        """Leave nothing of it; what cannot be removed now is swept by the next run."""
        if not self.path.is_symlink():
            with suppress(OSError):
                (self.path / CHECKPOINT).unlink()  # first: without it the rest is nothing
        with suppress(OSError):
            remove(self.path)

    def _read_list(self) -> tuple[dict[str, Checksum], HowFar]:
        try:
            sums, more = read_list(self.path / CHECKPOINT)
            place = HowFar.model_validate(more)
        except ValueError:
            raise StoreError(f"{CHECKPOINT} does not say how far a job is") from None
        if (place.job, place.numerics) != (self.path.name, NUMERICS):
            raise StoreError(
                f"{CHECKPOINT} is that of job {place.job} under numerics {place.numerics}, expected this one's under "
                f"{NUMERICS}"
            )
        state = _state(place.step)
        if state not in sums or not all(SNAPSHOT.fullmatch(name) for name in sums if name != state):
            raise StoreError(f"{CHECKPOINT} names {', '.join(sums) or 'no file'}, expected {state} and snapshots")
        return sums, place

    def _remove_all_but(self, names: Collection[str]) -> None:
        for path in self.path.iterdir() if self.path.is_dir() else ():
            if path.name not in (CHECKPOINT, *names):
                remove(path)


def checkpoints(store: Store) -> Iterator[Checkpoint]:
    """All of a folder of results, in the order of their jobs' ids."""
    folder = store.checkpoints
    for path in sorted(folder.iterdir()) if folder.is_dir() else ():
        if ID.fullmatch(path.name) and Checkpoint(path).there:
            yield Checkpoint(path)


def sweep_checkpoints(store: Store) -> None:
    """Remove what killed processes left of checkpoints: parts of one that was never whole, and those of stored jobs."""
    for path in store.checkpoints.iterdir() if store.checkpoints.is_dir() else ():
        if ID.fullmatch(path.name):
            sweep([path])
            if not Checkpoint(path).there or store.is_whole(path.name):
                Checkpoint(path).remove()


def arrays_of(snapshot: Snapshot) -> dict[str, np.ndarray]:
    """A snapshot's arrays by the names that they have on disk."""
    weights = {f"weights/{name}": value.numpy() for name, value in snapshot.weights.items()}
    momentum = {f"momentum/{name}": value.numpy() for name, value in snapshot.momentum.items()}
    return weights | momentum


def snapshot_of(step: int, arrays: Mapping[str, np.ndarray]) -> Snapshot:
    """The snapshot whose `arrays_of` these are; raises `KeyError` for any other name."""
    parts: dict[str, dict[str, Tensor]] = {"weights": {}, "momentum": {}}
    for name, array in arrays.items():
        part, _, of = name.partition("/")
        parts[part][of] = torch.from_numpy(array)
    return Snapshot(step, **parts)


def _state(step: int) -> str:
    return f"state-{step}.safetensors"


def _state_arrays(midway: Midway) -> dict[str, np.ndarray]:
    """Net, momentum and sweeps; before the first sweep there is an empty one of accuracies."""
    accuracies = [accuracy for _, _, accuracy in midway.sweeps]
    return arrays_of(midway.at) | {
        "accuracy": torch.stack(accuracies, dim=1).cpu().numpy() if accuracies else np.empty((0, 0, 0)),
        "step": np.array([step for step, _, _ in midway.sweeps], dtype=np.int64),
        "trained": np.array([position for _, position, _ in midway.sweeps], dtype=np.int64),
    }
