"""Figure 4 and Insight 2: fine-tuning every child alone from a snapshot of the super-net (paper §3.3)."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from commonweight.paper.estimates import estimated_mean
from commonweight.paper.evidence import report_stream
from commonweight.paper.experiments import FINETUNED_END, FINETUNED_HALF, SEEDS
from commonweight.paper.figures import Curves, Identity, Mark, Origin, Series, band_of
from commonweight.paper.lastbatches import DIAMONDS, INSTANCE
from commonweight.paper.looks import END, HALF
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Column, Number, Row, Table
from commonweight.paper.targets import artefact
from commonweight.paper.truth import GROUND_TRUTH, IDENTITIES
from commonweight.ranking import gt_tau, top_n_rank
from commonweight.study.setting import Measured, Setting

HOW = (
    "Fine-tuning: the learning rate of the snapshot's epoch, constant; fresh momentum; all children of all instances see "
    "the same mini-batches, under either experiments.data_order."
)
STEPS = (1, 2, 5, 10, 20, 64)  # mini-batches of fine-tuning that Insight 2's table shows


_HALF = (SEEDS.window(until=HALF), FINETUNED_HALF.every_batch())
_END = (SEEDS.window(until=END), FINETUNED_END.every_batch())


@artefact("figure-4a", "3.3", *_HALF, IDENTITIES)
def figure_4a(before: Measured, after: Measured, identities: Sequence[Identity], setting: Setting) -> tuple[Curves]:
    """Accuracies before and after the snapshot half-way."""
    return (_accuracy_curves("figure-4a", before, after, identities, HALF.of(setting)),)


@artefact("figure-4b", "3.3", *_END, IDENTITIES)
def figure_4b(before: Measured, after: Measured, identities: Sequence[Identity], setting: Setting) -> tuple[Curves]:
    """Accuracies before and after the snapshot at the end."""
    return (_accuracy_curves("figure-4b", before, after, identities, END.of(setting)),)


@artefact("figure-4c", "3.3", *_HALF, GROUND_TRUTH)
def figure_4c(before: Measured, after: Measured, truth: np.ndarray, setting: Setting) -> tuple[Curves]:
    """GT-Tau before and after the snapshot half-way."""
    return (_gt_tau_curves("figure-4c", before, after, truth, HALF.of(setting)),)


@artefact("figure-4d", "3.3", *_END, GROUND_TRUTH)
def figure_4d(before: Measured, after: Measured, truth: np.ndarray, setting: Setting) -> tuple[Curves]:
    """GT-Tau before and after the snapshot at the end."""
    return (_gt_tau_curves("figure-4d", before, after, truth, END.of(setting)),)


@artefact(
    "insight-2",
    "3.3",
    SEEDS.after(HALF),
    FINETUNED_HALF.every_batch(),
    SEEDS.after(END),
    FINETUNED_END.every_batch(),
    GROUND_TRUTH,
)
def insight_2(  # noqa: PLR0917
    shared_half: np.ndarray,
    tuned_half: Measured,
    shared_end: np.ndarray,
    tuned_end: Measured,
    truth: np.ndarray,
    setting: Setting,
) -> tuple[Table, Curves, Curves]:
    """What steps of fine-tuning are worth, and what they cost."""
    stream, children = report_stream(setting), len(truth)
    rows, by_cost, by_steps = [], [], []
    for epoch, shared, tuned in (
        (HALF.of(setting), shared_half, tuned_half),
        (END.of(setting), shared_end, tuned_end),
    ):
        accuracies = np.concatenate([shared[:, None], tuned.accuracy], axis=1)  # [instance, step, child]
        steps = np.arange(accuracies.shape[1])
        taus = gt_tau(accuracies, truth)
        cost = epoch + steps * children / setting.batches_per_epoch  # child-epochs of training
        for step in (0, *(s for s in STEPS if s < len(steps)), len(steps) - 1):
            title = f"epoch {epoch}, {step} mini-batches"
            if any(row.name == title for row in rows):
                continue
            t1r, t3r = (top_n_rank(accuracies[:, step], truth, n) for n in (1, 3))
            numbers = [estimated_mean(values, stream) for values in (taus[:, step], t1r, t3r)]
            numbers.append(Number(float(cost[step])))
            rows.append(Row(title, len(taus), tuple(numbers)))
        low, high = band_of([estimated_mean(column, stream).interval for column in taus.T])
        for at, series in ((cost, by_cost), (steps, by_steps)):
            series.append(Series(f"from epoch {epoch}", at, taus.mean(axis=0), low=low, high=high))
    columns = (
        Column("gt_tau", "GT-Tau", 4),
        Column("t1r", "T1R", 1),
        Column("t3r", "T3R", 1),
        Column("cost", "child-epochs", 2),
    )
    notes = (
        "Every child is fine-tuned alone from the snapshots of the instances of different seeds. Cost: epochs of the "
        "super-net so far plus the epochs' worth of mini-batches of all children's fine-tuning; ground truth costs "
        f"{children * setting.alone_epochs} child-epochs for one initialisation. In the paper one instance reaches 0.6 after "
        "10 mini-batches from half-way, and close to 0.8 after 5 from the end.",
        HOW,
        PLUS_MINUS,
        INTERVALS,
    )
    table = Table("insight-2", "Fine-tuning: steps against GT-Tau and cost", columns, tuple(rows), notes)
    note = ("Each curve begins at the super-net's own rank. Bands: 95 % bootstrap over instances.", HOW)
    against_steps, against_cost = (
        Curves(f"insight-2-{name}", f"Fine-tuning: GT-Tau against {name}", x, "GT-Tau", tuple(series), note)
        for name, x, series in (
            ("steps", "mini-batches of fine-tuning", by_steps),
            ("cost", "cost so far [child-epochs]", by_cost),
        )
    )
    return table, against_steps, against_cost


def _accuracy_curves(
    name: str, before: Measured, after: Measured, identities: Sequence[Identity], epoch: int
) -> Curves:
    at = before.step[-1] + np.concatenate([[0], after.step])
    series = []
    worst_first = sorted(range(len(identities)), key=lambda index: -identities[index].rank)
    for index in worst_first:  # so that the best is drawn last, on top
        solid = before.accuracy[INSTANCE, :, index]
        joined = np.concatenate([solid[-1:], after.accuracy[INSTANCE, :, index]])
        who = identities[index]
        series.append(Series(who.child, before.step, solid, who, before.trained[INSTANCE, :, index]))
        series.append(Series(who.child, at, joined, who, dotted=True))
    notes = (DIAMONDS, f"Solid: all children share; dotted: each fine-tuned alone. Instance {INSTANCE}.", HOW)
    title = f"Fine-tuning from epoch {epoch}: accuracy"
    drawn = Curves(name, title, "mini-batch", "validation accuracy", tuple(series), notes, len(identities))
    return _from_the_snapshot(drawn, before)


def _gt_tau_curves(name: str, before: Measured, after: Measured, truth: np.ndarray, epoch: int) -> Curves:
    shared = gt_tau(before.accuracy[INSTANCE], truth)
    alone = gt_tau(after.accuracy[INSTANCE], truth)
    at = before.step[-1] + np.concatenate([[0], after.step])
    series = (
        Series("shared", before.step, shared),
        Series("fine-tuned", at, np.concatenate([shared[-1:], alone]), dotted=True),
    )
    notes = (f"Instance {INSTANCE}. Solid: all children share; dotted: each fine-tuned alone.", HOW)
    drawn = Curves(name, f"Fine-tuning from epoch {epoch}: GT-Tau", "mini-batch", "GT-Tau", series, notes)
    return _from_the_snapshot(drawn, before)


def _from_the_snapshot(drawn: Curves, before: Measured) -> Curves:
    """The figure with its x counted from the snapshot, and a line where fine-tuning starts."""
    at = float(before.step[-1])
    origin = Origin(at, "mini-batches of fine-tuning (below 0: of the super-net, before its snapshot)")
    return replace(drawn, origin=origin, marks=(Mark((at,), "fine-tuning starts"),))
