"""Tables 1 and 2 and Figure 2: how stable ranks are, and how close to ground truth (paper §3.2)."""

import numpy as np

from commonweight.paper import published
from commonweight.paper.estimates import estimated_mean, estimated_s_tau
from commonweight.paper.evidence import Evidence
from commonweight.paper.figures import Curves, Series
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Number, Row, Table, beside_paper, mean_std, with_paper
from commonweight.ranking import gt_tau, random_ranks, s_tau, top_n_rank
from commonweight.study.schema import DataOrder

TITLES = {
    "seeds": "Different seeds",
    "orders": "Different orders",
    "orders-shuffled": "Diff. orders (shuffle)",
    "random": "Random rank",
    "ground-truth": "Ground truth",
    "epochs": "Different epochs",
}
DATA_ORDERS = {
    DataOrder.COMMON: "All instances, and all children alone, see the images in one order, augmented alike "
    "(the study's data order is common): what other orders would change is left out of these numbers.",
    DataOrder.OWN: "Every instance, and every initialisation of the children alone, sees the images in its own order, "
    "augmented in its own way (experiments.data_order: own).",
}


def table_1(evidence: Evidence) -> tuple[Table]:
    """Instability of multiple runs measured with S-Tau."""
    experiments = evidence.study.experiments
    random = random_ranks(experiments.instances, evidence.children, evidence.stream("random ranks"))
    rows = []
    for name, title, accuracies in _ranks(evidence, random):
        between = s_tau(accuracies)
        # Epochs of one instance are no independent draws, so their row has no interval.
        stable = Number(between.mean) if name == "epochs" else estimated_s_tau(accuracies, evidence.stream)
        values = (stable, Number(between.max), Number(between.min))
        paper = tuple(map(Number, published.TABLE_1[name])) if name in published.TABLE_1 else (None,) * 3
        rows.append(Row(title, len(accuracies), with_paper(values, paper)))
    notes = (
        _last_epochs(evidence),
        _images(evidence, "S-Tau", s_tau(evidence.final("ground-truth")).mean, s_tau(evidence.judged).mean),
        DATA_ORDERS[experiments.data_order],
        INTERVALS,
    )
    columns = beside_paper(("s_tau", "S-Tau", 4), ("max_tau", "Max Tau", 4), ("min_tau", "Min Tau", 4))
    title = f"Instability of multiple runs measured with S-Tau, after epoch {evidence.study.training.epochs}"
    return (Table("table-1", title, columns, tuple(rows), notes),)


def table_2(evidence: Evidence) -> tuple[Table]:
    """Comparison with ground truth with GT-Tau and TnR."""
    truth, rows = evidence.ground_truth, []
    for name, title, accuracies in _ranks(evidence):
        statistics = (gt_tau(accuracies, truth), *(top_n_rank(accuracies, truth, n) for n in (1, 3)))
        numbers = [
            mean_std(values, None) if name == "epochs" else estimated_mean(values, evidence.stream)
            for values in statistics
        ]
        rows.append(Row(title, len(accuracies), with_paper(numbers, published.TABLE_2.get(name, (None,) * 3))))
    own, judged = (gt_tau(each, truth).mean() for each in (evidence.final("ground-truth"), evidence.judged))
    notes = (
        _last_epochs(evidence),
        "Ground truth's own row compares each initialisation with the mean over all of them, itself included, as in the "
        "paper: with few initialisations this flatters it.",
        _images(evidence, "GT-Tau", own, judged),
        DATA_ORDERS[evidence.study.experiments.data_order],
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
    notes = (f"Every point is read on the same {evidence.setting.sweep_images} validation images, ground truth too.",)
    return (Curves("figure-2", "S-Tau after every epoch", "epoch", "S-Tau", tuple(series), notes),)


def _ranks(evidence: Evidence, random: np.ndarray | None = None) -> list[tuple[str, str, np.ndarray]]:
    """Name, title and accuracies `[rank, child]` of each row, in the paper's order, all read on the sweeps' images.

    Where ground truth is judged on other images, a row named `judged` shows its initialisations on those too.
    """
    names = ("seeds", "orders", "orders-shuffled", "ground-truth")
    ranks = {name: evidence.final(name) for name in names} | {"epochs": evidence.different_epochs}
    rows = [(name, TITLES[name], ranks[name]) for name in ranks]
    if random is not None:
        rows.insert(3, ("random", TITLES["random"], random))
    if evidence.setting.judge_images != evidence.setting.sweep_images:
        rows.insert(-1, ("judged", f"Ground truth on {evidence.setting.judge_images} images", evidence.judged))
    return rows


def _images(evidence: Evidence, what: str, swept: float, judged: float) -> str:
    """On which images the rows are read, and what ground truth's own number is on these and on those of the truth."""
    sweep, judge = evidence.setting.sweep_images, evidence.setting.judge_images
    if judge == sweep:
        return f"Every row is read on the same {sweep} validation images."
    return (
        f"Every row is read on the same {sweep} validation images, but the one that says {judge}: on these the truth is "
        f"judged that ranks are compared with. What noise of validation makes of ground truth's own {what}: {swept:.4f} on "
        f"{sweep} images, {judged:.4f} on {judge}."
    )


def _last_epochs(evidence: Evidence) -> str:
    return (
        f"Different epochs: the last {evidence.study.experiments.last_epochs} epochs of instance "
        f"{evidence.median_instance} of the shuffled orders, the one with the (lower) median S-Tau over them."
    )
