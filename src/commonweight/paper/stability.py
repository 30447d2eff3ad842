"""Tables 1 and 2 and Figure 2: how stable ranks are, and how close to ground truth (paper §3.2)."""

import numpy as np

from commonweight.paper import published
from commonweight.paper.evidence import Evidence
from commonweight.paper.figures import Curves, Series
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Number, Row, Table, beside_paper, mean_std, with_paper
from commonweight.ranking import gt_tau, mean_interval, random_ranks, s_tau, s_tau_interval, top_n_rank

TITLES = {
    "seeds": "Different seeds",
    "orders": "Different orders",
    "orders-shuffled": "Diff. orders (shuffle)",
    "random": "Random rank",
    "ground-truth": "Ground truth",
    "epochs": "Different epochs",
}


def table_1(evidence: Evidence) -> tuple[Table]:
    """Instability of multiple runs measured with S-Tau."""
    study = evidence.study
    children = len(study.space.build())
    ranks = {
        "seeds": evidence.final("seeds"),
        "orders": evidence.final("orders"),
        "orders-shuffled": evidence.final("orders-shuffled"),
        "random": random_ranks(study.experiments.instances, children, evidence.stream("random ranks")),
        "ground-truth": evidence.final("ground-truth"),
        "epochs": evidence.different_epochs,
    }
    rows = []
    for name, accuracies in ranks.items():
        measured, paper = s_tau(accuracies), published.TABLE_1[name]
        # Epochs of one instance are no independent draws, so their row has no interval.
        interval = None if name == "epochs" else s_tau_interval(accuracies, evidence.stream("table-1", name))
        values = (Number(measured.mean, interval=interval), Number(measured.max), Number(measured.min))
        rows.append(_row(name, len(accuracies), values, tuple(map(Number, paper))))
    notes = (
        _last_epochs(evidence),
        f"Ground truth: {len(evidence.judged)} initialisations, judged on "
        f"{study.data.judge_images or 'all'} validation images; the other rows on {study.data.sweep_images or 'all'}.",
        INTERVALS,
    )
    columns = beside_paper(("s_tau", "S-Tau", 4), ("max_tau", "Max Tau", 4), ("min_tau", "Min Tau", 4))
    title = f"Instability of multiple runs measured with S-Tau, after epoch {study.training.epochs}"
    return (Table("table-1", title, columns, tuple(rows), notes),)


def table_2(evidence: Evidence) -> tuple[Table]:
    """Comparison with ground truth with GT-Tau and TnR."""
    ranks = {
        "seeds": evidence.final("seeds"),
        "orders": evidence.final("orders"),
        "orders-shuffled": evidence.final("orders-shuffled"),
        "ground-truth": evidence.final("ground-truth"),
        "epochs": evidence.different_epochs,
    }
    truth = evidence.ground_truth
    rows = []
    for name, accuracies in ranks.items():
        statistics = {
            "GT-Tau": gt_tau(accuracies, truth),
            "T1R": top_n_rank(accuracies, truth, 1),
            "T3R": top_n_rank(accuracies, truth, 3),
        }
        numbers = tuple(
            mean_std(v, None if name == "epochs" else mean_interval(v, evidence.stream("table-2", name, statistic)))
            for statistic, v in statistics.items()
        )
        rows.append(_row(name, len(accuracies), numbers, published.TABLE_2[name]))
    notes = (
        _last_epochs(evidence),
        "Ground truth's own row compares each initialisation with the mean over all of them, itself included, as in the "
        "paper: with few initialisations this flatters it.",
        PLUS_MINUS,
        INTERVALS,
    )
    columns = beside_paper(("gt_tau", "GT-Tau", 4), ("t1r", "T1R", 1), ("t3r", "T3R", 1))
    title = f"Comparison with ground truth with GT-Tau and TnR, after epoch {evidence.study.training.epochs}"
    return (Table("table-2", title, columns, tuple(rows), notes),)


def figure_2(evidence: Evidence) -> tuple[Curves]:
    """S-Tau evaluated after every epoch for different seeds, shuffled orders and ground truth."""
    series = []
    for name in ("seeds", "orders-shuffled", "ground-truth"):
        accuracy = evidence.after_epochs(name)
        values = np.array([s_tau(accuracy[:, epoch]).mean for epoch in range(accuracy.shape[1])])
        series.append(Series(f"{TITLES[name]} ({len(accuracy)} ranks)", np.arange(1, len(values) + 1), values))
    sweep, judge = (n or "all" for n in (evidence.study.data.sweep_images, evidence.study.data.judge_images))
    other = f"; its row of Table 1 is judged on {judge}" if judge != sweep else ""
    notes = (f"Every point is validated on {sweep} images, ground truth too{other}.",)
    return (Curves("figure-2", "S-Tau after every epoch", "epoch", "S-Tau", tuple(series), notes),)


def _row(name: str, ranks: int, numbers: tuple[Number, ...], paper: tuple[Number, ...]) -> Row:
    return Row(TITLES[name], ranks, with_paper(numbers, paper))


def _last_epochs(evidence: Evidence) -> str:
    return (
        f"Different epochs: the last {evidence.study.experiments.last_epochs} epochs of instance "
        f"{evidence.median_instance} of the shuffled orders, the one with the (lower) median S-Tau over them."
    )
