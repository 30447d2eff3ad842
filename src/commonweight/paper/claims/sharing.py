"""Claims 7, 8 and 9: what sharing less does (paper §4.2, §4.3)."""

from itertools import product

import numpy as np
from scipy import stats

from commonweight.paper.claims.statistics import difference, paired, trend, trends
from commonweight.paper.claims.verdict import Check, above, below
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import group_counts, prefix_name
from commonweight.paper.needs import quarter
from commonweight.paper.tables import Number
from commonweight.ranking import help_and_harm, mean_after, share_interval, since_trained
from commonweight.study.experiments import Measured

LEVEL = 0.05  # false-discovery rate (Benjamini and Hochberg)


def groups_matter(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 7: GT-Tau-Mean-k and -Std-k by the number of groups, at random and by similarity."""
    k, counts = evidence.children, group_counts(evidence.setting)
    together, alone = evidence.gt_tau_window("seeds"), evidence.gt_tau_window("ground-truth")
    random = np.array([evidence.gt_tau_window(f"random-{m}").mean for m in counts])  # [m, instance]
    similar = [together, *(evidence.gt_tau_window(f"similar-{m}") for m in counts)]
    smart = np.mean([curve.mean for curve in similar[1:]], axis=0)
    n = random.shape[1]
    worse = paired(evidence.stream, random.mean(axis=0), np.asarray(together.mean), "7 random")
    better = difference(evidence.stream, np.asarray(alone.mean), random.mean(axis=0), "7 alone")
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
    """Claim 8: effects of training one child on another inside random groups, and of other company on a child."""
    m, k = quarter(evidence.setting), evidence.children
    window, groups = evidence.window(f"random-{m}", k), evidence.groups(m)
    n = len(window.accuracy)
    tests = [help_and_harm(effects, q=LEVEL) for effects in effects_in_groups(window, groups)] if n >= 3 else []
    tested = min((found.tested for found in tests), default=0)
    checks = []
    for what in ("help", "harm"):
        sure = [found.helps if what == "help" else found.harms for found in tests]
        count = int(np.count_nonzero(np.logical_and.reduce(sure))) if tested else 0
        share = Number(count / tested, interval=share_interval(count, tested)) if tested else Number(np.nan)
        text = (
            f"Share of pairs inside random groups (m = {m}) of which one's training surely {what}s the other "
            f"(false-discovery rate {LEVEL:g})"
        )
        checks.append(Check(text, share, "at least one pair", n, count > 0 if tested else None))
    moved = _share_moved(evidence, f"random-{m}", f"similar-{m}")
    text = f"Share of children whose accuracy surely differs between random and similar groups (m = {m})"
    holds = None if moved.interval is None else moved.interval.low > LEVEL
    checks.append(Check(text, moved, f"surely above {LEVEL:g}", n, holds))
    return tuple(checks)


def effects_in_groups(window: Measured, groups: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """What training child i does to child j of its group, twice `[instance, i, j]`, nan between groups.

    First the mean change of j's accuracy; then what is left of it when every change is compared with the mean change of
    all children in groups of that size as many mini-batches after their own training. After a child's own mini-batch
    its accuracy falls back, whoever is next, and with a fixed order always the same one is: that is no harm by that one.
    """
    changes, since = np.diff(window.accuracy, axis=1), since_trained(window.trained)[:, 1:]
    size, together = np.zeros(changes.shape[2], dtype=int), np.zeros((changes.shape[2],) * 2, dtype=bool)
    for group in groups:
        size[group] = len(group)
        together[np.ix_(group, group)] = True
    surprising = changes.copy()
    for instance, lag, members in product(range(len(changes)), np.unique(since), np.unique(size)):
        alike = (since[instance] == lag) & (size == members)
        if alike.any():
            surprising[instance][alike] -= changes[instance][alike].mean()
    plain, beyond = (mean_after(some, window.trained[:, 1:]) for some in (changes, surprising))
    return np.where(together, plain, np.nan), np.where(together, beyond, np.nan)


def fewer_shared_cells(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 9: GT-Tau-Mean-k, -Std-k and accuracy by the number of shared cells, trained long and short."""
    k, cells = evidence.children, range(evidence.study.net.cells + 1)
    names = {long: [prefix_name(shared, long=long) for shared in cells] for long in (True, False)}
    curves = {long: [evidence.gt_tau_window(name) for name in names[long]] for long in (True, False)}
    accuracy = np.array([evidence.window(name, k).accuracy.mean(axis=(1, 2)) for name in names[True]])
    n = accuracy.shape[1]
    means = {long: np.array([curve.mean for curve in curves[long]]) for long in (True, False)}
    of_mean = trend(evidence.stream, means[True], "9 mean")
    of_std = trend(evidence.stream, np.array([curve.std for curve in curves[True]]), "9 std")
    longer = paired(evidence.stream, trends(means[True]), trends(means[False]), "9 short")
    text = "Kendall's tau between the number of shared cells and"
    return (
        below(f"{text} GT-Tau-Mean-{k}, trained long", of_mean, n),
        above(f"{text} GT-Tau-Std-{k}, trained long", of_std, n),
        below(f"{text} the mean accuracy, trained long", trend(evidence.stream, accuracy, "9 accuracy"), n),
        below(f"{text} GT-Tau-Mean-{k}, trained long − trained short", longer, n),
    )


def _share_moved(evidence: Evidence, one: str, other: str) -> Number:
    """Share of children whose accuracy over the last round differs between two experiments, less what all differ by."""
    a, b = (evidence.window(name, evidence.children).accuracy.mean(axis=1) for name in (one, other))
    if min(len(a), len(b)) < 3:
        return Number(np.nan)
    a, b = (values - values.mean(axis=1, keepdims=True) for values in (a, b))  # better or worse for all is not "whom"
    sizes = [part for values in (a, b) for part in (values.mean(axis=0), values.std(axis=0, ddof=1), len(values))]
    with np.errstate(divide="ignore", invalid="ignore"):  # a child that never moves at all
        p = np.asarray(stats.ttest_ind_from_stats(*sizes, equal_var=False))[1]
    moved = int(np.count_nonzero(stats.false_discovery_control(np.nan_to_num(p, nan=1.0)) <= LEVEL))
    return Number(moved / evidence.children, interval=share_interval(moved, evidence.children))
