"""Claims 7, 8 and 9: what sharing less does (paper §4.2, §4.3)."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from scipy import stats

from commonweight.paper.claims.comparisons import difference, paired, trend, trends
from commonweight.paper.claims.definition import claim
from commonweight.paper.claims.power import LEVEL, enough_to_name, exceeded
from commonweight.paper.claims.verdict import ALIKE, Check, Verdict, above, below, not_below, without_interval
from commonweight.paper.evidence import report_stream
from commonweight.paper.experiments import (
    PREFIX,
    PREFIX_LONG,
    RANDOM,
    RANDOM_SHUFFLED,
    SEEDS,
    SIMILAR,
    SIMILAR_SHUFFLED,
    TRUTH,
    in_fours,
    quarter,
)
from commonweight.paper.planned import FromScratch
from commonweight.paper.tables import Number
from commonweight.paper.truth import GROUND_TRUTH, groups_in_fours, gt_tau_window
from commonweight.ranking import HelpAndHarm, gt_tau, help_and_harm, mean_of_others, share_interval
from commonweight.study.setting import Measured, Setting


@claim(
    7,
    "Random groups do worse than full sharing until the groups are singletons; similar groups do better, and "
    "steadier, the more groups there are.",
    "GT-Tau-Mean-64 at m = 1, 16, 64: random 0.50, 0.17, 0.80; similar 0.50, 0.72, 0.80",
    SEEDS.window(),
    TRUTH.window(),
    TRUTH.judged(),
    RANDOM.each(FromScratch.window),
    SIMILAR.each(FromScratch.window),
    shown=("table-3a",),
)
def groups_matter(  # noqa: PLR0917
    seeds: Measured,
    single: Measured,
    judged: np.ndarray,
    random_groups: Mapping[int, Measured],
    similar_groups: Mapping[int, Measured],
    setting: Setting,
) -> tuple[Check, ...]:
    """GT-Tau-Mean-k and -Std-k by the number of groups, at random and by similarity.

    An initialisation of children alone is compared with the mean over the others, so that it is not compared with itself.
    """
    k, counts, stream, truth = len(setting.children), [*random_groups], report_stream(setting), judged.mean(axis=0)
    together = gt_tau_window(seeds, truth)
    pairs = zip(single.accuracy, mean_of_others(judged), strict=True)
    alone = np.array([gt_tau(one, rest).mean() for one, rest in pairs])  # [initialisation]
    random = np.array([gt_tau_window(window, truth).mean for window in random_groups.values()])  # [m, instance]
    similar = [together, *(gt_tau_window(window, truth) for window in similar_groups.values())]
    smart = np.mean([curve.mean for curve in similar[1:]], axis=0)
    n = random.shape[1]
    worse = paired(stream, random.mean(axis=0), np.asarray(together.mean))
    better = difference(stream, alone, random.mean(axis=0))
    rising = trend(stream, np.array([curve.mean for curve in similar]))
    falling = trend(stream, np.array([curve.std for curve in similar]))
    between = f"m = {counts[0]} … {counts[-1]}"
    return (
        below(f"GT-Tau-Mean-{k} of random groups, mean of {between}, − of full sharing", worse, n),
        above(f"GT-Tau-Mean-{k} of children alone − of random groups, mean of {between}", better, n),
        above(
            f"GT-Tau-Mean-{k} of similar groups − of random groups, mean of {between}",
            paired(stream, smart, random.mean(axis=0)),
            n,
        ),
        above(f"Kendall's tau between m and GT-Tau-Mean-{k}, similar groups, m = 1 … {counts[-1]}", rising, n),
        below(f"Kendall's tau between m and GT-Tau-Std-{k}, similar groups, m = 1 … {counts[-1]}", falling, n),
    )


@claim(
    8,
    "Some children help each other and some harm each other; a child's accuracy depends on whom it is trained with.",
    "Figure 6: 143, 144 and 344 go together, 424 against them",
    in_fours(RANDOM_SHUFFLED, FromScratch.window),
    in_fours(SIMILAR_SHUFFLED, FromScratch.window),
    shown=("figure-6a", "figure-6b", "section-4.2.1"),
)
def children_interfere(random: Measured, similar: Measured, setting: Setting) -> tuple[Check, ...]:
    """Effects of training one child on another inside random groups, and of other company on a child.

    Every instance has shuffled orders of its own, so that neither the time since a child's own training nor the images of
    its mini-batches are taken for its companions' doing.
    """
    n, m, found = len(random.accuracy), quarter(setting), []
    for group in groups_in_fours(setting):
        rounds = (random.step - 1) // len(group)
        found.append(help_and_harm(random.accuracy[..., group], random.trained[..., group], rounds))
    ps = np.array([[each for one in found for each in effects(one)] for effects in (_helps, _harms)])  # [what, pair]
    tested = ps.shape[1]
    adjusted = stats.false_discovery_control(ps.ravel()).reshape(ps.shape) if tested else ps
    checks = []
    for what, p, sure in zip(("help", "harm"), ps, adjusted, strict=True):
        text = (
            f"Share of pairs inside random groups (m = {m}, shuffled orders) of which one's training surely {what}s the "
            f"other (false-discovery rate {LEVEL:g}; Wilson's interval over pairs)"
        )
        named = Named(int(np.count_nonzero(sure <= LEVEL)), 1, 2 * np.sort(p), sure.min(initial=1.0))
        checks.append(named.check(text, "at least one pair", n))
    return (*checks, _moved_by_company(random, similar, m))


def _helps(found: HelpAndHarm) -> np.ndarray:
    return found.p_helps[~np.isnan(found.p_helps)]


def _harms(found: HelpAndHarm) -> np.ndarray:
    return found.p_harms[~np.isnan(found.p_harms)]


def _moved_by_company(one: Measured, other: Measured, m: int) -> Check:
    """Share of children whose accuracy over the last round differs between two experiments, less what all differ by."""
    a, b = (window.accuracy.mean(axis=1) for window in (one, other))
    a, b = (values - values.mean(axis=1, keepdims=True) for values in (a, b))  # better or worse for all is not "whom"
    sizes = [part for values in (a, b) for part in (values.mean(axis=0), values.std(axis=0, ddof=1), len(values))]
    with np.errstate(divide="ignore", invalid="ignore"):  # a child that never moves at all
        p = np.nan_to_num(np.asarray(stats.ttest_ind_from_stats(*sizes, equal_var=False))[1], nan=1.0)
    children = a.shape[1]
    count = int(np.count_nonzero(stats.false_discovery_control(p) <= LEVEL))
    least = next(some for some in range(children + 1) if share_interval(some, children).low > LEVEL)
    chance = exceeded((count / children - LEVEL) / np.sqrt(LEVEL * (1 - LEVEL) / children))  # Wilson's own test
    text = (
        "Share of children whose accuracy surely differs between random and similar groups "
        f"(m = {m}, shuffled orders; false-discovery rate {LEVEL:g}; Wilson's interval over children)"
    )
    named = Named(count, least, np.sort(p), chance)
    return named.check(text, f"surely above {LEVEL:g}", min(len(a), len(b)))


@dataclass(frozen=True, eq=False)
class Named:
    """How many things Benjamini and Hochberg's procedure names (`count`), and how many it must (`least`).

    `p` of each test, two-sided, the smallest first; `chance` is the p of the whole: that so many are named by chance.
    """

    count: int
    least: int
    p: np.ndarray
    chance: float

    def check(self, text: str, expected: str, instances: int) -> Check:
        """Supported when enough are named. Never against: tests that name nothing do not exclude that there is something."""
        tested = len(self.p)
        if not tested or instances < 3:
            return without_interval(text, Number(self.count / tested if tested else np.nan), expected, instances)
        share = Number(self.count / tested, interval=share_interval(self.count, tested))
        if self.count >= self.least:
            return Check(text, share, expected, instances, Verdict.SUPPORTED, min(LEVEL, float(self.chance)))
        enough = enough_to_name(self.p[self.least - 1], self.least, tested, instances)
        return Check(text, share, expected, instances, Verdict.UNDECIDED, enough=enough)


@claim(
    9,
    "Sharing fewer cells gives a better and steadier rank and better accuracy when trained long; when trained short "
    "it does not.",
    "GT-Tau-Mean-64 from k = 4 to 0: 0.52 to 0.70 in 2000 epochs, 0.49 to 0.04 in 200",
    GROUND_TRUTH,
    PREFIX_LONG.each(FromScratch.window),
    PREFIX.each(FromScratch.window),
    shown=("table-3b", "table-4"),
)
def fewer_shared_cells(
    truth: np.ndarray, long: Mapping[int, Measured], short: Mapping[int, Measured], setting: Setting
) -> tuple[Check, ...]:
    """GT-Tau-Mean-k, -Std-k and accuracy by the number of shared cells, trained long and short.

    Trained short, GT-Tau must not rise with fewer shared cells: its trend is about 0 or goes the other way.
    """
    k, stream = len(truth), report_stream(setting)
    longs, shorts = ([gt_tau_window(window, truth) for window in windows.values()] for windows in (long, short))
    accuracy = np.array([window.accuracy.mean(axis=(1, 2)) for window in long.values()])  # [shared cells, instance]
    n = accuracy.shape[1]
    means_long, means_short = (np.array([curve.mean for curve in curves]) for curves in (longs, shorts))
    of_mean = trend(stream, means_long)
    of_std = trend(stream, np.array([curve.std for curve in longs]))
    longer = paired(stream, trends(means_long), trends(means_short))
    of_short = trend(stream, means_short)
    text = "Kendall's tau between the number of shared cells and"
    return (
        below(f"{text} GT-Tau-Mean-{k}, trained long", of_mean, n),
        above(f"{text} GT-Tau-Std-{k}, trained long", of_std, n),
        below(f"{text} the mean accuracy, trained long", trend(stream, accuracy), n),
        below(f"{text} GT-Tau-Mean-{k}, trained long − trained short", longer, n),
        not_below(f"{text} GT-Tau-Mean-{k}, trained short", of_short, n, ALIKE),
    )
