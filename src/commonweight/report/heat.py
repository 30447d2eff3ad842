"""Curves of more children than a reader can tell apart, as a heat map and a few of them as lines."""

from dataclasses import dataclass

import numpy as np

from commonweight.paper import Curves, Identity

NAMED = 4  # children whose lines stand beside a heat map: the best, the worst, and between


@dataclass(frozen=True, eq=False)
class Heat:
    """`values` `[child, moment]` over `at` `[moment]`, nan where a child has none; the best of ground truth first.

    `marked` `[child, moment]` (bool): the child was just trained.
    """

    identities: tuple[Identity, ...]
    at: np.ndarray
    values: np.ndarray
    marked: np.ndarray


def heat_of(curves: Curves) -> Heat:
    """All series of a child in its row. Where two have a value at one moment, as where fine-tuning starts, the later one."""
    known = {series.identity.rank: series.identity for series in curves.series if series.identity is not None}
    ranks = sorted(known)
    rows = {rank: row for row, rank in enumerate(ranks)}
    at = np.unique(np.concatenate([series.at for series in curves.series]))
    values, marked = np.full((len(ranks), len(at)), np.nan), np.zeros((len(ranks), len(at)), dtype=bool)
    for series in curves.series:
        assert series.identity is not None
        row, columns = rows[series.identity.rank], np.searchsorted(at, series.at)
        values[row, columns] = series.values
        if series.marked is not None:
            marked[row, columns] |= series.marked
    return Heat(tuple(known[rank] for rank in ranks), at, values, marked)


def shown_children(curves: Curves) -> list[int]:
    """The numbers of the series of `NAMED` children, evenly spread over the ranks from the best to the worst."""
    ranks = sorted({series.identity.rank for series in curves.series if series.identity is not None})
    chosen = {ranks[place] for place in np.linspace(0, len(ranks) - 1, NAMED).round().astype(int)}
    return [place for place, series in enumerate(curves.series) if series.identity and series.identity.rank in chosen]
