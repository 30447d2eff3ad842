"""Samples of the children of a space that is too large to rank all of them."""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable

import numpy as np

from commonweight.errors import UsageError
from commonweight.space.search_space import Child


def stratified(
    children: Iterable[Child], count: int, rng: np.random.Generator, stratum: Callable[[Child], Hashable]
) -> tuple[Child, ...]:
    """`count` different children, as equally many of each stratum as it has, in lexicographic order.

    Example: of NAS-Bench-201's children 64 have no convolution and 4,860 have two; a stratified sample of 70 has ten of
    each number from 0 to 6. Rare children at the ends of a scale spread accuracies, so a tau on such a sample is higher than
    one on a uniform sample: it flatters. Raises `UsageError` for more children than there are.
    """
    members: dict[Hashable, list[Child]] = defaultdict(list)
    for child in children:
        members[stratum(child)].append(child)
    have = sum(map(len, members.values()))
    if not 0 <= count <= have:
        raise UsageError(f"cannot draw {count} different children from {have}")
    left, drawn = count, []
    smallest_first = sorted(members.items(), key=lambda item: len(item[1]))
    for place, (_, group) in enumerate(smallest_first):
        share = min(len(group), left // (len(smallest_first) - place))
        drawn += [group[index] for index in rng.permutation(len(group))[:share].tolist()]
        left -= share
    return tuple(sorted(drawn))


def convolutions(child: Child) -> int:
    """Edges of the child that hold a convolution: what its size, and much of its accuracy, comes from."""
    return sum("conv" in name for name in child.primitives)
