"""What a job measured, as arrays and as the file that holds them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated, Any

import numpy as np
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from commonweight.errors import StoreError
from commonweight.space import Child
from commonweight.study.jobs import FinalAccuracy, FoundSpec, Job, Population
from commonweight.values import brief

RECORD = "accuracy.safetensors"

AGREEMENT = "tau of the last sweep with the same in float32"
"""Beside a record whose sweeps are not in float32: one number for each copy."""

THROUGH_PYTORCH = "through_pytorch"
"""Beside a record of the native engine: names of the children that the engine had no kernels for, if there are any."""

CONTINUED, ENDED = "continued_after", "ended"
"""Beside a record of a job that was stopped: the mini-batches after which it went on, and when it ended."""

SWEPT = ("accuracy", "step", "trained")
"""The arrays that every record has, by their names on disk; those of the final accuracies stand beside them."""
CHILDREN = "children"
"""One more, of a job whose children were found."""

ELSEWHERE = -1
"""In the place of the position of a trained child that is not validated."""


@dataclass(frozen=True)
class Record:
    """What a job measured. Accuracies are fractions in [0, 1].

    `accuracy` `[copy, moment, child]`, after `step` `[moment]` mini-batches, just after one that trained the child at
    position `trained` `[moment]`, or a child `ELSEWHERE`. `final` are the accuracies at the end that the job asked for,
    `[copy, child]` each. `children` `[child]` are the indices in the space of those that were found, None where the job
    names its children.
    """

    __repr__ = brief

    accuracy: np.ndarray
    step: np.ndarray
    trained: np.ndarray
    final: Mapping[FinalAccuracy, np.ndarray] = field(default_factory=dict)
    children: np.ndarray | None = None

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray]) -> "Record":
        """From the arrays by the names they have on disk; raises `KeyError` or `ValueError` for other names."""
        final = {FinalAccuracy(name): arrays[name] for name in sorted(arrays) if name not in (*SWEPT, CHILDREN)}
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
        """Raises `StoreError` unless the arrays have the shapes, kinds and ranges that the job asks for."""
        copies, moments, children = job.copies, job.sweeps, len(job.children)
        accuracies = {"accuracy": self.accuracy, **{which.value: array for which, array in self.final.items()}}
        expected = {
            "accuracy": (copies, moments, children),
            "step": (moments,),
            "trained": (moments,),
            **{which.value: (copies, children) for which in job.final_accuracies},
            **({CHILDREN: (children,)} if isinstance(job.children, FoundSpec) else {}),
        }
        found = {name: array.shape for name, array in self.arrays().items()}
        if found != expected:
            raise StoreError(f"the record has shapes {found}, the job asked for {expected}")
        for name, array in self.arrays().items():
            if array.dtype.kind != ("f" if name in accuracies else "i"):
                raise StoreError(f"the record's {name} are numbers of kind {array.dtype}, which no run writes")
        if not all((a >= 0).all() and (a <= 1).all() for a in accuracies.values()):
            raise StoreError("an accuracy lies outside [0, 1]")
        if (np.diff(self.step, prepend=0) < 1).any() or self.step[-1] > job.mini_batches:
            raise StoreError(f"the record's moments are not in their order in 1 … {job.mini_batches}")
        first = ELSEWHERE if job.population is Population.SPACE else 0
        if (self.trained < first).any() or (self.trained >= children).any():
            raise StoreError(f"the record's trained children are not in {first} … {children - 1}")
        if self.children is not None and not set(self.children.tolist()) <= set(range(job.space.size)):
            raise StoreError("a child that was found is not in the space")


@dataclass(frozen=True)
class Result:
    """A record, the snapshots by name (arrays by name), and facts about how the job ran (JSON)."""

    __repr__ = brief

    record: Record
    snapshots: Mapping[str, Mapping[str, np.ndarray]] = field(default_factory=dict)
    how: Mapping[str, Any] = field(default_factory=dict)


def require_facts(how: Any) -> dict[str, Any]:
    """The facts about how a job ran, if what a report reads of them is what a job tells; else raises `ValueError`."""
    _Facts.model_validate(how)
    return how


def _aware(text: str) -> str:
    began = datetime.fromisoformat(text)
    if began.tzinfo is None or not 2000 <= began.year < 3000:
        raise ValueError("no moment of this time, with its zone")
    return text


class _Facts(BaseModel):
    """What a report reads of them; whatever else a job tells stands beside it."""

    model_config = ConfigDict(strict=True)

    started: Annotated[str, AfterValidator(_aware)] = ""
    ended: Annotated[str, AfterValidator(_aware)] | None = None
    seconds: Annotated[float, Field(ge=0, le=1e9)] = 0
    agreement: Annotated[list[float], Field(alias=AGREEMENT)] = []
    through_pytorch: list[str] = []
