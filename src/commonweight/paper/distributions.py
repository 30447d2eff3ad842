"""Figures 3a and 3b, and Insight 1: what many unstable ranks say together (paper §3.3)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from commonweight.paper.estimates import estimated_mean
from commonweight.paper.evidence import Randomness, report_stream
from commonweight.paper.experiments import ORDERS_SHUFFLED
from commonweight.paper.figures import Box, Boxes, Curves, Identity, Series, band_of
from commonweight.paper.stability import median_instance
from commonweight.paper.tables import INTERVALS, Column, Number, Row, Table, mean_std
from commonweight.paper.targets import artefact
from commonweight.paper.truth import GROUND_TRUTH, IDENTITIES
from commonweight.ranking import Interval, ranks, survival, survival_intervals
from commonweight.study.setting import Setting

TOPS = (1, 3, 5, 10)
KEPT = (0.75, 0.5, 0.25, 0.125)
POINTS = 256  # of a curve of pruning; with more children it is not read at each number of them


@artefact("figure-3a", "3.3", ORDERS_SHUFFLED.last(), IDENTITIES)
def figure_3a(last: np.ndarray, identities: Sequence[Identity], setting: Setting) -> tuple[Boxes]:
    """Ranks of each child over instances of shuffled orders, at the last epoch."""
    notes = (f"{len(last)} instances of shuffled orders, after epoch {setting.study.training.epochs}.",)
    return (rank_boxes("figure-3a", "Ranks of each child over instances", last, identities, notes),)


@artefact("figure-3b", "3.3", ORDERS_SHUFFLED.last_epochs(), IDENTITIES)
def figure_3b(epochs: np.ndarray, identities: Sequence[Identity], _: Setting) -> tuple[Boxes]:
    """Ranks of each child over the last epochs of one instance of shuffled orders."""
    instance = median_instance(epochs)
    notes = (f"The last {epochs.shape[1]} epochs of instance {instance} of shuffled orders.",)
    title = "Ranks of each child over the last epochs of one instance"
    return (rank_boxes("figure-3b", title, epochs[instance], identities, notes),)


@artefact("insight-1", "3.3", ORDERS_SHUFFLED.last_epochs(), GROUND_TRUTH)
def insight_1(epochs: np.ndarray, truth: np.ndarray, setting: Setting) -> tuple[Table | Curves, ...]:
    """Pruning: who of the truly best survives when the children that rank badly again and again are dropped."""
    return pruning("insight-1", epochs, "epochs", truth, report_stream(setting))


def rank_boxes(
    name: str, title: str, accuracies: np.ndarray, identities: Sequence[Identity], notes: tuple[str, ...]
) -> Boxes:
    """How the ranks of each child in `accuracies` `[rank, child]` are distributed."""
    given = ranks(accuracies)
    boxes = [Box(identity, given[:, index]) for index, identity in enumerate(identities)]
    boxes.sort(key=lambda box: box.identity.rank)
    return Boxes(name, title, "child, the best of ground truth first", "rank", tuple(boxes), notes, len(boxes))


def pruning(
    name: str, accuracies: np.ndarray, moments: str, truth: np.ndarray, randomness: Randomness
) -> tuple[Table | Curves, ...]:
    """Survival by the mean rank over the moments of one instance, and over all instances at the last moment.

    `accuracies` `[instance, moment, child]`; with one moment, or one instance, there is only the other verdict.
    """
    instances, looks, children = accuracies.shape
    tops = [top for top in TOPS if top <= children]
    shown = {max(1, round(share * children)) for share in KEPT}
    kept = sorted({*shown, *np.linspace(1, children, min(children, POINTS)).round().astype(int).tolist()})
    verdicts = []
    if looks > 1:
        survives = survival(accuracies, truth, tops, kept)  # [instance, kept, top]
        words = (f"{moments} of one instance", f"the last {looks} {moments} of one instance")
        verdicts.append(_Verdict(moments, *words, kept, survives, _mean_intervals(survives, randomness)))
    if instances > 1:
        last = accuracies[:, -1]
        known = survival_intervals(last, truth, randomness("survival"), tops, kept)
        intervals = known or [[None] * len(tops)] * len(kept)
        words = ("all instances", f"the last moments of {instances} instances")
        verdicts.append(_Verdict("instances", *words, kept, survival(last, truth, tops, kept)[None], intervals))
    rows = []
    for number in sorted(shown, reverse=True):
        keep = f"keep {number} of {children}"
        rows += [
            Row(f"{keep}, {verdict.title}", len(verdict.survives), verdict.numbers(number)) for verdict in verdicts
        ]
        rows.append(Row(f"{keep}, by chance", 0, (Number(number / children),) * len(tops)))
    notes = (
        "Share of the true top n among the children that are kept: those of the best mean rank over "
        f"{' or over '.join(verdict.over for verdict in verdicts)}. ± is between instances.",
        INTERVALS,
    )
    columns = tuple(Column(f"top_{top}", f"top {top}", 3) for top in tops)
    table = Table(name, "Pruning: survival of the truly best children", columns, tuple(rows), notes)
    return table, *(verdict.curves(name, tops) for verdict in verdicts)


@dataclass(frozen=True, eq=False)
class _Verdict:
    """Who is among the `kept` by the mean rank over some ranks: `survives` `[verdict, kept, top]`, intervals `[kept][top]`.

    The last of `kept` is all children.
    """

    key: str
    title: str
    over: str
    kept: Sequence[int]
    survives: np.ndarray
    intervals: Sequence[Sequence[Interval | None]]

    def numbers(self, number: int) -> tuple[Number, ...]:
        """For each top, when so many are kept."""
        place = self.kept.index(number)
        pairs = zip(self.survives[:, place].T, self.intervals[place], strict=True)
        return tuple(mean_std(shares, interval) for shares, interval in pairs)

    def curves(self, name: str, tops: Sequence[int]) -> Curves:
        """Survival against the share dropped, with bands."""
        dropped = 1 - np.array(self.kept) / self.kept[-1]
        series = []
        for place, top in enumerate(tops):
            low, high = band_of([row[place] for row in self.intervals])
            series.append(Series(f"top {top}", dropped, self.survives[..., place].mean(axis=0), low=low, high=high))
        series.append(Series("by chance", dropped, 1 - dropped))
        notes = (f"Kept by the mean rank over {self.over}. Bands: 95 % bootstrap over instances.",)
        title, x, y = f"Pruning by {self.title}", "share of children dropped", "share of the true top n kept"
        return Curves(f"{name}-{self.key}", title, x, y, tuple(series), notes)


def _mean_intervals(survives: np.ndarray, randomness: Randomness) -> list[list[Interval | None]]:
    """Of the mean over instances `[instance, kept, top]`: `[kept][top]`."""
    return [[estimated_mean(shares, randomness).interval for shares in kept.T] for kept in survives.transpose(1, 0, 2)]
