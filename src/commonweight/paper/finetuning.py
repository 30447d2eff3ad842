"""Figure 4 and Insight 2: fine-tuning every child alone from a snapshot of the super-net (paper §3.3)."""

import numpy as np

from commonweight.paper.estimates import estimated_mean
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import half_way
from commonweight.paper.figures import Curves, Series, band_of
from commonweight.paper.lastbatches import DIAMONDS, INSTANCE
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Column, Number, Row, Table
from commonweight.ranking import gt_tau, top_n_rank

HOW = (
    "Fine-tuning: the learning rate of the snapshot's epoch, constant; fresh momentum; all children of all instances see "
    "the same mini-batches, under either experiments.data_order."
)
STEPS = (1, 2, 5, 10, 20, 64)  # mini-batches of fine-tuning that Insight 2's table shows


def figure_4a(evidence: Evidence) -> tuple[Curves]:
    """Accuracies before and after the snapshot half-way."""
    return (_accuracies(evidence, "figure-4a", "finetuned-half", half_way(evidence.setting)),)


def figure_4b(evidence: Evidence) -> tuple[Curves]:
    """Accuracies before and after the snapshot at the end."""
    return (_accuracies(evidence, "figure-4b", "finetuned-end", evidence.study.training.epochs),)


def figure_4c(evidence: Evidence) -> tuple[Curves]:
    """GT-Tau before and after the snapshot half-way."""
    return (_gt_taus(evidence, "figure-4c", "finetuned-half", half_way(evidence.setting)),)


def figure_4d(evidence: Evidence) -> tuple[Curves]:
    """GT-Tau before and after the snapshot at the end."""
    return (_gt_taus(evidence, "figure-4d", "finetuned-end", evidence.study.training.epochs),)


def insight_2(evidence: Evidence) -> tuple[Table, Curves, Curves]:
    """What steps of fine-tuning are worth, and what they cost."""
    half, end = half_way(evidence.setting), evidence.study.training.epochs
    rows, by_cost, by_steps = [], [], []
    for name, epoch in (("finetuned-half", half), ("finetuned-end", end)):
        shared = evidence.window("seeds", 1, epoch).accuracy
        after = evidence.measured[name].accuracy
        steps = np.arange(after.shape[1] + 1)
        accuracies = np.concatenate([shared, after], axis=1)  # [instance, step, child]
        taus = gt_tau(accuracies, evidence.ground_truth)
        cost = epoch + steps * evidence.children / evidence.setting.batches_per_epoch  # child-epochs of training
        for step in (0, *(s for s in STEPS if s < len(steps)), len(steps) - 1):
            title = f"epoch {epoch}, {step} mini-batches"
            if any(row.name == title for row in rows):
                continue
            t1r, t3r = (top_n_rank(accuracies[:, step], evidence.ground_truth, n) for n in (1, 3))
            numbers = [estimated_mean(values, evidence.stream) for values in (taus[:, step], t1r, t3r)]
            numbers.append(Number(float(cost[step])))
            rows.append(Row(title, len(taus), tuple(numbers)))
        low, high = band_of([estimated_mean(column, evidence.stream).interval for column in taus.T])
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
        f"{evidence.children * end} child-epochs for one initialisation. In the paper one instance reaches 0.6 after 10 "
        "mini-batches from half-way, and close to 0.8 after 5 from the end.",
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


def _accuracies(evidence: Evidence, name: str, tuned: str, epoch: int) -> Curves:
    before, after = evidence.window("seeds", evidence.children, epoch), evidence.measured[tuned]
    at = before.step[-1] + np.concatenate([[0], after.step])
    series = []
    worst_first = sorted(range(evidence.children), key=lambda index: -evidence.identities[index].rank)
    for index in worst_first:  # so that the best is drawn last, on top
        solid = before.accuracy[INSTANCE, :, index]
        joined = np.concatenate([solid[-1:], after.accuracy[INSTANCE, :, index]])
        who = evidence.identities[index]
        series.append(Series(who.child, before.step, solid, who, before.trained[INSTANCE, :, index]))
        series.append(Series(who.child, at, joined, who, dotted=True))
    notes = (DIAMONDS, f"Solid: all children share; dotted: each fine-tuned alone. Instance {INSTANCE}.", HOW)
    title = f"Fine-tuning from epoch {epoch}: accuracy"
    return Curves(name, title, "mini-batch", "validation accuracy", tuple(series), notes, evidence.children)


def _gt_taus(evidence: Evidence, name: str, tuned: str, epoch: int) -> Curves:
    before, after = evidence.window("seeds", evidence.children, epoch), evidence.measured[tuned]
    shared = gt_tau(before.accuracy[INSTANCE], evidence.ground_truth)
    alone = gt_tau(after.accuracy[INSTANCE], evidence.ground_truth)
    at = before.step[-1] + np.concatenate([[0], after.step])
    series = (
        Series("shared", before.step, shared),
        Series("fine-tuned", at, np.concatenate([shared[-1:], alone]), dotted=True),
    )
    notes = (f"Instance {INSTANCE}. Solid: all children share; dotted: each fine-tuned alone.", HOW)
    return Curves(name, f"Fine-tuning from epoch {epoch}: GT-Tau", "mini-batch", "GT-Tau", series, notes)
