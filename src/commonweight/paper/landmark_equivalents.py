"""Landmarks: how far a few fully trained children go, and how many a super-net is worth (not in the paper)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from commonweight.paper.evidence import Randomness, report_stream
from commonweight.paper.experiments import SEEDS, TRUTH
from commonweight.paper.figures import Curves, Series
from commonweight.paper.tables import Column, Number, Row, Table, mean_std
from commonweight.paper.targets import artefact
from commonweight.paper.views import View
from commonweight.paper.ways import parameter_counts, training_cost
from commonweight.ranking import gt_tau, mean_of_last, mean_of_others
from commonweight.ranking.landmarks import FEWEST, drawn, equivalent, held_out_tau
from commonweight.space.encoding import Block, features
from commonweight.study.setting import Measured, Setting

DRAWS = 20  # sets of landmarks for every number of them
WITHOUT = "without a super-net"
COUNTED = "parameter count"


@dataclass(frozen=True, eq=False)
class Drawn:
    """GT-Tau `[draw]` on the children that are no landmarks: predicted without a reading, with each, and of each alone."""

    without: np.ndarray
    beside: Mapping[str, np.ndarray]
    alone: Mapping[str, np.ndarray]


def landmark_counts(children: int) -> list[int]:
    """Powers of two from 2 to half of the children."""
    return [2**power for power in range(1, children.bit_length()) if 2**power <= children // 2]


def tried_landmarks(
    known: Sequence[Block],
    values: np.ndarray,
    truths: np.ndarray,
    readings: Mapping[str, np.ndarray],
    randomness: Randomness,
) -> dict[int, Drawn]:
    """By number of landmarks: draw d takes the values `[seed, child]` and truths `[seed, child]` of seed d, counted round.

    readings are `[instance, child]`, of which draw d takes instance d, counted round.
    """
    tried = {}
    for count in landmark_counts(values.shape[1]):
        places = drawn(values.shape[1], count, DRAWS, randomness("landmarks", count))
        without, beside, alone = [], {name: [] for name in readings}, {name: [] for name in readings}
        for draw, landmarks in enumerate(places):
            seed, rest = draw % len(values), np.setdiff1d(np.arange(values.shape[1]), landmarks)
            there, truth = values[seed, landmarks], truths[seed]
            without.append(held_out_tau(known, landmarks, there, truth))
            for name, reading in readings.items():
                one = reading[draw % len(reading)]
                beside[name].append(held_out_tau([*known, one[:, None]], landmarks, there, truth))
                alone[name].append(float(gt_tau(one[rest], truth[rest])))
        tried[count] = Drawn(
            np.array(without),
            {name: np.array(taus) for name, taus in beside.items()},
            {name: np.array(taus) for name, taus in alone.items()},
        )
    return tried


def _enough(setting: Setting) -> str | None:
    children = len(setting.children)
    if landmark_counts(children):
        return None
    return f"it needs {2 * FEWEST} children, of which half are landmarks at most, and this space has only {children}"


_LAST = SEEDS.last()


@artefact("landmarks", None, View(_LAST.looks, _LAST.read, _enough), SEEDS.window(), TRUTH.judged())
def landmarks(last: np.ndarray, window: Measured, judged: np.ndarray, setting: Setting) -> tuple[Table, Table, Curves]:
    """GT-Tau of children predicted from landmarks with and without a super-net, and the super-net's landmark equivalent."""
    moments = len(window.step)
    readings = {
        "last moment": last,
        f"mean of last {moments}": mean_of_last(window.accuracy, moments),
        COUNTED: parameter_counts(setting)[None],
    }
    tried = tried_landmarks(
        features(setting.children), judged, mean_of_others(judged), readings, report_stream(setting)
    )
    return (
        _table(tried, readings, setting),
        _equivalents(tried, readings, setting),
        curves_of(tried, readings),
    )


def _table(tried: Mapping[int, Drawn], readings: Mapping[str, np.ndarray], setting: Setting) -> Table:
    columns = [Column("child_epochs", "child-epochs", 0), Column("without", WITHOUT, 4)]
    columns += [Column(_key(name), f"with {name}", 4) for name in readings]
    rows = [
        Row(
            f"{count} landmarks",
            DRAWS,
            (
                Number(count * setting.alone_epochs),
                mean_std(one.without, None),
                *(mean_std(taus, None) for taus in one.beside.values()),
            ),
        )
        for count, one in tried.items()
    ]
    return Table("landmarks", "GT-Tau of children predicted from landmarks", tuple(columns), tuple(rows), NOTES)


def _equivalents(tried: Mapping[int, Drawn], readings: Mapping[str, np.ndarray], setting: Setting) -> Table:
    shared = training_cost(SEEDS, setting)
    rows = []
    for row in worth_in_landmarks(tried, readings):
        gt_tau, worth = row.numbers
        own = Number(0.0 if row.name.startswith(COUNTED) else shared)
        theirs = None if worth is None else Number(worth.value * setting.alone_epochs)
        rows.append(replace(row, numbers=(gt_tau, worth, theirs, own)))
    costs = (Column("child_epochs", "their child-epochs", 1), Column("own", "child-epochs of the reading", 1))
    return equivalents_table("landmarks-equivalents", rows, costs)


def worth_in_landmarks(tried: Mapping[int, Drawn], readings: Mapping[str, np.ndarray]) -> list[Row]:
    """Of every reading GT-Tau and landmark equivalent; where that is out of reach, the name says so."""
    counts = list(tried)
    without = [one.without.mean() for one in tried.values()]
    rows = []
    for reading in readings:
        alone = [one.alone[reading].mean() for one in tried.values()]
        found = equivalent(counts, without, alone)
        numbers = (Number(float(np.mean(alone))), None if np.isinf(found) else Number(found))
        rows.append(Row(_bounded(reading, found, counts), DRAWS, numbers))
    return rows


def equivalents_table(name: str, rows: Sequence[Row], costs: Sequence[Column] = ()) -> Table:
    """The table of what `worth_in_landmarks` gives, with columns of costs behind."""
    columns = (Column("gt_tau", "GT-Tau", 4), Column("equivalent", "worth so many landmarks", 1), *costs)
    title = "How many fully trained children rank the others as well"
    return Table(name, title, columns, tuple(rows), EQUIVALENT_NOTES)


def curves_of(tried: Mapping[int, Drawn], readings: Mapping[str, np.ndarray]) -> Curves:
    """GT-Tau against the number of landmarks: predicted without and with each reading, and of each reading alone."""
    at = np.array(list(tried), dtype=np.float64)
    series = [Series(WITHOUT, at, np.array([one.without.mean() for one in tried.values()]))]
    for name in readings:
        beside = np.array([one.beside[name].mean() for one in tried.values()])
        alone = np.array([one.alone[name].mean() for one in tried.values()])
        series.append(Series(f"with {name}", at, beside, family=name))
        series.append(Series(f"{name} alone, no landmark", at, alone, family=name, dotted=True))
    title, x = "GT-Tau of children that are no landmarks", "landmarks, children trained fully"
    return Curves("landmarks-curves", title, x, "GT-Tau", tuple(series), NOTES[:1], log_x=True)


def _bounded(reading: str, found: float, counts: Sequence[int]) -> str:
    if found <= counts[0]:
        return f"{reading} (at most {counts[0]})"
    return f"{reading} (more than {counts[-1]})" if found > counts[-1] else reading


def _key(name: str) -> str:
    return f"with_{name.replace(' ', '_')}"


NOTES = (
    f"Landmarks are children trained alone, from one initialisation, drawn at random; means and deviations are over {DRAWS} "
    "draws of them. A Gaussian process on what children choose (one-hot, counts, paths through the cell), and on the reading "
    "named, predicts the others. GT-Tau is of these alone, against the mean of the other initialisations of ground truth.",
    "Child-epochs are those of the landmarks; a super-net's own come on top.",
)
EQUIVALENT_NOTES = (
    "A super-net is worth so many landmarks as rank the children that are no landmarks as well as it does, without it. "
    "Between two numbers that were tried: the line in their logarithms.",
)
