"""Groups found from data beside random and similar ones: the paper's future work (§4.2.2)."""

from collections.abc import Mapping

import numpy as np

from commonweight.paper.claims.comparisons import paired
from commonweight.paper.estimates import estimated_mean
from commonweight.paper.evidence import report_stream
from commonweight.paper.experiments import FOUND, RANDOM, SIMILAR, at_found_counts
from commonweight.paper.planned import Found, FromScratch
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Column, Number, Row, Table
from commonweight.paper.targets import artefact
from commonweight.paper.truth import GROUND_TRUTH, gt_tau_window
from commonweight.paper.views import all_of
from commonweight.paper.ways import training_cost
from commonweight.study.setting import Measured, Setting

FAMILIES = (RANDOM, SIMILAR, *FOUND.values())


@artefact("table-3a-found", None, GROUND_TRUTH, all_of(*map(at_found_counts, FAMILIES)))
def table_3a_found(truth: np.ndarray, read: tuple[Mapping[int, Measured], ...], setting: Setting) -> tuple[Table]:
    """GT-Tau-Mean-k and -Std-k of groups found in the first instance, on the others, at the cost of random groups."""
    stream, k, rows = report_stream(setting), len(truth), []
    for m in read[0]:
        random = _on_the_others(RANDOM[m], read[0][m], truth)[0]
        for family, by_m in zip(FAMILIES, read, strict=True):
            mean, std = _on_the_others(family[m], by_m[m], truth)
            cost = Number(training_cost(family[m], setting))
            beyond = None if family is RANDOM else paired(stream, mean, random)
            numbers = (cost, estimated_mean(mean, stream), estimated_mean(std, stream), beyond)
            rows.append(Row(family[m].title, len(mean), numbers))
    columns = (
        Column("child_epochs", "child-epochs", 1),
        Column("mean", f"Mean-{k}", 4),
        Column("std", f"Std-{k}", 4),
        Column("beyond_random", f"Mean-{k} beyond random", 4),
    )
    notes = (
        "Groups of equal size are found in the first instance of all children trained together, by how well two children go "
        f"together. By help: what training one does to the other's accuracy, over its last {Found.ROUNDS * k} mini-batches. "
        "By correlation: of their accuracies over these. By gradients: the cosine of theirs on weights that they share, on "
        f"{Found.BATCHES} training batches at the end. No ground truth is looked at.",
        "Every row is of the other instances: that in which groups were found is left out of random and similar groups too.",
        "Child-epochs (the training images once through one child) of an instance, finding included: groups that were found "
        "are trained for fewer epochs, so that they never cost more than random ones. Beyond random: the mean difference in "
        "the same instances.",
        f"Mean-{k}, Std-{k}: mean and population standard deviation of GT-Tau over the last {k} mini-batches of an instance. "
        f"{PLUS_MINUS}",
        INTERVALS,
    )
    title = "Groups found from data, random and similar ones, at equal cost: GT-Tau over the last mini-batches"
    return (Table("table-3a-found", title, columns, tuple(rows), notes),)


def _on_the_others(planned: FromScratch, window: Measured, truth: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """GT-Tau-Mean-k and -Std-k `[instance]` without the first, in which groups are found; found ones have none of it."""
    curve = gt_tau_window(window, truth)
    first = 0 if planned.found else 1
    return np.asarray(curve.mean)[first:], np.asarray(curve.std)[first:]
