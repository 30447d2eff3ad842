"""Ranks from elsewhere: every metric, figure and claim that an accuracy table of another program allows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from commonweight.elsewhere.accuracy_tables import Scale
from commonweight.elsewhere.agreement import agreement, of_sample, population, sample
from commonweight.elsewhere.groups import groups_of
from commonweight.elsewhere.made_elsewhere import FromElsewhere
from commonweight.paper.claims.batches import trained_leads
from commonweight.paper.claims.correction import told
from commonweight.paper.claims.every import DEFINITIONS, NOTES
from commonweight.paper.claims.ranks import bad_ones_stay_bad_over, moments_differ_as_instances_do
from commonweight.paper.claims.verdict import Check, Claim, Claims
from commonweight.paper.distributions import pruning, rank_boxes
from commonweight.paper.evidence import Randomness
from commonweight.paper.figures import Boxes, Curves, Series
from commonweight.paper.lastbatches import child_curves
from commonweight.paper.reading_costs import BANDS, COLUMNS, reading_curves, reading_rows, reading_series
from commonweight.paper.reading_costs import NOTES as READING_NOTES
from commonweight.paper.tables import Table
from commonweight.paper.targets import Made
from commonweight.ranking import ranks, readings
from commonweight.seeds import Stream

SHOWN = 64  # children that a figure has a curve or a box for; nobody reads thousands

MEASURES = {
    Scale.ACCURACY: "validation accuracy",
    Scale.SCORE: "score",
    Scale.LOSS: "score with the opposite sign",
}


def worth_of_all(found: Sequence[FromElsewhere], groups: int | None = None, seed: int = 1) -> list[Made]:
    """What the ranks of each method are worth: their metrics in one table, then all else, method by method.

    `groups`: also the partition of the children into so many groups, of each method (see `groups_of`).
    """
    if len(found) == 1:
        return [*worth_of(found[0], seed), *groups_of(found[0], groups)]
    made: list[Made] = [agreement(found, _stream(seed))]
    for number, one in enumerate(found, start=1):
        parts = [*_further(one, _stream(seed)), *groups_of(one, groups)]
        made += [replace(part, name=f"{part.name}-{number}", title=f"{one.method}: {part.title}") for part in parts]
    return made


def worth_of(found: FromElsewhere, seed: int = 1) -> list[Made]:
    """Every table, figure and claim that the accuracies allow.

    More moments and more instances allow more. Example: a single rank has its metrics and no figure; 64 moments of one
    instance have readings, pruning, curves and boxes too. The bootstrap draws from `seed`, so that the same accuracies give
    the same report.
    """
    return [agreement([found], _stream(seed)), *_further(found, _stream(seed))]


def _stream(seed: int) -> Randomness:
    return lambda *purpose: Stream(seed).fork("rank", *purpose).generator()


def _further(found: FromElsewhere, randomness: Randomness) -> list[Made]:
    """All but the metrics."""
    instances, moments, _ = found.accuracy.shape
    made: list[Made] = []
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
    return [*made, _claims(found, sample(found, randomness), randomness)]


def _readings(found: FromElsewhere, randomness: Randomness) -> list[Made]:
    instances, moments, children = found.accuracy.shape
    known = found.trained is not None and bool(found.trained.any(axis=1).all())
    ways = [way for way in readings(moments, children) if known or not way.needs_trained]
    trained = found.trained if known and found.trained is not None else np.zeros(found.accuracy.shape, dtype=bool)
    rows = reading_rows(found.accuracy, trained, found.ground_truth, ways, "moments", randomness)
    curves = reading_curves(reading_series(ways, rows), (BANDS,) if instances > 2 else ())
    notes = (*READING_NOTES, *population(found))
    table = Table("readings", "These super-nets, read in several ways", COLUMNS, tuple(rows), notes)
    return [table, replace(curves, notes=(*curves.notes, *population(found)))]


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
    series = tuple(Series(f"instance {number}", found.step, taus) for number, taus in enumerate(found.gt_taus))
    return [accuracies, Curves("gt-tau", "GT-Tau at every moment", "mini-batch", "GT-Tau", series, population(found))]


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
    sampled = of_sample("Taus of claim 3", children) if instances > 1 and moments > 1 else ()
    notes = (others, *sampled, *NOTES, *told(claims))
    return Claims("claims", "The paper's claims that this table can speak to", tuple(claims), notes)


def _claim(number: int, checks: Sequence[Check]) -> Claim:
    definition = DEFINITIONS[number - 1]
    return Claim(number, definition.text, definition.paper, tuple(checks))
