"""Who has which colour and line, in static and interactive figures alike."""

from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps

from commonweight.paper import Boxes, Curves, Series

OKABE_ITO = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")  # safe for colour-blind eyes
INK = "#000000"  # of numbered points, whatever their place
FEW = 8  # children whose curves each have their name in the legend
CROWD = 3  # more curves of one family than this are told apart by nothing
DASHES = 4


def rank_colours(children: int) -> list[str]:
    """One colour for each ground-truth rank, the best lightest; dark to light also without any colour (viridis)."""
    shades = np.linspace(0.93, 0.25, max(2, children))  # the ends would not be seen on white, or on a dark page
    found = (255 * colormaps["viridis"](shades)[:children, :3]).round().astype(int).tolist()
    return [f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in found]  # to_hex, for thousands at once


def few_children(curves: Curves) -> bool:
    """Whether the curves belong to so few children that each can be named."""
    return len(_ranks(curves)) <= FEW


def child_colours(curves: Curves) -> list[str]:
    """The colour of each curve, by its child's ground-truth rank; few children share the whole scale among them."""
    ranks = _ranks(curves)
    if len(ranks) <= FEW:
        colours = dict(zip(ranks, rank_colours(len(ranks)), strict=True))
    else:
        colours = dict(enumerate(rank_colours(curves.children), 1))
    return [colours[series.identity.rank] for series in curves.series if series.identity is not None]


def box_colours(boxes: Boxes) -> list[str]:
    """The colour of each box, by its child's ground-truth rank."""
    colours = rank_colours(boxes.children)
    return [colours[box.identity.rank - 1] for box in boxes.boxes]


@dataclass(frozen=True)
class Look:
    """How a curve that belongs to no child looks.

    `label` is its text in the legend, the same for all of a `crowd`. `dash` counts the ways of dashing,
    0 is solid, None is dotted: fine-tuned, or another statistic of what the solid curve of the same colour shows.
    """

    label: str
    colour: str
    dash: int | None
    crowd: bool


def looks(curves: Curves) -> list[Look]:
    """The look of each curve: colour is its family, dashes tell few members of it apart."""
    families: dict[str, list[Series]] = {}
    for series in curves.series:
        families.setdefault(_family(series), []).append(series)
    found = []
    for series in curves.series:
        place, family = list(families).index(_family(series)), families[_family(series)]
        crowd = len(family) > CROWD
        label = f"{_family(series)} ({len(family)} curves)" if crowd else series.name
        solid = [one for one in family if not one.dotted]
        turn = place // len(OKABE_ITO) + (0 if crowd or series.dotted else solid.index(series))
        dash = None if series.dotted else turn % DASHES
        colour = INK if series.numbered else OKABE_ITO[place % len(OKABE_ITO)]
        found.append(Look(label, colour, dash, crowd))
    return found


def _family(series: Series) -> str:
    return series.name if series.family is None else series.family


def _ranks(curves: Curves) -> list[int]:
    return sorted({series.identity.rank for series in curves.series if series.identity is not None})
