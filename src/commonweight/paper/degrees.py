"""Tables 3a, 3b and 4, the case of §4.2.1, and sharing by kind of weight: what less sharing does (paper §4.2, §4.3)."""

import numpy as np

from commonweight.paper import published
from commonweight.paper.estimates import estimated_mean
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import group_counts, kinds_of_sharing, prefix_name
from commonweight.paper.needs import quarter
from commonweight.paper.tables import (
    INTERVALS,
    PLUS_MINUS,
    Column,
    Number,
    Row,
    Table,
    beside_paper,
    with_paper,
)
from commonweight.ranking import gt_tau, last_k


def table_3a(evidence: Evidence) -> tuple[Table]:
    """Group sharing: GT-Tau-Mean-k and -Std-k by the number of groups m, grouped at random and by similarity."""
    children = evidence.children
    rows = []
    for m in (1, *group_counts(evidence.setting), children):
        names = {1: ("seeds", "seeds"), children: ("ground-truth", "ground-truth")}.get(
            m, (f"random-{m}", f"similar-{m}")
        )
        numbers = [number for name in names for number in _mean_and_std(evidence, name)]
        paper = published.TABLE_3A.get(m, (None,) * 4) if children == published.CHILDREN else (None,) * 4
        instances = len(evidence.measured[names[0]].accuracy)
        rows.append(Row(f"m = {m}", instances, with_paper(numbers, paper)))
    columns = beside_paper(
        ("random_mean", f"random: Mean-{children}", 4),
        ("random_std", f"Std-{children}", 4),
        ("similar_mean", f"similar: Mean-{children}", 4),
        ("similar_std", f"Std-{children}", 4),
    )
    notes = (
        f"m = {children}: each initialisation of ground truth, read on the sweeps' images as every row is, against the mean "
        "over all of them, itself included, as in the paper: with few initialisations this flatters it.",
        *_notes(evidence),
    )
    return (Table("table-3a", "Group sharing: GT-Tau over the last mini-batches", columns, tuple(rows), notes),)


def table_3b(evidence: Evidence) -> tuple[Table]:
    """Prefix sharing, trained long: GT-Tau-Mean-k and -Std-k by the number of shared cells k."""
    children, rows = evidence.children, []
    for k in range(evidence.study.net.cells + 1):
        name = prefix_name(k, long=True)
        paper = _prefix_paper(evidence, k, long=True)[:2]
        rows.append(
            Row(f"k = {k}", len(evidence.measured[name].accuracy), with_paper(_mean_and_std(evidence, name), paper))
        )
    columns = beside_paper(("mean", f"Mean-{children}", 4), ("std", f"Std-{children}", 4))
    epochs = evidence.study.training.epochs * evidence.study.experiments.long_factor
    title = f"Prefix sharing: GT-Tau over the last mini-batches of {epochs} epochs"
    return (Table("table-3b", title, columns, tuple(rows), _notes(evidence)),)


def table_4(evidence: Evidence) -> tuple[Table]:
    """Prefix sharing, trained long and short: GT-Tau, and the accuracies behind it."""
    children, rows = evidence.children, []
    epochs = evidence.study.training.epochs
    for long in (True, False):
        for k in range(evidence.study.net.cells + 1):
            name = prefix_name(k, long=long)
            numbers = [*_mean_and_std(evidence, name), *_accuracies(evidence, name)]
            length = epochs * (evidence.study.experiments.long_factor if long else 1)
            instances = len(evidence.measured[name].accuracy)
            paper = _prefix_paper(evidence, k, long=long)
            rows.append(Row(f"{length} epochs, k = {k}", instances, with_paper(numbers, paper)))
    columns = beside_paper(
        ("mean", f"Mean-{children}", 4),
        ("std", f"Std-{children}", 4),
        ("accuracy_mean", "Accuracy Mean", 4),
        ("accuracy_std", "Accuracy Std", 4),
    )
    notes = (
        f"Accuracy of each child is averaged over the last {children} mini-batches; Mean and Std are over the children of "
        "an instance.",
        *_notes(evidence),
    )
    return (
        Table("table-4", "Prefix sharing: GT-Tau and accuracy, long and short training", columns, tuple(rows), notes),
    )


def section_4_2_1(evidence: Evidence) -> tuple[Table]:
    """The case of random groups: GT-Tau inside each group, trained alone against trained with all others."""
    m, children = quarter(evidence.setting), evidence.children
    groups = [group for group in evidence.groups(m) if len(group) > 1]
    rows = []
    for name, title, paper in (
        (f"random-{m}", f"each group trained alone (m = {m})", published.SECTION_4_2_1[0]),
        ("seeds", "all trained together (m = 1), cut into the same groups", published.SECTION_4_2_1[1]),
    ):
        accuracy = evidence.window(name, children).accuracy
        inside = [
            last_k(np.nan_to_num(gt_tau(accuracy[..., group], evidence.ground_truth[group])), children).mean
            for group in groups
        ]
        means = np.mean(inside, axis=0)  # [instance]
        number = estimated_mean(means, evidence.stream)
        beside = Number(paper) if children == published.CHILDREN else None
        rows.append(Row(title, len(means), (number, beside)))
    columns = beside_paper(("mean", f"GT-Tau-Mean-{children} inside groups", 4))
    notes = (
        "Mean over the groups. A moment at which all children of a group tie counts as 0. The paper's numbers are of one "
        "instance.",
        PLUS_MINUS,
        INTERVALS,
    )
    return (Table("section-4.2.1", "GT-Tau inside the random groups", columns, tuple(rows), notes),)


def sharing_kinds(evidence: Evidence) -> tuple[Table]:
    """Everything shared but some kind of weight, or but one edge (not in the paper)."""
    names = {"seeds": "Everything shared", **{n: title for n, (title, _) in kinds_of_sharing(evidence.setting).items()}}
    rows = []
    for name, title in names.items():
        numbers = (*_mean_and_std(evidence, name), *_accuracies(evidence, name))
        rows.append(Row(title, len(evidence.measured[name].accuracy), numbers))
    children = evidence.children
    columns = (
        Column("mean", f"Mean-{children}", 4),
        Column("std", f"Std-{children}", 4),
        Column("accuracy_mean", "Accuracy Mean", 4),
        Column("accuracy_std", "Accuracy Std", 4),
    )
    notes = (
        "What is not shared, every child has of its own. Edges are numbered as the digits of a child's name; BN "
        "statistics go with BN. The paper does not report these.",
        *_notes(evidence),
    )
    return (
        Table("sharing-kinds", "What every child has of its own, everything else shared", columns, tuple(rows), notes),
    )


def _mean_and_std(evidence: Evidence, experiment: str) -> list[Number]:
    """GT-Tau-Mean-k and -Std-k over instances."""
    curve = evidence.gt_tau_window(experiment)
    return [estimated_mean(np.asarray(values), evidence.stream) for values in (curve.mean, curve.std)]


def _accuracies(evidence: Evidence, experiment: str) -> list[Number]:
    """Mean and standard deviation over children of their accuracy over the last mini-batches, over instances."""
    accuracy = evidence.window(experiment, evidence.children).accuracy.mean(axis=1)
    return [estimated_mean(values, evidence.stream) for values in (accuracy.mean(axis=1), accuracy.std(axis=1))]


def _prefix_paper(evidence: Evidence, k: int, *, long: bool) -> tuple[Number | None, ...]:
    """The paper's row for k shared cells; none where the cells are not as many as there, as k then means another share."""
    return published.TABLE_4[long][k] if evidence.study.net.cells == published.CELLS else (None,) * 4


def _notes(evidence: Evidence) -> tuple[str, ...]:
    k = evidence.children
    return (
        f"Mean-{k}, Std-{k}: mean and population standard deviation of GT-Tau over the last {k} mini-batches of an "
        "instance; ± between instances.",
        INTERVALS,
    )
