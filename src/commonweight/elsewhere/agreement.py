"""How far ranks from elsewhere agree with ground truth and with each other, beside baselines and a ceiling."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from commonweight.elsewhere.made_elsewhere import FromElsewhere
from commonweight.paper.estimates import estimated_mean, estimated_s_tau
from commonweight.paper.evidence import Randomness
from commonweight.paper.tables import INTERVALS, Column, Number, Row, Table, mean_std
from commonweight.ranking import (
    gt_tau,
    gt_tau_of_best,
    mean_of_others,
    own_gt_tau,
    s_tau,
    sampling_deviation,
    top_n_rank,
    truly_best,
)

SAMPLED = 1024  # children between whose orders taus of many moments are taken; their pairs grow with the square
BEST = (0.25, 0.05)  # shares of the children, the truly best, that have taus of their own
TOPS = (1, 3)

COLUMNS = (
    Column("gt_tau", "GT-Tau", 4),
    *(Column(f"gt_tau_best_{share * 100:g}", f"of best {share * 100:g} %", 4) for share in BEST),
    Column("s_tau", "S-Tau", 4),
    Column("max_tau", "Max Tau", 4),
    Column("min_tau", "Min Tau", 4),
    *(Column(f"t{n}r", f"T{n}R", 1) for n in TOPS),
    Column("children", "children", 0),
)
BASELINE = "baseline "
CEILING = "ceiling: each seed of ground truth against the others"


def agreement(found: Sequence[FromElsewhere], randomness: Randomness) -> Table:
    """The metrics of the ranks of each method; baselines stand before them, and the ceiling of each column below.

    Methods that rank the same children share baselines and ceiling.
    """
    rows, notes = [], [f"{sentence}." for sentence in against_baselines(found)]
    for several in _sharing(found):
        first, shared = several[0], "" if several is found else f"{several[0].method}: "
        rows += _named(shared, _baselines(first))
        for one in several:
            rows += _named(_whose(one, found), _ranks(one, randomness))
        rows += _named(shared, _own(first, randomness))
        notes += [*population(first), _of_best(first)]
    moments, children = max(one.accuracy.shape[1] for one in found), max(len(one.children) for one in found)
    notes = (
        *dict.fromkeys(notes),
        "GT-Tau: Kendall's tau-b of a rank with ground truth; over the moments of one instance its mean ± std are "
        "GT-Tau-Mean-k and GT-Tau-Std-k. S-Tau, Max Tau, Min Tau: tau between the ranks of the row. T1R, T3R: the best "
        "true rank among the 1, 3 children ranked first; 1 is perfect.",
        "Moments of one instance are no independent draws, so their rows have no intervals.",
        *(of_sample("Tau between moments of one instance", children) if moments > 1 else ()),
        INTERVALS,
    )
    return Table("ranks", "What these ranks are worth", COLUMNS, tuple(rows), notes)


def against_baselines(found: Sequence[FromElsewhere]) -> list[str]:
    """Whether each baseline ranks the children better than the best of the ranks: what a reader has to see first."""
    verdicts = []
    for several in _sharing(found):
        first, shared = several[0], "" if several is found else f"{several[0].method}: "
        if not first.baselines:
            continue
        taus = {f"{_whose(one, found)}{name}": float(taus.mean()) for one in several for name, _, taus in _ranked(one)}
        known = {name: tau for name, tau in taus.items() if not np.isnan(tau)}
        best, most = max(known.items(), key=lambda one: one[1], default=("", -np.inf))
        for name, numbers in first.baselines.items():
            who, tau = f"The {shared}{BASELINE}{name}", float(gt_tau(numbers, first.ground_truth))
            if np.isnan(tau):
                verdicts.append(f"{who} is the same for all children, so it ranks none")
            elif not known:
                verdicts.append(f"{who} has GT-Tau {tau:.4f}, and no rank has any")
            elif tau > most:
                verdicts.append(
                    f"{who} has GT-Tau {tau:.4f}, more than the best of the ranks, “{best}”, with {most:.4f}"
                )
            else:
                verdicts.append(f"{who} has GT-Tau {tau:.4f}; the best of the ranks, “{best}”, has {most:.4f}")
    return verdicts


def population(found: FromElsewhere) -> tuple[str, ...]:
    """Of which children taus are, how these were chosen, and the ceiling of GT-Tau: notes of all that shows taus."""
    children, known = len(found.children), found.known or len(found.children)
    if found.chosen:
        who = f"{children} children: {found.chosen}."
    elif known == children:
        who = f"{children} children, all that ground truth has."
    else:
        who = f"{children} of the {known} children of ground truth, and how they were chosen is not known."
    if known > children:
        deviation = sampling_deviation(children, known)
        who += f" Of a random sample of so many a tau deviates by about {deviation:.3f} from that of all."
    if found.seeds is None:
        ceiling = "not given, as ground truth has one number for each child; give several seeds of it."
    else:
        own = float(own_gt_tau(found.seeds).mean())
        ceiling = (
            f"ground truth's own GT-Tau, {own:.4f}: each of its {len(found.seeds)} seeds against the mean of the others. It "
            "is what one training of every child alone reaches; a rank with less noise than one seed may pass it."
        )
    return f"Population of every tau: {who}", f"Ceiling: {ceiling}"


def sample(found: FromElsewhere, randomness: Randomness) -> np.ndarray:
    """Accuracies `[instance, moment, child]` of all children, or of a random sample of so many."""
    children = len(found.children)
    if children <= SAMPLED:
        return found.accuracy
    return found.accuracy[..., np.sort(randomness("sample").choice(children, SAMPLED, replace=False))]


def of_sample(what: str, children: int) -> tuple[str, ...]:
    """That a tau is that of a sample, and how far it may lie from that of all children; nothing where it is not."""
    if children <= SAMPLED:
        return ()
    deviation = sampling_deviation(SAMPLED, children)
    return (
        f"{what}: of a random sample of {SAMPLED} of {children} children, of which a tau deviates by about {deviation:.3f}.",
    )


def _sharing(found: Sequence[FromElsewhere]) -> Sequence[Sequence[FromElsewhere]]:
    """Methods of the same children, which share baselines and ceiling; else each alone."""
    return [found] if len({one.children for one in found}) == 1 else [[one] for one in found]


def _whose(one: FromElsewhere, found: Sequence[FromElsewhere]) -> str:
    return f"{one.method}: " if len(found) > 1 else ""


def _named(before: str, rows: Sequence[Row]) -> list[Row]:
    return [replace(row, name=f"{before}{row.name}") for row in rows]


def _of_best(found: FromElsewhere) -> str:
    """How many children the truly best are."""
    many = " and ".join(str(np.count_nonzero(truly_best(found.ground_truth, share))) for share in BEST)
    shares = " and ".join(f"{share * 100:g} %" for share in BEST)
    return (
        f"Of best {shares}: GT-Tau among the truly best, {many} of {len(found.children)} children, with all that tie with "
        "the last of them in ground truth; fewer than 3 have no rank. The ceiling's are the best by the other seeds' mean."
    )


def _baselines(found: FromElsewhere) -> list[Row]:
    truth = found.ground_truth
    return [
        _row(f"{BASELINE}{name}", numbers[None], gt_tau(numbers[None], truth), truth, None)
        for name, numbers in found.baselines.items()
    ]


def _ranked(found: FromElsewhere) -> list[tuple[str, np.ndarray, np.ndarray]]:
    """Name, ranks `[rank, child]` and GT-Tau `[rank]` of each row: across instances, then of each one's moments."""
    instances, moments, _ = found.accuracy.shape
    ranked = []
    if instances > 1 or moments == 1:
        who = f"{instances} instances" if instances > 1 else "one rank"
        ranked.append((f"{who}, last moment", found.accuracy[:, -1], found.gt_taus[:, -1]))
    if moments > 1:
        pairs = enumerate(zip(found.accuracy, found.gt_taus, strict=True))
        ranked += [(f"instance {number}, {moments} moments", *both) for number, both in pairs]
    return ranked


def _ranks(found: FromElsewhere, randomness: Randomness) -> list[Row]:
    """Ranks across instances are independent; those of moments are not, and S-Tau of these is that of a sample."""
    ranked, inside = _ranked(found), list(sample(found, randomness)) if found.accuracy.shape[1] > 1 else []
    samples = [*[None] * (len(ranked) - len(inside)), *inside]
    return [
        _row(name, ranks, taus, found.ground_truth, randomness if sampled is None else None, sampled)
        for (name, ranks, taus), sampled in zip(ranked, samples, strict=True)
    ]


def _row(  # noqa: PLR0917
    name: str,
    accuracies: np.ndarray,
    gt_taus: np.ndarray,
    truth: np.ndarray,
    randomness: Randomness | None,
    sampled: np.ndarray | None = None,
) -> Row:
    """One row for ranks `[rank, child]` of these GT-Taus `[rank]`; intervals where the ranks are independent.

    S-Tau is of `sampled`, if given.
    """
    taus = [gt_taus, *(gt_tau_of_best(accuracies, truth, share) for share in BEST)]
    tops = [top_n_rank(accuracies, truth, n) for n in TOPS]
    return _filled(name, accuracies, taus, tops, randomness, sampled)


def _own(found: FromElsewhere, randomness: Randomness) -> list[Row]:
    """The ceiling of each column: ground truth's seeds, each against the mean of the others; none where it has one."""
    if found.seeds is None:
        return []
    taus = [own_gt_tau(found.seeds, share) for share in (1, *BEST)]
    pairs = list(zip(found.seeds, mean_of_others(found.seeds), strict=True))
    tops = [np.array([top_n_rank(seed, rest, n) for seed, rest in pairs]) for n in TOPS]
    return [_filled(CEILING, found.seeds, taus, tops, randomness, None)]


def _filled(  # noqa: PLR0917
    name: str,
    accuracies: np.ndarray,
    taus: Sequence[np.ndarray],
    tops: Sequence[np.ndarray],
    randomness: Randomness | None,
    sampled: np.ndarray | None,
) -> Row:
    """The row of these GT-Taus and TnRs, each `[rank]`, of ranks `[rank, child]`."""
    of_all, *of_best, t1r, t3r = (
        estimated_mean(values, randomness) if randomness else mean_std(values, None) for values in (*taus, *tops)
    )
    of_best = [None if np.isnan(values).any() else number for values, number in zip(taus[1:], of_best, strict=True)]
    between: tuple[Number | None, ...] = (None, None, None)
    if len(accuracies) > 1:
        several = s_tau(accuracies if sampled is None else sampled)
        stable = estimated_s_tau(accuracies, randomness) if randomness else Number(several.mean)
        between = (stable, Number(several.max), Number(several.min))
    return Row(name, len(accuracies), (of_all, *of_best, *between, t1r, t3r, Number(accuracies.shape[1])))
