"""Things that `paper` could have made, of random numbers, in the sizes of the real ones."""

import numpy as np

from commonweight.paper import (
    Answer,
    Box,
    Boxes,
    Check,
    Claim,
    Claims,
    Column,
    Curves,
    Identity,
    Number,
    Row,
    Series,
    Table,
    Verdict,
)
from commonweight.ranking import Interval

PRIMITIVES = ("max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_5x5")
DIGITS = [f"{a}{b}{c}" for a in "1234" for b in "1234" for c in "1234"]


def identities(count=64, primitives=PRIMITIVES):
    """Children `111` to `444` under random ground truth."""
    order = np.random.default_rng(1).permutation(count)
    return [
        Identity(child, tuple(primitives[int(digit) - 1] for digit in child), int(rank) + 1, 0.9 - 0.005 * int(rank))
        for child, rank in zip(DIGITS[:count], order, strict=True)
    ]


def children_curves(name="figure-5a", shown=64, points=128, *, tuned=False, children=64):
    """Curves of children over mini-batches; `tuned` adds a dotted one to each, as in Figure 4."""
    rng, series = np.random.default_rng(2), []
    for place, identity in sorted(enumerate(identities(children)), key=lambda pair: -pair[1].rank)[-shown:]:
        at = np.arange(1000, 1000 + points)
        marked = at % children == place
        base = identity.accuracy - 0.2 + 0.03 * rng.standard_normal(points).cumsum() / 5
        series.append(Series(identity.child, at, base + 0.1 * marked, identity, marked))
        if tuned:
            later = at[-1] + np.arange(points)
            rise = base[-1] + (identity.accuracy - base[-1]) * (1 - np.exp(-np.arange(points) / 9))
            series.append(Series(identity.child, later, rise, identity, None, dotted=True))
    notes = ("Colour: ground-truth rank, lighter is better. Diamond: the child just trained.",)
    return Curves(name, "Accuracy at the end", "mini-batch", "validation accuracy", tuple(series), notes, children)


def boxes(name="figure-3a", count=64, ranks=10):
    """Ranks of each child, the best of ground truth first."""
    rng = np.random.default_rng(3)
    chosen = sorted(identities(count), key=lambda one: one.rank)
    values = [np.clip(np.round(one.rank + rng.normal(0, count / 5, ranks)), 1, count) for one in chosen]
    made = tuple(Box(identity, given) for identity, given in zip(chosen, values, strict=True))
    return Boxes(
        name, "Ranks of each child over instances", "child, best first", "rank", made, ("10 instances.",), len(made)
    )


def survival_curves(name="insight-1-curves"):
    """Nine curves with bands, in pairs of solid and dotted."""
    at = 1 - np.arange(1, 65) / 64
    series = []
    for top in (1, 3, 5, 10):
        values = 1 - at ** (top / 2 + 1)
        label, low, high = f"top {top}, epochs of one instance", values - 0.1, values + 0.05
        series.append(Series(label, at, values, low=low, high=high, family=f"top {top}"))
    for top in (1, 3, 5, 10):
        label = f"top {top}, all instances"
        series.append(Series(label, at, 1 - at ** (top + 2), dotted=True, family=f"top {top}"))
    series.append(Series("by chance", at, 1 - at))
    return Curves(name, "Pruning", "share of children dropped", "share of the true top n kept", tuple(series), ("N.",))


def reading_curves(name="readings-curves"):
    """Ten curves over a logarithmic axis, four of them of a single point."""
    at, series = 2.0 ** np.arange(1, 8), []
    for place, order in enumerate(("fixed", "shuffled")):
        for turn, statistic in enumerate(("mean", "median", "maximum")):
            values = 0.45 + 0.03 * np.log2(at) + 0.03 * turn - 0.08 * place
            label, low, high = f"{statistic} ({order})", values - 0.06, values + 0.05
            series.append(Series(label, at, values, low=low, high=high, family=statistic))
        for turn, reading in enumerate(("last moment", "just after training")):
            value = np.array([0.4 + 0.1 * turn - 0.08 * place])
            label, low, high = f"{reading} ({order})", value - 0.08, value + 0.08
            series.append(Series(label, np.ones(1), value, low=low, high=high, family=reading))
    return Curves(name, "Readings", "validation passes per child", "GT-Tau", tuple(series), ("N.",), log_x=True)


def crowd(name="figure-8", instances=10, points=128):
    """Two families of many curves."""
    rng, at = np.random.default_rng(4), np.arange(900, 900 + points)
    series = [
        Series(f"{family}, instance {number}", at, level + rng.normal(0, spread, points), family=family)
        for family, level, spread in (("BN momentum 0.1", 0.4, 0.04), ("BN momentum 0.9", 0.3, 0.1))
        for number in range(instances)
    ]
    return Curves(name, "GT-Tau by BN momentum", "mini-batch", "GT-Tau", tuple(series), ())


def two_lines(name="figure-4c"):
    """A solid and a dotted curve."""
    at = np.arange(64)
    return Curves(
        name,
        "Fine-tuning from epoch 4: GT-Tau",
        "mini-batch",
        "GT-Tau",
        (
            Series("shared", at, 0.4 + 0.05 * np.sin(at)),
            Series("fine-tuned", at + 63, 0.8 - 0.4 * np.exp(-at / 9), dotted=True),
        ),
        ("Instance 0.",),
    )


def points(name="recipe-cost"):
    """Two families of points that are no curves, three numbered ones with intervals and two without, and a line."""
    rng, series = np.random.default_rng(5), []
    for family in ("super-nets", "groups"):
        at, values = 2.0 ** rng.uniform(0, 5, 50), rng.uniform(0.2, 0.7, 50)
        names = tuple(f"{family}, way {number}" for number in range(50))
        series.append(Series(family, at, values, low=values - 0.1, high=values + 0.05, names=names))
    at, values, names = np.array([2.0, 5.0, 17.0]), np.array([0.5, 0.6, 0.8]), ("short", "CHOSEN: long", "groups")
    low, high = values - 0.1, values + 0.05
    series.append(Series("the best", at, values, low=low, high=high, names=names, numbered=True))
    series.append(Series("the worst", at[:2], np.array([0.1, np.nan]), names=("no", "never"), numbered=True))
    series.append(Series("ground truth", np.array([1.0, 32.0]), np.full(2, 0.9)))
    return Curves(name, "GT-Tau against cost", "child-epochs", "GT-Tau", tuple(series), ("N.",), log_x=True)


def table(name="table-1", title="Stability"):
    """Two rows, the paper's numbers beside."""
    columns = (Column("s_tau", "S-Tau"), Column("paper_s_tau", "paper", paper=True), Column("t1r", "T1R", 1))
    number = Number(0.43219, 0.1, Interval(0.3, 0.5, 0.95))
    rows = (
        Row("different seeds", 10, (number, Number(0.54), Number(3.2, 0.5))),
        Row("random", 0, (Number(0.01), None, Number(float("nan")))),
    )
    return Table(name, title, columns, rows, ("± is the population standard deviation.",))


def claims(name="claims"):
    """One of each verdict."""
    sure, unsure = Number(0.21, None, Interval(0.1, 0.3, 0.95)), Number(-0.05, None, Interval(-0.2, 0.1, 0.95))
    return Claims(
        name,
        "What this data says of the paper's claims",
        (
            Claim(
                1,
                "Ranks differ between instances.",
                "S-Tau 0.54, ground truth 0.71",
                (
                    Check("S-Tau of ground truth minus super-nets", sure, "above 0", 10, Verdict.SUPPORTED, 0.0125),
                    Check(
                        "S-Tau of super-nets", sure, "at least 0.1, and surely above 0", 10, Verdict.SUPPORTED, 0.0125
                    ),
                ),
            ),
            Claim(
                2,
                "Ranks are far from the truth.",
                "GT-Tau 0.46 to 0.51",
                (
                    Check("GT-Tau", sure, "above 0", 10, Verdict.SUPPORTED, 0.0125),
                    Check("T1R", Number(4.0, 1.5, Interval(1, 6, 0.9)), "below 0", 10, Verdict.AGAINST, 0.003),
                ),
            ),
            Claim(
                3,
                "Bad ones stay bad.",
                "Figure 3",
                (
                    Check("share", unsure, "above 0", 5, Verdict.UNDECIDED, enough=23),
                    Check("by mean rank", unsure, "above 0", 5, Verdict.UNDECIDED, enough=9),
                ),
            ),
            Claim(4, "Few shared cells are better.", "Table 4", (), "the study has one cell"),
        ),
        ("Intervals: 95 %.",),
    )


def answer():
    """Three ways to rank, the last without an interval."""
    numbers = (Number(0.25, 0.1, Interval(0.17, 0.31, 0.95)), Number(0.35, 0.1, Interval(0.3, 0.4, 0.95)), Number(0.7))
    names = ("last moment", "mean of the last 64", "parameter count")
    rows = tuple(Row(name, 5, (number,)) for name, number in zip(names, numbers, strict=True))
    advice = ("Read it as the mean.", "Drop half.")
    return Answer("Only roughly.", "Last: GT-Tau 0.25.", advice, rows, shown=("table-9", "table-2"))


def whole_report():
    """As much as a whole report of a study with 64 children holds."""
    return [
        claims(),
        table(),
        table("table-2", "Epochs"),
        boxes(),
        boxes("figure-3b"),
        children_curves("figure-4a", tuned=True, points=64),
        children_curves("figure-4b", tuned=True, points=64),
        two_lines(),
        two_lines("figure-4d"),
        *(children_curves(name) for name in ("figure-5a", "figure-5b", "figure-7", "figure-9")),
        children_curves("figure-6a", shown=4),
        children_curves("figure-6b", shown=4),
        crowd(),
        survival_curves(),
        two_lines("insight-2-curves"),
        reading_curves(),
        points(),
    ]
