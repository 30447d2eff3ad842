"""Choices that papers hide: what unused weights do, and which batch-norm statistics validation uses (not in the paper)."""

from commonweight.paper.evidence import Evidence
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Column, Number, Row, Table, mean_std
from commonweight.ranking import gt_tau, mean_interval, s_tau, s_tau_interval
from commonweight.training import Inactive


def hidden_choices(evidence: Evidence) -> tuple[Table]:
    """S-Tau and GT-Tau of different seeds under both kinds of inactive weights, each read under three statistics."""
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
            stream = ("hidden-choices", name, how)
            taus = gt_tau(accuracies, evidence.ground_truth)
            numbers = (
                Number(s_tau(accuracies).mean, interval=s_tau_interval(accuracies, evidence.stream(*stream, "S-Tau"))),
                mean_std(taus, mean_interval(taus, evidence.stream(*stream, "GT-Tau"))),
                mean_std(accuracies.mean(axis=1), None),
            )
            rows.append(Row(f"{inactive.value}, statistics {how}", len(accuracies), numbers))
    batch, batches = evidence.study.training.batch, evidence.study.experiments.calibration_batches
    notes = (
        "freeze: weights that a mini-batch does not use are left alone, their momentum too; coast: momentum and weight "
        "decay still move them, as in old PyTorch versions.",
        f"Of the validation batch: each {batch} validation images are normalised by their own statistics. Recalibrated: "
        f"each child's statistics are measured anew on {batches} training batches. The reference implementation, which "
        "made the paper's numbers, did coast and read statistics as trained.",
        PLUS_MINUS,
        INTERVALS,
    )
    columns = (Column("s_tau", "S-Tau", 4), Column("gt_tau", "GT-Tau", 4), Column("accuracy", "accuracy", 4))
    title = "Inactive weights, and batch-norm statistics at validation"
    return (Table("hidden-choices", title, columns, tuple(rows), notes),)
