"""Ranks of another program from arrays, data frames and files, in Python and on the command line."""

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from commonweight.cli import app
from commonweight.elsewhere import FromElsewhere, rank, read_ranks, worth_of
from commonweight.errors import DataError, UsageError
from commonweight.ranking import gt_tau, s_tau, top_n_rank, trained_mask

RNG = np.random.default_rng(0)
NAMES = ("111", "112", "121", "122", "211")
TRUTH = np.array([0.5, 0.7, 0.6, 0.9, 0.8])
ROWS = np.round(np.clip(TRUTH + RNG.normal(0, 0.15, (6, 5)), 0, 1), 3)
INSTANCES = np.round(np.clip(TRUTH + RNG.normal(0, 0.15, (3, 6, 5)), 0, 1), 3)


class Frame:
    """As little of a data frame as `rank` asks for."""

    def __init__(self, columns, values):
        self.columns, self._values = columns, np.asarray(values)

    def __array__(self, dtype=None, copy=None):
        return np.array(self._values, dtype=dtype)


def plain(made):
    """Tables and claims, which compare by value."""
    return [item for item in made if item.name in ("ranks", "readings", "insight-1", "claims")]


def ranks_row(made, place=0):
    (table,) = [item for item in made if item.name == "ranks"]
    return [None if number is None else number.value for number in table.rows[place].numbers]


def expected_row(ranks):
    several = s_tau(ranks)
    tops = [top_n_rank(ranks, TRUTH, n).mean() for n in (1, 3)]
    none = [None, None]  # the best 25 % of five children are two
    return pytest.approx([gt_tau(ranks, TRUTH).mean(), *none, several.mean, several.max, several.min, *tops, 5])


# Arrays


def test_rows_are_moments_or_instances():
    moments, instances = rank(ROWS, TRUTH), rank(ROWS, TRUTH, rows="instances")
    assert ranks_row(moments) == expected_row(ROWS) == ranks_row(instances)
    assert moments[0].rows[0].name == "instance 0, 6 moments"
    assert instances[0].rows[0].name == "6 instances, last moment"
    assert moments[0].rows[0].numbers[0].interval is None
    assert instances[0].rows[0].numbers[0].interval is not None


@pytest.mark.parametrize("rows", ["moments", "instances"])
def test_instances_of_moments(rows):
    made = rank(INSTANCES, TRUTH, rows=rows)
    assert ranks_row(made) == expected_row(INSTANCES[:, -1])
    assert [ranks_row(made, place) for place in (1, 2, 3)] == [expected_row(one) for one in INSTANCES]


def test_lists_are_arrays_too():
    assert plain(rank(ROWS.tolist(), TRUTH.tolist())) == plain(rank(ROWS, TRUTH))


def test_children_are_numbered_unless_named():
    def names(made):
        return sorted(series.name for item in made if item.name == "accuracies" for series in item.series)

    assert names(rank(ROWS, TRUTH)) == ["1", "2", "3", "4", "5"]
    assert names(rank(ROWS, TRUTH, children=NAMES)) == list(NAMES)
    assert names(rank(ROWS, TRUTH, children=np.array([111, 112, 121, 122, 211]))) == list(NAMES)
    assert names(rank(Frame([111, 112, 121, 122, 211], ROWS), TRUTH)) == list(NAMES)
    assert names(rank(Frame(NAMES, ROWS), TRUTH, children="abcde")) == list("abcde")


def test_a_frame_and_a_mapping_are_matched_by_name():
    order = [3, 0, 4, 2, 1]
    frame = Frame([int(NAMES[place]) for place in order], ROWS[:, order])
    truth = dict(zip(NAMES, TRUTH, strict=True)) | {"222": 0.1}
    assert ranks_row(rank(frame, truth)) == expected_row(ROWS)
    assert ranks_row(rank(frame, {int(name): value for name, value in truth.items()})) == expected_row(ROWS)


def test_pandas():
    pandas = pytest.importorskip("pandas")
    frame, truth = pandas.DataFrame(ROWS, columns=NAMES), pandas.Series(TRUTH, index=NAMES)
    expected = plain(rank(ROWS, TRUTH, children=NAMES))
    assert plain(rank(frame, truth[::-1])) == expected
    assert plain(rank(frame, TRUTH)) == plain(rank(frame[list(NAMES)], truth.to_dict())) == expected
    assert plain(rank(pandas.DataFrame(ROWS), pandas.Series(TRUTH))) == plain(rank(ROWS, TRUTH))
    assert plain(rank(frame, truth, children=frame.columns)) == expected
    trained = pandas.Series(["111", "112", "121", "122", "211", "111"])
    assert plain(rank(frame, truth, trained=trained)) == plain(rank(ROWS, TRUTH, children=NAMES, trained=list(trained)))
    with pytest.raises(UsageError, match="no ground truth for child '111'"):
        rank(frame, pandas.Series(TRUTH))
    frame.iloc[2, 1] = np.nan
    with pytest.raises(UsageError, match="1 nan or infinite of 30 values"):
        rank(frame, truth)


def test_trained_names_become_a_mask():
    order = [0, 1, 2, 3, 4, 0]
    mask = trained_mask(np.tile(order, (3, 1)), 5)
    expected = worth_of(FromElsewhere(NAMES, INSTANCES, TRUTH, np.arange(1, 7), mask))
    words = [[NAMES[place] for place in order]] * 3
    assert plain(rank(INSTANCES, TRUTH, children=NAMES, trained=words)) == plain(expected)
    numbers = np.array([[int(NAMES[place]) for place in order]] * 3)
    assert plain(rank(INSTANCES, TRUTH, children=NAMES, trained=numbers)) == plain(expected)
    (one,) = [item for item in rank(ROWS, TRUTH, children=NAMES, trained=words[0]) if item.name == "claims"]
    assert [claim.number for claim in one.claims] == [4, 6]
    many = rank(ROWS, TRUTH, children=NAMES, trained=[[word] for word in words[0]], rows="instances")[-1]
    assert [claim.number for claim in many.claims] == [4, 6]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rank(ROWS[0], TRUTH), r"accuracies has shape \(5,\); expected \[\.\.\., row, child\]"),
        (lambda: rank(ROWS[:, :2], TRUTH[:2]), r"accuracies has shape \(6, 2\); .* with at least 1 row\(s\) and 3"),
        (lambda: rank(np.ones((2, 2, 3, 4)), TRUTH), r"accuracies have shape \(2, 2, 3, 4\); expected \[row, child\] or"),
        (lambda: rank(np.ones((0, 3, 4)), TRUTH), r"accuracies have shape \(0, 3, 4\); expected"),
        (lambda: rank(100 * ROWS, TRUTH), r"accuracies from \d.* to \d.*; expected fractions in \[0, 1\]: divide percent"),
        (lambda: rank(ROWS - 1, TRUTH), r"accuracies from -0\.\d+ to .*; expected fractions"),
        (lambda: rank(np.where(ROWS > 0.8, np.nan, ROWS), TRUTH), r"nan or infinite of 30 values"),
        (lambda: rank([["a"] * 5], TRUTH), r"accuracies is not an array of numbers"),
        (lambda: rank(ROWS, TRUTH, rows="epochs"), r"rows 'epochs'; expected moments or instances"),
        (lambda: rank(INSTANCES, TRUTH, rows="epochs"), r"rows 'epochs'; expected moments or instances"),
        (lambda: rank(ROWS, TRUTH[:4]), r"ground truth \(4,\) for 5 children"),
        (lambda: rank(ROWS, [[TRUTH]]), r"ground_truth has shape \(1, 1, 5\); expected \[child\], or \[seed, child\]"),
        (lambda: rank(ROWS, TRUTH, children="abcd"), r"for 4 children; expected"),
        (lambda: rank(ROWS, TRUTH, children="abcda"), r"child 'a' stands 2 times"),
        (lambda: rank(ROWS, {"1": 1, "2": 2, "3": 3, "4": 4, "55": 5}), r"no ground truth for child '5'; did you mean '55'"),
        (lambda: rank(ROWS, TRUTH, trained=["1"]), r"just trained children have shape \(1,\); expected one for each of 1"),
        (lambda: rank(ROWS, TRUTH, trained=[]), r"just trained children have shape \(0,\)"),
        (lambda: rank(INSTANCES, TRUTH, trained=[["1"] * 3] * 6), r"have shape \(6, 3\); expected one for each of 3 inst"),
        (lambda: rank(ROWS, TRUTH, trained=["1", "2", "3", "4", "5", "6"]), r"just trained child '6' is not among the ch"),
        (lambda: rank(ROWS, TRUTH, trained=np.arange(1.0, 7)), r"just trained child '1\.0' is not among the children"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(call, message):
    with pytest.raises(UsageError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)


# Files


def table(*rows):
    return "\n".join(",".join(map(str, row)) for row in rows) + "\n"


def log(rows, first="epoch", start=1):
    return table((first, *NAMES), *((number, *row) for number, row in enumerate(rows, start=start)))


@pytest.fixture
def write(tmp_path):
    def written(name, text):
        (tmp_path / name).write_text(text, encoding="utf-8")
        return tmp_path / name

    return written


@pytest.fixture
def truth(write):
    return write("truth.csv", table(*reversed(list(zip(NAMES, TRUTH, strict=True)))))


def test_one_file_of_moments(write, truth):
    (found,), told = read_ranks([write("a.csv", log(100 * ROWS, start=5))], truth)
    assert found.children == NAMES
    np.testing.assert_allclose(found.accuracy, ROWS[None])
    assert found.ground_truth.tolist() == TRUTH.tolist()
    assert found.step.tolist() == [5, 6, 7, 8, 9, 10]
    assert found.trained is None
    assert told == [
        "commas between columns",
        "the first column (epoch) numbers the rows",
        "the first row names the children",
        "accuracies are percent",
        "ground truth, higher is better: child and number on each line",
        "instances: 1, moments: 6, children: 5",
    ]


def test_one_file_of_instances(write, truth):
    (found,), told = read_ranks([write("a.csv", log(ROWS, "seed"))], truth)
    np.testing.assert_allclose(found.accuracy, ROWS[:, None])
    assert told[-1] == "instances: 6, moments: 1, children: 5"


def test_rows_that_say_nothing_are_moments_unless_told(write, truth):
    path = write("a.csv", log(ROWS, ""))
    (found,), told = read_ranks([path], truth)
    assert found.accuracy.shape == (1, 6, 5)
    assert "rows are taken as moments of one instance; if they are instances, say --rows instances" in told
    for rows, shape in (("moments", (1, 6, 5)), ("instances", (6, 1, 5))):
        (found,), told = read_ranks([path], truth, rows)
        assert found.accuracy.shape == shape
        assert not any("--rows" in sentence for sentence in told)


def test_several_files_are_instances(write, truth):
    paths = [write(f"{number}.csv", log(rows)) for number, rows in enumerate(INSTANCES)]
    paths.append(write("percent.csv", log(100 * ROWS).replace(",", ";")))
    (found,), told = read_ranks(paths, truth)
    np.testing.assert_allclose(found.accuracy, [*INSTANCES, ROWS])
    assert [sentence for sentence in told if "percent.csv" in sentence] == [
        f"{paths[-1]}: semicolons between columns",
        f"{paths[-1]}: accuracies are percent",
    ]


def test_the_trained_column_of_files(write, truth):
    trained = [[NAMES[(row + number) % 5] for row in range(6)] for number in range(3)]
    paths = [
        write(f"{number}.csv", table(("trained", *NAMES), *([t, *row] for t, row in zip(who, rows, strict=True))))
        for number, (who, rows) in enumerate(zip(trained, INSTANCES, strict=True))
    ]
    (found,), _ = read_ranks(paths, truth)
    expected = [[[name == word for name in NAMES] for word in who] for who in trained]
    assert found.trained.tolist() == expected
    (alone,), _ = read_ranks(paths[:1], truth, "instances")
    assert alone.trained.tolist() == [[row] for row in expected[0]]
    with pytest.raises(DataError, match="only some of the files name the child just trained; expected all"):
        read_ranks([*paths[:2], write("without.csv", table(NAMES, *INSTANCES[2]))], truth)


@pytest.mark.parametrize(
    "other",
    [log(ROWS[:5]), log(ROWS, start=2), log(ROWS, "seed"), log(ROWS).replace("111", "113"), table(NAMES[::-1], *ROWS)],
)
def test_files_that_do_not_go_together_are_refused(write, truth, other):
    paths = [write("a.csv", log(ROWS)), write("b.csv", other)]
    with pytest.raises(
        DataError, match=r"b\.csv: other children or moments than .*a\.csv; expected the same"
    ) as caught:
        read_ranks(paths, truth)
    assert "\n" not in str(caught.value)


def test_files_of_instances_are_not_stacked(write, truth):
    paths = [write("a.csv", log(ROWS, "seed")), write("b.csv", log(ROWS[::-1], "seed"))]
    with pytest.raises(
        UsageError, match="2 files, whose rows are instances; expected one such file, or rows of moments"
    ):
        read_ranks(paths, truth)
    assert read_ranks(paths, truth, "moments")[0][0].accuracy.shape == (2, 6, 5)


# The command line


def call(*words, code=0):
    result = CliRunner().invoke(app, ["rank", *map(str, words)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code == code, result.stderr
    assert "Traceback" not in result.output
    return result


def no_constant(word):
    raise ValueError(f"{word} is no JSON")


def test_the_command_prints_tables_and_tells_on_stderr_how_it_read(write, truth):
    result = call(write("a.csv", log(ROWS)), "--ground-truth", truth)
    assert "What these ranks are worth" in result.stdout
    assert "| instance 0, 6 moments | 6 |" in result.stdout
    assert f"{gt_tau(ROWS, TRUTH).mean():.4f}" in result.stdout
    for words in ("the first column (epoch) numbers the rows", "accuracies are fractions", "instances: 1, moments: 6"):
        assert words in result.stderr
        assert words not in result.stdout


def test_the_command_prints_json(write, truth):
    paths = [write(f"{number}.csv", log(rows)) for number, rows in enumerate(INSTANCES)]
    content = json.loads(call(*paths, "--ground-truth", truth, "--json").stdout, parse_constant=no_constant)
    assert {"ranks", "readings", "insight-1", "accuracies", "gt-tau", "claims"} <= content.keys()
    assert content["ranks"]["rows"][0]["gt_tau"]["value"] == pytest.approx(gt_tau(INSTANCES[:, -1], TRUTH).mean())
    assert [claim["number"] for claim in content["claims"]["claims"]] == [3, 4]


def test_undefined_numbers_are_json_too(write, truth):
    flat = INSTANCES.copy()
    flat[0, -1] = 0.1
    paths = [write(f"{number}.csv", log(rows)) for number, rows in enumerate(flat)]
    content = json.loads(call(*paths, "--ground-truth", truth, "--json").stdout, parse_constant=no_constant)
    assert content["ranks"]["rows"][0]["gt_tau"]["value"] is None


@pytest.mark.parametrize(
    ("rows", "name"), [("moments", "instance 0, 6 moments"), ("instances", "6 instances, last moment")]
)
def test_the_command_takes_what_rows_are(write, truth, rows, name):
    result = call(write("a.csv", table(NAMES, *ROWS)), "--ground-truth", truth, "--rows", rows, "--json")
    assert json.loads(result.stdout)["ranks"]["rows"][0]["name"] == name


@pytest.mark.parametrize(
    ("text", "rows", "code", "message"),
    [
        (log(ROWS).replace("0.", "x.", 1), (), 2, "expected a number"),
        (log(ROWS).replace("111", "999"), (), 2, "no ground truth for child '999'"),
        ("", (), 2, "the file is empty"),
        (log(ROWS), ("--rows", "epochs"), 2, "rows 'epochs'; expected moments or instances"),
        (log(ROWS), ("--rows", ""), 2, "rows ''; expected moments or instances"),
        (table(NAMES[:2], *ROWS[:, :2]), (), 2, "2 children; a rank worth asking about has at least 3"),
    ],
)
def test_mistakes_end_the_command_in_one_line(write, truth, text, rows, code, message):  # noqa: PLR0917
    result = call(write("a.csv", text), "--ground-truth", truth, *rows, code=code)
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1
    assert result.stderr.startswith("error: ")
    assert message in result.stderr


def test_files_that_are_missing_end_the_command(tmp_path, write, truth):
    assert "cannot be read" in call(tmp_path / "no.csv", "--ground-truth", truth, code=1).stderr
    assert (
        "no.csv: cannot be read"
        in call(write("a.csv", log(ROWS)), "--ground-truth", tmp_path / "no.csv", code=1).stderr
    )
    assert "--ground-truth" in call(write("a.csv", log(ROWS)), code=2).stderr
    call("--ground-truth", truth, code=2)


def test_the_command_writes_a_report_that_says_how_the_files_were_read(write, truth, tmp_path):
    out, paths = tmp_path / "my report", [write(f"{number}.csv", log(rows)) for number, rows in enumerate(INSTANCES)]
    result = call(*paths, "--ground-truth", truth, "--rows", "moments", "--out", out)
    page, document = ((out / "report" / name).read_text(encoding="utf-8") for name in ("index.html", "report.md"))
    assert f"report: {out}/report/index.html" in result.stderr
    assert "Ranks from elsewhere" in page
    assert "# Ranks from elsewhere" in document
    assert f"Instances: {len(INSTANCES)}, moments: " in document
    files = " ".join(map(str, paths))
    command = f"commonweight rank {files} --ground-truth {truth} --rows moments --out '{out}'"
    assert command in document
    assert {path.stem for path in (out / "report/figures").glob("*.png")} >= {"accuracies", "gt-tau", "readings-curves"}
    assert (out / "report/tables/claims.csv").is_file()
    for text in result.stdout.split("\n\n"):
        assert text.strip() in document


def test_in_python_a_report_is_written_where_it_is_told(tmp_path, monkeypatch):
    """The tables that are given back, their figures, and how the report was made; nothing is written without `out`."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    ranks, ground_truth = rng.random((20, 6)), rng.random(6)
    rank(ranks, ground_truth)
    assert list(tmp_path.iterdir()) == []
    made = rank(ranks, ground_truth, rows="moments", groups=2, out="judged")
    report = tmp_path / "judged/report"
    for one in made:
        kinds = ("md", "csv") if hasattr(one, "to_markdown") else ("pdf", "svg", "png")
        folder = report / ("tables" if hasattr(one, "to_markdown") else "figures")
        assert all((folder / f"{one.name}.{kind}").is_file() for kind in kinds)
    assert (report / "tables" / f"{made[0].name}.md").read_text(encoding="utf-8") == made[0].to_markdown()
    assert (report / "index.html").is_file()
    call = "cw.rank(accuracies, ground_truth, rows='moments', groups=2, out='judged')"
    assert call in (report / "report.md").read_text(encoding="utf-8")
