"""Ground truth of other programs: every way to write it by a writer of its own, and every mistake by its message."""

import json

import numpy as np
import pytest

from commonweight.elsewhere.truth_tables import baseline_of, read_baselines, read_truth_grid, truth_of
from commonweight.errors import CommonweightError, DataError, TableError, UsageError

CHILDREN = ("111", "112", "121", "122")
SEEDS = np.array([[0.5, 0.7, 0.6, 0.9], [0.52, 0.68, 0.64, 0.86], [0.54, 0.72, 0.62, 0.88]])  # [seed, child]
MEAN = SEEDS.mean(axis=0)


@pytest.fixture
def write(tmp_path):
    """Write a text to a file and return its path."""

    def written(text, name="log.csv"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return path

    return written


def read_ground_truth(path, children, **how):
    truth = truth_of(read_truth_grid(path), children, **how)
    return truth.mean, truth.how


def table(*rows):
    return "\n".join(",".join(map(str, row)) for row in rows) + "\n"


def fails(read, text):
    """The message of the error, which is one line that begins with the file."""
    with pytest.raises(DataError) as caught:
        read(text)
    message = str(caught.value)
    assert "\n" not in message
    where, _, rest = message.partition("log.csv")
    assert where.startswith("/")
    return rest


# a number for each child


@pytest.mark.parametrize("header", ["", "accuracy\n", "ground truth\n"])
def test_ground_truth_of_one_number_per_line(write, header):
    truth, how = read_ground_truth(write(header + "0.5\n0.75\n\n-2\n1e2\n"), CHILDREN)
    assert truth.tolist() == [0.5, 0.75, -2, 100]
    assert how == "ground truth, higher is better: one number per line, in the order of the table's children"


@pytest.mark.parametrize(
    ("header", "between"),
    [(header, between) for header in ("", "child{}truth\n", "{}0\n") for between in ",;\t "][
        :-1
    ],  # no empty cell in spaces
)
def test_ground_truth_by_name_in_any_order(write, header, between):
    lines = [f"{name}{between}{value}" for name, value in zip(reversed(CHILDREN), (4, 3, 2, 1), strict=True)]
    truth, how = read_ground_truth(write(header.format(between) + "\n".join(lines)), CHILDREN)
    assert truth.tolist() == [1, 2, 3, 4]
    assert how == "ground truth, higher is better: child and number on each line"


def test_ground_truth_of_more_children_says_whom_it_leaves_out(write):
    truth, how = read_ground_truth(write("a,1\nb,2\nc,3\nd,4\n"), ["d", "b"])
    assert truth.tolist() == [4, 2]
    assert how.endswith("; 2 children that are no column of the table are left out, 'a' the first")


def test_ground_truth_with_decimal_commas(write):
    truth, how = read_ground_truth(write("a;0,5\nb;0,75\n"), ["a", "b"])
    assert truth.tolist() == [0.5, 0.75]
    assert how.endswith("; numbers have decimal commas")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": the file is empty"),
        ("0.5\n0.6\n0.7\n", ": 3 numbers for 4 children; expected one for each"),
        ("truth\n", ": no numbers below the first row; expected one for each child"),
        ("truth\n0.5\n0.6\n0.7\nno\n", ", row 5, column 'number': 'no'; expected a number"),
        ("nan\n0.5\n0.6\n0.7\n", ", row 1, column 'number': 'nan'; expected a number"),
        (
            "111,0.5\n112,nan\n121,\n122,0.4\n",
            ", row 2, column 'number': 'nan'; expected a number: 2 of 4 are missing, of '112', '121'; fill them or",
        ),
        ("111,nan\n112,0.5\n121,0.6\n122,0.4\n", ", row 1, column 'number': 'nan'; expected a number"),
        ("111,0.5\n112,0.5\n121,0.6\n", ": no ground truth for child '122'; did you mean '121'?; expected all"),
        ("c,v\n111,0.5\n112,0.5\n111,0.6\n122,1\n", ", row 4: child '111' stands twice; expected one line for each c"),
        ("0,55\n0,60\n0,65\n0,70\n", ", row 2: child '0' stands twice"),
        (
            "111,0.5,0.6\n112,0.5,0.7\n121,0.6,0.7\n122,1,1\n",
            ": 3 columns without names; expected a first row that says",
        ),
        ("111,112,121\n0.5,0.6,0.7\n", ": no ground truth for child '122'; did you mean '121'?; expected all"),
        ("111,112,121,122,111\n1,2,3,4,5\n", ": child '111' stands twice; expected one column for each child"),
        ("0.5,0.6,0.7\n0.5,0.6,0.8\n", ": no ground truth for child '111' and 3 more of 4; expected all"),
        (
            "child,a,b\n111,.5,3\n112,.6,3\n121,.7,3\n122,.8,3\n",
            ": columns 'a', 'b' beside the children; expected one number",
        ),
        (
            "child,seed,acc\n111,0,.5\n111,0,.6\n",
            ", row 3: child '111' stands twice; expected one line for each child and s",
        ),
        (
            "child,seed,acc\n111,0,.5\n112,0,.5\n121,0,.6\n122,0,.7\n122,1,.7\n",
            ": child '111' has 1 seeds and '122' 2; expected as many for each",
        ),
        ('{"111": 0.5, "112": 0.6, "111": 0.7}', ": cannot be read as JSON ('111' stands 2 times in one object"),
        (
            '{"111": 0.5, "112": null, "121": 0.6, "122": 0.7}',
            ", row 1, column '112': None; expected a number: 1 of 4 are missin",
        ),
        ('{"111": [0.5, 0.6], "112": [0.6]}', ": '112' has 1 values and '111' 2; expected as many in each"),
        ("[0.5, 0.6, 0.7]", ": 3 numbers for 4 children; expected one for each"),
        ("111,0.5\n112\n", ", row 2: 1 columns with commas between them; expected 2, as in the first row"),
    ],
)
def test_mistakes_of_ground_truth_are_told_in_one_line(write, text, message):
    assert message in fails(lambda words: read_ground_truth(write(words), CHILDREN), text)


# several seeds, and columns that are something else

LONG = [(child, seed, SEEDS[seed, place]) for seed in range(3) for place, child in enumerate(CHILDREN)]
BY_CHILD = dict(zip(CHILDREN, SEEDS.T.tolist(), strict=True))


@pytest.mark.parametrize(
    "text",
    [
        table(("child", "seed0", "seed1", "seed2"), *((child, *seeds) for child, seeds in BY_CHILD.items())),
        table(("", "0", "1", "2"), *((child, *seeds) for child, seeds in reversed(BY_CHILD.items()))),
        table(("acc_777", "acc_888", "acc_999", "arch"), *((*seeds, child) for child, seeds in BY_CHILD.items())),
        table(("child", "seed", "accuracy"), *LONG),
        table(("Run", "value", "name"), *((f"r{seed}", value, child) for child, seed, value in reversed(LONG))),
        table(CHILDREN, *SEEDS),
        table(("seed", *CHILDREN[::-1]), *((n, *row) for n, row in enumerate(SEEDS[:, ::-1]))),
        table(*SEEDS),
        json.dumps(BY_CHILD),
        json.dumps(SEEDS.tolist()),
        json.dumps([dict(zip(CHILDREN, row, strict=True)) for row in SEEDS]),
        json.dumps([{"child": child, "seed": seed, "accuracy": value} for child, seed, value in LONG]),
    ],
)
def test_the_mean_of_several_seeds(write, text):
    truth, how = read_ground_truth(write(text), CHILDREN)
    np.testing.assert_allclose(truth, MEAN, rtol=0, atol=1e-12)
    assert "the mean of 3 seeds" in how


def test_a_seed_is_the_same_one_for_all_children(write):
    """Rows of a long table stand in any order, and another one for each child."""
    rows = [LONG[place] for place in np.random.default_rng(0).permutation(len(LONG))]
    for text in (table(("child", "seed", "accuracy"), *rows), table(CHILDREN, *SEEDS), json.dumps(BY_CHILD)):
        truth = truth_of(read_truth_grid(write(text)), CHILDREN)
        np.testing.assert_array_equal(truth.seeds, SEEDS)
        np.testing.assert_array_equal(truth.several, SEEDS)
        np.testing.assert_array_equal(truth.mean, MEAN)
    assert truth_of(read_truth_grid(write("1\n2\n3\n4\n")), CHILDREN).several is None


@pytest.mark.parametrize(
    "text",
    [
        table(("child", "accuracy"), *((f"x{n}", n) for n in range(6)), *zip(CHILDREN, MEAN, strict=True)),
        table((*CHILDREN, *(f"x{n}" for n in range(6))), [*MEAN, *range(6)]),
        table(("child", "seed", "accuracy"), *LONG, *((f"x{n}", 0, n) for n in range(6))),
    ],
)
def test_of_how_many_children_there_is_ground_truth(write, text):
    assert truth_of(read_truth_grid(write(text)), CHILDREN).known == 10
    assert truth_of(read_truth_grid(write("1\n2\n3\n4\n")), CHILDREN).known == 4


@pytest.mark.parametrize("name", ["ground truth", "Accuracy", "mean", "test_accuracy"])
def test_a_third_column_is_left_out_where_one_says_that_it_is_ground_truth(write, name):
    rows = [(child, 10 - place, value) for place, (child, value) in enumerate(zip(CHILDREN, MEAN, strict=True))]
    truth, how = read_ground_truth(write(table(("child", "params", name), *rows)), CHILDREN)
    np.testing.assert_allclose(truth, MEAN)
    assert f"column {name!r}, others are left out: 'params'" in how


def test_the_index_that_pandas_wrote_is_no_seed(write):
    rows = [(place, child, value) for place, (child, value) in enumerate(zip(CHILDREN, MEAN, strict=True))]
    truth, how = read_ground_truth(write(table(("", "child", "score"), *rows)), CHILDREN)
    np.testing.assert_allclose(truth, MEAN)
    assert "seeds" not in how


def test_other_children_as_columns_are_told(write):
    _, how = read_ground_truth(write(table((*CHILDREN, "211"), [*MEAN, 0.1])), CHILDREN)
    assert how.endswith("; 1 children that are no column of the table are left out, '211' the first")


def test_lower_is_better(write):
    truth, how = read_ground_truth(write(json.dumps(BY_CHILD)), CHILDREN, lower_is_better=True)
    np.testing.assert_allclose(truth, -MEAN)
    assert how.startswith("ground truth, lower is better: children as columns")


def test_parquet(tmp_path):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / "truth.parquet"
    frame = pandas.DataFrame(SEEDS.T, index=CHILDREN, columns=["seed 0", "seed 1", "seed 2"])
    for written in (frame, frame.rename_axis("child"), frame.reset_index(), frame.T):
        written.to_parquet(path)
        np.testing.assert_allclose(read_ground_truth(path, CHILDREN)[0], MEAN)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(TableError, match=r"truth\.parquet: cannot be read as Parquet"):
        read_truth_grid(path)


def test_a_series_of_pandas(tmp_path):
    pandas = pytest.importorskip("pandas")
    pandas.Series([1.0, 2, 3, 4], index=list(reversed(CHILDREN))).to_csv(tmp_path / "truth.csv")
    assert read_ground_truth(tmp_path / "truth.csv", CHILDREN)[0].tolist() == [4, 3, 2, 1]


def test_several_tables_are_no_ground_truth(write):
    with pytest.raises(TableError, match="2 tables; expected one, with numbers for each child"):
        read_truth_grid(write(json.dumps([SEEDS.tolist(), SEEDS.tolist()])))


# baselines

COUNTS = table(
    ("child", "params", "flops", "accuracy"), *((child, 10 - n, n * n, n) for n, child in enumerate(CHILDREN))
)


def baselines(words, write, files=()):
    grids = read_baselines(words, files, write(table(*zip(CHILDREN, MEAN, strict=True)), "truth.csv"))
    return {name: baseline_of(grid, CHILDREN, name) for name, grid in grids.items()}


def test_baselines_are_columns_of_their_names(write):
    counts, alone = write(COUNTS, "a=b.csv"), write("122,4\n121,3\n112,2\n111,1\n", "alone.csv")
    found = baselines([f"params={counts}", f"flops={counts}", f"depth={alone}"], write)
    assert {name: values.tolist() for name, (values, _) in found.items()} == {
        "params": [10, 9, 8, 7],
        "flops": [0, 1, 4, 9],
        "depth": [1, 2, 3, 4],
    }
    assert found["params"][1] == (
        "baseline 'params', more is better: child and number on each line; column 'params', others are left out: 'flops', "
        "'accuracy'"
    )


def test_the_file_of_ground_truth_may_hold_baselines(write):
    counts = write(COUNTS)
    assert list(read_baselines([f"flops={counts}", f"params={counts}"], [], counts)) == ["flops", "params"]
    for words in ([f"depth={counts}"], [f"params={counts}", f"depth={counts}"]):
        truth = counts if len(words) == 1 else write("1\n", "t.csv")
        with pytest.raises(
            UsageError, match=r"log\.csv is given twice, and has no column 'depth'; expected one, or anoth"
        ):
            read_baselines(words, [], truth)


def test_rows_of_names_are_no_seeds(write):
    """What one file holds of each child may be nested the other way round."""
    nested = {
        "params": dict(zip(CHILDREN, [10, 9, 8, 7], strict=True)),
        "accuracy": dict(zip(CHILDREN, MEAN, strict=True)),
    }
    wide = table(("", *CHILDREN), ("params", 10, 9, 8, 7), ("accuracy", *MEAN))
    for path in (write(json.dumps(nested), "a.json"), write(wide, "a.csv")):
        truth = truth_of(read_truth_grid(path), CHILDREN)
        np.testing.assert_array_equal(truth.seeds, [MEAN])
        assert "column 'accuracy', others are left out: 'params'" in truth.how
        grid = read_baselines([f"params={path}"], [], path)["params"]
        assert baseline_of(grid, CHILDREN, "params")[0].tolist() == [10, 9, 8, 7]
    seeds = {
        str(number): dict(zip(CHILDREN, row, strict=True)) for number, row in zip((777, 888, 999), SEEDS, strict=True)
    }
    np.testing.assert_array_equal(truth_of(read_truth_grid(write(json.dumps(seeds))), CHILDREN).seeds, SEEDS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["params"], "baseline 'params'; expected NAME=FILE, for example parameters=parameters.csv"),
        (["=counts.csv"], "baseline '=counts.csv'; expected NAME=FILE"),
        (["params="], "baseline 'params='; expected NAME=FILE"),
        (["a={counts}", "a={counts}"], "baseline 'a' is given twice; expected another name for each"),
        (["a={ranks}"], r"ranks\.csv is given twice; expected another file for baseline 'a'"),
        (["a={counts}"], "columns 'params', 'flops', 'accuracy' beside .* or one column that is called 'a'"),
        (["params={few}"], "few.csv: no baseline 'params' for child '122'; did you mean '121'[?]; expected all"),
        (
            ["params={missing}"],
            "missing.csv, row 3, column 'number': ''; expected a number: 1 of 4 are missing, of '121'",
        ),
        (["params=no.csv"], "no.csv: cannot be read"),
    ],
)
def test_mistakes_of_baselines_are_told_in_one_line(write, words, message):
    files = {
        "counts": write(COUNTS, "counts.csv"),
        "ranks": write(table(CHILDREN, *SEEDS), "ranks.csv"),
        "few": write("111,1\n112,2\n121,3\n", "few.csv"),
        "missing": write("111,1\n112,2\n121,\n122,3\n", "missing.csv"),
    }
    with pytest.raises(CommonweightError, match=message) as caught:
        baselines([word.format(**files) for word in words], write, [files["ranks"]])
    assert "\n" not in str(caught.value)
