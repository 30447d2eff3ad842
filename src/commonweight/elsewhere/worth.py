"""Ranks from elsewhere: every metric, figure and claim that an accuracy table of another program allows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from commonweight.errors import UsageError
from commonweight.paper.claims.batches import trained_leads
from commonweight.paper.claims.correction import told
from commonweight.paper.claims.every import DEFINITIONS, NOTES
from commonweight.paper.claims.ranks import bad_ones_stay_bad_over, moments_differ_as_instances_do
from commonweight.paper.claims.verdict import Check, Claim, Claims
from commonweight.paper.distributions import pruning, rank_boxes
from commonweight.paper.estimates import estimated_mean, estimated_s_tau
from commonweight.paper.evidence import Randomness
from commonweight.paper.figures import Curves, Identity, Series
from commonweight.paper.lastbatches import child_curves
from commonweight.paper.reading_costs import BANDS, COLUMNS, reading_curves, reading_rows, reading_series
from commonweight.paper.reading_costs import NOTES as READING_NOTES
from commonweight.paper.tables import INTERVALS, Column, Number, Row, Table, mean_std
from commonweight.paper.targets import Made
from commonweight.ranking import gt_tau, ranks, readings, s_tau, top_n_rank
from commonweight.seeds import Stream
from commonweight.values import brief


@dataclass(frozen=True, eq=False)
class FromElsewhere:
    """Accuracies `[instance, moment, child]` in [0, 1] after `step` `[moment]`, and ground truth `[child]`.

    `trained` `[instance, moment, child]` (bool) says, where it is known, which child each moment's mini-batch trained.
    Raises `UsageError` when the parts do not fit each other.
    """

    __repr__ = brief

    children: tuple[str, ...]
    accuracy: np.ndarray
    ground_truth: np.ndarray
    step: np.ndarray
    trained: np.ndarray | None = None

    def __post_init__(self) -> None:
        shape = self.accuracy.shape
        if len(shape) != 3 or shape[2] != len(self.children) or self.ground_truth.shape != (len(self.children),):
            raise UsageError(
                f"accuracies have shape {shape} and ground truth {self.ground_truth.shape} for {len(self.children)} "
                "children; expected [instance, moment, child] and [child]"
            )
        if len(self.children) < 3:
            raise UsageError(f"{len(self.children)} children; a rank worth asking about has at least 3")
        repeated = [child for child in self.children if self.children.count(child) > 1]
        if repeated:
            raise UsageError(f"child {repeated[0]!r} stands {self.children.count(repeated[0])} times; expected it once")
        if np.ptp(self.ground_truth) == 0:
            raise UsageError(f"ground truth is {self.ground_truth[0]:g} for every child; expected one that orders them")
        if len(self.step) != shape[1] or (self.trained is not None and self.trained.shape != shape):
            raise UsageError(f"moments {self.step.shape} or just trained children do not fit accuracies {shape}")

    @property
    def identities(self) -> tuple[Identity, ...]:
        """What a figure says of each child; another program's primitives are not known."""
        facts = zip(self.children, ranks(self.ground_truth), self.ground_truth, strict=True)
        return tuple(Identity(child, (), int(rank), float(best)) for child, rank, best in facts)


def worth_of(found: FromElsewhere, seed: int = 1) -> list[Made]:
    """Every table, figure and claim that the accuracies allow.

    More moments and more instances allow more. Example: a single rank has its metrics and no figure; 64 moments of one
    instance have readings, pruning, curves and boxes too. The bootstrap draws from `seed`, so that the same accuracies give
    the same report.
    """
    instances, moments, _ = found.accuracy.shape

    def randomness(*purpose: str) -> np.random.Generator:
        return Stream(seed).fork("rank", *purpose).generator()

    made: list[Made] = [_metrics(found, randomness)]
    if moments > 1:
        made += _readings(found, randomness)
    if moments > 1 or instances > 1:
        made += pruning("insight-1", found.accuracy, "moments", found.ground_truth, randomness)
    if instances > 2:
        notes = (f"{instances} instances at their last moment.",)
        made.append(
            rank_boxes(
                "ranks-over-instances",
                "Ranks of each child over instances",
                found.accuracy[:, -1],
                found.identities,
                notes,
            )
        )
    if moments > 2:
        notes = (f"The {moments} moments of instance 0.",)
        title = "Ranks of each child over the moments of one instance"
        made.append(rank_boxes("ranks-over-moments", title, found.accuracy[0], found.identities, notes))
        made += _curves(found)
    return [*made, _claims(found, randomness)]


def _metrics(found: FromElsewhere, randomness: Randomness) -> Table:
    instances, moments, _ = found.accuracy.shape
    rows = []
    if instances > 1 or moments == 1:
        who = f"{instances} instances" if instances > 1 else "one rank"
        rows.append(_row(f"{who}, last moment", found.accuracy[:, -1], found.ground_truth, randomness))
    if moments > 1:
        rows += [
            _row(f"instance {number}, {moments} moments", of_one, found.ground_truth, None)
            for number, of_one in enumerate(found.accuracy)
        ]
    columns = (
        Column("gt_tau", "GT-Tau", 4),
        Column("s_tau", "S-Tau", 4),
        Column("max_tau", "Max Tau", 4),
        Column("min_tau", "Min Tau", 4),
        Column("t1r", "T1R", 1),
        Column("t3r", "T3R", 1),
    )
    notes = (
        "GT-Tau: Kendall's tau-b of a rank with ground truth; over the moments of one instance its mean ± std are "
        "GT-Tau-Mean-k and GT-Tau-Std-k. S-Tau, Max Tau, Min Tau: tau between the ranks of the row. T1R, T3R: the best "
        "true rank among the 1, 3 children ranked first; 1 is perfect.",
        "Moments of one instance are no independent draws, so their rows have no intervals.",
        INTERVALS,
    )
    return Table("ranks", "What these ranks are worth", columns, tuple(rows), notes)


def _row(name: str, accuracies: np.ndarray, truth: np.ndarray, randomness: Randomness | None) -> Row:
    """One row for ranks `[rank, child]`; intervals where the ranks are independent."""
    metrics = [gt_tau(accuracies, truth), *(top_n_rank(accuracies, truth, n) for n in (1, 3))]
    gt, t1r, t3r = (estimated_mean(values, randomness) if randomness else mean_std(values, None) for values in metrics)
    if len(accuracies) < 2:
        return Row(name, 1, (gt, None, None, None, t1r, t3r))
    between = s_tau(accuracies)
    stable = estimated_s_tau(accuracies, randomness) if randomness else Number(between.mean)
    return Row(name, len(accuracies), (gt, stable, Number(between.max), Number(between.min), t1r, t3r))


def _readings(found: FromElsewhere, randomness: Randomness) -> list[Made]:
    instances, moments, children = found.accuracy.shape
    known = found.trained is not None and bool(found.trained.any(axis=1).all())
    ways = [way for way in readings(moments, children) if known or not way.needs_trained]
    trained = found.trained if known and found.trained is not None else np.zeros(found.accuracy.shape, dtype=bool)
    rows = reading_rows(found.accuracy, trained, found.ground_truth, ways, "moments", randomness)
    curves = reading_curves(reading_series(ways, rows), (BANDS,) if instances > 2 else ())
    return [Table("readings", "These super-nets, read in several ways", COLUMNS, tuple(rows), READING_NOTES), curves]


def _curves(found: FromElsewhere) -> list[Made]:
    trained = None if found.trained is None else found.trained[0]
    title = "Accuracy of each child at every moment of instance 0"
    accuracies = child_curves("accuracies", title, found.step, found.accuracy[0], trained, found.identities)
    series = tuple(
        Series(f"instance {number}", found.step, taus)
        for number, taus in enumerate(gt_tau(found.accuracy, found.ground_truth))
    )
    return [accuracies, Curves("gt-tau", "GT-Tau at every moment", "mini-batch", "GT-Tau", series, ())]


def _claims(found: FromElsewhere, randomness: Randomness) -> Claims:
    """Claims 3, 4 and 6, which need no trainings of our own."""
    instances, moments, _ = found.accuracy.shape
    claims = []
    if instances > 1 and moments > 1:
        claims.append(_claim(3, moments_differ_as_instances_do(found.accuracy, "moments", randomness)))
    checks = bad_ones_stay_bad_over(found.accuracy, "moments", found.ground_truth, randomness)
    text = (
        "Bad children are ranked badly again and again; the good ones cannot be told apart. (Whether children trained alone "
        "tell them apart needs their single initialisations.)"
    )
    claims.append(replace(_claim(4, checks), text=text))
    if found.trained is not None:
        check = trained_leads(found.accuracy, found.trained, "these instances", randomness)
        text = "The child just trained tends to be the best one. (Whether curves repeat needs a run of each order.)"
        claims.append(replace(_claim(6, (check,)), text=text))
    others = "The paper's other claims need trainings that a table of accuracies does not hold."
    return Claims(
        "claims", "The paper's claims that this table can speak to", tuple(claims), (others, *NOTES, *told(claims))
    )


def _claim(number: int, checks: Sequence[Check]) -> Claim:
    definition = DEFINITIONS[number - 1]
    return Claim(number, definition.text, definition.paper, tuple(checks))
