"""Figures 3a and 3b, and Insight 1: what many unstable ranks say together (paper §3.3)."""

from collections.abc import Sequence

import numpy as np

from commonweight.paper.evidence import Evidence, Randomness
from commonweight.paper.figures import Box, Boxes, Curves, Identity, Series, band_of
from commonweight.paper.tables import INTERVALS, Column, Number, Row, Table, mean_std
from commonweight.ranking import mean_interval, ranks, survival, survival_interval

TOPS = (1, 3, 5, 10)
KEPT = (0.75, 0.5, 0.25, 0.125)


def figure_3a(evidence: Evidence) -> tuple[Boxes]:
    """Ranks of each child over instances of shuffled orders, at the last epoch."""
    final = evidence.final("orders-shuffled")
    notes = (f"{len(final)} instances of shuffled orders, after epoch {evidence.study.training.epochs}.",)
    return (rank_boxes("figure-3a", "Ranks of each child over instances", final, evidence.identities, notes),)


def figure_3b(evidence: Evidence) -> tuple[Boxes]:
    """Ranks of each child over the last epochs of one instance of shuffled orders."""
    last = evidence.different_epochs
    notes = (f"The last {len(last)} epochs of instance {evidence.median_instance} of shuffled orders.",)
    title = "Ranks of each child over the last epochs of one instance"
    return (rank_boxes("figure-3b", title, last, evidence.identities, notes),)


def insight_1(evidence: Evidence) -> tuple[Table, Curves]:
    """Pruning: who of the truly best survives when the children that rank badly again and again are dropped."""
    epochs = evidence.after_epochs("orders-shuffled")[:, -evidence.study.experiments.last_epochs :]
    return pruning("insight-1", epochs, "epochs", evidence.ground_truth, evidence.stream)


def rank_boxes(
    name: str, title: str, accuracies: np.ndarray, identities: Sequence[Identity], notes: tuple[str, ...]
) -> Boxes:
    """How the ranks of each child in `accuracies` `[rank, child]` are distributed."""
    given = ranks(accuracies)
    boxes = [Box(identity, given[:, index]) for index, identity in enumerate(identities)]
    boxes.sort(key=lambda box: box.identity.rank)
    return Boxes(name, title, "child, the best of ground truth first", "rank", tuple(boxes), notes)


def pruning(
    name: str, accuracies: np.ndarray, moments: str, truth: np.ndarray, randomness: Randomness
) -> tuple[Table, Curves]:
    """Survival by the mean rank over the moments of one instance, and over all instances at the last moment.

    `accuracies` `[instance, moment, child]`; with one moment, or one instance, there is only the other verdict.
    """
    instances, looks, children = accuracies.shape
    tops = [top for top in TOPS if top <= children]
    one = survival(accuracies, truth, tops) if looks > 1 else None  # [instance, kept, top]
    many = survival(accuracies[:, -1], truth, tops) if instances > 1 else None  # [kept, top]
    rows = []
    for kept in sorted({max(1, round(share * children)) for share in KEPT}, reverse=True):
        keep = f"keep {kept} of {children}"
        if one is not None:
            numbers = [
                mean_std(survives, mean_interval(survives, randomness(name, str(kept), str(top))))
                for top, survives in zip(tops, one[:, kept - 1].T, strict=True)
            ]
            rows.append(Row(f"{keep}, {moments} of one instance", instances, tuple(numbers)))
        if many is not None:
            across = accuracies[:, -1]
            numbers = [
                Number(
                    float(share),
                    interval=survival_interval(across, truth, top, kept, randomness(name, "all", str(kept), str(top))),
                )
                for top, share in zip(tops, many[kept - 1], strict=True)
            ]
            rows.append(Row(f"{keep}, all instances", 1, tuple(numbers)))
        rows.append(Row(f"{keep}, by chance", 0, (Number(kept / children),) * len(tops)))
    notes = (
        "Share of the true top n among the children that are kept: those of the best mean rank.",
        *(
            (f"{moments.capitalize()} of one instance: over the last {looks} of them; ± between instances.",)
            if looks > 1
            else ()
        ),
        *((f"All instances: over {instances} of them at the last moment.",) if instances > 1 else ()),
        INTERVALS,
    )
    columns = tuple(Column(f"top_{top}", f"top {top}", 3) for top in tops)
    table = Table(name, "Pruning: survival of the truly best children", columns, tuple(rows), notes)
    return table, _survival_curves(name, one, many, tops, moments, randomness)


def _survival_curves(  # noqa: PLR0917
    name: str,
    one: np.ndarray | None,
    many: np.ndarray | None,
    tops: list[int],
    moments: str,
    randomness: Randomness,
) -> Curves:
    several = [survives for survives in (one, many) if survives is not None]
    children = several[0].shape[-2]
    dropped = 1 - np.arange(1, children + 1) / children
    series = []
    for place, top in enumerate(tops if one is not None else []):
        assert one is not None
        bands = [mean_interval(one[:, kept, place], randomness(f"{name} figure")) for kept in range(children)]
        low, high = band_of(bands)
        series.append(Series(f"top {top}, {moments}", dropped, one[..., place].mean(axis=0), low=low, high=high))
    if many is not None:
        series += [
            Series(f"top {top}, instances", dropped, many[:, place], dotted=True) for place, top in enumerate(tops)
        ]
    series.append(Series("by chance", dropped, 1 - dropped))
    notes = (
        f"{moments.capitalize()}: by mean rank over the last {moments} of one instance, with 95 % bootstrap bands over "
        "instances. Dotted: by mean rank over all instances at the last moment.",
    )
    title = "Pruning: survival against share dropped"
    return Curves(
        f"{name}-curves", title, "share of children dropped", "share of the true top n kept", tuple(series), notes
    )
