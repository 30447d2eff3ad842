"""Claims 1 to 4: what the ranks of super-nets are worth (paper §3.2, §3.3)."""

from math import ceil, sqrt

import numpy as np

from commonweight.paper.claims.comparisons import difference, mean
from commonweight.paper.claims.definition import claim
from commonweight.paper.claims.power import LEVEL, LIKELY, SURE, enough_for, excluded
from commonweight.paper.claims.verdict import ALIKE, WELL, Check, Verdict, above, within, without_interval
from commonweight.paper.evidence import Randomness, report_stream
from commonweight.paper.experiments import ORDERS, ORDERS_SHUFFLED, SEEDS, TRUTH
from commonweight.paper.tables import Number
from commonweight.ranking import (
    gt_tau,
    jackknife_interval,
    mean_of_others,
    mean_rank,
    ranks,
    s_tau,
    s_tau_difference_interval,
    s_tau_interval,
    s_tau_null,
    top_n_rank,
    within_between_interval,
)
from commonweight.study.setting import Setting

SUPER_NETS = (SEEDS, ORDERS, ORDERS_SHUFFLED)


@claim(
    1,
    "Ranks differ between instances: S-Tau of super-nets is well under ground truth's and well above random ranks'.",
    "S-Tau 0.54 (seeds), 0.39 (orders), 0.44 (shuffled); ground truth 0.71, random 0.04",
    *(planned.last_epochs() for planned in SUPER_NETS),
    TRUTH.last_epochs(),
    shown=("table-1", "figure-2"),
)
def unstable(
    seeds: np.ndarray, orders: np.ndarray, shuffled: np.ndarray, alone: np.ndarray, setting: Setting
) -> tuple[Check, ...]:
    """S-Tau of super-nets against ground truth's on the same images, and against the null of random ranks.

    Each check also tells the range over the last epochs `[instance, epoch, child]`: the verdict is that of the last one.
    """
    stream, checks, of_truth = report_stream(setting), [], _s_taus(alone)
    for planned, epochs in zip(SUPER_NETS, (seeds, orders, shuffled), strict=True):
        final, who = epochs[:, -1], planned.title.lower()
        less = Number(
            s_tau(alone[:, -1]).mean - s_tau(final).mean,
            interval=s_tau_difference_interval(alone[:, -1], final, stream("difference of S-Tau")),
        )
        text = f"S-Tau of ground truth − S-Tau of {who}{_range(of_truth - _s_taus(epochs))}"
        checks.append(above(text, less, len(final), WELL))
        checks.append(beyond_random_ranks(final, who, stream, _range(_s_taus(epochs))))
    return tuple(checks)


def beyond_random_ranks(accuracies: np.ndarray, who: str, randomness: Randomness, told: str = "") -> Check:
    """S-Tau of accuracies `[instance, child]` against its null, the S-Tau of random ranks with as many ties.

    The null's test says whether it is above random, the bootstrap's interval whether it is surely less than well above.
    """
    value, n = s_tau(accuracies).mean, len(accuracies)
    interval = s_tau_interval(accuracies, randomness("S-Tau"))
    text, expected = f"S-Tau of {who}", f"at least {WELL:g}, and surely above random ranks"
    if interval is None:
        return without_interval(text + told, Number(value), expected, n)
    null = s_tau_null(accuracies)
    z, p = value / null.deviation, min(1.0, 2 * null.p(value))
    text = f"{text}, of random ranks 0 ± {null.deviation:.3f}: z = {z:.1f}, p = {p:.2g}{told}"
    if value >= WELL and p <= LEVEL:
        return Check(text, Number(value, interval=interval), expected, n, Verdict.SUPPORTED, p)
    if interval.high < WELL:
        p = excluded(WELL - value, interval)
        return Check(text, Number(value, interval=interval), expected, n, Verdict.AGAINST, p)
    if value < WELL:
        enough = enough_for(interval, n, (WELL - value,))
    else:  # the null's deviation falls with the root of the number of pairs of instances
        enough = ceil((1 + sqrt(1 + 4 * n * (n - 1) * ((SURE + LIKELY) / z) ** 2)) / 2)
    return Check(text, Number(value, interval=interval), expected, n, Verdict.UNDECIDED, enough=enough)


@claim(
    2,
    "Shared ranks correlate with ground truth but stay far under ground truth's own GT-Tau; T1R and T3R are poor.",
    "GT-Tau 0.46 to 0.51, ground truth 0.80; T1R 15.6 to 18.5, ground truth 4.8; T3R 11.2 to 17.6, ground truth 1.6",
    *(planned.last() for planned in SUPER_NETS),
    TRUTH.last(),
    TRUTH.judged(),
    shown=("table-2",),
)
def far_from_the_truth(  # noqa: PLR0917
    seeds: np.ndarray,
    orders: np.ndarray,
    shuffled: np.ndarray,
    single: np.ndarray,
    judged: np.ndarray,
    setting: Setting,
) -> tuple[Check, ...]:
    """GT-Tau and TnR of super-nets against those of single ground-truth initialisations, on the same images.

    Each initialisation is compared with the mean over the others, so that it is not compared with itself.
    """
    stream, truth, truths = report_stream(setting), judged.mean(axis=0), mean_of_others(judged)
    alone = {
        "GT-Tau": np.array([gt_tau(one, rest) for one, rest in zip(single, truths, strict=True)]),
        **{
            f"T{n}R": np.array([top_n_rank(one, rest, n) for one, rest in zip(single, truths, strict=True)])
            for n in (1, 3)
        },
    }
    checks = []
    for planned, final in zip(SUPER_NETS, (seeds, orders, shuffled), strict=True):
        who = planned.title.lower()
        taus = gt_tau(final, truth)
        checks.append(above(f"GT-Tau of {who}", mean(stream, taus), len(final)))
        less = difference(stream, alone["GT-Tau"], taus)
        checks.append(above(f"GT-Tau of ground truth − GT-Tau of {who}", less, len(final), WELL))
        for n in (1, 3):
            found = top_n_rank(final, truth, n)
            worse = difference(stream, found, alone[f"T{n}R"])
            checks.append(above(f"T{n}R of {who} − T{n}R of ground truth", worse, len(final)))
    return tuple(checks)


@claim(
    3,
    "Ranks differ between the last epochs of one instance about as much as between instances.",
    "S-Tau 0.53 between epochs, 0.44 between instances of shuffled orders",
    ORDERS_SHUFFLED.last_epochs(),
    shown=("table-1", "figure-3b"),
)
def epochs_differ_as_instances_do(epochs: np.ndarray, setting: Setting) -> tuple[Check, ...]:
    """On the last epochs `[instance, epoch, child]` of each instance of shuffled orders."""
    return moments_differ_as_instances_do(epochs, "epochs", report_stream(setting))


def moments_differ_as_instances_do(accuracies: np.ndarray, moments: str, randomness: Randomness) -> tuple[Check, ...]:
    """S-Tau between the moments of each instance, and between instances at the last: `[instance, moment, child]`.

    Ranks of pure noise differ alike too, so the moments must have something in common.
    """
    inside = np.array([s_tau(ranks_of_one).mean for ranks_of_one in accuracies])
    final, n = accuracies[:, -1], len(accuracies)
    interval = within_between_interval(inside, final, randomness("claims", "3"))
    between = Number(float(inside.mean()) - s_tau(final).mean, interval=interval)
    text = f"S-Tau between the last {accuracies.shape[1]} {moments}"
    return (
        above(f"{text}, random ranks having 0", mean(randomness, inside), n, WELL),
        within(f"{text} − S-Tau between instances", between, n, ALIKE),
        above(f"1 − {text} of one instance", mean(randomness, 1 - inside), n, WELL),
    )


@claim(
    4,
    "Bad children are ranked badly again and again; the good ones cannot be told apart.",
    "Figures 3a and 3b",
    ORDERS_SHUFFLED.last_epochs(),
    TRUTH.last(),
    TRUTH.judged(),
    shown=("figure-3a", "figure-3b", "insight-1"),
)
def bad_ones_stay_bad(
    epochs: np.ndarray, single: np.ndarray, judged: np.ndarray, setting: Setting
) -> tuple[Check, ...]:
    """On the last epochs of each instance of shuffled orders, and on single initialisations of ground truth."""
    return (
        *bad_ones_stay_bad_over(epochs, "epochs", judged.mean(axis=0), report_stream(setting)),
        less_told_apart(epochs, single, judged),
    )


def less_told_apart(accuracies: np.ndarray, single: np.ndarray, judged: np.ndarray) -> Check:
    """Super-nets `[instance, moment, child]` give the truly best quarter less order than children trained alone do.

    Any rank as noisy as a super-net's orders the best quarter, whose children differ least, worse than all children. So
    single initialisations of ground truth `[seed, child]` are asked for the same: each of them, and the super-nets beside
    it, for the best quarter in the mean of `judged` over the other initialisations. (Among children chosen for a mean that
    it has a share in itself, an initialisation lies low where the others lie high.)
    """
    seeds = np.arange(len(single))
    value, nets = _less_told_apart(accuracies, single, judged)
    interval = None
    if len(seeds) > 2:
        rest = [_less_told_apart(accuracies, single[seeds != seed], judged[seeds != seed])[0] for seed in seeds]
        interval = jackknife_interval(value, rest, nets)
    text = (
        f"{AMONG_BEST}, children alone (single initialisations) − super-nets (interval: jackknife over initialisations)"
    )
    return above(text, Number(value, interval=interval), len(accuracies), WELL)


def _less_told_apart(accuracies: np.ndarray, single: np.ndarray, judged: np.ndarray) -> tuple[float, np.ndarray]:
    """How much less on average, and the order `[instance]` that each super-net gives."""
    truths = mean_of_others(judged)
    alone = [_told_apart(one[None, None], truth) for one, truth in zip(single, truths, strict=True)]
    nets = np.mean([_told_apart(accuracies, truth) for truth in truths], axis=0)
    return float(np.mean(alone) - nets.mean()), nets


def bad_ones_stay_bad_over(
    accuracies: np.ndarray, moments: str, truth: np.ndarray, randomness: Randomness
) -> tuple[Check, ...]:
    """The truly worst quarter ranks in the worse half; the best quarter has no true order: `[instance, moment, child]`.

    Whether single initialisations of ground truth would give it an order, a table of accuracies does not say.
    """
    children, n = len(truth), len(accuracies)
    true_ranks = ranks(truth)
    worst = true_ranks > children - _quarter(children)
    chance = (true_ranks > children / 2).mean()  # above 1/2 when the number of children is odd
    undefined = (np.ptp(accuracies, axis=2) == 0).any(axis=1)  # [instance]: a constant rank has no worse half
    in_worse_half = (ranks(accuracies) > children / 2)[..., worst].mean(axis=(1, 2))
    by_mean = (ranks(-mean_rank(accuracies))[:, worst] > children / 2).mean(axis=1)
    in_worse_half, by_mean = (np.where(undefined, np.nan, share) for share in (in_worse_half, by_mean))
    share = "Share of the truly worst quarter that is in the worse half"
    return (
        above(
            f"{share} at one of the {moments}, less chance",
            mean(randomness, in_worse_half - chance),
            n,
            WELL,
        ),
        above(f"{share} by mean rank, less chance", mean(randomness, by_mean - chance), n, WELL),
        within(AMONG_BEST, mean(randomness, _told_apart(accuracies, truth)), n, ALIKE),
    )


AMONG_BEST = "GT-Tau among the truly best quarter"


def _quarter(children: int) -> int:
    return max(2, children // 4)


def _told_apart(accuracies: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Mean GT-Tau `[instance]` among the truly best quarter: accuracies `[instance, moment, child]`.

    A moment at which these tie counts as 0; nan where a moment's rank is constant.
    """
    best = ranks(truth) <= _quarter(len(truth))
    taus = np.nan_to_num(gt_tau(accuracies[..., best], truth[best]))
    return np.where(np.ptp(accuracies, axis=2) == 0, np.nan, taus).mean(axis=1)


def _s_taus(epochs: np.ndarray) -> np.ndarray:
    """S-Tau `[epoch]` after each of these epochs `[instance, epoch, child]`."""
    return np.array([s_tau(epochs[:, epoch]).mean for epoch in range(epochs.shape[1])])


def _range(values: np.ndarray) -> str:
    """What an S-Tau or a difference was after each of the last epochs, in words; nothing where it was undefined at one."""
    if np.isnan(values).any():
        return ""
    return f" ({values.min():.3f} to {values.max():.3f} over the last {len(values)} epochs)"
