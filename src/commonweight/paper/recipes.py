"""The recipe: which way to rank all children gives the best GT-Tau for what it costs (not in the paper).

It is chosen on one half of the instances and reported on the other, so that the luck it was chosen for is not in its number.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from commonweight.paper.claims.comparisons import difference
from commonweight.paper.estimates import estimated_mean
from commonweight.paper.evidence import Randomness, report_stream
from commonweight.paper.experiments import TRUTH
from commonweight.paper.figures import Curves, Series, band_of
from commonweight.paper.tables import INTERVALS, PLUS_MINUS, Column, Number, Row, Table
from commonweight.paper.targets import artefact
from commonweight.paper.ways import EVERY_WAY, Way, parameter_counts, training_cost
from commonweight.ranking import mean_of_others, tau_between
from commonweight.study.setting import Setting

OF_ITS_OWN, AT_MOST = 0.9, 0.05  # the goal: so much of ground truth's own GT-Tau at so much of its cost
WORTH = 0.01  # GT-Tau that more cost must bring
COLUMNS = (
    Column("cost", "child-epochs", 2),
    Column("of_truth", "% of ground truth's", 1),
    Column("passes", "passes per child", 1),
    Column("chosen_by", "GT-Tau, first half", 4),
    Column("gt_tau", "GT-Tau, other half", 4),
    Column("of_own", "share of ground truth's own", 2),
    Column("above", "above the goal", 4),
)


@dataclass(frozen=True, eq=False)
class Tried:
    """A way with the GT-Tau of each instance: those that it may be chosen by, and those that are reported."""

    way: Way
    first: np.ndarray
    other: np.ndarray


@dataclass(frozen=True, eq=False)
class Ceiling:
    """Ground truth's own GT-Tau `[initialisation]`, each against the mean of the others, and the cost of one."""

    own: np.ndarray
    cost: float

    @property
    def goal(self) -> float:
        """The GT-Tau to be had."""
        return OF_ITS_OWN * float(self.own.mean())

    @property
    def budget(self) -> float:
        """The child-epochs to have it for."""
        return AT_MOST * self.cost


@artefact("recipe", None, EVERY_WAY, TRUTH.judged(), TRUTH.last())
def recipe(every: Sequence[Way], judged: np.ndarray, alone: np.ndarray, setting: Setting) -> tuple[Table, Curves]:
    """GT-Tau of every way against its cost: the best for each cost, the best of each family, and the chosen one."""
    truths, stream = mean_of_others(judged), report_stream(setting)
    ceiling = Ceiling(np.diagonal(tau_between(alone, truths)), training_cost(TRUTH, setting))
    counted = float(tau_between(parameter_counts(setting)[None], truths).mean())
    tried = [_tried(way, truths) for way in every]
    front = _front(tried, ceiling)
    chosen = _chosen(front, ceiling)
    named = {f"{number}. {_marked(one, chosen)}": one for number, one in enumerate(front, 1)}
    named |= {f"{one.way.family}: {one.way.name}": one for one in _best_of_families(tried, ceiling) if one not in front}
    rows = [Row(name, len(one.other), _numbers(one, ceiling, stream)) for name, one in named.items()]
    known = (Number(0), Number(0), Number(0), None, Number(counted), _share(counted, ceiling), None)
    rows.append(Row("parameter count", 1, known))
    own = (Number(ceiling.cost), Number(100), Number(1), None, estimated_mean(ceiling.own, stream), Number(1), None)
    rows.append(Row("ground truth: every child alone", len(ceiling.own), own))
    title = "GT-Tau for its cost: chosen on the first half of the instances, reported on the other"
    verdict = _verdict(chosen, counted, tried, ceiling, stream)
    table = Table("recipe", title, COLUMNS, tuple(rows), (verdict, *_notes(setting, ceiling, len(tried))))
    return table, _curves(tried, front, counted, ceiling, verdict, stream)


def _tried(way: Way, truths: np.ndarray) -> Tried:
    """GT-Tau against ground truth without one initialisation: the mean over which, or without the way's own."""
    taus = tau_between(way.accuracy, truths)  # [instance, initialisation]
    instances = np.arange(len(taus))
    gt_taus = taus[instances, instances % len(truths)] if way.alone else taus.mean(axis=1)
    half = (way.without + len(taus)) // 2 - way.without
    return Tried(way, gt_taus[:half], gt_taus[half:])


def _front(tried: Sequence[Tried], ceiling: Ceiling) -> list[Tried]:
    """The best for each cost by the first half, cheapest first and cheaper than ground truth: each `WORTH` its cost.

    Each is better by so much than all that is cheaper in this list. Of those that cost the same the best is there, then the
    one with fewer passes. Example: of 0.40, 0.405 and 0.42 at rising costs the first and the last.
    """
    cheaper = [one for one in tried if one.way.cost < ceiling.cost and len(one.first)]
    known = [one for one in cheaper if not np.isnan(one.first.mean())]
    front: list[Tried] = []
    for one in sorted(known, key=lambda one: (one.way.cost, -one.first.mean(), one.way.passes)):
        if not front or one.first.mean() >= front[-1].first.mean() + WORTH:
            front.append(one)
    return front


def _chosen(front: Sequence[Tried], ceiling: Ceiling) -> Tried | None:
    """The last of them that the budget allows."""
    return next((one for one in reversed(front) if one.way.cost <= ceiling.budget), None)


def _best_of_families(tried: Sequence[Tried], ceiling: Ceiling) -> list[Tried]:
    """The best of each family that the budget allows, by the first half; its cheapest one where it allows none."""
    found = []
    for family in _families(tried).values():
        most = max(ceiling.budget, min(one.way.cost for one in family))
        found += _front([one for one in family if one.way.cost <= most], ceiling)[-1:]
    return found


def _families(tried: Sequence[Tried]) -> dict[str, list[Tried]]:
    families: dict[str, list[Tried]] = {}
    for one in tried:
        families.setdefault(one.way.family, []).append(one)
    return families


def _marked(one: Tried, chosen: Tried | None) -> str:
    return f"{'CHOSEN: ' if one is chosen else ''}{one.way.name}"


def _numbers(one: Tried, ceiling: Ceiling, stream: Randomness) -> tuple[Number | None, ...]:
    """A row in the columns of `COLUMNS`."""
    return (
        Number(one.way.cost),
        Number(100 * one.way.cost / ceiling.cost),
        Number(one.way.passes),
        Number(float(one.first.mean())),
        estimated_mean(one.other, stream),
        _share(float(one.other.mean()), ceiling),
        difference(stream, one.other, OF_ITS_OWN * ceiling.own),
    )


def _share(gt_tau: float, ceiling: Ceiling) -> Number:
    """Of ground truth's own GT-Tau; nan where that is not above 0."""
    own = float(ceiling.own.mean())
    return Number(gt_tau / own if own > 0 else np.nan)


def _verdict(chosen: Tried | None, counted: float, tried: Sequence[Tried], ceiling: Ceiling, stream: Randomness) -> str:
    """What is reached, in words."""
    goal = (
        f"The goal: {OF_ITS_OWN:g} of ground truth's own GT-Tau, {ceiling.goal:.4f}, for {100 * AT_MOST:g} % of its cost, "
        f"{ceiling.budget:.2f} child-epochs."
    )
    if chosen is None:
        return f"{goal} No way with a GT-Tau costs so little."
    above = difference(stream, chosen.other, OF_ITS_OWN * ceiling.own)
    if np.isnan(above.value):
        return f"{goal} Whether it is reached is undefined."
    sure = above.interval is not None and (above.interval.low > 0 or above.interval.high < 0)
    for_how_much = f"{100 * chosen.way.cost / ceiling.cost:.1f} %"
    more = ", more than that" if counted > chosen.other.mean() else ""
    many = sum(one.way.cost <= ceiling.budget for one in tried)
    return (
        f"{goal} {'Reached' if above.value >= 0 else 'Not reached'}, {'surely' if sure else 'but not surely'}: "
        f"“{chosen.way.name}”, chosen from {many} ways for no more by the first half of the instances, has on the other half "
        f"GT-Tau {chosen.other.mean():.4f} for {for_how_much}. Parameter count, which costs nothing, has {counted:.4f}{more}."
    )


def _notes(setting: Setting, ceiling: Ceiling, ways: int) -> tuple[str, ...]:
    experiments = setting.study.experiments
    half = experiments.instances // 2
    return (
        f"Numbered: the best for its cost among {ways} ways; what costs more stands there if it is better by {WORTH:g}. "
        f"Below: the best of each other family for {100 * AT_MOST:g} %, or its cheapest. All are chosen by the first {half} "
        f"of {experiments.instances} instances (half of them, rounded down; of ground truth's initialisations likewise). "
        "What to expect is GT-Tau on the other half.",
        f"Cost: mini-batches that one instance trains, {setting.batches_per_epoch} of {setting.study.training.batch} images "
        "to a child-epoch, those of fine-tuning and of recalibration too, although the latter only run forward. One "
        f"initialisation of ground truth costs {ceiling.cost:g}. Validation passes are named and not counted: one is each "
        f"child on {setting.sweep_images} images, in the mean over children.",
        "GT-Tau here is against ground truth without one of its initialisations, in the mean over which. Ground truth's own "
        "is of each against the mean of the others, and so is that of ways that train children alone. So it differs a little "
        "from GT-Tau in other tables.",
        "Statistics: as in hidden-choices and instability. Best 8 alone: those that the super-net ranks best under the "
        "validation batch's statistics are trained alone, from new weights, for the first of ground truth's epochs. Best 8 "
        "fine-tuned: those best by the mean of the last round. All others stay behind them in the super-net's order.",
        "Groups found from data are found in the first instance, by which they are then not chosen; their cost holds that of "
        "finding them. Not among the ways: survivors of pruning trained on together, in a super-net of their own.",
        PLUS_MINUS,
        INTERVALS,
    )


def _curves(  # noqa: PLR0917
    tried: Sequence[Tried],
    front: Sequence[Tried],
    counted: float,
    ceiling: Ceiling,
    verdict: str,
    stream: Randomness,
) -> Curves:
    """A point for each way, the best for each cost numbered; ground truth, the goal and parameter count as lines."""
    chosen = _chosen(front, ceiling)
    families = _families(tried).items()
    series = [_points(family, some, tuple(one.way.name for one in some), stream) for family, some in families]
    names = tuple(_marked(one, chosen) for one in front)
    series.append(_points("the best for its cost, by the first half", front, names, stream, numbered=True))
    costs = [ceiling.cost, *(one.way.cost for one in tried)]
    ends = np.array([min(costs), max(costs)])
    own, both = estimated_mean(ceiling.own, stream), np.ones(2)
    low, high = band_of([own.interval] * 2)
    name = "ground truth's own: one initialisation alone against the others"
    series.append(Series(name, ends, own.value * both, low=low, high=high))
    corner = np.array([ends[0], ceiling.budget, ceiling.budget])
    goal = np.array([ceiling.goal, ceiling.goal, own.value])
    words = f"the goal: {OF_ITS_OWN:g} of that for {100 * AT_MOST:g} % of its cost"
    series.append(Series(words, corner, goal, dotted=True, family=name))
    series.append(Series("parameter count", ends, counted * both))
    how_to_read = (
        "Each point is a way to rank all children: higher is better, further left is cheaper. All are shown as the other "
        "half of the instances has them; numbered is what the first half finds best for its cost. Bars and band: 95 % "
        "bootstrap over instances."
    )
    title, x, y = (
        "GT-Tau against cost",
        "cost of one instance [child-epochs]",
        "GT-Tau on the other half",
    )
    return Curves("recipe-cost", title, x, y, tuple(series), (how_to_read, verdict), log_x=True)


def _points(
    name: str, some: Sequence[Tried], names: tuple[str, ...], stream: Randomness, *, numbered: bool = False
) -> Series:
    costs, taus = np.array([one.way.cost for one in some]), [estimated_mean(one.other, stream) for one in some]
    low, high = band_of([tau.interval for tau in taus])
    values = np.array([tau.value for tau in taus])
    return Series(name, costs, values, low=low, high=high, names=names, numbered=numbered)
