"""Search spaces and their children, as values; no network in sight."""

from commonweight.space.search_space import PAPER_PRIMITIVES, Child, Edge, SearchSpace

__all__ = ["PAPER_PRIMITIVES", "Child", "Edge", "SearchSpace"]
