"""Search spaces and their children, as values; no network in sight."""

from commonweight.space.choices import MOST_COUNTED, Choices, Chosen, Option
from commonweight.space.nas_bench_201 import NAS_BENCH_201, architecture, child_of
from commonweight.space.protocol import AnyChild, Space
from commonweight.space.sampling import convolutions, stratified
from commonweight.space.search_space import PAPER_PRIMITIVES, Child, Edge, SearchSpace

__all__ = [
    "MOST_COUNTED",
    "NAS_BENCH_201",
    "PAPER_PRIMITIVES",
    "AnyChild",
    "Child",
    "Choices",
    "Chosen",
    "Edge",
    "Option",
    "SearchSpace",
    "Space",
    "architecture",
    "child_of",
    "convolutions",
    "stratified",
]
