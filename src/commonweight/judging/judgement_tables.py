"""Tables of a judgement that `rank` does not have: batch-norm choices, and what is known without ground truth."""

from collections.abc import Mapping, Sequence

import numpy as np

from commonweight.paper.estimates import estimated_mean, estimated_s_tau
from commonweight.paper.evidence import Randomness
from commonweight.paper.tables import INTERVALS, Column, Row, Table
from commonweight.ranking import gt_tau, max_of_last, mean_of_last, tau

GT_TAU, S_TAU = Column("gt_tau", "GT-Tau", 4), Column("s_tau", "S-Tau", 4)


def statistics_table(
    accuracy: np.ndarray, by_batch: np.ndarray, truth: np.ndarray | None, randomness: Randomness
) -> Table:
    """The last sweep `[instance, child]` by running statistics of batch norm, and by those of validation batches."""
    rows = []
    for name, values in (("running statistics, as trained", accuracy), ("statistics of validation batches", by_batch)):
        between = estimated_s_tau(values, randomness) if len(values) > 1 else None
        own = () if truth is None else (estimated_mean(gt_tau(values, truth), randomness),)
        rows.append(Row(name, len(values), (*own, between)))
    columns = (*(() if truth is None else (GT_TAU,)), S_TAU)
    return Table(
        "statistics", "By which batch-norm statistics children are validated", columns, tuple(rows), (INTERVALS,)
    )


def stability_table(accuracy: np.ndarray, untrained: Mapping[str, np.ndarray], randomness: Randomness) -> Table:
    """What ranks `[instance, moment, child]` tell without ground truth: how far they agree, and with what else."""
    instances, moments, _ = accuracy.shape
    named = {"last moment": accuracy[:, -1]}
    if moments > 1:
        named |= {
            f"mean of last {moments}": mean_of_last(accuracy, moments),
            f"max of last {moments}": max_of_last(accuracy, moments),
        }
    rows = []
    for name, values in named.items():
        between = estimated_s_tau(values, randomness) if instances > 1 else None
        others = [estimated_mean(_taus(values, other), randomness) for other in untrained.values()]
        rows.append(Row(f"super-nets, {name}", instances, (between, *others)))
    columns = (S_TAU, *(Column(name.replace(" ", "_"), f"tau with {name}", 4) for name in untrained))
    notes = (
        "Not known without ground truth: GT-Tau, and so whether any of these ranks is right. Instances that agree may agree "
        "on an error, and a rank near that of the number of parameters may be no more than that.",
        INTERVALS,
    )
    return Table("stability", "How far the ranks of instances agree", columns, tuple(rows), notes)


def _taus(ranks: Sequence[np.ndarray] | np.ndarray, other: np.ndarray) -> np.ndarray:
    """Tau of each rank `[rank, child]` with another `[child]`; nan where one is constant."""
    return np.array([tau(rank, other) for rank in ranks])
