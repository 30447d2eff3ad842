"""The study: what a YAML file says, checked. `paper/` turns it into experiments; nothing here knows a table or figure."""

from enum import Enum
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from commonweight.errors import nearest
from commonweight.images import data_names
from commonweight.net import NetShape, Precision, primitive_names
from commonweight.space import SearchSpace
from commonweight.study.jobs import SharingSpec, Spec
from commonweight.training import Augmentation, Recipe
from commonweight.values import Count, Index

MOST_CHILDREN = 4096


class DataOrder(Enum):
    """Who sees the training images in one order, augmented alike.

    `COMMON`: all instances and all children alone. `OWN`: nobody but instance i of every super-net and the children alone
    of initialisation i. Fine-tuning has one order of its own, common to all children of all instances.
    """

    COMMON = "common"
    OWN = "own"

    @property
    def other(self) -> "DataOrder":
        """The choice that is not this one."""
        return DataOrder.OWN if self is DataOrder.COMMON else DataOrder.COMMON


class DataSpec(Spec):
    """`data`: which images, how many, how large. Counts left out mean all there are."""

    name: str
    path: str | None = None
    resize: Count | None = None
    train_images: Count | None = None
    sweep_images: Annotated[Count | None, Field(description="validation images that sweeps use")] = None
    judge_images: Annotated[Count | None, Field(description="validation images that ground truth is judged on")] = None
    augment: Augmentation = Augmentation()

    @field_validator("name")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in data_names():
            raise ValueError(f"known are {', '.join(data_names())}{nearest(name, data_names())}")
        return name


class ExperimentsSpec(Spec):
    """`experiments`: how often each experiment of the paper is repeated."""

    instances: Annotated[int, Field(ge=2, description="instances of every super-net experiment (the paper's N)")] = 10
    ground_truth_seeds: Annotated[int, Field(ge=2, description="initialisations of every child trained alone")] = 10
    alone_epochs: Annotated[
        Count | None,
        Field(description="epochs of every child trained alone; training.epochs, those of super-nets, if none"),
    ] = None
    last_epochs: Annotated[int, Field(ge=2, description="epochs that 'different epochs' compares")] = 10
    long_factor: Annotated[
        int, Field(ge=2, description="how many times longer the long runs train (paper: 2000 epochs for 200)")
    ] = 10
    finetune_batches: Annotated[Count, Field(description="mini-batches of fine-tuning a child from a snapshot")] = 64
    calibration_batches: Annotated[
        Count, Field(description="training batches on which batch-norm statistics are recalibrated for one child")
    ] = 8
    data_order: Annotated[
        DataOrder,
        Field(
            strict=False,
            description="one data order and augmentation for all instances, or each its own; those are not stacked",
        ),
    ] = DataOrder.COMMON
    sweep_precision: Annotated[
        Precision, Field(strict=False, description="arithmetic of sweeps; judgements are always in float32")
    ] = Precision.FLOAT32
    stack: Annotated[Count, Field(description="largest number of copies that one job trains as one network")] = 10


class Study(Spec):
    """A whole study; `load_study` makes one from YAML. Raises pydantic's ValidationError for impossible values."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    about: str = ""
    seed: Index = 1
    data: DataSpec
    space: SearchSpace = SearchSpace()
    net: NetShape = NetShape()
    sharing: Annotated[SharingSpec, Field(description="of super-nets, wherever an experiment does not say")] = (
        SharingSpec()
    )
    training: Recipe = Recipe()
    experiments: ExperimentsSpec = ExperimentsSpec()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        unknown = [name for name in self.space.primitives if name not in primitive_names()]
        if unknown:
            known = ", ".join(primitive_names())
            raise ValueError(
                f"space.primitives: {unknown[0]!r}; known are {known}{nearest(unknown[0], primitive_names())}"
            )
        edges = self.space.nodes * (self.space.nodes + 1) // 2
        children = len(self.space.primitives) ** min(edges, 64)  # exact where it matters
        if not 3 <= children <= MOST_CHILDREN:
            raise ValueError(
                f"space: nodes {self.space.nodes} and primitives {list(self.space.primitives)} make {children} children; "
                f"a study trains and ranks every one of them, so 3 … {MOST_CHILDREN}"
            )
        if self.sharing.kind == "prefix" and (self.sharing.k or 0) > self.net.cells:
            raise ValueError(f"sharing.k: {self.sharing.k}; at most net.cells = {self.net.cells}")
        if self.sharing.edges and max(self.sharing.edges) > edges:
            raise ValueError(f"sharing.edges: {list(self.sharing.edges)}; the space has edges 1 … {edges}")
        if self.training.lr_min > self.training.lr:
            raise ValueError(f"training.lr_min: {self.training.lr_min}; at most training.lr = {self.training.lr}")
        if self.experiments.last_epochs > self.training.epochs:
            raise ValueError(
                f"experiments.last_epochs: {self.experiments.last_epochs}; "
                f"at most training.epochs = {self.training.epochs}"
            )
        alone = self.experiments.alone_epochs
        if alone is not None and alone < self.experiments.last_epochs:
            raise ValueError(
                f"experiments.alone_epochs: {alone}; at least experiments.last_epochs = {self.experiments.last_epochs}"
            )
        return self
