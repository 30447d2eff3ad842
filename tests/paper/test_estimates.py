"""A number over instances and its interval: the same wherever it is shown."""

from collections import defaultdict

import numpy as np
import pytest
from paper.making import made_up, tiny_setting
from scipy.stats import bootstrap

from commonweight.elsewhere import FromElsewhere, worth_of
from commonweight.errors import UsageError
from commonweight.paper import ARTEFACTS, Table
from commonweight.paper.artefacts import catalogue
from commonweight.paper.estimates import estimated_mean, estimated_s_tau, estimated_share
from commonweight.ranking import s_tau_share_interval
from commonweight.seeds import Stream


def randomness(*purpose):
    return Stream(1).fork("test", *purpose).generator()


def intervals(tables):
    """{(statistic, value, ±): the intervals that it has in these tables}, and in how many rows it stands.

    Ranks and shares of a top are counts, which meet by chance.
    """
    found, rows = defaultdict(set), defaultdict(int)
    for table in tables:
        for row in table.rows:
            for column, number in zip(table.columns, row.numbers, strict=True):
                if number is not None and number.interval is not None and not column.key.startswith("t"):
                    key = ("s_tau" if column.key == "s_tau" else "mean", number.value, number.std)
                    found[key].add(number.interval)
                    rows[key] += 1
    return found, rows


@pytest.mark.parametrize("seed", range(3))
def test_one_number_has_one_interval_in_every_table(seed):
    """Seeds' S-Tau stands in Table 1, in readings and in hidden choices."""
    setting = tiny_setting(training__batch=16, experiments__instances=5, experiments__ground_truth_seeds=4)
    made = made_up(setting, *catalogue(setting), seed=seed)
    for measured in made.measured.values():  # everyone is trained in each round
        measured.trained[:] = np.arange(8) == measured.step[:, None] % 8
    targets = [target for name, target in ARTEFACTS.items() if name != "claims"]
    tables = [item for target in targets for item in target(made) if isinstance(item, Table)]
    found, rows = intervals(tables)
    assert [key for key, several in found.items() if len(several) > 1] == []
    of_seeds = [key for key, count in rows.items() if count >= 3]
    assert {key[0] for key in of_seeds} == {"s_tau", "mean"}
    by_name = {table.name: {row.name: row for row in table.rows} for table in tables}
    seeds, last = by_name["table-2"]["Different seeds"], by_name["readings"]["last moment"]
    assert by_name["instability"]["8 epochs, batch 16, statistics as trained"].numbers[1] == last.numbers[2]
    own, end = (
        by_name["hidden-choices"]["freeze, statistics as trained"],
        by_name["insight-2"]["epoch 8, 0 mini-batches"],
    )
    assert seeds.numbers[0] == last.numbers[1] == own.numbers[1] == end.numbers[0]
    assert (seeds.numbers[2], seeds.numbers[4]) == last.numbers[3:] == end.numbers[1:3]
    assert by_name["table-1"]["Different seeds"].numbers[0] == last.numbers[2] == own.numbers[0]
    (claims,) = ARTEFACTS["claims"](made)
    checks = {check.text.partition(", of random")[0]: check.statistic for c in claims.claims for check in c.checks}
    for title in ("Different seeds", "Different orders", "Diff. orders (shuffle)"):
        gt, s_tau = by_name["table-2"][title].numbers[0], by_name["table-1"][title].numbers[0]
        assert (gt.value, gt.interval) == (
            checks[f"GT-Tau of {title.lower()}"].value,
            checks[f"GT-Tau of {title.lower()}"].interval,
        )
        assert s_tau == checks[f"S-Tau of {title.lower()}"]


def test_one_number_has_one_interval_in_the_tables_of_ranks_from_elsewhere():
    rng = np.random.default_rng(0)  # 12 instances: of few, quantiles of two streams often fall on the same draw
    names, steps = tuple("abcdefgh"), np.arange(1, 17)
    made = {item.name: item for item in worth_of(FromElsewhere(names, rng.random((12, 16, 8)), rng.random(8), steps))}
    across, last = made["ranks"].rows[0], made["readings"].rows[0]
    gt, _, _, s_tau, _, _, t1r, t3r, _ = across.numbers
    assert [gt, s_tau, t1r, t3r] == list(last.numbers[1:])
    assert gt.interval is not None
    assert s_tau.interval is not None


def test_an_interval_is_a_percentile_bootstrap():
    """Against SciPy's, with draws of its own: ends of the same 30 values agree within a tenth of the width."""
    values = np.random.default_rng(3).normal(size=30)
    found = estimated_mean(values, randomness)
    assert (found.value, found.std) == pytest.approx((values.mean(), values.std()))
    theirs = bootstrap((values,), np.mean, method="percentile", n_resamples=9999, rng=np.random.default_rng(1))
    low, high = theirs.confidence_interval
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=(high - low) / 10)


def test_where_there_is_no_interval():
    accuracies = np.random.default_rng(0).random((5, 8))
    assert estimated_mean(accuracies[:2, 0], randomness).interval is None
    assert estimated_s_tau(accuracies[:2], randomness).interval is None
    accuracies[0] = 0.5
    assert np.isnan(estimated_s_tau(accuracies, randomness).value)
    assert estimated_s_tau(accuracies, randomness).interval is None
    with pytest.raises(UsageError, match="at least 2 instances"):
        estimated_s_tau(accuracies[:1], randomness)


def test_a_share_of_a_gap_and_where_there_is_none():
    rng = np.random.default_rng(0)
    sure, noise = np.linspace(0, 1, 8) + 0.05 * rng.normal(size=(5, 8)), rng.normal(size=(5, 8))
    between = sure + 0.4 * rng.normal(size=(5, 8))
    of = [estimated_s_tau(one, randomness).value for one in (between, noise, sure)]
    found = estimated_share(between, noise, sure, randomness)
    assert found.value == pytest.approx((of[0] - of[1]) / (of[2] - of[1]))
    assert found.interval == s_tau_share_interval(between, noise, sure, randomness("share of a gap"))
    assert found.interval.low < found.value < found.interval.high
    assert estimated_share(sure, noise, sure, randomness).value == 1
    assert estimated_share(between[:2], noise[:2], sure[:2], randomness).interval is None
    constant = sure.copy()
    constant[0] = 0.5
    for nothing in ((between, sure, noise), (between, sure, sure), (constant, noise, sure), (sure, constant, sure)):
        number = estimated_share(*nothing, randomness)
        assert np.isnan(number.value)
        assert number.interval is None
