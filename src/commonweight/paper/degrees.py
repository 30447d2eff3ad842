"""Tables 3a, 3b and 4, the case of §4.2.1, and sharing by kind of weight: what less sharing does (paper §4.2, §4.3)."""

from collections.abc import Mapping

import numpy as np

from commonweight.paper import published
from commonweight.paper.estimates import estimated_mean
from commonweight.paper.evidence import Randomness, report_stream
from commonweight.paper.experiments import (
    ONLY_CONV,
    PREFIX,
    PREFIX_LONG,
    RANDOM,
    SEEDS,
    SIMILAR,
    TRUTH,
    UNSHARED_CONV,
    UNSHARED_EDGE,
    UNSHARED_NORM,
    in_fours,
    quarter,
)
from commonweight.paper.planned import FromScratch
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
from commonweight.paper.targets import artefact
from commonweight.paper.truth import GROUND_TRUTH, groups_in_fours, gt_tau_window
from commonweight.ranking import gt_tau, last_k
from commonweight.study.setting import Measured, Setting


@artefact(
    "table-3a",
    "4.2",
    SEEDS.window(),
    TRUTH.window(),
    GROUND_TRUTH,
    RANDOM.each(FromScratch.window),
    SIMILAR.each(FromScratch.window),
)
def table_3a(  # noqa: PLR0917
    together: Measured,
    alone: Measured,
    truth: np.ndarray,
    random: Mapping[int, Measured],
    similar: Mapping[int, Measured],
    setting: Setting,
) -> tuple[Table]:
    """Group sharing: GT-Tau-Mean-k and -Std-k by the number of groups m, grouped at random and by similarity."""
    stream, children = report_stream(setting), len(truth)
    pairs = {1: (together, together), **{m: (random[m], similar[m]) for m in random}, children: (alone, alone)}
    rows = []
    for m, windows in pairs.items():
        numbers = [number for window in windows for number in _gt_tau_mean_and_std(window, truth, stream)]
        paper = published.TABLE_3A.get(m, (None,) * 4) if children == published.CHILDREN else (None,) * 4
        rows.append(Row(f"m = {m}", len(windows[0].accuracy), with_paper(numbers, paper)))
    columns = beside_paper(
        ("random_mean", f"random: Mean-{children}", 4),
        ("random_std", f"Std-{children}", 4),
        ("similar_mean", f"similar: Mean-{children}", 4),
        ("similar_std", f"Std-{children}", 4),
    )
    notes = (
        f"m = {children}: each initialisation of ground truth, read on the sweeps' images as every row is, against the mean "
        "over all of them, itself included, as in the paper: with few initialisations this flatters it.",
        *_notes(children),
    )
    return (Table("table-3a", "Group sharing: GT-Tau over the last mini-batches", columns, tuple(rows), notes),)


@artefact("table-3b", "4.3", GROUND_TRUTH, PREFIX_LONG.each(FromScratch.window))
def table_3b(truth: np.ndarray, long: Mapping[int, Measured], setting: Setting) -> tuple[Table]:
    """Prefix sharing, trained long: GT-Tau-Mean-k and -Std-k by the number of shared cells k."""
    stream, children, rows = report_stream(setting), len(truth), []
    for k, window in long.items():
        paper = _prefix_paper(setting, k, long=True)[:2]
        rows.append(
            Row(f"k = {k}", len(window.accuracy), with_paper(_gt_tau_mean_and_std(window, truth, stream), paper))
        )
    columns = beside_paper(("mean", f"Mean-{children}", 4), ("std", f"Std-{children}", 4))
    epochs = setting.study.training.epochs * setting.study.experiments.long_factor
    title = f"Prefix sharing: GT-Tau over the last mini-batches of {epochs} epochs"
    return (Table("table-3b", title, columns, tuple(rows), _notes(children)),)


@artefact("table-4", "4.3", GROUND_TRUTH, PREFIX_LONG.each(FromScratch.window), PREFIX.each(FromScratch.window))
def table_4(
    truth: np.ndarray, long: Mapping[int, Measured], short: Mapping[int, Measured], setting: Setting
) -> tuple[Table]:
    """Prefix sharing, trained long and short: GT-Tau, and the accuracies behind it."""
    stream, children, rows = report_stream(setting), len(truth), []
    epochs = setting.study.training.epochs
    for is_long, length, windows in (
        (True, epochs * setting.study.experiments.long_factor, long),
        (False, epochs, short),
    ):
        for k, window in windows.items():
            numbers = [*_gt_tau_mean_and_std(window, truth, stream), *_accuracy_mean_and_std(window, stream)]
            paper = _prefix_paper(setting, k, long=is_long)
            rows.append(Row(f"{length} epochs, k = {k}", len(window.accuracy), with_paper(numbers, paper)))
    columns = beside_paper(
        ("mean", f"Mean-{children}", 4),
        ("std", f"Std-{children}", 4),
        ("accuracy_mean", "Accuracy Mean", 4),
        ("accuracy_std", "Accuracy Std", 4),
    )
    notes = (
        f"Accuracy of each child is averaged over the last {children} mini-batches; Mean and Std are over the children of "
        "an instance.",
        *_notes(children),
    )
    return (
        Table("table-4", "Prefix sharing: GT-Tau and accuracy, long and short training", columns, tuple(rows), notes),
    )


@artefact("section-4.2.1", "4.2.1", SEEDS.window(), GROUND_TRUTH, in_fours(RANDOM, FromScratch.window))
def section_4_2_1(together: Measured, truth: np.ndarray, alone: Measured, setting: Setting) -> tuple[Table]:
    """The case of random groups: GT-Tau inside each group, trained alone against trained with all others."""
    m, children, stream = quarter(setting), len(truth), report_stream(setting)
    groups = [group for group in groups_in_fours(setting) if len(group) > 1]
    rows = []
    for window, title, paper in (
        (alone, f"each group trained alone (m = {m})", published.SECTION_4_2_1[0]),
        (together, "all trained together (m = 1), cut into the same groups", published.SECTION_4_2_1[1]),
    ):
        inside = [
            last_k(np.nan_to_num(gt_tau(window.accuracy[..., group], truth[group])), children).mean for group in groups
        ]
        means = np.mean(inside, axis=0)  # [instance]
        number = estimated_mean(means, stream)
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


@artefact(
    "sharing-kinds",
    None,
    SEEDS.window(),
    GROUND_TRUTH,
    UNSHARED_NORM.window(),
    UNSHARED_CONV.window(),
    UNSHARED_EDGE.each(FromScratch.window),
    ONLY_CONV.window(),
)
def sharing_kinds(  # noqa: PLR0917
    together: Measured,
    truth: np.ndarray,
    norm: Measured,
    conv: Measured,
    edges: Mapping[int, Measured],
    only_conv: Measured,
    setting: Setting,
) -> tuple[Table]:
    """Everything shared but some kind of weight, or but one edge (not in the paper)."""
    stream, children = report_stream(setting), len(truth)
    windows = {
        "Everything shared": together,
        UNSHARED_NORM.title: norm,
        UNSHARED_CONV.title: conv,
        **{UNSHARED_EDGE[edge].title: window for edge, window in edges.items()},
        ONLY_CONV.title: only_conv,
    }
    rows = []
    for title, window in windows.items():
        numbers = (*_gt_tau_mean_and_std(window, truth, stream), *_accuracy_mean_and_std(window, stream))
        rows.append(Row(title, len(window.accuracy), numbers))
    columns = (
        Column("mean", f"Mean-{children}", 4),
        Column("std", f"Std-{children}", 4),
        Column("accuracy_mean", "Accuracy Mean", 4),
        Column("accuracy_std", "Accuracy Std", 4),
    )
    notes = (
        "What is not shared, every child has of its own. Edges are numbered as the digits of a child's name; BN "
        "statistics go with BN. The paper does not report these.",
        *_notes(children),
    )
    return (
        Table("sharing-kinds", "What every child has of its own, everything else shared", columns, tuple(rows), notes),
    )


def _gt_tau_mean_and_std(window: Measured, truth: np.ndarray, stream: Randomness) -> list[Number]:
    """GT-Tau-Mean-k and -Std-k over instances."""
    curve = gt_tau_window(window, truth)
    return [estimated_mean(np.asarray(values), stream) for values in (curve.mean, curve.std)]


def _accuracy_mean_and_std(window: Measured, stream: Randomness) -> list[Number]:
    """Mean and standard deviation over children of their accuracy over the last mini-batches, over instances."""
    accuracy = window.accuracy.mean(axis=1)
    return [estimated_mean(values, stream) for values in (accuracy.mean(axis=1), accuracy.std(axis=1))]


def _prefix_paper(setting: Setting, k: int, *, long: bool) -> tuple[Number | None, ...]:
    """The paper's row for k shared cells; none where the cells are not as many as there, as k then means another share."""
    return published.TABLE_4[long][k] if setting.study.net.cells == published.CELLS else (None,) * 4


def _notes(k: int) -> tuple[str, ...]:
    return (
        f"Mean-{k}, Std-{k}: mean and population standard deviation of GT-Tau over the last {k} mini-batches of an "
        "instance; ± between instances.",
        INTERVALS,
    )
