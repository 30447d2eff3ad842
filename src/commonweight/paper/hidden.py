"""Choices that papers hide: what unused weights do, batch-norm statistics at validation, data orders (not in the paper)."""

from collections.abc import Mapping

import numpy as np

from commonweight.paper.estimates import estimated_mean, estimated_s_tau
from commonweight.paper.evidence import Randomness, report_stream
from commonweight.paper.experiments import OTHER_DATA_ORDER, OTHER_INACTIVE, SEEDS
from commonweight.paper.planned import FromScratch
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Column, Row, Table, mean_std
from commonweight.paper.targets import artefact
from commonweight.paper.truth import GROUND_TRUTH
from commonweight.paper.views import View, all_of
from commonweight.ranking import gt_tau
from commonweight.study.jobs import FinalAccuracy
from commonweight.study.setting import Setting
from commonweight.training import Inactive

AS_TRAINED, OF_THE_BATCH = "as trained", "of the validation batch"


def under_statistics(planned: FromScratch) -> View[dict[str, np.ndarray]]:
    """Accuracies `[instance, child]` at the end, by the words of a row for the statistics that they are read under."""
    views = {
        AS_TRAINED: planned.last(),
        OF_THE_BATCH: planned.final(FinalAccuracy.UNDER_BATCH_STATISTICS),
        "recalibrated per child": planned.final(FinalAccuracy.RECALIBRATED),
    }
    return all_of(*views.values()).then(lambda read, _: dict(zip(views, read, strict=True)))


@artefact(
    "hidden-choices",
    None,
    under_statistics(SEEDS),
    under_statistics(OTHER_INACTIVE),
    OTHER_DATA_ORDER.last(),
    GROUND_TRUTH,
)
def hidden_choices(
    seeds: Mapping[str, np.ndarray],
    other_inactive: Mapping[str, np.ndarray],
    other_data_order: np.ndarray,
    truth: np.ndarray,
    setting: Setting,
) -> tuple[Table]:
    """S-Tau and GT-Tau of different seeds: inactive weights of both kinds, under three statistics; the other data order."""
    stream, experiments = report_stream(setting), setting.study.experiments
    own = setting.study.training.inactive
    other = Inactive.COAST if own is Inactive.FREEZE else Inactive.FREEZE
    rows = []
    for inactive, read in ((own, seeds), (other, other_inactive)):
        for how, accuracies in read.items():
            rows.append(_row(f"{inactive.value}, statistics {how}", accuracies, truth, stream))
    order = experiments.data_order
    title = f"{own.value}, statistics as trained, data order {order.other.value}"
    rows.append(_row(title, other_data_order, truth, stream))
    batch, batches = setting.study.training.batch, experiments.calibration_batches
    alone = len(truth) * (experiments.ground_truth_seeds - 1) * setting.alone_epochs
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


def _row(title: str, accuracies: np.ndarray, truth: np.ndarray, stream: Randomness) -> Row:
    """S-Tau, GT-Tau and mean accuracy of accuracies `[instance, child]`."""
    numbers = (
        estimated_s_tau(accuracies, stream),
        estimated_mean(gt_tau(accuracies, truth), stream),
        mean_std(accuracies.mean(axis=1), None),
    )
    return Row(title, len(accuracies), numbers)
