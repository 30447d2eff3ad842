"""The random rank: what a method that knows nothing of its children would produce (paper section 3.2, Table 1)."""

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from commonweight.errors import UsageError


def random_ranks(instances: int, children: int, rng: Generator) -> NDArray[np.float64]:
    """Pseudo-accuracies [instance, child]: each row an independent uniform permutation of 0/n, 1/n … (n − 1)/n.

    There are no ties; the tau of two rows has mean 0 and variance 2 (2n + 5) / (9 n (n − 1)) for n children (Kendall,
    1938). Raises `UsageError` for fewer than 1 instance or 2 children.
    """
    if instances < 1 or children < 2:
        raise UsageError(
            f"got {instances} instance(s) of {children} child(ren); expected at least 1 of at least 2: ask for more"
        )
    ordered = np.arange(children) / children
    return rng.permuted(np.tile(ordered, (instances, 1)), axis=1)
