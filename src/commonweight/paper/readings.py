"""Readings: the same super-nets read in several ways, against what each reading costs (not in the paper)."""

from collections.abc import Sequence

import numpy as np

from commonweight.paper.evidence import Evidence, Randomness
from commonweight.paper.figures import Curves, Series, band_of
from commonweight.paper.lastbatches import ROUNDS
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Column, Number, Row, Table, mean_std
from commonweight.ranking import Reading, gt_tau, mean_interval, readings, s_tau, s_tau_interval, top_n_rank

COLUMNS = (
    Column("passes", "passes per child", 0),
    Column("gt_tau", "GT-Tau", 4),
    Column("s_tau", "S-Tau", 4),
    Column("t1r", "T1R", 1),
    Column("t3r", "T3R", 1),
)
NOTES = (
    "One validation pass: one child validated once on the sweep's images. 'Mean of last 16': each child is ranked by the "
    "mean of its accuracies over the last 16 moments. 'Just after training': each child by its accuracy just after the "
    "last mini-batch that trained it.",
    PLUS_MINUS,
    INTERVALS,
)


def readings_artefact(evidence: Evidence) -> tuple[Table, Table, Curves]:
    """Readings of the last mini-batches and of the last epochs, with a fixed and with shuffled orders."""
    tables = tuple(
        Table(name, f"Super-nets with {title}, read in several ways", COLUMNS, _rows(evidence, experiment), NOTES)
        for name, title, experiment in (
            ("readings", "a fixed order", "seeds"),
            ("readings-shuffled", "shuffled orders", "orders-shuffled"),
        )
    )
    series = [
        one
        for table, title in zip(tables, ("fixed", "shuffled"), strict=True)
        for one in reading_curves(table.rows, f" ({title})")
    ]
    curves = Curves(
        "readings-curves",
        "GT-Tau of a reading against its cost",
        "validation passes per child",
        "GT-Tau",
        tuple(series),
        ("Readings of the last mini-batches. Bands: 95 % bootstrap over instances.",),
        log_x=True,
    )
    return tables[0], tables[1], curves


def reading_rows(  # noqa: PLR0917
    accuracies: np.ndarray,
    trained: np.ndarray,
    ground_truth: np.ndarray,
    ways: Sequence[Reading],
    moments: str,
    randomness: Randomness,
) -> list[Row]:
    """One row for each way to read `accuracies` `[instance, moment, child]`, in the columns of `COLUMNS`."""
    rows = []
    for way in ways:
        read = way(accuracies, trained)
        title = f"{way.name} {moments}" if " of last " in way.name else way.name
        several = len(read) > 1
        stability = s_tau_interval(read, randomness(title, "S-Tau")) if several else None
        statistics = {
            "GT-Tau": gt_tau(read, ground_truth),
            "T1R": top_n_rank(read, ground_truth, 1),
            "T3R": top_n_rank(read, ground_truth, min(3, len(ground_truth))),
        }
        gt, t1r, t3r = (mean_std(v, mean_interval(v, randomness(title, what))) for what, v in statistics.items())
        stable = Number(s_tau(read).mean, interval=stability) if several else None
        rows.append(Row(title, len(read), (Number(way.passes), gt, stable, t1r, t3r)))
    return rows


def reading_curves(rows: Sequence[Row], suffix: str = "") -> list[Series]:
    """GT-Tau against passes: one curve for each statistic of the last mini-batches, and the readings of one pass."""
    series = []
    for statistic in ("mean", "median", "maximum"):
        chosen = [row for row in rows if row.name.startswith(f"{statistic} of last ") and "epoch" not in row.name]
        if chosen:
            series.append(_curve(f"{statistic}{suffix}", chosen))
    single = [row for row in rows if row.name in ("last moment", "just after training")]
    return series + [_curve(f"{row.name}{suffix}", [row]) for row in single]


def _curve(name: str, rows: Sequence[Row]) -> Series:
    passes, taus = (np.array([n.value for row in rows if (n := row.numbers[place])]) for place in (0, 1))
    low, high = band_of([n.interval for row in rows if (n := row.numbers[1])])
    return Series(name, passes, taus, low=low, high=high)


def _rows(evidence: Evidence, experiment: str) -> tuple[Row, ...]:
    window = evidence.window(experiment, ROUNDS * evidence.children)
    epochs = evidence.after_epochs(experiment)[:, -evidence.study.experiments.last_epochs :]

    def randomness(*purpose: str) -> np.random.Generator:
        return evidence.stream("readings", experiment, *purpose)

    truth = evidence.ground_truth
    dense = readings(len(window.step), evidence.children)
    sparse = [way for way in readings(epochs.shape[1], evidence.children) if " of last " in way.name]
    nobody = np.zeros(epochs.shape[1:], dtype=bool)
    return (
        *reading_rows(window.accuracy, window.trained, truth, dense, "mini-batches", randomness),
        *reading_rows(epochs, nobody, truth, sparse, "epochs", randomness),
    )
