"""Claims 7, 8 and 9: what sharing less does (paper §4.2, §4.3)."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from commonweight.paper.claims.power import LEVEL, enough_to_name, exceeded
from commonweight.paper.claims.statistics import difference, others, paired, trend, trends
from commonweight.paper.claims.verdict import ALIKE, Check, Verdict, above, below, not_below, without_interval
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import group_counts, prefix_name, quarter, shuffled_groups
from commonweight.paper.tables import Number
from commonweight.ranking import HelpAndHarm, gt_tau, help_and_harm, share_interval


def groups_matter(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 7: GT-Tau-Mean-k and -Std-k by the number of groups, at random and by similarity.

    An initialisation of children alone is compared with the mean over the others, so that it is not compared with itself.
    """
    k, counts = evidence.children, group_counts(evidence.setting)
    together = evidence.gt_tau_window("seeds")
    single, truths = evidence.window("ground-truth", k).accuracy, others(evidence.judged)
    alone = np.array([gt_tau(one, rest).mean() for one, rest in zip(single, truths, strict=True)])  # [initialisation]
    random = np.array([evidence.gt_tau_window(f"random-{m}").mean for m in counts])  # [m, instance]
    similar = [together, *(evidence.gt_tau_window(f"similar-{m}") for m in counts)]
    smart = np.mean([curve.mean for curve in similar[1:]], axis=0)
    n = random.shape[1]
    worse = paired(evidence.stream, random.mean(axis=0), np.asarray(together.mean), "7 random")
    better = difference(evidence.stream, alone, random.mean(axis=0), "7 alone")
    rising = trend(evidence.stream, np.array([curve.mean for curve in similar]), "7 similar")
    falling = trend(evidence.stream, np.array([curve.std for curve in similar]), "7 steadier")
    between = f"m = {counts[0]} … {counts[-1]}"
    return (
        below(f"GT-Tau-Mean-{k} of random groups, mean of {between}, − of full sharing", worse, n),
        above(f"GT-Tau-Mean-{k} of children alone − of random groups, mean of {between}", better, n),
        above(
            f"GT-Tau-Mean-{k} of similar groups − of random groups, mean of {between}",
            paired(evidence.stream, smart, random.mean(axis=0), "7 smart"),
            n,
        ),
        above(f"Kendall's tau between m and GT-Tau-Mean-{k}, similar groups, m = 1 … {counts[-1]}", rising, n),
        below(f"Kendall's tau between m and GT-Tau-Std-{k}, similar groups, m = 1 … {counts[-1]}", falling, n),
    )


def children_interfere(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 8: effects of training one child on another inside random groups, and of other company on a child.

    Every instance has shuffled orders of its own, so that neither the time since a child's own training nor the images of
    its mini-batches are taken for its companions' doing.
    """
    random, similar = shuffled_groups(evidence.setting)
    window, m = evidence.window(random, evidence.children), quarter(evidence.setting)
    n, found = len(window.accuracy), []
    for group in evidence.groups(m):
        rounds = (window.step - 1) // len(group)
        found.append(help_and_harm(window.accuracy[..., group], window.trained[..., group], rounds))
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
    return (*checks, _moved_by_company(evidence, random, similar))


def _helps(found: HelpAndHarm) -> np.ndarray:
    return found.p_helps[~np.isnan(found.p_helps)]


def _harms(found: HelpAndHarm) -> np.ndarray:
    return found.p_harms[~np.isnan(found.p_harms)]


def _moved_by_company(evidence: Evidence, one: str, other: str) -> Check:
    """Share of children whose accuracy over the last round differs between two experiments, less what all differ by."""
    a, b = (evidence.window(name, evidence.children).accuracy.mean(axis=1) for name in (one, other))
    a, b = (values - values.mean(axis=1, keepdims=True) for values in (a, b))  # better or worse for all is not "whom"
    sizes = [part for values in (a, b) for part in (values.mean(axis=0), values.std(axis=0, ddof=1), len(values))]
    with np.errstate(divide="ignore", invalid="ignore"):  # a child that never moves at all
        p = np.nan_to_num(np.asarray(stats.ttest_ind_from_stats(*sizes, equal_var=False))[1], nan=1.0)
    children = evidence.children
    count = int(np.count_nonzero(stats.false_discovery_control(p) <= LEVEL))
    least = next(some for some in range(children + 1) if share_interval(some, children).low > LEVEL)
    chance = exceeded((count / children - LEVEL) / np.sqrt(LEVEL * (1 - LEVEL) / children))  # Wilson's own test
    text = (
        "Share of children whose accuracy surely differs between random and similar groups "
        f"(m = {quarter(evidence.setting)}, shuffled orders; false-discovery rate {LEVEL:g}; Wilson's interval over children)"
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


def fewer_shared_cells(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 9: GT-Tau-Mean-k, -Std-k and accuracy by the number of shared cells, trained long and short.

    Trained short, GT-Tau must not rise with fewer shared cells: its trend is about 0 or goes the other way.
    """
    k, cells = evidence.children, range(evidence.study.net.cells + 1)
    names = {long: [prefix_name(shared, long=long) for shared in cells] for long in (True, False)}
    curves = {long: [evidence.gt_tau_window(name) for name in names[long]] for long in (True, False)}
    accuracy = np.array([evidence.window(name, k).accuracy.mean(axis=(1, 2)) for name in names[True]])
    n = accuracy.shape[1]
    means = {long: np.array([curve.mean for curve in curves[long]]) for long in (True, False)}
    of_mean = trend(evidence.stream, means[True], "9 mean")
    of_std = trend(evidence.stream, np.array([curve.std for curve in curves[True]]), "9 std")
    longer = paired(evidence.stream, trends(means[True]), trends(means[False]), "9 longer")
    short = trend(evidence.stream, means[False], "9 short")
    text = "Kendall's tau between the number of shared cells and"
    return (
        below(f"{text} GT-Tau-Mean-{k}, trained long", of_mean, n),
        above(f"{text} GT-Tau-Std-{k}, trained long", of_std, n),
        below(f"{text} the mean accuracy, trained long", trend(evidence.stream, accuracy, "9 accuracy"), n),
        below(f"{text} GT-Tau-Mean-{k}, trained long − trained short", longer, n),
        not_below(f"{text} GT-Tau-Mean-{k}, trained short", short, n, ALIKE),
    )
