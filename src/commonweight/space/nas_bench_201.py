"""NAS-Bench-201's space, and its children's names as its tables write them (Dong and Yang, 2020, arXiv:2001.00326)."""

import re

from commonweight.errors import UsageError
from commonweight.space.search_space import Child, SearchSpace

NAS_BENCH_201 = SearchSpace(
    3, ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3_alone")
)  # the benchmark's order
"""15,625 children. Its `avg_pool_3x3` has no batch normalisation behind it, as the paper's has: so another name."""

_THEIRS = {"avg_pool_3x3_alone": "avg_pool_3x3"}
_OURS = {theirs: ours for ours, theirs in _THEIRS.items()}


def architecture(child: Child) -> str:
    """The child as NAS-Bench-201 and NATS-Bench write it: for each node its edges, each `primitive~source`.

    Example: `|nor_conv_3x3~0|+|none~0|skip_connect~1|+|none~0|none~1|avg_pool_3x3~2|`. Raises `UsageError` for a child of
    another space.
    """
    if child.space != NAS_BENCH_201:
        raise UsageError(f"child {child} is of another space; expected one of NAS_BENCH_201")
    names = iter(_THEIRS.get(name, name) for name in child.primitives)
    nodes = range(1, child.space.nodes + 1)
    return "+".join("|" + "".join(f"{next(names)}~{source}|" for source in range(node)) for node in nodes)


def child_of(text: str) -> Child:
    """The child that `architecture` writes so; raises `UsageError` for any other text."""
    digits = []
    for name in re.findall(r"\|([a-z0-9_]+)~", text.replace("|", "||")):
        if (ours := _OURS.get(name, name)) in NAS_BENCH_201.primitives and name not in _THEIRS:
            digits.append(NAS_BENCH_201.primitives.index(ours) + 1)
    if len(digits) == len(NAS_BENCH_201.edges):
        child = Child(NAS_BENCH_201, tuple(digits))
        if architecture(child) == text:
            return child
    example = architecture(NAS_BENCH_201.child_at(0))
    raise UsageError(f"{text!r} is no architecture of NAS-Bench-201; expected six primitives like {example}")
