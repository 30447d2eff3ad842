"""Which child each mini-batch trains (paper §3.2)."""

from enum import Enum

import numpy as np

from commonweight.seeds import Stream


class ChildOrder(Enum):
    """`FIXED`: one permutation of the children, repeated. `SHUFFLED`: a new permutation each round of all children.
    `UNIFORM`: independent draws.

    Example: two rounds of three children could be 201 201 under `FIXED`, 201 012 `SHUFFLED`, and 220 102 `UNIFORM`.
    """

    FIXED = "fixed"
    SHUFFLED = "shuffled"
    UNIFORM = "uniform"

    def visits(self, children: int, steps: int, stream: Stream) -> np.ndarray:
        """Position of the child that each mini-batch trains, int64 `[step]`; a longer run begins like a shorter one."""
        rounds = -(-steps // children)
        match self:
            case ChildOrder.FIXED:
                order = np.tile(stream.generator().permutation(children), rounds)
            case ChildOrder.SHUFFLED:
                rng = stream.generator()
                order = np.concatenate([rng.permutation(children) for _ in range(rounds)])
            case ChildOrder.UNIFORM:
                order = stream.generator().integers(0, children, size=steps)
        return order[:steps]
