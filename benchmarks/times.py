"""Times of contenders that met on the same children, and the ratios between them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import mean, median


@dataclass(frozen=True)
class Times:
    """Milliseconds of every turn: contender → child (of a sweep: the first) → repeats, by their names."""

    ms: Mapping[str, Mapping[str, Sequence[float]]]

    def median(self, name: str, children: Sequence[str]) -> float:
        """Over repeats, of the mean over these children, milliseconds; a `KeyError` for a child that it did not train."""
        rounds = zip(*(self.ms[name][child] for child in children), strict=True)
        return median(mean(each) for each in rounds)

    def own(self, name: str) -> float:
        """The median over all children that this contender trained, milliseconds."""
        return self.median(name, tuple(self.ms[name]))

    def ratio(self, other: str, name: str) -> float:
        """The other's time over the contender's, on the contender's children."""
        children = tuple(self.ms[name])
        return self.median(other, children) / self.median(name, children)

    def better(self, others: Sequence[str], name: str) -> float:
        """The ratio to the better of others: the least."""
        return min(self.ratio(other, name) for other in others)
