"""Accuracy tables of other programs: every convention by a writer of its own, and every mistake by its message."""

import csv
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from commonweight.elsewhere.accuracy_tables import Rows, read_grids, wide_table
from commonweight.errors import DataError

CHILDREN = ("111", "112", "121", "122")
VALUES = np.array([[0.51, 0.6, 0.4, 0.125], [0.52, 0.61, 0.39, 0.25], [0.5, 0.625, 0.41, 0.375]])


def read_accuracy_table(path):
    ((grid,),) = read_grids(path).values()
    return wide_table(grid)


MORE = settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def write(tmp_path):
    """Write a text to a file and return its path."""

    def written(text, name="log.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding))
        return path

    return written


@pytest.fixture
def read(write):
    return lambda text, **how: read_accuracy_table(write(text, **how))


def table(*rows, between=","):
    return "\n".join(between.join(map(str, row)) for row in rows) + "\n"


def fails(read, text):
    """The message of the error, which is one line that begins with the file."""
    with pytest.raises(DataError) as caught:
        read(text)
    message = str(caught.value)
    assert "\n" not in message
    where, _, rest = message.partition("log.csv")
    assert where.startswith("/")
    return rest


def assert_is(log, *, children=CHILDREN, values=VALUES, index=(1, 2, 3), rows=None, trained=None):
    assert log.children == tuple(children)
    np.testing.assert_allclose(log.accuracy, values, rtol=0, atol=1e-12)
    assert log.index.tolist() == list(index)
    assert log.rows is rows
    assert log.trained == trained


# conventions


@pytest.mark.parametrize(("between", "word"), [(",", "commas"), (";", "semicolons"), ("\t", "tabs"), (" ", "spaces")])
@pytest.mark.parametrize("header", [True, False])
def test_what_stands_between_columns(read, between, word, header):
    log = read(table(*([CHILDREN] if header else []), *VALUES, between=between))
    assert_is(log, children=CHILDREN if header else "1234")
    naming = "the first row names the children" if header else "no header: the children are 1 … 4, by column"
    assert log.conventions == (f"{word} between columns", naming, "accuracies are fractions")


@pytest.mark.parametrize(
    ("label", "rows"),
    [
        *(
            (word, Rows.MOMENTS)
            for word in ("step", "Epoch", "epochs", "batches", " iteration ", "global_step", "TIME")
        ),
        *((word, Rows.INSTANCES) for word in ("seed", "Seeds", "run", "instance", "copies")),
        *((word, None) for word in ("", " ", "index", "Unnamed: 0", "row")),
    ],
)
def test_the_first_column_by_its_name(read, label, rows):
    log = read(table((label, *CHILDREN), *((n, *row) for n, row in zip((10, 20, 30), VALUES, strict=True))))
    assert_is(log, index=(10, 20, 30), rows=rows)
    told = label.strip() or "without a name"
    assert f"the first column ({told}) numbers the rows" in log.conventions


@pytest.mark.parametrize("numbers", [(1, 2, 3), (0, 1, 2), (98, 196, 391), ("1.0e0", "2.0e0", "3.0e0")])
@pytest.mark.parametrize("label", ["t", None])
def test_a_first_column_that_counts_beside_fractions_needs_no_name(read, label, numbers):
    rows = [(n, *row) for n, row in zip(numbers, VALUES, strict=True)]
    log = read(table(*([(label, *CHILDREN)] if label else []), *rows))
    assert_is(log, index=map(float, numbers), children=CHILDREN if label else "1234")
    assert f"the first column ({label or 'column 1'}) numbers the rows" in log.conventions


def test_a_first_column_that_counts_beside_percent(read):
    percent = [(n, *row) for n, row in zip((1, 2, 3), 100 * VALUES, strict=True)]
    assert_is(read(table(*percent)), children="1234")
    with_name = read(table(("t", *CHILDREN), *percent))  # may be a child: what is dropped could not be found again
    assert with_name.children == ("t", *CHILDREN)
    passing = [(n, *row) for n, row in zip((98, 196, 391), 100 * VALUES, strict=True)]
    assert_is(read(table(("t", *CHILDREN), *passing)), index=(98, 196, 391))


def test_a_child_that_happens_to_rise_stays_a_child(read):
    values = np.array([[10, 11.5, 12.5], [20, 11, 13], [30, 21.5, 9]])
    assert_is(read(table(("111", "112", "121"), *values)), children=("111", "112", "121"), values=values / 100)
    assert_is(
        read(table(*values[:2].tolist())), children="123", values=values[:2] / 100, index=(1, 2)
    )  # two rows rise too easily


@pytest.mark.parametrize("percent", [False, True])
def test_fractions_and_percent(read, percent):
    log = read(table(CHILDREN, *(VALUES * (100 if percent else 1))))
    assert_is(log)
    assert log.conventions[-1] == f"accuracies are {'percent' if percent else 'fractions'}"


def test_whole_percent(read):
    values = np.array([[55, 60, 71], [56, 62, 70], [56, 62, 70]])
    assert_is(read(table(("a", "b", "c"), *values)), children="abc", values=values / 100)
    assert_is(read(table(("111", "112", "121"), *values)), children=("111", "112", "121"), values=values / 100)
    assert_is(read(table(*values[:, ::-1])), children="123", values=values[:, ::-1] / 100)  # falls: no names
    assert_is(read(table(*np.full((3, 3), 10))), children="123", values=np.full((3, 3), 0.1))


@pytest.mark.parametrize("names", [("1", "2", "3"), ("0", "1", "2"), ("11", "12", "21"), ("21", "11", "12")])
def test_names_that_are_numbers_over_fractions(read, names):
    assert_is(read(table(names, *VALUES[:, :3])), children=names, values=VALUES[:, :3])


@pytest.mark.parametrize("names", [("1_1_1", "1_1_2", "1_2_1"), ("1-1", "1-2", "2-1"), ("a b", "c", "ü,")])
def test_names_of_other_kinds(read, names):
    text = io.StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerow(names)
    assert_is(read(text.getvalue() + table(*VALUES[:, :3])), children=names, values=VALUES[:, :3])


def test_pandas_to_csv_with_its_unnamed_index(read):
    rows = [f"{n},{','.join(map(str, row))}" for n, row in enumerate(VALUES)]
    assert_is(read("\n".join([",111,112,121,122", *rows])), index=(0, 1, 2))
    assert_is(read("\n".join([",0,1,2,3", *rows])), children="0123", index=(0, 1, 2))


def test_pandas_itself(tmp_path):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "log.csv"
    frame = pandas.DataFrame(VALUES, columns=CHILDREN)
    frame.to_csv(path)
    assert_is(read_accuracy_table(path), index=(0, 1, 2))
    pandas.read_csv(path).to_csv(path, index=False)
    assert_is(read_accuracy_table(path), index=(0, 1, 2))
    frame.to_csv(path, index=False, sep=";", decimal=",")
    assert_is(read_accuracy_table(path))
    pandas.DataFrame(VALUES).to_csv(path, index=False)
    assert_is(read_accuracy_table(path), children="0123")


def test_numpy_savetxt(tmp_path):
    path = tmp_path / "log.csv"
    np.savetxt(path, VALUES)
    assert_is(read_accuracy_table(path), children="1234")
    np.savetxt(path, VALUES, header=" ".join(CHILDREN))
    assert_is(read_accuracy_table(path))
    np.savetxt(path, np.column_stack([[98, 196, 391], VALUES]), delimiter=",", header="step,111,112,121,122")
    assert_is(read_accuracy_table(path), index=(98, 196, 391), rows=Rows.MOMENTS)


def test_bytes_of_other_systems(write):
    text = "\ufeff" + table(("step", *CHILDREN), *((n, *row) for n, row in zip((1, 2, 3), VALUES, strict=True)))
    text = text.replace("\n", "\r\n\r\n")
    assert_is(read_accuracy_table(write(text)), rows=Rows.MOMENTS)
    quoted = "\r\n".join(",".join(f'"{cell}"' for cell in row) for row in [CHILDREN, *VALUES])
    assert_is(read_accuracy_table(write(quoted)))
    spaced = "\n".join(", ".join(f'"{cell}"' for cell in row) for row in [CHILDREN, *VALUES])
    assert_is(read_accuracy_table(write(spaced)))
    assert_is(read_accuracy_table(write("\n".join("  ".join(map(str, row)) + "  " for row in VALUES))), children="1234")


@pytest.mark.parametrize("between", [";", "\t"])
def test_decimal_commas(read, between):
    log = read(table(CHILDREN, *VALUES, between=between).replace(".", ","))
    assert_is(log)
    assert "numbers have decimal commas" in log.conventions


@pytest.mark.parametrize("place", [0, 1, 3])
@pytest.mark.parametrize("label", ["trained", "Child", "just_trained"])
def test_the_trained_column(read, place, label):
    trained = ("111", "112", "121")
    rows = [list(row) for row in [CHILDREN, *VALUES]]
    for row, cell in zip(rows, (label, *trained), strict=True):
        row.insert(place, cell)
    log = read(table(*rows))
    assert_is(log, trained=trained)
    assert f"column {label!r} names the child that was just trained" in log.conventions
    for row, number in zip(rows, ("step", 4, 8, 12), strict=True):
        row.insert(0, number)
    assert_is(read(table(*rows)), trained=trained, rows=Rows.MOMENTS, index=(4, 8, 12))


def test_runs_may_have_names(read):
    log = read(table(("run", *CHILDREN), *((n, *row) for n, row in zip("abc", VALUES, strict=True))))
    assert_is(log, rows=Rows.INSTANCES)


names_of_children = st.one_of(
    st.integers(3, 30).map(lambda n: [str(100 + i) for i in range(n)]),
    st.integers(3, 9).map(lambda n: [f"c{i}" for i in range(n)]),
    st.integers(3, 9).map(lambda n: [str(i) for i in range(n)]),
)


@MORE
@given(data=st.data(), names=names_of_children, between=st.sampled_from(",;\t "), percent=st.booleans())
def test_whatever_is_written_is_read_or_refused_but_never_misread(write, data, names, between, percent):
    """A writer with every convention at random; refusal is allowed only where names, or a loss, may be percent."""
    rows = data.draw(st.integers(2, 6))
    digits = data.draw(st.sampled_from([0, 1, 3]) if percent else st.sampled_from([2, 4]))
    whole = st.integers(0 if not percent else 2 * 10**digits, 100 * 10**digits if percent else 10**digits)
    drawn = [[data.draw(whole) for _ in names] for _ in range(rows)]
    drawn[0][0] = 100 * 10**digits if percent else 10**digits - 1
    values = np.array(drawn) / 10**digits
    header, label = data.draw(st.booleans()), data.draw(st.sampled_from([None, "", "step", "seed"]))
    label = label if header else data.draw(st.sampled_from([None, "counted"]))
    if label == "" and between == " ":
        label = "index"
    start = data.draw(st.integers(0, 300))
    index = np.arange(start, start + rows)
    cells = [[f"{value:.{digits}f}" for value in row] for row in values]
    if label is not None:
        cells = [[str(number), *row] for number, row in zip(index, cells, strict=True)]
    if header:
        cells.insert(0, [*([] if label is None else [label]), *names])
    quoting = data.draw(st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
    text = io.StringIO()
    newline = data.draw(st.sampled_from(["\n", "\r\n"]))
    csv.writer(text, delimiter=between, quoting=quoting, lineterminator=newline).writerows(cells)
    path = write(data.draw(st.sampled_from(["", "\ufeff"])) + text.getvalue())
    refused = ""
    expected = names if header else [str(n) for n in range(1, len(names) + 1)]
    try:
        log = read_accuracy_table(path)
    except DataError as error:
        refused = str(error)
    if refused:
        assert percent  # fractions leave no doubt
        medians = np.median(values), np.median(np.column_stack([index, values]))
        names_in_doubt = "may be names of children or accuracies in percent" in refused
        assert names_in_doubt or ("may be percent or a loss" in refused and min(medians) < 10)
        return
    if label == "counted" and log.children == tuple(map(str, range(1, len(names) + 2))):
        # A column that counts no further than accuracies go may be a child. It is one too many for the ground truth then.
        assert index[-1] <= (100 if percent else 1)
        return
    assert_is(
        log,
        children=expected,
        values=values / (100 if percent else 1),
        index=range(1, rows + 1) if label is None else index,
        rows={"step": Rows.MOMENTS, "seed": Rows.INSTANCES}.get(label),
    )


# mistakes


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", ": the file is empty; expected rows of accuracies"),
        ("\n \n", ": the file is empty"),
        ("a,b,c\n", ": no rows of numbers; expected one row for each moment or instance"),
        ("a,b,c\n0.1,0.2,0.3\n0.1,0.2\n", ", row 3: 2 columns with commas between them; expected 3"),
        ("0.1;0.2\n0.1;0.2;0.3\n", ", row 2: 3 columns with semicolons between them; expected 2"),
        ("a,b,c\n0.1,oops,0.3\n", ", row 2, column 'b': 'oops'; expected a number"),
        ("a,b,c\n0.1,,0.3\n", ", row 2, column 'b': ''; expected a number"),
        ("a,b,c\n0.1,0.2,0.3\n0.1,0.2,nan\n", ", row 3, column 'c': 'nan'; expected a number"),
        ("0.1,0.2,0.3\n0.1,inf,0.2\n", ", row 2, column 'column 2': 'inf'; expected a number"),
        ("a,b,c\n0.1,50%,0.3\n", ", row 2, column 'b': '50%'; expected a number"),
        ("a,b,c\n0.1,1_0,0.3\n", ", row 2, column 'b': '1_0'; expected a number"),
        ("a,b,c\n0.1,-0.2,0.3\n", ", row 2, column 'b': -0.2; expected an accuracy, as a fraction in [0, 1] or in per"),
        ("step,a,b,c\n1,50,60,70\n2,50,60,100.5\n", ", row 3, column 'c': 100.5; expected an accuracy"),
        ("a,b,loss\n0.1,0.2,2.3\n0.3,0.2,0.9\n", ", row 2, column 'loss': 2.3, and most others are at most 1"),
        ("a,b,a\n0.1,0.2,0.3\n", ", row 1: child 'a' stands twice; expected one column for each child"),
        ("a,b,\n0.1,0.2,0.3\n", ", row 1: a column without a name; expected the name of a child"),
        ("step,a,b\nx,0.2,0.3\n", ", row 2, column 'step': 'x'; expected a number"),
        ("step,a,b\n1,0.2,0.3\n2,0.2,0.3\n1,0.2,0.3\n", ", row 4: moment 1 after 2; expected them to rise"),
        ("epoch,a,b\n2,0.2,0.3\n1,0.2,0.3\n", ", row 3: moment 1 after 2; expected them to rise: give one file for each"),
        ("seed,a,b\n1,0.2,0.3\n1,0.2,0.4\n", ": row number 1 stands 2 times in the first column; expected each once"),
        (",a,b\n0,0.2,0.3\n1,0.2,0.3\n0,0.2,0.4\n", ": row number 0 stands 2 times in the first column"),
        ("seed,epoch,a,b\n1,1,0.2,0.3\n2,1,0.2,0.3\n", ", row 1: column 'epoch' stands among the children; expected onl"),
        ("trained,a,b\na,0.1,0.2\nz,0.3,0.1\n", ", row 3: just trained child 'z' is not a column; expected one of a, b"),
        ("trained,abc,b\nabd,0.1,0.2\n", "expected one of abc, b …; did you mean 'abc'?"),
        ("nan,0.5,0.6\n0.4,0.5,0.6\n", ", row 1: 'nan' among numbers; expected a name, or a number, for every child"),
        ("nan,55,60\n54,55,60\n", ", row 1: 'nan' among numbers"),
        ("0.5,oops,0.6\n0.4,0.5,0.6\n", ", row 1: 'oops' among numbers"),
        ("0.5,,0.6\n0.4,0.5,0.6\n", ", row 1: '' among numbers"),
        ("55,60,71\n56.5,61,70\n", ", row 1: 55, 60, 71 … may be names of children or accuracies in percent"),
        ("71,60,55\n56.5,61,70\n", ", row 1: 71, 60, 55 … may be names"),
        ("11,12,21\n56,61,70\n", ", row 1: 11, 12, 21 … may be names of children or accuracies in percent; expected a n"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(read, text, message):
    assert message in fails(read, text)


def test_what_is_no_text_is_told(tmp_path, write):
    with pytest.raises(DataError, match=r"nothing.csv: cannot be read: .*No such file"):
        read_accuracy_table(tmp_path / "nothing.csv")
    with pytest.raises(DataError, match=r"cannot be read as UTF-8 text: 'utf-8' codec"):
        read_accuracy_table(write("a,b\n1,2\n", encoding="utf-16"))
    with pytest.raises(DataError, match=r"cannot be read: .*Is a directory"):
        read_accuracy_table(tmp_path)
    with pytest.raises(DataError, match=r"is no table of text: field larger than field limit"):
        read_accuracy_table(write("a,b\n1," + "2" * 200_000))
