"""Partitions of children from elsewhere: groups that go well together, found in how accuracies move."""

import numpy as np

from commonweight.elsewhere.made_elsewhere import FromElsewhere
from commonweight.errors import UsageError
from commonweight.paper.tables import Column, Number, Row, Table, mean_std
from commonweight.ranking import curve_correlation, mutual_help
from commonweight.sharing import balanced_groups

CORRELATION = "correlation"
HELP = "help"
TITLES = {
    CORRELATION: "groups of children whose accuracies move together",
    HELP: "groups of children that help each other most, and harm each other least",
}
AFFINITIES = {
    CORRELATION: "Affinity of two children: Pearson correlation of their accuracies over the moments, less the mean of all "
    "children at each moment. Unrelated children have about -1 / (number of children - 1).",
    HELP: "Affinity of two children: how much the accuracy of one rises after a mini-batch of the other, less what it is for "
    "all children that were last trained as many mini-batches ago; the mean of both directions, in units of accuracy.",
}
NOTES = (
    "Every group is a row, named by its children; all have equal sizes, to within one child. No exchange of two children "
    "raises the sum of the affinities inside groups.",
    "Groups are made to have much inside, and they would in noise too. What can be trusted is the last row, if there are "
    "several instances: groups found on one instance alone and read on the others.",
)


def groups_of(found: FromElsewhere, m: int | None) -> list[Table]:
    """The partition into `m` groups of equal size that go best together, by each affinity that this table allows.

    None without `m`. By correlation of accuracies over the moments; by help and harm too where it names the child just
    trained. An affinity is the mean over instances. Raises `UsageError` for a single moment, and what `balanced_groups`
    raises.
    """
    if m is None:
        return []
    if found.accuracy.shape[1] < 2:
        raise UsageError(
            "groups are found in how accuracies move from one moment to the next, and this table has one moment of each "
            "instance; give the log of a training, a row for each moment"
        )
    affinities = {CORRELATION: curve_correlation(found.accuracy)}
    if found.trained is not None:
        affinities[HELP] = mutual_help(found.accuracy, found.trained)
    return [_table(found, m, name, affinity) for name, affinity in affinities.items()]


def _table(found: FromElsewhere, m: int, name: str, affinity: np.ndarray) -> Table:
    """affinity [instance, child, child]."""
    instances, moments, children = found.accuracy.shape
    together = _mean(affinity)
    rows = []
    for group in balanced_groups(together, m):
        members = np.isin(np.arange(children), group)
        numbers = (_read(together, members[:, None] & members), _read(together, members[:, None] & ~members))
        who = ", ".join(found.children[place] for place in group)
        rows.append(Row(who, instances * moments, tuple(None if np.isnan(one) else Number(one) for one in numbers)))
    if instances > 1:
        read = np.array([_on_the_others(affinity, number, m) for number in range(instances)])
        numbers = tuple(mean_std(values, None) for values in read.T)
        rows.append(Row("found on one instance, read on the others", instances * moments, numbers))
    columns = (Column("inside", "affinity inside", 4), Column("outside", "with other groups", 4))
    return Table(f"groups-by-{name}", f"{m} {TITLES[name]}", columns, tuple(rows), (AFFINITIES[name], *NOTES))


def _on_the_others(affinity: np.ndarray, number: int, m: int) -> tuple[float, float]:
    """Mean affinity inside the groups found on this instance and between them, in all other instances."""
    label = np.empty(affinity.shape[-1], dtype=np.int64)
    for group, places in enumerate(balanced_groups(affinity[number], m)):
        label[list(places)] = group
    others, same = _mean(np.delete(affinity, number, axis=0)), label[:, None] == label
    return _read(others, same), _read(others, ~same)


def _read(affinity: np.ndarray, pairs: np.ndarray) -> float:
    """Mean over the pairs of two children that are known; nan when there is none."""
    chosen = affinity[pairs & ~np.eye(len(affinity), dtype=bool) & np.isfinite(affinity)]
    return float(chosen.mean()) if len(chosen) else float("nan")


def _mean(affinity: np.ndarray) -> np.ndarray:
    """Over the instances in which a pair is known; nan where it is in none."""
    known = np.isfinite(affinity)
    mean = np.full(affinity.shape[1:], np.nan)
    return np.divide(np.where(known, affinity, 0).sum(axis=0), known.sum(axis=0), out=mean, where=known.any(axis=0))
