"""Ranks that another program made, with ground truth: what everything in this folder judges."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from commonweight.elsewhere.accuracy_tables import Scale
from commonweight.errors import UsageError
from commonweight.paper.figures import Identity
from commonweight.ranking import gt_tau, ranks
from commonweight.values import brief


@dataclass(frozen=True, eq=False)
class FromElsewhere:
    """Accuracies `[instance, moment, child]` in [0, 1] after `step` `[moment]`, and ground truth `[child]`.

    `trained` `[instance, moment, child]` (bool) says, where it is known, which child each moment's mini-batch trained.
    `scale` says what the numbers are, which may be scores on any scale, of which higher is better; `method` names them where
    there are those of several methods. `seeds` `[seed, child]` are those whose mean ground truth is, where it has several,
    and `known` the number of children that its source has; `chosen` says in words how these were chosen. `baselines` are
    numbers `[child]` that a rank has to beat, more is better, by name. Raises `UsageError` when the parts do not fit each
    other.
    """

    __repr__ = brief

    children: tuple[str, ...]
    accuracy: np.ndarray
    ground_truth: np.ndarray
    step: np.ndarray
    trained: np.ndarray | None = None
    scale: Scale = Scale.ACCURACY
    method: str = ""
    seeds: np.ndarray | None = None
    known: int | None = None
    chosen: str = ""
    baselines: Mapping[str, np.ndarray] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shape = self.accuracy.shape
        if len(shape) != 3 or shape[2] != len(self.children) or self.ground_truth.shape != (len(self.children),):
            raise UsageError(
                f"accuracies have shape {shape} and ground truth {self.ground_truth.shape} for {len(self.children)} "
                "children; expected [instance, moment, child] and [child]"
            )
        if len(self.children) < 3:
            raise UsageError(f"{len(self.children)} children; a rank worth asking about has at least 3")
        child, times = Counter(self.children).most_common(1)[0]
        if times > 1:
            raise UsageError(f"child {child!r} stands {times} times; expected it once")
        if np.ptp(self.ground_truth) == 0:
            raise UsageError(f"ground truth is {self.ground_truth[0]:g} for every child; expected one that orders them")
        if len(self.step) != shape[1] or (self.trained is not None and self.trained.shape != shape):
            raise UsageError(f"moments {self.step.shape} or just trained children do not fit accuracies {shape}")
        if self.seeds is not None and (
            len(self.seeds) < 2 or not np.array_equal(self.seeds.mean(0), self.ground_truth)
        ):
            raise UsageError(
                f"seeds of shape {self.seeds.shape}; expected two or more, and ground truth to be their mean"
            )
        for name, numbers in self.baselines.items():
            if numbers.shape != self.ground_truth.shape:
                raise UsageError(
                    f"baseline {name!r} has shape {numbers.shape}; expected one number for each of {shape[2]}"
                )
        if self.known is not None and self.known < shape[2]:
            raise UsageError(f"ground truth of {self.known} children for {shape[2]}; expected all of these, or more")

    @cached_property
    def gt_taus(self) -> np.ndarray:
        """GT-Tau `[instance, moment]`; of many children it is much work, and several tables and figures show it."""
        return gt_tau(self.accuracy, self.ground_truth)

    @property
    def identities(self) -> tuple[Identity, ...]:
        """What a figure says of each child; another program's primitives are not known."""
        facts = zip(self.children, ranks(self.ground_truth), self.ground_truth, strict=True)
        return tuple(Identity(child, (), int(rank), float(best)) for child, rank, best in facts)
