"""How figures are laid out: so that they speak for themselves, or as in the paper."""

from dataclasses import replace
from enum import Enum

from commonweight.errors import UsageError
from commonweight.paper import Boxes, Curves
from commonweight.report.colours import few_children


class Style(Enum):
    """`CLEAR`: many children as a heat map, many curves as means with bands, x counted from where it matters.

    `PAPER`: the paper's own layout, a line for each child and each instance, over the number of mini-batches trained.
    """

    CLEAR = "clear"
    PAPER = "paper"

    @classmethod
    def named(cls, word: str) -> "Style":
        """The style of this name; raises `UsageError` with the names that there are."""
        try:
            return cls(word)
        except ValueError:
            raise UsageError(f"style {word!r}; expected {', '.join(style.value for style in cls)}") from None


def laid_out(made: Curves | Boxes, style: Style) -> Curves | Boxes:
    """The figure without what a style does not show: the paper's counts from no origin, marks nothing and sums up nothing."""
    if isinstance(made, Boxes):
        return made
    if style is Style.PAPER:
        return replace(made, origin=None, marks=(), summary=())
    return replace(made, series=made.summary or made.series)


def is_heat_map(made: Curves | Boxes, style: Style) -> bool:
    """Whether this style shows the figure as a heat map: curves of more children than can be named."""
    return style is Style.CLEAR and isinstance(made, Curves) and made.children > 0 and not few_children(made)
