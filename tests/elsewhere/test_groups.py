"""Groups found in accuracy tables from elsewhere: groups that were planted in them, and every number of ours by loops."""

import csv
import json
from itertools import combinations

import numpy as np
import pytest
from typer.testing import CliRunner

from commonweight.cli import app
from commonweight.elsewhere import FromElsewhere, groups_of, rank
from commonweight.errors import UsageError
from commonweight.ranking import trained_mask

NAMES = tuple(f"c{number}" for number in range(6))
GROUPS = ({"c0", "c3"}, {"c1", "c4"}, {"c2", "c5"})  # children of one group swing alike and help each other


def planted(instances=3, moments=60, *, trained=True, seed=0):
    """Each group has a swing of its own, which is anew in each instance; a child just trained lifts its companion."""
    rng = np.random.default_rng(seed)
    swings = np.tile(rng.normal(0, 0.05, (instances, moments, 3)), 2)  # child i has that of group i % 3
    order = np.array(
        [rng.permuted(np.tile(np.arange(6), moments // 6).reshape(-1, 6), axis=1).ravel() for _ in range(instances)]
    )
    lifted = np.zeros((instances, moments, 6))
    for instance, moment in np.ndindex(instances, moments):
        lifted[instance, moment, (order[instance, moment] + 3) % 6] = 0.2
    accuracy = np.clip(0.5 + swings + lifted + rng.normal(0, 0.01, swings.shape), 0, 1)
    mask = trained_mask(order, 6) if trained else None
    return FromElsewhere(NAMES, accuracy, np.arange(6) / 10, np.arange(1, moments + 1), mask)


def test_groups_that_were_planted_are_found():
    by_correlation, by_help = groups_of(planted(), 3)
    assert (by_correlation.name, by_help.name) == ("groups-by-correlation", "groups-by-help")
    for table in (by_correlation, by_help):
        assert [set(row.name.split(", ")) for row in table.rows[:-1]] == list(GROUPS)
        assert [row.ranks for row in table.rows] == [180] * 4
        for row in table.rows:
            inside, outside = row.numbers
            assert inside.value > outside.value + 0.05  # on other instances too


def correlation(a, b):
    return float(np.corrcoef(a, b)[0, 1])


def test_the_numbers_by_loops():
    found = planted(instances=2)
    less = found.accuracy - found.accuracy.mean(axis=2, keepdims=True)
    affinity = [[[correlation(one[:, i], one[:, j]) for j in range(6)] for i in range(6)] for one in less]
    table = groups_of(found, 2)[0]
    places = [[NAMES.index(name) for name in row.name.split(", ")] for row in table.rows[:-1]]
    for row, group in zip(table.rows, places, strict=False):
        inside = [one[i][j] for one in affinity for i, j in combinations(group, 2)]
        outside = [one[i][j] for one in affinity for i in group for j in range(6) if j not in group]
        assert [number.value for number in row.numbers] == pytest.approx([np.mean(inside), np.mean(outside)])
        assert [number.std for number in row.numbers] == [None, None]
    read = []
    for number in (0, 1):
        alone = FromElsewhere(NAMES, found.accuracy[[number]], found.ground_truth, found.step)
        rows = groups_of(alone, 2)[0].rows
        assert len(rows) == 2  # no other instance to read it on
        label = {name: place for place, row in enumerate(rows) for name in row.name.split(", ")}
        other = affinity[1 - number]
        pairs = {same: [] for same in (True, False)}
        for i, j in combinations(range(6), 2):
            pairs[label[NAMES[i]] == label[NAMES[j]]].append(other[i][j])
        read.append([np.mean(pairs[True]), np.mean(pairs[False])])
    last = table.rows[-1]
    assert last.name == "found on one instance, read on the others"
    assert [number.value for number in last.numbers] == pytest.approx(np.mean(read, axis=0))
    assert [number.std for number in last.numbers] == pytest.approx(np.std(read, axis=0))


def test_help_needs_to_know_whom_a_mini_batch_trained():
    assert [table.name for table in groups_of(planted(trained=False), 2)] == ["groups-by-correlation"]
    assert groups_of(planted(), None) == []


def test_a_curve_that_stands_still_is_in_some_group_and_singletons_have_nothing_inside():
    found = planted(instances=1, trained=False)
    found.accuracy[..., 0] = found.accuracy[..., 1:].mean(axis=2)  # does not move beside the mean of all
    (table,) = groups_of(found, 2)
    assert sorted(name for row in table.rows for name in row.name.split(", ")) == list(NAMES)
    (alone,) = groups_of(found, 6)
    assert [row.name for row in alone.rows] == list(NAMES)
    assert {row.numbers[0] for row in alone.rows} == {None}
    (together,) = groups_of(found, 1)
    assert [row.numbers[1] for row in together.rows] == [None]


@pytest.mark.parametrize(
    ("instances", "moments", "m", "message"),
    [
        (2, 60, 7, r"m = 7 groups of 6 children; expected 1 … 6"),
        (2, 60, 0, r"m = 0 groups of 6 children; expected 1 … 6"),
        (
            4,
            1,
            2,
            r"groups are found in how accuracies move .* has one moment of each instance; give the log of a training",
        ),
    ],
)
def test_mistakes(instances, moments, m, message):
    found = planted(instances, 60)
    with pytest.raises(UsageError, match=message) as caught:
        groups_of(FromElsewhere(NAMES, found.accuracy[:, :moments], found.ground_truth, found.step[:moments]), m)
    assert "\n" not in str(caught.value)


# In Python and on the command line


def test_rank_makes_them_when_asked():
    found = planted()
    words = [[NAMES[place] for place in one.argmax(axis=1)] for one in found.trained]
    arguments = {"children": NAMES, "trained": words}
    plain = rank(found.accuracy, found.ground_truth, **arguments)
    more = rank(found.accuracy, found.ground_truth, **arguments, groups=3)
    assert more[len(plain) :] == groups_of(found, 3)
    assert not [made for made in plain if made.name.startswith("groups")]


def test_groups_of_each_method():
    logs = {name: planted(instances=1, trained=False, seed=seed) for seed, name in enumerate("ab")}
    given = {name: dict(zip(NAMES, found.accuracy[0].T, strict=True)) for name, found in logs.items()}
    made = {one.name: one for one in rank(given, np.arange(6) / 10, groups=3)}
    for number, (name, found) in enumerate(logs.items(), start=1):
        (expected,) = groups_of(found, 3)
        table = made[f"groups-by-correlation-{number}"]
        assert (table.title, table.rows) == (f"{name}: {expected.title}", expected.rows)


@pytest.fixture
def log(tmp_path):
    found = planted(instances=1)
    trained = [NAMES[place] for place in found.trained[0].argmax(axis=1)]
    with (tmp_path / "log.csv").open("w", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["step", "trained", *NAMES])
        rows.writerows([step, who, *row] for step, who, row in zip(found.step, trained, found.accuracy[0], strict=True))
    (tmp_path / "truth.csv").write_text("".join(f"{n},{t}\n" for n, t in zip(NAMES, found.ground_truth, strict=True)))
    return tmp_path


def call(folder, *words, code=0):
    files = [str(folder / "log.csv"), "--ground-truth", str(folder / "truth.csv")]
    result = CliRunner().invoke(app, ["rank", *files, *map(str, words)])
    assert result.exit_code == code, result.stderr
    return result


def test_the_command_writes_the_partition(log):
    assert "groups-by" not in call(log, "--json").stdout
    content = json.loads(call(log, "--groups", 3, "--json").stdout)
    for name in ("groups-by-correlation", "groups-by-help"):
        assert [set(row["name"].split(", ")) for row in content[name]["rows"]] == list(GROUPS)
    out = log / "out"
    result = call(log, "--groups", 3, "--out", out)
    assert "3 groups of children whose accuracies move together" in result.stdout
    for name in ("groups-by-correlation", "groups-by-help"):
        written = list(csv.reader((out / f"report/tables/{name}.csv").read_text(encoding="utf-8").splitlines()))
        assert [set(row[0].split(", ")) for row in written[1:]] == list(GROUPS)
    assert f"--groups 3 --out {out}" in (out / "report/report.md").read_text(encoding="utf-8")


def test_a_wrong_number_ends_the_command_in_one_line(log):
    result = call(log, "--groups", 7, code=2)
    assert not result.stdout
    assert result.stderr.splitlines()[-1] == "error: m = 7 groups of 6 children; expected 1 … 6"
