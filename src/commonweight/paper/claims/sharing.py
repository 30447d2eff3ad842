"""Claims 7, 8 and 9: what sharing less does (paper §4.2, §4.3)."""

import numpy as np
from scipy import stats

from commonweight.paper.claims.statistics import difference, paired, trend
from commonweight.paper.claims.verdict import Check, above, below
from commonweight.paper.evidence import Evidence
from commonweight.paper.experiments import group_counts, prefix_name
from commonweight.paper.needs import quarter
from commonweight.paper.tables import Number
from commonweight.ranking import help_and_harm, interference, share_interval

LEVEL = 0.05  # false-discovery rate (Benjamini and Hochberg)


def groups_matter(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 7: GT-Tau-Mean-k and -Std-k by the number of groups, at random and by similarity."""
    k, counts = evidence.children, group_counts(evidence.setting)
    together, alone = evidence.gt_tau_window("seeds"), evidence.gt_tau_window("ground-truth")
    random = np.array([evidence.gt_tau_window(f"random-{m}").mean for m in counts])  # [m, instance]
    similar = [together, *(evidence.gt_tau_window(f"similar-{m}") for m in counts)]
    n = random.shape[1]
    worse = paired(evidence.stream, random.mean(axis=0), np.asarray(together.mean), "7 random")
    better = difference(evidence.stream, np.asarray(alone.mean), random.mean(axis=0), "7 alone")
    rising = trend(evidence.stream, np.array([curve.mean for curve in similar]), "7 similar")
    falling = trend(evidence.stream, np.array([curve.std for curve in similar]), "7 steadier")
    between = f"m = {counts[0]} … {counts[-1]}"
    return (
        below(f"GT-Tau-Mean-{k} of random groups, mean of {between}, − of full sharing", worse, n),
        above(f"GT-Tau-Mean-{k} of children alone − of random groups, mean of {between}", better, n),
        above(f"Kendall's tau between m and GT-Tau-Mean-{k}, similar groups, m = 1 … {counts[-1]}", rising, n),
        below(f"Kendall's tau between m and GT-Tau-Std-{k}, similar groups, m = 1 … {counts[-1]}", falling, n),
    )


def children_interfere(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 8: effects of training one child on another inside random groups, and of other company on a child."""
    m, k = quarter(evidence.setting), evidence.children
    window = evidence.window(f"random-{m}", k)
    together = np.zeros((k, k), dtype=bool)
    for group in evidence.groups(m):
        together[np.ix_(group, group)] = True
    # Each group has its own run: a change of j after training i means something only inside a group.
    effects = np.where(together, interference_in_groups(window.accuracy, window.trained, evidence.groups(m)), np.nan)
    n = len(window.accuracy)
    checks = []
    found = help_and_harm(effects, q=LEVEL) if n >= 3 else None
    for what in ("help", "harm"):
        count = 0 if found is None else found.positive if what == "help" else found.negative
        interval = None if found is None or not found.tested else share_interval(count, found.tested)
        share = Number(count / found.tested if found and found.tested else np.nan, interval=interval)
        text = f"Share of pairs inside random groups (m = {m}) that surely {what} (false-discovery rate {LEVEL:g})"
        checks.append(Check(text, share, "at least one pair", n, None if found is None else count > 0))
    moved = _share_moved(evidence, f"random-{m}", f"similar-{m}")
    text = f"Share of children whose accuracy surely differs between random and similar groups (m = {m})"
    holds = None if moved.interval is None else moved.interval.low > LEVEL
    checks.append(Check(text, moved, f"surely above {LEVEL:g}", n, holds))
    return tuple(checks)


def interference_in_groups(accuracies: np.ndarray, trained: np.ndarray, groups: list[np.ndarray]) -> np.ndarray:
    """`interference` of every group by itself: `[instance, moment, child]` → `[instance, i, j]`, nan between groups."""
    instances, _, children = accuracies.shape
    effects = np.full((instances, children, children), np.nan)
    for group in groups:
        if len(group) > 1:
            rows, columns = np.ix_(group, group)
            effects[:, rows, columns] = interference(accuracies[..., group], trained[..., group])
    return effects


def fewer_shared_cells(evidence: Evidence) -> tuple[Check, ...]:
    """Claim 9: GT-Tau-Mean-k, -Std-k and accuracy by the number of shared cells, trained long and short."""
    k, cells = evidence.children, range(evidence.study.net.cells + 1)
    names = {long: [prefix_name(shared, long=long) for shared in cells] for long in (True, False)}
    curves = {long: [evidence.gt_tau_window(name) for name in names[long]] for long in (True, False)}
    accuracy = np.array([evidence.window(name, k).accuracy.mean(axis=(1, 2)) for name in names[True]])
    n = accuracy.shape[1]
    of_mean = trend(evidence.stream, np.array([curve.mean for curve in curves[True]]), "9 mean")
    of_std = trend(evidence.stream, np.array([curve.std for curve in curves[True]]), "9 std")
    short = trend(evidence.stream, np.array([curve.mean for curve in curves[False]]), "9 short")
    text = "Kendall's tau between the number of shared cells and"
    return (
        below(f"{text} GT-Tau-Mean-{k}, trained long", of_mean, n),
        above(f"{text} GT-Tau-Std-{k}, trained long", of_std, n),
        below(f"{text} the mean accuracy, trained long", trend(evidence.stream, accuracy, "9 accuracy"), n),
        Check(
            f"{text} GT-Tau-Mean-{k}, trained short",
            short,
            "not surely below 0",
            n,
            None if short.interval is None else short.interval.high >= 0,
        ),
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
