"""Search spaces and their children, as values; no network in sight."""

from commonweight.space.choices import MOST_COUNTED, Choices, Chosen, Option
from commonweight.space.protocol import AnyChild, Space
from commonweight.space.search_space import PAPER_PRIMITIVES, Child, Edge, SearchSpace

__all__ = [
    "MOST_COUNTED",
    "PAPER_PRIMITIVES",
    "AnyChild",
    "Child",
    "Choices",
    "Chosen",
    "Edge",
    "Option",
    "SearchSpace",
    "Space",
]
