"""Readings: the same super-nets read in several ways, against what each reading costs (not in the paper)."""

from collections.abc import Sequence

import numpy as np

from commonweight.paper.estimates import estimated_mean, estimated_s_tau
from commonweight.paper.evidence import Randomness, report_stream
from commonweight.paper.experiments import ORDERS_SHUFFLED, SEEDS
from commonweight.paper.figures import Curves, Series, band_of
from commonweight.paper.lastbatches import ROUNDS
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Column, Number, Row, Table
from commonweight.paper.targets import artefact
from commonweight.paper.truth import GROUND_TRUTH
from commonweight.ranking import Reading, gt_tau, readings, top_n_rank
from commonweight.study.setting import Measured, Setting

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
BANDS = "Bands: 95 % bootstrap over instances."


@artefact(
    "readings",
    None,
    SEEDS.window(ROUNDS),
    SEEDS.last_epochs(),
    ORDERS_SHUFFLED.window(ROUNDS),
    ORDERS_SHUFFLED.last_epochs(),
    GROUND_TRUTH,
)
def readings_artefact(  # noqa: PLR0917
    fixed_window: Measured,
    fixed_epochs: np.ndarray,
    shuffled_window: Measured,
    shuffled_epochs: np.ndarray,
    truth: np.ndarray,
    setting: Setting,
) -> tuple[Table, Table, Curves]:
    """Readings of the last mini-batches and of the last epochs, with a fixed and with shuffled orders."""
    stream, children, tables, series = report_stream(setting), len(truth), [], []
    for name, order, short, window, epochs in (
        ("readings", "a fixed order", "fixed", fixed_window, fixed_epochs),
        ("readings-shuffled", "shuffled orders", "shuffled", shuffled_window, shuffled_epochs),
    ):
        known = bool(window.trained.any(axis=1).all())  # whether the window trained each child that is ranked
        dense = [way for way in readings(len(window.step), children) if known or not way.needs_trained]
        sparse = [way for way in readings(epochs.shape[1], children) if way.passes > 1]
        rows = reading_rows(window.accuracy, window.trained, truth, dense, "mini-batches", stream)
        nobody = np.zeros(epochs.shape[1:], dtype=bool)  # no reading of several moments looks at who was trained
        more = reading_rows(epochs, nobody, truth, sparse, "epochs", stream)
        title = f"Super-nets with {order}, read in several ways"
        tables.append(Table(name, title, COLUMNS, (*rows, *more), NOTES))
        series += reading_series(dense, rows, f" ({short})")
    fixed, shuffled = tables
    return fixed, shuffled, reading_curves(series, ("Readings of the last mini-batches.", BANDS))


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
        title = f"{way.name} {moments}" if way.passes > 1 else way.name
        gt = estimated_mean(gt_tau(read, ground_truth), randomness)
        stable = estimated_s_tau(read, randomness) if len(read) > 1 else None
        t1r, t3r = (
            estimated_mean(top_n_rank(read, ground_truth, n), randomness) for n in (1, min(3, len(ground_truth)))
        )
        rows.append(Row(title, len(read), (Number(way.passes), gt, stable, t1r, t3r)))
    return rows


def reading_series(ways: Sequence[Reading], rows: Sequence[Row], suffix: str = "") -> list[Series]:
    """GT-Tau against passes: one curve for each family of these readings, from their rows; single ones come last."""
    families: dict[str, list[tuple[Reading, Number]]] = {}
    for way, row in zip(ways, rows, strict=True):
        _, gt, *_ = row.numbers
        assert gt is not None
        families.setdefault(way.family, []).append((way, gt))
    series = []
    for family, members in sorted(families.items(), key=lambda item: len(item[1]) == 1):
        low, high = band_of([gt.interval for _, gt in members])
        passes, taus = np.array([[way.passes, gt.value] for way, gt in members]).T
        series.append(Series(f"{family}{suffix}", passes, taus, low=low, high=high, family=family))
    return series


def reading_curves(series: Sequence[Series], notes: tuple[str, ...]) -> Curves:
    """The figure of what `reading_series` gives."""
    title, x = "GT-Tau of a reading against its cost", "validation passes per child"
    return Curves("readings-curves", title, x, "GT-Tau", tuple(series), notes, log_x=True)
