"""Where the instability comes from: the same super-nets under other batch-norm statistics (not in the paper).

Training normalises every mini-batch by its own statistics, so running ones never touch the weights: what changes when they
are replaced is the statistics' doing, and what stays is the weights'.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from commonweight.paper.estimates import estimated_mean, estimated_s_tau, estimated_share
from commonweight.paper.evidence import report_stream
from commonweight.paper.experiments import OTHER_BATCH, SEEDS, SHORTER, TRUTH, UNSHARED_NORM, unshared_norm
from commonweight.paper.figures import Curves, Series, band_of
from commonweight.paper.hidden import AS_TRAINED, under_statistics
from commonweight.paper.planned import FromScratch
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Column, Number, Row, Table
from commonweight.paper.targets import artefact
from commonweight.paper.truth import GROUND_TRUTH
from commonweight.paper.views import View, all_of
from commonweight.ranking import gt_tau, top_n_rank
from commonweight.study.setting import Setting

KEPT = "kept per child"
COLUMNS = (
    Column("updates", "updates per child", 1),
    Column("s_tau", "S-Tau", 4),
    Column("closed", "share of the gap closed", 2),
    Column("gt_tau", "GT-Tau", 4),
    Column("t1r", "T1R", 1),
)


@dataclass(frozen=True)
class Regime:
    """How long super-nets are trained, and in mini-batches of how many images."""

    epochs: int
    batch: int

    def updates(self, setting: Setting) -> float:
        """Mini-batches that train each child."""
        return self.epochs * -(-setting.train_images // self.batch) / setting.together


def _read(shared: FromScratch, apart: FromScratch) -> View[dict[str, np.ndarray]]:
    """Accuracies `[instance, child]` at the end, by the words for the statistics; instance i is the same under all."""
    return all_of(under_statistics(shared), apart.last()).then(lambda read, _: {**read[0], KEPT: read[1]})


def _read_both(shared: FromScratch) -> View[dict[str, np.ndarray]]:
    return _read(shared, unshared_norm(shared))


@artefact(
    "instability",
    None,
    _read(SEEDS, UNSHARED_NORM),
    SHORTER.each(_read_both),
    OTHER_BATCH.each(_read_both),
    TRUTH.last(),
    GROUND_TRUTH,
)
def instability(  # noqa: PLR0917
    seeds: Mapping[str, np.ndarray],
    shorter: Mapping[int, Mapping[str, np.ndarray]],
    other_batches: Mapping[int, Mapping[str, np.ndarray]],
    alone: np.ndarray,
    truth: np.ndarray,
    setting: Setting,
) -> tuple[Table, Curves, Curves]:
    """S-Tau, GT-Tau and T1R of the same super-nets under four kinds of statistics, by training length and batch size."""
    own = Regime(setting.study.training.epochs, setting.study.training.batch)
    by_length = {**{replace(own, epochs=epochs): read for epochs, read in shorter.items()}, own: seeds}
    by_batch = {**{replace(own, batch=batch): read for batch, read in other_batches.items()}, own: seeds}
    rows = {regime: _rows(regime, read, alone, truth, setting) for regime, read in (by_length | by_batch).items()}
    of_truth = Row(TRUTH.title, len(alone), (None, estimated_s_tau(alone, report_stream(setting)), None, None, None))
    table = Table(
        "instability",
        "The same super-nets under other batch-norm statistics",
        COLUMNS,
        (*(row for by_statistics in rows.values() for row in by_statistics.values()), of_truth),
        _notes(setting),
    )
    how_to_read = (
        "From the curve as trained up to the line of ground truth is the instability. What another curve closes of it is in "
        "the statistics, the rest in the weights. At 0 ranks agree no more than random ones. Bands: 95 % bootstrap over "
        "instances."
    )
    lengths = {regime.updates(setting): rows[regime] for regime in by_length}
    batches = {float(regime.batch): rows[regime] for regime in sorted(by_batch, key=lambda regime: regime.batch)}
    return (
        table,
        _curves("length", f"batches of {own.batch}", "updates per child", lengths, of_truth, how_to_read),
        _curves("batch", f"{own.epochs} epochs", "images in a mini-batch", batches, of_truth, how_to_read),
    )


def _rows(
    regime: Regime, read: Mapping[str, np.ndarray], alone: np.ndarray, truth: np.ndarray, setting: Setting
) -> dict[str, Row]:
    """One row in the columns of `COLUMNS` for each kind of statistics."""
    stream, rows = report_stream(setting), {}
    for statistics, accuracies in read.items():
        closed = None if statistics == AS_TRAINED else estimated_share(accuracies, read[AS_TRAINED], alone, stream)
        numbers = (
            Number(regime.updates(setting)),
            estimated_s_tau(accuracies, stream),
            closed,
            estimated_mean(gt_tau(accuracies, truth), stream),
            estimated_mean(top_n_rank(accuracies, truth, 1), stream),
        )
        title = f"{regime.epochs} epochs, batch {regime.batch}, statistics {statistics}"
        rows[statistics] = Row(title, len(accuracies), numbers)
    return rows


def _curves(  # noqa: PLR0917
    what: str, fixed: str, x: str, by_place: Mapping[float, Mapping[str, Row]], of_truth: Row, note: str
) -> Curves:
    """S-Tau against the place of each regime: a curve for each kind of statistics, and ground truth's as a line above."""
    at = np.array(list(by_place))
    lines = {f"statistics {how}": [rows[how] for rows in by_place.values()] for how in next(iter(by_place.values()))}
    lines["ground truth: children trained alone"] = [of_truth] * len(at)
    series = []
    for name, rows in lines.items():
        taus = [number for _, number, *_ in (row.numbers for row in rows) if number is not None]
        low, high = band_of([tau.interval for tau in taus])
        series.append(Series(name, at, np.array([tau.value for tau in taus]), low=low, high=high))
    title = f"S-Tau of the same super-nets by batch-norm statistics, {fixed}"
    return Curves(f"instability-{what}", title, x, "S-Tau between instances", tuple(series), (note,), log_x=True)


def _notes(setting: Setting) -> tuple[str, ...]:
    study = setting.study
    return (
        "Training normalises by each mini-batch's own statistics, so running ones never touch the weights: three kinds of "
        "statistics read the very same super-nets. Of the validation batch, recalibrated: as in hidden-choices.",
        "Kept per child: batch norm is not shared, so a child's statistics are those of the mini-batches that trained it; "
        "since the last of these the shared weights moved on. With the paper's primitives all else that this changes is that "
        "the stem's scale and shift are the child's own too.",
        "Share of the gap closed: (S-Tau − S-Tau as trained) / (S-Tau of ground truth − S-Tau as trained): so much of the "
        "instability is in the statistics, the rest in the weights. Without a gap there is none; where the gap is not sure "
        "it has no interval and says nothing.",
        f"Ground truth is that of {setting.alone_epochs} epochs in batches of {study.training.batch} everywhere. Every row "
        f"is read on the same {setting.sweep_images} validation images.",
        "Fewer epochs are a training of their own, along the whole cosine. Other batches see as many images, so each child "
        "gets more updates from smaller ones; the learning rate is the same. Statistics of the validation batch, and the "
        f"{study.experiments.calibration_batches} batches of recalibration, are of the row's own batch size.",
        PLUS_MINUS,
        INTERVALS,
    )
