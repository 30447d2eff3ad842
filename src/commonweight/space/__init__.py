"""Search spaces and their children, as values; no network in sight."""

from commonweight.space.nas_bench_201 import NAS_BENCH_201, architecture, child_of
from commonweight.space.sampling import convolutions, stratified
from commonweight.space.search_space import PAPER_PRIMITIVES, Child, Edge, SearchSpace

__all__ = [
    "NAS_BENCH_201",
    "PAPER_PRIMITIVES",
    "Child",
    "Edge",
    "SearchSpace",
    "architecture",
    "child_of",
    "convolutions",
    "stratified",
]
