"""The study: what a YAML file says, checked. `paper/` turns it into experiments; nothing here knows a table or figure."""

from enum import Enum
from typing import Annotated, Self

from pydantic import Field, field_validator, model_validator

from commonweight.errors import nearest
from commonweight.images import data_names
from commonweight.net import NetShape, Precision, is_import_path, primitive_names
from commonweight.space import SearchSpace
from commonweight.study.jobs import SharingSpec, Spec
from commonweight.training import MOST_EPOCHS, Augmentation, Recipe
from commonweight.values import Count, Seed

MOST_CHILDREN = 4096
MOST_SAMPLED = 2**17  # children of a space of which a sample is ranked: a super-net's plan lists all of them
MOST_ALONE = 200_000  # children trained alone, each by every initialisation: 48 times the largest space
MOST_WEIGHTS = 2**29  # of one job, which `plan` builds to measure it: 2 GB, and as much momentum. The paper's have 5e5


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


class Strata(Enum):
    """How a sample of children is drawn.

    `UNIFORM`: each set of so many is as likely as any other, so a tau on it is the space's own but for its sampling error.
    `CONVOLUTIONS`: equally many children of each number of convolutions; a tau on it is higher than the space's own.
    """

    UNIFORM = "uniform"
    CONVOLUTIONS = "convolutions"


class SampleSpec(Spec):
    """`sample`: on how many children of the space ranks are taken, drawn by the study's seed. Super-nets train all of it."""

    children: Annotated[Count, Field(ge=3, le=MOST_CHILDREN)]
    by: Annotated[Strata, Field(strict=False)] = Strata.UNIFORM


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

    instances: Annotated[
        Count, Field(ge=2, le=1000, description="instances of every super-net experiment (the paper's N)")
    ] = 10
    ground_truth_seeds: Annotated[
        Count, Field(ge=2, le=1000, description="initialisations of every child trained alone")
    ] = 10
    alone_epochs: Annotated[
        Annotated[Count, Field(le=MOST_EPOCHS)] | None,
        Field(description="epochs of every child trained alone; training.epochs, those of super-nets, if none"),
    ] = None
    last_epochs: Annotated[
        Count, Field(ge=2, description="last epochs that 'different epochs' compares; all where fewer are trained")
    ] = 10
    long_factor: Annotated[
        Count,
        Field(ge=2, le=1000, description="how many times longer the long runs train (paper: 2000 epochs for 200)"),
    ] = 10
    finetune_batches: Annotated[
        Count, Field(le=100_000, description="mini-batches of fine-tuning a child from a snapshot")
    ] = 64
    calibration_batches: Annotated[
        Count,
        Field(le=100_000, description="training batches on which batch-norm statistics are recalibrated for one child"),
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
    stack: Annotated[
        Count, Field(le=1000, description="largest number of copies that one job trains as one network")
    ] = 10


class Study(Spec):
    """A whole study; `load_study` makes one from YAML. Raises pydantic's ValidationError for impossible values."""

    name: Annotated[str, Field(max_length=100, pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
    about: str = ""
    trial: Annotated[bool, Field(description="its numbers mean nothing: reports give no verdicts")] = False
    seed: Seed = 1
    data: DataSpec
    space: SearchSpace = SearchSpace()
    sample: Annotated[SampleSpec | None, Field(description="a sample of the space to rank; all of it if none")] = None
    net: NetShape = NetShape()
    sharing: Annotated[SharingSpec, Field(description="of super-nets, wherever an experiment does not say")] = (
        SharingSpec()
    )
    training: Recipe = Recipe()
    experiments: ExperimentsSpec = ExperimentsSpec()

    @property
    def last_epochs(self) -> int:
        """How many last epochs are compared: `experiments.last_epochs`, or all where fewer are trained."""
        return min(self.experiments.last_epochs, self.training.epochs)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        known = primitive_names()
        unknown = [name for name in self.space.primitives if name not in known and not is_import_path(name)]
        if unknown:
            raise ValueError(
                f"space.primitives: {unknown[0]!r}; known are {', '.join(known)}{nearest(unknown[0], known)}; one of your "
                "own is named by its import path, module:function"
            )
        edges = self.space.nodes * (self.space.nodes + 1) // 2
        children = len(self.space.primitives) ** min(edges, 64)  # exact where it matters
        most, made = MOST_CHILDREN if self.sample is None else MOST_SAMPLED, list(self.space.primitives)
        if not 3 <= children <= most:
            ranked = (
                "trains and ranks every one of them"
                if self.sample is None
                else "trains every one of them in super-nets"
            )
            remedy = "; or rank a sample: sample.children" if self.sample is None and children > most else ""
            raise ValueError(
                f"space: nodes {self.space.nodes} and primitives {made} make {children} children; "
                f"a study {ranked}, so 3 … {most}{remedy}"
            )
        if self.sample is not None and self.sample.children >= children:
            raise ValueError(
                f"sample.children: {self.sample.children} of a space of {children}; leave it out to rank all of them"
            )
        if self.sample is not None and self.sharing.kind != "all":
            raise ValueError(
                f"sharing.kind: {self.sharing.kind} with sample.children, where super-nets train all {children} children and "
                "share all weights; leave out one of them"
            )
        if self.net.misfit is not None:
            raise ValueError(f"net.{self.net.misfit}")
        if self.sharing.kind == "prefix" and (self.sharing.k or 0) > self.net.cells:
            raise ValueError(f"sharing.k: {self.sharing.k}; at most net.cells = {self.net.cells}")
        if self.sharing.edges and max(self.sharing.edges) > edges:
            raise ValueError(f"sharing.edges: {list(self.sharing.edges)}; the space has edges 1 … {edges}")
        if self.training.lr_min > self.training.lr:
            raise ValueError(f"training.lr_min: {self.training.lr_min}; at most training.lr = {self.training.lr}")
        if self.training.epochs < 2:
            raise ValueError(f"training.epochs: {self.training.epochs}; at least 2, whose ranks are compared")
        alone = self.experiments.alone_epochs
        if alone is not None and alone < self.last_epochs:
            raise ValueError(
                f"experiments.alone_epochs: {alone}; at least experiments.last_epochs = {self.last_epochs}"
            )
        self._require_bounded(children, edges)
        return self

    def _require_bounded(self, children: int, edges: int) -> None:
        """No product of values that are allowed one by one is more than a plan can hold."""
        asked, net = self.experiments, self.net
        long = self.training.epochs * asked.long_factor
        if long > MOST_EPOCHS:
            raise ValueError(
                f"experiments.long_factor: {asked.long_factor}; with training.epochs = {self.training.epochs} the long "
                f"runs have {long} epochs, at most {MOST_EPOCHS}"
            )
        times = max(asked.instances, asked.ground_truth_seeds)
        children = children if self.sample is None else self.sample.children
        if children * times > MOST_ALONE:
            raise ValueError(
                f"experiments: {children} children are trained alone by {times} initialisations (the larger of instances "
                f"and ground_truth_seeds), {children * times} times in all; at most {MOST_ALONE}"
            )
        copies = min(asked.stack, times)
        widest = net.channels * 2 ** (net.stacks - 1)
        in_cell = 2 * widest**2 * (self.space.nodes + edges * len(self.space.primitives))
        weights = copies * (net.cells * in_cell + 9 * (net.channels * net.stem_multiplier) ** 2)
        if weights > MOST_WEIGHTS:
            raise ValueError(
                f"net: cells {net.cells}, channels {net.channels} and stem_multiplier {net.stem_multiplier} make about "
                f"{weights} weights in {copies} copies (experiments.stack); at most {MOST_WEIGHTS}"
            )
