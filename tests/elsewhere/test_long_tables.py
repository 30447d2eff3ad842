"""Long tables: every order of rows and columns is the same array, and what is missing or stands twice is named."""

import numpy as np
import pytest

from commonweight.elsewhere.accuracy_tables import Rows, Scale
from commonweight.elsewhere.grids import Grid
from commonweight.elsewhere.long_tables import long_tables
from commonweight.errors import TableError

METHODS, SEEDS, EPOCHS, CHILDREN = ("one-shot", "tuned"), ("s1", "s0"), (3, 10, 200), ("112", "111", "121")
VALUES = np.random.default_rng(0).random((2, 2, 3, 3)).round(4)
WHOLE = [
    (method, seed, epoch, child, float(VALUES[place]))
    for place in np.ndindex(VALUES.shape)
    for method, seed, epoch, child in [
        tuple(a[p] for a, p in zip((METHODS, SEEDS, EPOCHS, CHILDREN), place, strict=True))
    ]
]
NAMES = ("Method", "seed", "epochs", "arch", "val_acc")


def grid(rows, names=NAMES, **how):
    return Grid("log", names, rows, **how)


def test_every_axis_in_any_order():
    tables = long_tables(grid(WHOLE), Scale.ACCURACY)
    assert list(tables) == list(METHODS)
    for method, (name, found) in enumerate(tables.items()):
        assert len(found) == len(SEEDS), name
        for seed, table in enumerate(found):
            assert table.children == CHILDREN
            assert table.index.tolist() == list(EPOCHS)
            assert table.rows is Rows.MOMENTS
            assert table.accuracy.tolist() == VALUES[method, seed].tolist()


def test_rows_and_columns_in_another_order_are_the_same_numbers():
    rng = np.random.default_rng(1)
    rows, columns = [WHOLE[place] for place in rng.permutation(len(WHOLE))], rng.permutation(5)
    tables = long_tables(
        grid([[row[c] for c in columns] for row in rows], tuple(NAMES[c] for c in columns)), Scale.ACCURACY
    )
    found = {
        (method, seed, epoch, child): value
        for method, of_one in tables.items()
        for seed, table in zip(dict.fromkeys(row[1] for row in rows), of_one, strict=True)
        for epoch, values in zip(table.index, table.accuracy, strict=True)
        for child, value in zip(table.children, values, strict=True)
    }
    assert found == {row[:4]: row[4] for row in WHOLE}


@pytest.mark.parametrize(
    ("columns", "shape", "kind"),
    [((1, 3, 4), (1, 2, 3), Rows.INSTANCES), ((2, 3, 4), (1, 3, 3), Rows.MOMENTS), ((3, 4), (1, 1, 3), Rows.MOMENTS)],
)
def test_axes_that_are_not_there(columns, shape, kind):
    rows = dict.fromkeys(tuple(row[c] for c in columns[:-1]) for row in WHOLE)
    table = grid([(*row, 0.5) for row in rows], tuple(NAMES[c] for c in columns))
    ((found,),) = long_tables(table, Scale.ACCURACY).values()
    assert (1, *found.accuracy.shape) == shape
    assert found.rows is kind


def test_text_has_its_names_in_the_first_row():
    text = Grid("log", None, [["", "child", "accuracy"], *(["0", c, "61.5"] for c in CHILDREN)])
    ((table,),) = long_tables(text, Scale.ACCURACY).values()
    assert table.children == CHILDREN
    assert table.accuracy.tolist() == [[0.615] * 3]
    assert table.conventions[-2:] == ("a row for each child (child): accuracy", "accuracies are percent")


@pytest.mark.parametrize(
    "names",
    [
        ("trained", "112", "111"),
        ("child", "112", "111"),
        ("step", "112", "111"),
        ("child", "seed", "run", "accuracy"),
        ("a", "b"),
        (),
    ],
)
def test_other_tables_are_not_long(names):
    assert long_tables(grid([[0.5] * max(2, len(names))], names), Scale.ACCURACY) is None


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "log: no rows below the first; expected one for each child"),
        (WHOLE[:4] + WHOLE[3:], r"log, row 5: child '112', moment 10, instance 's1', method 'one-shot' stands tw.* row 4"),
        (WHOLE[:7] + WHOLE[8:], "log: no row for child '111', moment 200, instance 's1', method 'one-shot'; .* 1 are m"),
        (WHOLE[:-1], "log: no row for child '121', moment 200, instance 's0', method 'tuned'"),
        ([*WHOLE[:-1], (*WHOLE[-1][:4], None)], "row 36, column 'val_acc': None; expected a number: 1 of .*, of '121'"),
        ([*WHOLE[:-1], (*WHOLE[-1][:4], 2.5)], "row 36, column 'val_acc': 2.5, and most others are at most 1"),
    ],
)  # fmt: skip
def test_mistakes_are_told_in_one_line(rows, message):
    with pytest.raises(TableError, match=message) as caught:
        long_tables(grid(rows), Scale.ACCURACY)
    assert "\n" not in str(caught.value)


def test_all_that_is_missing_is_counted_without_making_room_for_it():
    rows = [(f"s{n}", n, f"c{n}", 0.5) for n in range(20_000)]  # 8e12 cells
    with pytest.raises(
        TableError, match=f"no row for child 'c1', moment 0, instance 's0'; .* {20_000**3 - 20_000} are"
    ):
        long_tables(grid(rows, ("seed", "step", "child", "accuracy")), Scale.ACCURACY)
