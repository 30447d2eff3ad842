"""Ranks from elsewhere: every metric, figure and claim that an accuracy table of another program allows."""

from collections.abc import Sequence
from dataclasses import replace
from math import sqrt

import numpy as np

from commonweight.elsewhere.accuracy_tables import Scale
from commonweight.elsewhere.groups import groups_of
from commonweight.elsewhere.made_elsewhere import FromElsewhere
from commonweight.paper.claims.batches import trained_leads
from commonweight.paper.claims.correction import told
from commonweight.paper.claims.every import DEFINITIONS, NOTES
from commonweight.paper.claims.ranks import bad_ones_stay_bad_over, moments_differ_as_instances_do
from commonweight.paper.claims.verdict import Check, Claim, Claims
from commonweight.paper.distributions import pruning, rank_boxes
from commonweight.paper.estimates import estimated_mean, estimated_s_tau
from commonweight.paper.evidence import Randomness
from commonweight.paper.figures import Boxes, Curves, Series
from commonweight.paper.lastbatches import child_curves
from commonweight.paper.reading_costs import BANDS, COLUMNS, reading_curves, reading_rows, reading_series
from commonweight.paper.reading_costs import NOTES as READING_NOTES
from commonweight.paper.tables import INTERVALS, Column, Number, Row, Table, mean_std
from commonweight.paper.targets import Made
from commonweight.ranking import gt_tau, ranks, readings, s_tau, top_n_rank
from commonweight.seeds import Stream

SHOWN = 64  # children that a figure has a curve or a box for; nobody reads thousands
SAMPLED = 1024  # children between whose orders taus of many moments are taken; their pairs grow with the square

MEASURES = {
    Scale.ACCURACY: "validation accuracy",
    Scale.SCORE: "score",
    Scale.LOSS: "score with the opposite sign",
}


def worth_of_all(found: Sequence[FromElsewhere], groups: int | None = None, seed: int = 1) -> list[Made]:
    """What the ranks of each method are worth: their metrics in one table, then all else, method by method.

    `groups`: also the partition of the children into so many groups, of each method (see `groups_of`).
    """
    of_each = [[*worth_of(one, seed), *groups_of(one, groups)] for one in found]
    if len(found) == 1:
        return of_each[0]
    tables = [made[0] for made in of_each if isinstance(made[0], Table)]
    rows = [
        replace(row, name=f"{one.method}: {row.name}")
        for one, table in zip(found, tables, strict=True)
        for row in table.rows
    ]
    made: list[Made] = [replace(tables[0], rows=tuple(rows))]
    for number, (one, parts) in enumerate(zip(found, of_each, strict=True), start=1):
        made += [replace(p, name=f"{p.name}-{number}", title=f"{one.method}: {p.title}") for p in parts[1:]]
    return made


def worth_of(found: FromElsewhere, seed: int = 1) -> list[Made]:
    """Every table, figure and claim that the accuracies allow.

    More moments and more instances allow more. Example: a single rank has its metrics and no figure; 64 moments of one
    instance have readings, pruning, curves and boxes too. The bootstrap draws from `seed`, so that the same accuracies give
    the same report.
    """
    instances, moments, _ = found.accuracy.shape

    def randomness(*purpose: str) -> np.random.Generator:
        return Stream(seed).fork("rank", *purpose).generator()

    between = _sample(found, randomness)
    made: list[Made] = [_metrics(found, between, randomness)]
    if moments > 1:
        made += _readings(found, randomness)
    if moments > 1 or instances > 1:
        made += pruning("insight-1", found.accuracy, "moments", found.ground_truth, randomness)
    if instances > 2:
        notes = (f"{instances} instances at their last moment.",)
        made.append(
            _boxes(found, "ranks-over-instances", "Ranks of each child over instances", found.accuracy[:, -1], notes)
        )
    if moments > 2:
        notes = (f"The {moments} moments of instance 0.",)
        title = "Ranks of each child over the moments of one instance"
        made.append(_boxes(found, "ranks-over-moments", title, found.accuracy[0], notes))
        made += _curves(found)
    return [*made, _claims(found, between, randomness)]


def _sample(found: FromElsewhere, randomness: Randomness) -> np.ndarray:
    """Accuracies `[instance, moment, child]` of all children, or of a random sample of so many."""
    children = len(found.children)
    if children <= SAMPLED:
        return found.accuracy
    return found.accuracy[..., np.sort(randomness("sample").choice(children, SAMPLED, replace=False))]


def _metrics(found: FromElsewhere, between: np.ndarray, randomness: Randomness) -> Table:
    instances, moments, children = found.accuracy.shape
    rows = []
    if instances > 1 or moments == 1:
        who = f"{instances} instances" if instances > 1 else "one rank"
        rows.append(_row(f"{who}, last moment", found.accuracy[:, -1], found.ground_truth, randomness))
    if moments > 1:
        rows += [
            _row(f"instance {number}, {moments} moments", of_one, found.ground_truth, None, sampled)
            for number, (of_one, sampled) in enumerate(zip(found.accuracy, between, strict=True))
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
        *(_of_sample("Tau between moments of one instance", children) if moments > 1 else ()),
        INTERVALS,
    )
    return Table("ranks", "What these ranks are worth", columns, tuple(rows), notes)


def _of_sample(what: str, children: int) -> tuple[str, ...]:
    """That a tau is that of a sample, and how far it may lie from that of all children; nothing where it is not.

    Kendall's tau of n unrelated ranks has the standard deviation 2/(3√n), less where they are related.
    """
    if children <= SAMPLED:
        return ()
    deviation = 2 / 3 * sqrt((1 - SAMPLED / children) / SAMPLED)
    return (
        f"{what}: of a random sample of {SAMPLED} of {children} children, of which a tau deviates by about {deviation:.3f}.",
    )


def _row(
    name: str,
    accuracies: np.ndarray,
    truth: np.ndarray,
    randomness: Randomness | None,
    sampled: np.ndarray | None = None,
) -> Row:
    """One row for ranks `[rank, child]`; intervals where the ranks are independent. S-Tau is of `sampled`, if given."""
    metrics = [gt_tau(accuracies, truth), *(top_n_rank(accuracies, truth, n) for n in (1, 3))]
    gt, t1r, t3r = (estimated_mean(values, randomness) if randomness else mean_std(values, None) for values in metrics)
    if len(accuracies) < 2:
        return Row(name, 1, (gt, None, None, None, t1r, t3r))
    between = s_tau(accuracies if sampled is None else sampled)
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


def _shown(found: FromElsewhere) -> tuple[np.ndarray, tuple[str, ...]]:
    """Which children a figure shows, evenly spread over ground truth's ranks, and that it shows no others."""
    children = len(found.children)
    if children <= SHOWN:
        return np.arange(children), ()
    best_first = np.argsort(ranks(found.ground_truth))
    places = best_first[np.linspace(0, children - 1, SHOWN).round().astype(int)]
    return np.sort(places), (f"{SHOWN} of {children} children, evenly spread over the ranks of ground truth.",)


def _boxes(found: FromElsewhere, name: str, title: str, accuracies: np.ndarray, notes: tuple[str, ...]) -> Boxes:
    """The ranks of the shown children among all, in `accuracies` `[rank, child]`."""
    boxes, (places, told) = rank_boxes(name, title, accuracies, found.identities, notes), _shown(found)
    shown = {found.children[place] for place in places}
    return replace(boxes, boxes=tuple(b for b in boxes.boxes if b.identity.child in shown), notes=(*notes, *told))


def _curves(found: FromElsewhere) -> list[Made]:
    (places, told), identities = _shown(found), found.identities
    trained = None if found.trained is None else found.trained[0][:, places]
    what = MEASURES[found.scale]
    title = f"{what.capitalize()} of each child at every moment of instance 0"
    who = [identities[place] for place in places]
    accuracies = child_curves("accuracies", title, found.step, found.accuracy[0][:, places], trained, who)
    accuracies = replace(accuracies, y=what, notes=(*accuracies.notes, *told), children=len(identities))
    series = tuple(
        Series(f"instance {number}", found.step, taus)
        for number, taus in enumerate(gt_tau(found.accuracy, found.ground_truth))
    )
    return [accuracies, Curves("gt-tau", "GT-Tau at every moment", "mini-batch", "GT-Tau", series, ())]


def _claims(found: FromElsewhere, between: np.ndarray, randomness: Randomness) -> Claims:
    """Claims 3, 4 and 6, which need no trainings of our own."""
    instances, moments, children = found.accuracy.shape
    claims = []
    if instances > 1 and moments > 1:
        claims.append(_claim(3, moments_differ_as_instances_do(between, "moments", randomness)))
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
    sampled = _of_sample("Taus of claim 3", children) if instances > 1 and moments > 1 else ()
    notes = (others, *sampled, *NOTES, *told(claims))
    return Claims("claims", "The paper's claims that this table can speak to", tuple(claims), notes)


def _claim(number: int, checks: Sequence[Check]) -> Claim:
    definition = DEFINITIONS[number - 1]
    return Claim(number, definition.text, definition.paper, tuple(checks))
