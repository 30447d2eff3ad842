"""The job: the unit of work and of reuse. Its identity is a hash of all that decides its numbers, and of nothing else."""

import hashlib
import json
import re
from dataclasses import replace
from enum import Enum
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer, model_validator

from commonweight.net import NetShape
from commonweight.seeds import Stream
from commonweight.sharing import Kind, SharingPlan, share_all, share_all_but, share_none, share_prefix
from commonweight.space import Child, SearchSpace
from commonweight.training import Augmentation, ChildOrder, Inactive, Moments, Recipe
from commonweight.values import Count, Index, brief

NUMERICS = 2
"""Raised whenever a change to the code changes any number that a job gives; old results then no longer answer for it."""


ID = re.compile(r"[0-9a-f]{16}")


def identity(description: Any, numerics: int) -> str:
    """The id of the job with this description, as JSON has it, under a version of the numerics."""
    content = json.dumps([numerics, description], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()[:16]


class Spec(BaseModel):
    """Base of all parts of studies and jobs: frozen, and no unknown keys."""

    __repr__ = brief

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


OrderName = Annotated[ChildOrder, Field(strict=False)]
KindName = Annotated[Kind, Field(strict=False)]


OwnPrimitives = Annotated[tuple[Annotated[tuple[str, str], Field(strict=False)], ...], Field(strict=False)]
"""Import paths of primitives, each with the checksum of its module's text."""


class ImagesSpec(Spec):
    """The images of a job: what they are (by content), how they are augmented, on how many children are validated."""

    fingerprint: str
    train_images: Count
    augment: Augmentation
    sweep_images: Count
    judge_images: Count | None = Field(description="validation images of the final judgement; none is made without")


class SharingSpec(Spec):
    """`sharing`: everything (`all`), stem and the first `k` cells (`prefix`), everything but some (`all-but`), nothing.

    `kinds` and `edges` (counted from 1, as digits of a child's name) say what `all-but` gives to every child of its own.
    """

    kind: Literal["all", "prefix", "all-but", "none"] = "all"
    k: Index | None = None
    kinds: Annotated[tuple[KindName, ...], Field(strict=False)] = ()
    edges: Annotated[tuple[Count, ...], Field(strict=False)] = ()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.k is not None) != (self.kind == "prefix"):
            raise ValueError(f"sharing.k: {self.k} with kind {self.kind!r}; prefix needs k, and no other kind has it")
        if bool(self.kinds or self.edges) != (self.kind == "all-but"):
            raise ValueError(
                f"sharing: kinds {[kind.value for kind in self.kinds]} and edges {list(self.edges)} with kind "
                f"{self.kind!r}; all-but needs at least one of them, and no other kind has them"
            )
        return self

    def plan(self, children: tuple[Child, ...], cells: int, *, tail: bool = False) -> SharingPlan:
        match self.kind:
            case "all":
                return share_all(children, cells, tail=tail)
            case "prefix":
                return share_prefix(children, cells, self.k or 0, tail=tail)
            case "all-but":
                return share_all_but(children, cells, self.kinds, [edge - 1 for edge in self.edges], tail=tail)
            case "none":
                return share_none(children, cells, tail=tail)

    @property
    def label(self) -> str:
        """In a few words, for a line of progress."""
        match self.kind:
            case "prefix":
                return f"prefix {self.k}"
            case "all-but":
                parts = [kind.value for kind in self.kinds] + [f"edge {edge}" for edge in self.edges]
                return f"all but {', '.join(parts)}"
            case kind:
                return kind


class SeedSpec(Spec):
    """The study's seed and, for each of the four random streams, the instance whose numbers are used.

    `init` names one instance per copy; copies share the other three streams.
    """

    study: int
    init: Annotated[tuple[Index, ...], Field(strict=False, min_length=1)]
    order: Index = 0
    data: Index = 0
    augment: Index = 0

    def init_streams(self) -> list[Stream]:
        return [Stream(self.study).fork("init", instance) for instance in self.init]

    def stream(self, purpose: Literal["order", "data", "augment"]) -> Stream:
        return Stream(self.study).fork(purpose, getattr(self, purpose))


class StartSpec(Spec):
    """The weights that a job starts from instead of new ones: a snapshot of another job with the same copies."""

    job: str
    epoch: Count


class Affinity(Enum):
    """What a super-net shows of how well two children go together, so that groups are found in it (`study/finding.py`).

    `HELP`: what training one does to the accuracy of the other (`mutual_help`). `CORRELATION`: whether their accuracies go up
    and down together (`curve_correlation`). `GRADIENTS`: whether they pull the weights that they share in one direction.
    """

    HELP = "help"
    CORRELATION = "correlation"
    GRADIENTS = "gradients"


class FoundSpec(Spec):
    """Children that are not known before another job is done: one group of a partition that its result shows.

    All children of copy `number` of `job` are divided into `m` groups of equal size `by` their affinity, looked at `over` so
    many mini-batches: the last ones of the run, or those whose gradients are taken at its end. `group`, from 0, is one of
    them, and has `size` children, which is its length. So a job is known by the rule, as one with a `start` is.
    """

    job: str
    number: Index
    by: Annotated[Affinity, Field(strict=False)]
    over: Count
    m: Count
    group: Index
    size: Annotated[int, Field(ge=2)]

    def __len__(self) -> int:
        return self.size


class Population(Enum):
    """Whom a job's mini-batches train: the children that it validates, or every child of the space.

    Example: a super-net of NAS-Bench-201's space trains 15,625 children, and 200 of them are validated and ranked.
    """

    CHILDREN = "children"
    SPACE = "space"


class FinalAccuracy(Enum):
    """Accuracies of all children at the end of a job, beside its sweeps. The value is the array's name on disk.

    `JUDGED`: on the images of the final judgement. `UNDER_BATCH_STATISTICS` and `RECALIBRATED`: on those of sweeps, under
    these batch-norm statistics (see `Statistics`).
    """

    JUDGED = "judged"
    UNDER_BATCH_STATISTICS = "under-batch-statistics"
    RECALIBRATED = "recalibrated"

    def asked_of(self, job: "Job") -> bool:
        """Whether the job ends with it."""
        return bool(job.images.judge_images if self is FinalAccuracy.JUDGED else job.calibration_batches)


class Job(Spec):
    """One training of some children under one sharing plan, in `len(seeds.init)` stacked copies.

    Which children are validated, its names say, or where they are found: then its record says it. They are those that are
    trained, unless the `population` is the whole space. With a `start` its children go on from their weights in that
    snapshot, with fresh momentum. With `calibration_batches` it ends with accuracies under other batch-norm statistics,
    recalibrated on so many batches. `own` has the import path and the checksum of each primitive of one's own.
    """

    images: ImagesSpec
    space: SearchSpace
    net: NetShape
    training: Recipe
    stop_after: Annotated[Count | None, Field(description="mini-batches, if not all of the epochs")] = None
    children: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] | FoundSpec
    population: Annotated[Population, Field(strict=False)] = Population.CHILDREN
    sharing: SharingSpec = SharingSpec()
    order: OrderName = ChildOrder.FIXED
    seeds: SeedSpec
    moments: Moments = Moments()
    snapshots: Annotated[tuple[Count, ...], Field(strict=False)] = ()
    start: StartSpec | None = None
    calibration_batches: Count | None = None
    own: OwnPrimitives = ()

    @model_serializer(mode="wrap")
    def _described(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Without what came later and is not used: so a job has the description, and the id, that it always had."""
        described = dump(self)
        if self.population is Population.CHILDREN:
            del described["population"]
        if not self.own:
            del described["own"]
        for later in ("frame", "stacks"):
            if getattr(self.net, later) == getattr(NetShape(), later):
                del described["net"][later]
        return described

    def normalised(self) -> "Job":
        """The same work under one name: a child alone has no order, no sharing and no inactive weights."""
        if len(self.children) > 1:
            return self
        alone = {
            "sharing": SharingSpec(),
            "order": ChildOrder.FIXED,
            "seeds": self.seeds.model_copy(update={"order": 0}),
            "training": replace(self.training, inactive=Inactive.FREEZE),
        }
        return self._changed(**alone)

    def training_these(self, children: tuple[str, ...]) -> "Job":
        """The job when it is known which children were found."""
        return self._changed(children=children)

    def of_copy(self, number: int) -> "Job":
        """The job of one of its copies alone."""
        return self._changed(seeds=self.seeds.model_copy(update={"init": self.seeds.init[number : number + 1]}))

    def _changed(self, **fields: Any) -> "Job":
        # Not model_copy: it would keep an `id` that was asked for before.
        return Job(**{name: getattr(self, name) for name in Job.model_fields} | fields)

    @cached_property
    def id(self) -> str:
        """First 16 hexadecimal digits of the SHA-256 of the content and of `NUMERICS`."""
        return identity(self.model_dump(mode="json"), NUMERICS)

    def plan(self) -> SharingPlan:
        """The sharing plan of the children that it trains."""
        trained = self.space.children() if self.population is Population.SPACE else self.validated
        return self.sharing.plan(tuple(trained), self.net.cells, tail=self.net.has_tail)

    @property
    def validated(self) -> tuple[Child, ...]:
        """The children that sweeps validate, where the job names them."""
        assert not isinstance(self.children, FoundSpec), f"job {self.id}: which children it trains, its record says"
        return tuple(self.space.child(name) for name in self.children)

    @property
    def sources(self) -> tuple[str, ...]:
        """The ids of the jobs from whose results it starts."""
        found = (self.children.job,) if isinstance(self.children, FoundSpec) else ()
        return found if self.start is None else (*found, self.start.job)

    @property
    def copies(self) -> int:
        return len(self.seeds.init)

    @property
    def mini_batches(self) -> int:
        """Mini-batches of the whole run."""
        return self.training.steps(self.batches_per_epoch, self.stop_after)

    @property
    def sweeps(self) -> int:
        """Moments at which all children of the job are validated."""
        return len(self.moments.steps(self.mini_batches, self.batches_per_epoch))

    @property
    def final_accuracies(self) -> tuple[FinalAccuracy, ...]:
        """What the job ends with, beside its last sweep."""
        return tuple(which for which in FinalAccuracy if which.asked_of(self))

    @property
    def validations(self) -> int:
        """Images through children in eval mode, in each copy, over the whole run."""
        return len(self.children) * (self.sweeps * self.images.sweep_images + (self.images.judge_images or 0))

    @property
    def batches_per_epoch(self) -> int:
        """Mini-batches in one pass over the training images."""
        return -(-self.images.train_images // self.training.batch)

    @property
    def label(self) -> str:
        """What the job is, for a line of progress."""
        who = f"{len(self.children)} children"
        if self.population is Population.SPACE:
            who = f"{len(self.children)} of {self.space.size:,} children"
        if isinstance(self.children, FoundSpec):
            who += f" found by {self.children.by.value}"
        elif len(self.children) == 1:
            who = f"child {self.children[0]}"
        how = "" if len(self.children) == 1 else f", {self.sharing.label}, {self.order.value} order {self.seeds.order}"
        start = f" from epoch {self.start.epoch}" if self.start else ""
        copies = "1 copy" if self.copies == 1 else f"{self.copies} copies"
        return f"{who}{start}{how}, {copies}"
