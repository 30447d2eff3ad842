"""Figures 3a and 3b, and Insight 1: what many unstable ranks say together (paper §3.3)."""

import numpy as np

from commonweight.paper.evidence import Evidence
from commonweight.paper.figures import Box, Boxes, Curves, Series
from commonweight.paper.tables import INTERVALS, Column, Number, Row, Table, mean_std
from commonweight.ranking import mean_interval, ranks, survival

TOPS = (1, 3, 5, 10)
KEPT = (0.75, 0.5, 0.25, 0.125)


def figure_3a(evidence: Evidence) -> tuple[Boxes]:
    """Ranks of each child over instances of shuffled orders, at the last epoch."""
    final = evidence.final("orders-shuffled")
    notes = (f"{len(final)} instances of shuffled orders, after epoch {evidence.study.training.epochs}.",)
    return (_boxes(evidence, "figure-3a", "Ranks of each child over instances", final, notes),)


def figure_3b(evidence: Evidence) -> tuple[Boxes]:
    """Ranks of each child over the last epochs of one instance of shuffled orders."""
    last = evidence.different_epochs
    notes = (f"The last {len(last)} epochs of instance {evidence.median_instance} of shuffled orders.",)
    return (_boxes(evidence, "figure-3b", "Ranks of each child over the last epochs of one instance", last, notes),)


def insight_1(evidence: Evidence) -> tuple[Table, Curves]:
    """Pruning: who of the truly best survives when the children that rank badly again and again are dropped."""
    epochs = evidence.after_epochs("orders-shuffled")[:, -evidence.study.experiments.last_epochs :]
    across = evidence.final("orders-shuffled")
    children, tops = evidence.children, [top for top in TOPS if top <= evidence.children]
    one = survival(epochs, evidence.ground_truth, tops)  # [instance, kept, top]
    many = survival(across, evidence.ground_truth, tops)  # [kept, top]
    # Leaving out one instance at a time: how much the verdict of several instances hangs on each of them.
    without = np.stack(
        [survival(np.delete(across, i, axis=0), evidence.ground_truth, tops) for i in range(len(across))]
    )
    rows = []
    for kept in sorted({max(1, round(share * children)) for share in KEPT}, reverse=True):
        numbers: list[Number | None] = []
        for place, _ in enumerate(tops):
            interval = mean_interval(one[:, kept - 1, place], evidence.stream("insight-1", str(kept), str(place)))
            numbers.append(mean_std(one[:, kept - 1, place], interval))
        rows.append(Row(f"keep {kept} of {children}, epochs of one instance", len(one), tuple(numbers)))
        numbers = [Number(float(many[kept - 1, p]), float(without[:, kept - 1, p].std())) for p in range(len(tops))]
        rows.append(Row(f"keep {kept} of {children}, all instances", 1, tuple(numbers)))
        rows.append(Row(f"keep {kept} of {children}, by chance", 0, (Number(kept / children),) * len(tops)))
    notes = (
        f"Share of the true top n among the children that are kept. Kept are those of the best mean rank over the last "
        f"{epochs.shape[1]} epochs of one instance (mean over {len(one)} instances of shuffled orders, ± between them), or "
        f"over {len(across)} instances at the last epoch (± when one of them is left out).",
        INTERVALS,
    )
    columns = tuple(Column(f"top_{top}", f"top {top}", 3) for top in tops)
    table = Table("insight-1", "Pruning: survival of the truly best children", columns, tuple(rows), notes)
    return table, _survival_curves(evidence, one, many, tops)


def _survival_curves(evidence: Evidence, one: np.ndarray, many: np.ndarray, tops: list[int]) -> Curves:
    children = evidence.children
    dropped = 1 - np.arange(1, children + 1) / children
    series = []
    for place, top in enumerate(tops):
        bands = [mean_interval(one[:, kept, place], evidence.stream("insight-1 figure")) for kept in range(children)]
        known = all(band is not None for band in bands)
        series.append(
            Series(
                f"top {top}, epochs of one instance",
                dropped,
                one[..., place].mean(axis=0),
                low=np.array([band.low for band in bands if band]) if known else None,
                high=np.array([band.high for band in bands if band]) if known else None,
            )
        )
    series += [
        Series(f"top {top}, all instances", dropped, many[:, place], dotted=True) for place, top in enumerate(tops)
    ]
    series.append(Series("by chance", dropped, 1 - dropped))
    notes = (
        "Bands: 95 % bootstrap over instances, around the curve from the epochs of one instance. Dotted: one verdict from "
        "all instances together.",
    )
    return Curves(
        "insight-1-curves",
        "Pruning: survival against share dropped",
        "share of children dropped",
        "share of the true top n kept",
        tuple(series),
        notes,
    )


def _boxes(evidence: Evidence, name: str, title: str, accuracies: np.ndarray, notes: tuple[str, ...]) -> Boxes:
    given = ranks(accuracies)
    boxes = [Box(identity, given[:, index]) for index, identity in enumerate(evidence.identities)]
    boxes.sort(key=lambda box: box.identity.rank)
    return Boxes(name, title, "child, the best of ground truth first", "rank", tuple(boxes), notes)
