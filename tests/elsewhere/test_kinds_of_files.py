"""The command `rank` on every kind of file that people have, and on standard input; bad ones end it in one line."""

import csv
import io
import json
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from commonweight.cli import app, from_elsewhere
from commonweight.elsewhere import read_ranks, scale_of
from commonweight.errors import UsageError
from commonweight.ranking import gt_tau
from commonweight.report import progress

NAMES = ("111", "112", "121", "122", "211")
TRUTH = np.array([0.5, 0.7, 0.6, 0.9, 0.8])
RNG = np.random.default_rng(0)
LOGS = np.round(np.clip(TRUTH + RNG.normal(0, 0.15, (2, 4, 5)), 0, 1), 3)  # [instance, moment, child]
BY_NAME = dict(zip(NAMES, TRUTH.tolist(), strict=True))
LONG = [
    {"seed": seed, "step": 10 * step, "child": name, "accuracy": float(LOGS[seed, step, place])}
    for seed, step in np.ndindex(LOGS.shape[:2])
    for place, name in enumerate(NAMES)
]


def csv_of(rows):
    out = io.StringIO()
    writer = csv.DictWriter(out, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


@pytest.fixture
def write(tmp_path):
    def written(name, content):
        text = content if isinstance(content, str) else json.dumps(content)
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return written


@pytest.fixture
def truth(write):
    return write("truth.json", BY_NAME)


def call(*words, code=0, given=None):
    result = CliRunner().invoke(app, ["rank", *map(str, words)], input=given)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.stderr
    return result


@pytest.mark.parametrize("content", [csv_of(LONG), LONG, LOGS.tolist()], ids=["long CSV", "records", "lists"])
def test_one_file_of_instances_and_moments(write, truth, content):
    named = isinstance(content, str) or isinstance(content[0], dict)
    (found,), told = read_ranks([write("log", content)], truth if named else write("truth.txt", TRUTH.tolist()))
    np.testing.assert_array_equal(found.accuracy, LOGS)
    assert found.ground_truth.tolist() == TRUTH.tolist()
    assert told[-1] == "instances: 2, moments: 4, children: 5"
    if named:
        assert found.step.tolist() == [0, 10, 20, 30]
        assert "a row for each child (child): accuracy" in told


@pytest.mark.parametrize("epochs", [range(1, 5), [1, 2, 3, 4]])  # pandas stores a range apart
def test_parquet_and_json_for_each_instance(tmp_path, write, truth, epochs):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    frame = pandas.DataFrame(LOGS[0], columns=NAMES, index=pandas.Index(epochs, name="epoch"))
    frame.to_parquet(tmp_path / "0.parquet")
    other = write(
        "1.json", [{"epoch": n, **dict(zip(NAMES, row, strict=True))} for n, row in enumerate(LOGS[1].tolist(), 1)]
    )
    (found,), told = read_ranks([tmp_path / "0.parquet", other], truth)
    np.testing.assert_array_equal(found.accuracy, LOGS)
    assert "Parquet" in told


def test_long_parquet(tmp_path, truth):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    pandas.DataFrame(LONG).to_parquet(tmp_path / "log.parquet")
    (found,), _ = read_ranks([tmp_path / "log.parquet"], truth)
    np.testing.assert_array_equal(found.accuracy, LOGS)


def test_standard_input(write, truth):
    result = call("-", "--ground-truth", truth, "--json", given=csv_of(LONG))
    assert json.loads(result.stdout)["ranks"]["rows"][0]["name"] == "2 instances, last moment"
    assert "instances: 2, moments: 4, children: 5" in result.stderr
    log = write("log.csv", csv_of(LONG))
    assert call(log, "--ground-truth", "-", "--json", given=json.dumps(BY_NAME)).stdout == result.stdout
    assert "error: standard input: the file is empty" in call("-", "--ground-truth", truth, code=2, given="").stderr


def test_methods_of_json_and_of_a_column(write, truth):
    nested = {
        "one-shot": dict(zip(NAMES, LOGS[0, 0].tolist(), strict=True)),
        "tuned": dict(zip(NAMES, LOGS[1, 0].tolist(), strict=True)),
    }
    rows = [{"method": m, "child": c, "acc": v} for m, of_one in nested.items() for c, v in of_one.items()]
    for content in (nested, csv_of(rows)):
        result = call(write("log", content), "--ground-truth", truth, "--json")
        table = json.loads(result.stdout)["ranks"]["rows"]
        assert [row["name"] for row in table] == ["one-shot: one rank, last moment", "tuned: one rank, last moment"]
        assert [row["gt_tau"]["value"] for row in table] == pytest.approx(gt_tau(LOGS[:, 0], TRUTH).tolist())
        assert (
            "each method is judged alone: one-shot, tuned; if they are instances, say --rows instances" in result.stderr
        )
    (found,), _ = read_ranks([write("log", nested)], truth, "instances")
    np.testing.assert_array_equal(found.accuracy, LOGS[:, :1])


def test_losses_and_scores(write, truth):
    """A loss between 0.2 and 3 was once taken for percent, upside down."""
    losses = 3 - 2.8 * LOGS[0]
    log = write("loss.csv", csv_of([dict(zip(NAMES, row, strict=True)) for row in losses.tolist()]))
    refused = call(log, "--ground-truth", truth, code=2).stderr
    assert (
        "may be percent or a loss; expected fractions in [0, 1], or percent with a median of at least 10; say --scores"
        in refused
    )
    for words, sign in ((["--lower-is-better"], 1), (["--scores"], -1), (["--scores", "--lower-is-better"], 1)):
        result = call(log, "--ground-truth", truth, "--rows", "instances", *words, "--json")
        value = json.loads(result.stdout)["ranks"]["rows"][0]["gt_tau"]["value"]
        assert value == pytest.approx(sign * gt_tau(LOGS[0], TRUTH).mean())
        assert f"scores, {'lower' if sign == 1 else 'higher'} is better" in result.stderr


def test_the_report_has_the_options_that_were_given(write, truth, tmp_path):
    log, out = write("loss.json", dict(zip(NAMES, [2.5, 0.4, 1.5, 0.2, 0.3], strict=True))), tmp_path / "out"
    call(log, "--ground-truth", truth, "--lower-is-better", "--truth-lower-is-better", "--out", out)
    document = (out / "report/report.md").read_text(encoding="utf-8")
    assert f"{truth} --lower-is-better --truth-lower-is-better --out {out}" in document
    assert "Scores, lower is better: all are shown with the opposite sign." in document


def test_ground_truth_of_which_less_is_better(write):
    log, errors = write("log.json", LONG), write("errors.json", {name: 1 - value for name, value in BY_NAME.items()})
    result = call(log, "--ground-truth", errors, "--truth-lower-is-better", "--json")
    value = json.loads(result.stdout)["ranks"]["rows"][0]["gt_tau"]["value"]
    assert value == pytest.approx(gt_tau(LOGS[:, -1], TRUTH).mean())
    assert "ground truth, lower is better: children as columns" in result.stderr


@pytest.mark.parametrize(
    ("least", "most", "certain"), [(10, 92, True), (0.1, 92, True), (0.2, 3, False), (0.5, 9.9, False)]
)
def test_percent_only_when_it_is_certain(write, truth, least, most, certain):
    values = np.array([least, *[most] * 4])
    path = write("a.json", dict(zip(NAMES, values.tolist(), strict=True)))
    if not certain:
        with pytest.raises(UsageError, match="may be percent or a loss"):
            read_ranks([path], truth)
    else:
        np.testing.assert_allclose(read_ranks([path], truth)[0][0].accuracy[0, 0], values / 100)
    for scores, lower, sign in ((True, False, 1), (False, True, -1), (True, True, -1)):
        (found,), _ = read_ranks([path], truth, scale=scale_of(scores, lower))
        assert found.accuracy[0, 0].tolist() == (sign * values).tolist()


def test_the_same_file_twice_is_refused(write, truth, tmp_path):
    log = write("log.csv", csv_of([row for row in LONG if row["seed"] == 0]))
    (tmp_path / "link.csv").symlink_to(log)
    for words in ([log, log], [log, tmp_path / "link.csv"], ["-", "-"]):
        result = call(*words, "--ground-truth", truth, code=2, given="")
        assert f"error: {words[1]} is given twice; expected another file for each instance" in result.stderr
    assert "truth.json is given twice" in call(truth, "--ground-truth", truth, code=2).stderr


def test_a_copy_of_a_file_is_refused_too(write, truth):
    rows = csv_of([row for row in LONG if row["seed"] == 0])
    result = call(write("a.csv", rows), write("b.csv", rows), "--ground-truth", truth, code=2)
    assert result.stderr.splitlines() == [
        f"error: {truth.parent}/b.csv: the same numbers as {truth.parent}/a.csv; expected another instance in each"
    ]


def test_baselines_and_population(write, truth, tmp_path):
    counts = [{"child": name, "params": place, "flops": 1 - TRUTH[place]} for place, name in enumerate(NAMES)]
    log, counts, out = write("log.json", LONG), write("counts.csv", csv_of(counts)), tmp_path / "out"
    words = ["--baseline", f"params={counts}", "--baseline", f"flops={counts}", "--population", "all of a small space"]
    result = call(log, "--ground-truth", truth, *words, "--json", "--out", out)
    table = json.loads(result.stdout)["ranks"]
    assert [row["name"] for row in table["rows"][:2]] == ["baseline params", "baseline flops"]
    assert table["rows"][0]["gt_tau"]["value"] == pytest.approx(gt_tau(np.arange(5), TRUTH))
    assert table["rows"][1]["gt_tau"]["value"] == -1
    assert "Population of every tau: 5 children: all of a small space." in table["notes"]
    assert "baseline 'flops', more is better: child and number on each line" in result.stderr
    assert [f"{line}." for line in result.stderr.splitlines()[:2]] == table["notes"][:2]  # what is to be seen first
    assert table["notes"][0].startswith("The baseline params has GT-Tau ")
    document = (out / "report/report.md").read_text(encoding="utf-8")
    given = f"--baseline params={counts} --baseline flops={counts} --population 'all of a small space' --out {out}"
    assert given in document
    assert document.index(table["notes"][0]) < document.index("Instances: 2, moments: 4, children: 5.")
    assert call(log, "--ground-truth", truth, "--baseline", "params", code=2).stderr.count("\n") == 1


def test_seeds_of_ground_truth_are_the_ceiling(write):
    seeds = {name: [value, value + 0.01 * (place % 2)] for place, (name, value) in enumerate(BY_NAME.items())}
    result = call(write("log.json", LONG), "--ground-truth", write("seeds.json", seeds), "--json")
    row = json.loads(result.stdout)["ranks"]["rows"][-1]
    assert (row["name"], row["ranks"]) == ("ceiling: each seed of ground truth against the others", 2)
    first, second = np.array(list(seeds.values())).T
    assert row["gt_tau"]["value"] == row["s_tau"]["value"] == pytest.approx(gt_tau(first, second))


def test_children_of_a_larger_ground_truth(write):
    more = {f"x{number}": number / 100 for number in range(95)}
    result = call(write("log.json", LONG), "--ground-truth", write("truth.json", BY_NAME | more), "--json")
    told = "5 of the 100 children of ground truth, and how they were chosen is not known. Of a random sample of so many a tau"
    assert any(told in note for note in json.loads(result.stdout)["ranks"]["notes"])


def test_long_work_says_what_it_does(write, truth, monkeypatch):
    def slowly(function):
        def slow(*arguments, **options):
            time.sleep(0.2)
            return function(*arguments, **options)

        return slow

    monkeypatch.setattr(progress, "QUIET_SECONDS", 0.05)
    for name in ("read_ranks", "worth_of_all", "report_ranks"):
        monkeypatch.setattr(from_elsewhere, name, slowly(getattr(from_elsewhere, name)))
    log = write("log.json", LONG)
    lines = call(log, "--ground-truth", truth, "--out", truth.parent / "out").stderr.splitlines()
    said = [line for line in dict.fromkeys(lines) if line.startswith(("reading", "judging", "writing"))]
    assert said == [
        f"reading {log}, {truth}",
        "judging the ranks of 5 children at 4 moments",
        "writing the report",
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (BY_NAME | {"999": 0.1}, "truth.json: no ground truth for child '999'"),
        ({"111": 0.1, "112": 0.2}, "2 children; a rank worth asking about has at least 3"),
        ('{"111": 0.1, "112": 0.2, "111": 0.3}', "'111' stands 2 times in one object"),
        (csv_of(LONG[:-1]), "no row for child '211', moment 30, instance '1'; expected one row for each"),
        (csv_of([*LONG, LONG[3]]), "row 42: child '122', moment 0, instance '0' stands twice, first in row 5"),
        ("111,112,121\n0.1,,0.3\n0.1,,\n", "row 2, column '112': ''; expected a number: 3 of 6 are missing, in '112', '121'"),
        ("111,112,111\n0.1,0.2,0.3\n", "child '111' stands twice"),
        ({"a": BY_NAME, "b": {"111": 0.1, "112": 0.2}}, "2 children"),
        ([1, "a", 2], "row 1, column 'column 2': 'a'; expected a number"),
        (b"PAR1 and no more", "cannot be read as Parquet"),
        (b"\xff\xfe\x00", "cannot be read as UTF-8 text"),
    ],
)  # fmt: skip
def test_bad_input_ends_the_command_in_one_line(write, truth, tmp_path, content, message):
    path = tmp_path / "log"
    path.write_bytes(content) if isinstance(content, bytes) else write("log", content)
    result = call(path, "--ground-truth", truth, code=2)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr


def test_files_with_fewer_children_or_other_methods_are_refused(write, truth):
    a, b = write("a.json", BY_NAME), write("b.json", {name: BY_NAME[name] for name in NAMES[1:]})
    message = call(a, b, "--ground-truth", truth, code=2).stderr
    assert "b.json: other children or moments than" in message
    assert "in the same order; it is without '111'" in message
    methods = write("m.json", {"x": BY_NAME, "y": BY_NAME})
    assert "a.json: methods ''; expected 'x', 'y', as in" in call(methods, a, "--ground-truth", truth, code=2).stderr


def test_15625_children_fit_in_a_row(write):
    """Longer than the field limit of Python's reader, which a separator that is not there would run into."""
    names = [f"child-{number}" for number in range(15_625)]
    values = np.random.default_rng(1).random((2, 15_625))
    text = "\n".join([",".join(names), *(",".join(map(repr, row)) for row in values.tolist())])
    assert min(map(len, text.splitlines())) > csv.field_size_limit()
    truth = write("t.csv", "\n".join(f"{name},{number}" for number, name in enumerate(names)))
    (found,), _ = read_ranks([write("log.csv", text)], truth)
    np.testing.assert_array_equal(found.accuracy[0], values)
