"""Choices that papers hide: what unused weights do, batch-norm statistics at validation, data orders (not in the paper)."""

import numpy as np

from commonweight.paper.estimates import estimated_mean, estimated_s_tau
from commonweight.paper.evidence import Evidence
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Column, Row, Table, mean_std
from commonweight.ranking import gt_tau
from commonweight.training import Inactive


def hidden_choices(evidence: Evidence) -> tuple[Table]:
    """S-Tau and GT-Tau of different seeds: inactive weights of both kinds, under three statistics; the other data order."""
    own = evidence.study.training.inactive
    other = Inactive.COAST if own is Inactive.FREEZE else Inactive.FREEZE
    rows = []
    for inactive, name in ((own, "seeds"), (other, "other-inactive")):
        measured = evidence.measured[name]
        readings = {
            "as trained": measured.accuracy[:, -1],
            "of the validation batch": measured.batch,
            "recalibrated per child": measured.recalibrated,
        }
        for how, accuracies in readings.items():
            assert accuracies is not None
            rows.append(_row(evidence, f"{inactive.value}, statistics {how}", accuracies))
    experiments = evidence.study.experiments
    order = experiments.data_order
    title = f"{own.value}, statistics as trained, data order {order.other.value}"
    rows.append(_row(evidence, title, evidence.final("other-data-order")))
    batch, batches = evidence.study.training.batch, experiments.calibration_batches
    alone = evidence.children * (experiments.ground_truth_seeds - 1) * evidence.study.training.epochs
    notes = (
        "freeze: weights that a mini-batch does not use are left alone, their momentum too; coast: momentum and weight "
        "decay still move them, as in old PyTorch versions. The paper's numbers were made under coast, with statistics as "
        f"trained: that is what the reference implementation did. Other tables of this study are made under {own.value}.",
        f"Of the validation batch: each {batch} validation images are normalised by their own statistics. Recalibrated: "
        f"each child's statistics are measured anew on {batches} training batches.",
        "Data order common: all instances see the images in one order, augmented alike; own: each in an order and an "
        f"augmentation of its own (the first instance is the same under both). Rows that say neither are {order.value}, and "
        f"so is the ground truth of every row: under {order.other.value} it would take {alone} child-epochs more. A study "
        f"with experiments.data_order: {order.other.value} trains everything so, but fine-tuning, which is always common.",
        PLUS_MINUS,
        INTERVALS,
    )
    columns = (Column("s_tau", "S-Tau", 4), Column("gt_tau", "GT-Tau", 4), Column("accuracy", "accuracy", 4))
    title = "Inactive weights, batch-norm statistics at validation, and data orders"
    return (Table("hidden-choices", title, columns, tuple(rows), notes),)


def _row(evidence: Evidence, title: str, accuracies: np.ndarray) -> Row:
    """S-Tau, GT-Tau and mean accuracy of accuracies `[instance, child]`."""
    numbers = (
        estimated_s_tau(accuracies, evidence.stream),
        estimated_mean(gt_tau(accuracies, evidence.ground_truth), evidence.stream),
        mean_std(accuracies.mean(axis=1), None),
    )
    return Row(title, len(accuracies), numbers)
