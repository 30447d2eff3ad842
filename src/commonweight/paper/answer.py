"""The answer to the question that a report opens with: what a super-net's rank is worth here, and what to do about it."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from commonweight.paper.claims.comparisons import difference, paired
from commonweight.paper.claims.verdict import WELL
from commonweight.paper.estimates import estimated_mean
from commonweight.paper.evidence import Evidence, Randomness, report_stream
from commonweight.paper.experiments import FINETUNED_END, ORDERS_SHUFFLED, SEEDS, TRUTH
from commonweight.paper.tables import Number, Row
from commonweight.paper.truth import GROUND_TRUTH
from commonweight.paper.views import View, all_of
from commonweight.paper.ways import parameter_counts
from commonweight.ranking import gt_tau, mean_of_last, mean_of_others, survival, top_n_rank
from commonweight.study.jobs import FinalAccuracy

T = TypeVar("T")
LAST = "last moment"
LIKE_TRUTH = 0.9  # of ground truth's own GT-Tau: nearly as good as children trained alone
NOTE = (
    "GT-Tau of super-nets that differ in their seeds: 1 is ground truth's order, 0 no relation to it. Lines: 95 % bootstrap "
    "over instances."
)


@dataclass(frozen=True)
class Answer:
    """What a reader of the first screen learns: the `verdict` in a few words, the `sentence` with its numbers, `advice`.

    `rows` are the picture: a name, on how many ranks its GT-Tau stands, and the GT-Tau. `shown` are the tables and figures
    that say more, by their names; a report may lack some.
    """

    verdict: str
    sentence: str
    advice: tuple[str, ...]
    rows: tuple[Row, ...]
    notes: tuple[str, ...] = (NOTE,)
    shown: tuple[str, ...] = ("table-2", "readings", "insight-1", "insight-2", "recipe", "claims")


@dataclass(frozen=True, eq=False)
class Gain:
    """Another way to read the same super-nets: GT-Tau `[instance]`, and what it does in a sentence."""

    name: str
    taus: np.ndarray
    how: str


def answer_so_far(evidence: Evidence) -> Answer | None:
    """The answer that these records allow; None without super-nets or ground truth, and for a study that is a trial."""
    read = _had(all_of(SEEDS.last(), GROUND_TRUTH, TRUTH.last(), TRUTH.judged()), evidence)
    if read is None or evidence.setting.study.trial:
        return None
    last, truth, alone, judged = read
    stream, taus = report_stream(evidence.setting), gt_tau(last, truth)
    own = np.array(
        [gt_tau(one, rest) for one, rest in zip(alone, mean_of_others(judged), strict=True)]
    )  # [initialisation]
    gains = _gains(evidence, truth)
    dropped = _had(ORDERS_SHUFFLED.last_epochs(), evidence)
    kept = None if dropped is None else survival(dropped, truth, (1,), (-(-len(truth) // 2),))[:, 0, 0]
    rows = [Row(LAST, len(taus), (estimated_mean(taus, stream),))]
    rows += [Row(gain.name, len(gain.taus), (estimated_mean(gain.taus, stream),)) for gain in gains]
    counted = float(gt_tau(parameter_counts(evidence.setting), truth))
    rows.append(Row("parameter count, untrained", 1, (Number(counted),)))
    rows.append(Row("children trained alone, once", len(own), (estimated_mean(own, stream),)))
    return Answer(
        _verdict(taus, own, stream),
        _sentence(rows, kept),
        (
            *_counting(counted, taus, stream),
            *_worth_doing(gains, taus, stream),
            *_choosing(top_n_rank(last, truth, 1), len(truth)),
            *_dropping(kept),
        ),
        tuple(rows),
    )


def _had(view: View[T], evidence: Evidence) -> T | None:
    """What the view reads; None where the study cannot have it or its experiments were not measured."""
    setting = evidence.setting
    known = all(name in evidence.measured for name in view.experiments(setting))
    return view.read(evidence) if known and view.refused(setting) is None else None


def _gains(evidence: Evidence, truth: np.ndarray) -> list[Gain]:
    """Ways to read the super-nets of different seeds, or to go on from them, that were measured."""
    found = []
    if (window := _had(SEEDS.window(), evidence)) is not None:
        k = len(window.step)
        how = (
            f"Rank by the mean of each child's accuracies after the last {k} mini-batches: {k} validations, no training"
        )
        found.append(Gain(f"mean of the last {k}", gt_tau(mean_of_last(window.accuracy, k), truth), how))
    if (batch := _had(SEEDS.final(FinalAccuracy.UNDER_BATCH_STATISTICS), evidence)) is not None:
        how = (
            "Validate with batch-norm statistics of the validation batch instead of the running ones: it costs nothing"
        )
        found.append(Gain("validation batch's statistics", gt_tau(batch, truth), how))
    if (tuned := _had(FINETUNED_END.every_batch(), evidence)) is not None:
        steps = tuned.accuracy.shape[1]
        how = f"Fine-tune each child alone from the end for {steps} mini-batches before it is validated"
        found.append(Gain(f"fine-tuned, {steps} mini-batches", gt_tau(tuned.accuracy[:, -1], truth), how))
    return found


def _verdict(taus: np.ndarray, own: np.ndarray, stream: Randomness) -> str:
    """By the intervals of GT-Tau at the last moment, and of what it lacks to that of children trained alone."""
    found, less = estimated_mean(taus, stream).interval, difference(stream, own, taus).interval
    if found is None:
        return f"Undecided: {len(taus)} instances are too few to say."
    if found.low <= 0:
        return "No: it is not surely better than a rank at random."
    if less is not None and less.high <= (1 - LIKE_TRUTH) * own.mean():
        return "Yes: it is nearly as good as children trained alone."
    if less is not None and less.low > 0:
        return "Only roughly: surely better than chance, surely worse than children trained alone."
    return "Roughly: surely better than chance; whether worse than children trained alone is undecided."


def _sentence(rows: list[Row], kept: np.ndarray | None) -> str:
    first, *others = [(row.name, _told(row.numbers[0])) for row in rows]
    said = [f"Read at the {first[0]}: GT-Tau {first[1]}", *(f"{name}: {tau}" for name, tau in others)]
    if kept is not None:
        said.append(f"dropping half keeps the truly best child in {_share(kept)}")
    return f"{'; '.join(said)}."


def _counting(counted: float, taus: np.ndarray, stream: Randomness) -> list[str]:
    """What trained super-nets must beat: the children in the order of their parameter counts."""
    interval = estimated_mean(taus, stream).interval
    if np.isnan(counted) or (interval is not None and interval.low > counted):
        return []
    surely = "surely better than" if interval is not None and interval.high < counted else "not surely worse than"
    return [
        f"Count the children's parameters before anything else: their order, which needs no training, is {surely} the "
        f"super-net's at its last moment (GT-Tau {counted:.2f})."
    ]


def _worth_doing(gains: list[Gain], taus: np.ndarray, stream: Randomness) -> list[str]:
    """What surely helps, the most first; then what surely harms, and what is undecided, in a line for each."""
    compared = [(gain, paired(stream, gain.taus, taus)) for gain in gains]
    said: dict[str, list[str]] = {"helps": [], "harms": [], "undecided": []}
    for gain, more in sorted(compared, key=lambda pair: -pair[1].value):
        interval = more.interval
        if interval is not None and interval.low > 0:
            said["helps"].append(f"{gain.how}. GT-Tau rises by {_told(more)}.")
        elif interval is not None and interval.high < 0:
            said["harms"].append(f"{gain.name} (GT-Tau changes by {_told(more)})")
        else:
            said["undecided"].append(f"{gain.name} (GT-Tau changes by {_told(more)})")
    harms, undecided = ", ".join(said["harms"]), ", ".join(said["undecided"])
    return [
        *said["helps"],
        *([f"Do not use what surely does harm here: {harms}."] if harms else []),
        *([f"Undecided by so few instances is what this would change: {undecided}."] if undecided else []),
    ]


def _choosing(first: np.ndarray, children: int) -> list[str]:
    """What the child is worth that a rank puts first: its true rank `[instance]`."""
    mean = float(first.mean())
    if np.isnan(mean) or mean <= 1 + WELL:
        return []
    return [
        f"Do not take the child that one rank puts first: its true rank is {mean:.0f} of {children} in the mean over "
        f"{len(first)} instances. Take several, and train these alone."
    ]


def _dropping(kept: np.ndarray | None) -> list[str]:
    """Whether the worse half may go: in which instances `[instance]` the truly best child stays."""
    if kept is None:
        return []
    how = "the half of the children with the worst mean rank over the last epochs"
    if kept.all():
        return [f"Drop {how}: the truly best child stayed in {_share(kept)}."]
    return [f"Do not drop {how} on one instance's word: the truly best child stayed in only {_share(kept)}."]


def _share(kept: np.ndarray) -> str:
    return f"{int(kept.sum())} of {len(kept)} instances"


def _told(number: Number | None) -> str:
    """`0.25 [0.17, 0.31]`."""
    assert number is not None
    interval = number.interval
    return f"{number.value:.2f}" + (f" [{interval.low:.2f}, {interval.high:.2f}]" if interval else "")
