"""Parquet files are written here as the hub keeps them: pictures as structs, class names in the metadata."""

import sys

import numpy as np
import pytest

from commonweight.errors import DataError
from commonweight.images import load_raw, read_parquet

pa = pytest.importorskip("pyarrow")
from images.parquet_files import images, write_cifar, write_parquet  # noqa: E402 - needs pyarrow


@pytest.mark.parametrize("inside", ["", "plain_text"])
def test_reads_the_shards_in_order_here_or_one_folder_deeper(tmp_path, inside):
    train, test = write_cifar(tmp_path / inside)
    (tmp_path / "README.md").touch()
    for raw in (read_parquet(tmp_path), load_raw("parquet", str(tmp_path))):
        assert np.array_equal(raw.train_images, train)
        assert raw.train_labels.tolist() == [0, 1, 2, 3, 0]
        assert np.array_equal(raw.validation_images, test)
        assert raw.validation_labels.tolist() == [2, 1, 0]
        assert raw.classes == 10  # the metadata's: no image has label 9


@pytest.mark.parametrize("form", ["{}.parquet", "{}-a.parquet", "{}/0000.parquet", "{}-00000-of-00001-0af3.parquet"])
@pytest.mark.parametrize("validation", ["test", "val", "validation"])
def test_each_form_of_a_part(tmp_path, form, validation):
    write_parquet(tmp_path / form.format("train"), images(0, 3, 1), [0, 1, 2], image="image", label="fine_label")
    write_parquet(tmp_path / form.format(validation), images(1, 2, 1), pa.array([1, 3], "uint8"), image="image")
    raw = read_parquet(tmp_path)
    assert np.array_equal(raw.train_images, images(0, 3, 1))
    assert np.array_equal(raw.validation_images, images(1, 2, 1))
    assert raw.classes == 4  # without metadata: one more than the largest label


def test_validation_goes_before_test(tmp_path):
    write_cifar(tmp_path)
    write_parquet(tmp_path / "validation.parquet", images(2, 1), [0])
    assert len(read_parquet(tmp_path).validation_labels) == 1


def test_coarse_labels_are_left(tmp_path):
    for part in ("train", "test"):
        write_parquet(
            tmp_path / f"{part}.parquet", images(0, 2), [7, 3], label="fine_label", coarse_label=pa.array([1, 0])
        )
    assert read_parquet(tmp_path).train_labels.tolist() == [7, 3]


PAIR = images(0, 2)
WRONG = {
    "no picture": ({"pictures": [PAIR[0], None]}, "row 1: got no bytes in img, expected a struct"),
    "a path alone": ({"pictures": [{"path": "a.png"}, PAIR[0]]}, "row 0: got no bytes in img"),
    "no struct": ({"image": "x", "img": pa.array([b"1", b"2"])}, "row 0: got no bytes in img, expected a struct"),
    "damage": ({"pictures": [PAIR[0], {"bytes": b"x"}]}, r"row 1: cannot be read \(not a picture\)"),
    "another size": (
        {"pictures": [PAIR[0], PAIR[1][:, :3]]},
        "row 1: got a picture of RGB 4 x 3, expected RGB 4 x 4 as",
    ),
    "no such column": ({"image": "picture"}, "got columns picture, label, expected exactly one of img, image; rename"),
    "a label of 2**62": (
        {"labels": [0, 2**62]},
        "row 1: got label 4611686018427387904, expected at most 65535; number",
    ),
    "a label of 64 bits": (
        {"labels": pa.array([2**64 - 1, 0], "uint64")},
        "row 0: got label 18446744073709551615, expected",
    ),
    "two columns": ({"fine_label": pa.array([0, 1])}, "expected exactly one of label, fine_label"),
    "texts": ({"labels": ["a", "b"]}, "got label of string with 0 empty, expected integers; number"),
    "floats": ({"labels": [0.0, 1.0]}, "got label of double"),
    "an empty label": ({"labels": [0, None]}, "got label of int64 with 1 empty, expected integers"),
    "a hidden label": ({"labels": [0, -1]}, "got train labels from -1 to 0, expected 0 to 1"),
    "a label too large": ({"labels": [0, 2], "classes": 2}, "got train labels from 0 to 2, expected 0 to 1"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(tmp_path, name):
    change, message = WRONG[name]
    write_parquet(tmp_path / "test.parquet", PAIR, [0, 1])
    write_parquet(tmp_path / "train.parquet", **({"pictures": PAIR, "labels": [0, 1]} | change))
    with pytest.raises(DataError, match=message) as caught:
        read_parquet(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("names", "known"), [(("img", "img", "label"), "img, image"), (("img", "label", "label"), "label")]
)
def test_two_columns_of_one_name(tmp_path, names, known):
    write_cifar(tmp_path)
    file = tmp_path / "test-00000-of-00001.parquet"
    columns = dict(zip(("img", "label"), pa.parquet.read_table(file).columns, strict=True))
    pa.parquet.write_table(pa.Table.from_arrays([columns[name] for name in names], names), file)
    with pytest.raises(DataError, match=rf"parquet: got columns {', '.join(names)}, expected exactly one of {known}"):
        read_parquet(tmp_path)


def test_files_that_are_not_whole(tmp_path):
    write_cifar(tmp_path)
    test = tmp_path / "test-00000-of-00001.parquet"
    whole = test.read_bytes()
    for content in (b"", b"text", whole[:-1], whole[: len(whole) // 2], whole[:4] + bytes(400) + whole[404:]):
        test.write_bytes(content)
        with pytest.raises(DataError, match=r"test-00000-of-00001\.parquet: (row 0: )?cannot be read") as caught:
            read_parquet(tmp_path)
        assert "\n" not in str(caught.value)
    test.write_bytes(whole)
    (tmp_path / "train-00000-of-00002.parquet").unlink()
    with pytest.raises(DataError, match="got 1 files of train, expected 2; fetch the others too"):
        read_parquet(tmp_path)


def test_metadata_of_others(tmp_path):
    write_cifar(tmp_path)
    file = tmp_path / "train-00000-of-00002.parquet"
    counted = '{"info": {"features": {"label": {"names": 5}}}}'
    for metadata in ("no json", "[]", "[" * 100_000, counted, '{"info": {"features": {"label": 3}}}'):
        table = pa.parquet.read_table(file).replace_schema_metadata({"huggingface": metadata})
        pa.parquet.write_table(table, file)
        with pytest.raises(DataError, match="metadata that are not those of the hub"):
            read_parquet(tmp_path)
    pa.parquet.write_table(table.replace_schema_metadata({"pandas": "{}"}), file)
    assert read_parquet(tmp_path).classes == 4


def test_folders_that_do_not_tell(tmp_path):
    with pytest.raises(DataError, match="nowhere: expected a folder with Parquet files; give"):
        read_parquet(tmp_path / "nowhere")
    with pytest.raises(DataError, match=r"expected train-\*\.parquet, here or one folder deeper, got none; give"):
        read_parquet(tmp_path)
    write_cifar(tmp_path / "one")
    write_cifar(tmp_path / "two")
    with pytest.raises(DataError, match="got several data sets, one, two; give the path of one as data 'parquet'"):
        read_parquet(tmp_path)
    (tmp_path / "one" / "test-00000-of-00001.parquet").unlink()
    with pytest.raises(
        DataError, match=r"one: expected train-\*\.parquet and one of validation-\*\.parquet, .*, got none"
    ):
        read_parquet(tmp_path / "one")
    write_parquet(tmp_path / "two" / "train" / "0.parquet", PAIR, [0, 1])
    with pytest.raises(DataError, match=r"got both train-00000-of-00002\.parquet and 0\.parquet for train; keep one"):
        read_parquet(tmp_path / "two")


def test_without_pyarrow(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DataError, match=r"^data 'parquet' needs the extra hub: pip install 'commonweight\[hub\]'$"):
        load_raw("parquet", tmp_path)
