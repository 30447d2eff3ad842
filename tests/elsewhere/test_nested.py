"""JSON of other programs: every form is the same grid, and what is no form of ranks is told in one line."""

import json

import pytest

from commonweight.elsewhere.nested import json_grids, nested_grids
from commonweight.errors import TableError

NAMES, ROWS = ("112", "111", "121"), ((0.5, 0.6, 0.7), (0.4, 0.5, 0.8))
RECORDS = [dict(zip(NAMES, row, strict=True)) for row in ROWS]
COLUMNS = {name: list(values) for name, values in zip(NAMES, zip(*ROWS, strict=True), strict=True)}
LISTS = [list(row) for row in ROWS]


def read(found, *, by_method=True):
    """What JSON of this holds: for each method, names and rows of each grid."""
    grids = json_grids("log", b"\xef\xbb\xbf" + json.dumps(found).encode(), by_method=by_method)
    return {name: [(g.names, tuple(map(tuple, g.rows))) for g in of_one] for name, of_one in grids.items()}


@pytest.mark.parametrize(
    ("found", "names", "rows"),
    [
        (RECORDS[0], NAMES, ROWS[:1]),
        (COLUMNS, NAMES, ROWS),
        (RECORDS, NAMES, ROWS),
        ([RECORDS[0], dict(reversed(RECORDS[1].items()))], NAMES, ROWS),
        (LISTS, (), ROWS),
    ],
)
def test_one_table(found, names, rows):
    assert read(found) == {"": [(names, rows)]}
    assert read({"a": found, "b": found}) == {"a": [(names, rows)], "b": [(names, rows)]}


@pytest.mark.parametrize(("found", "names"), [(LISTS, ()), (RECORDS, NAMES)])
def test_instances_are_lists_of_tables(found, names):
    assert read([found, found]) == {"": [(names, ROWS)] * 2}


def test_a_list_of_numbers_is_one_rank_and_in_a_dict_a_child():
    assert read(LISTS[0]) == {"": [((), ROWS[:1])]}
    assert read({"a": LISTS[0], "b": LISTS[1]}) == {"": [(("a", "b"), tuple(zip(*ROWS, strict=True)))]}


def test_what_is_nested_is_rows_or_instances_when_it_is_no_method():
    named = (("instance", *NAMES), tuple((name, *row) for name, row in zip(("s0", "s1"), ROWS, strict=True)))
    assert read({"s0": RECORDS[0], "s1": RECORDS[1]}, by_method=False) == {"": [named]}
    assert read({"s0": COLUMNS, "s1": LISTS}, by_method=False) == {"": [(NAMES, ROWS), ((), ROWS)]}


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({}, "holds nothing; expected {child: number}"),
        ([], r"\[\] at the top; expected"),
        (3, "3 at the top; expected"),
        ([[], []], "'row 1' holds no numbers; expected"),
        ({"a": [], "b": []}, "'a' holds no numbers; expected"),
        ({"a": RECORDS[0], "b": 0.5}, "'b' holds less than 'a' does"),
        ({"a": {"b": RECORDS[0]}}, "log, 'a': nested too deep"),
        ({"a": 1, "b": [1, 2]}, "'a' is one value and 'b' a list"),
        ({"a": [1, 2], "b": [1]}, "'b' has 1 values and 'a' 2; expected as many in each"),
        ([[1, 2], [1]], "'row 2' has 1 values and 'row 1' 2"),
        ([1, [2]], "numbers, lists and names are mixed"),
        ([{"a": 1, "b": 2}, {"a": 1}], "row 2: it or row 1 has no 'b'; expected the same names in each"),
    ],
)
def test_mistakes_are_told_in_one_line(found, message):
    with pytest.raises(TableError, match=message) as caught:
        nested_grids("log", found, by_method=True)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1, "b": 2, "a": 3}', "'a' stands 2 times in one object, expected once"),
        ('{"a": 1', r"cannot be read as JSON \(Expecting ',' delimiter"),
        ("[" * 100_000, r"cannot be read as JSON \(maximum recursion depth"),
        ('{"a": "\xe9"}', "cannot be read as JSON .*codec can't decode"),
    ],
)
def test_what_is_no_json_is_told(text, message):
    with pytest.raises(TableError, match=message) as caught:
        json_grids("log", text.encode("latin-1"), by_method=True)
    assert "\n" not in str(caught.value)
