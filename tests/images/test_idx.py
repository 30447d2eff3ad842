"""IDX files are written here by hand, from the format's description, and every kind of damage is done to them."""

import gzip
import math
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from commonweight.errors import DataError
from commonweight.images import load_raw, read_idx, read_idx_directory


def idx_bytes(array, kind=0x08):
    header = bytes([0, 0, kind, array.ndim]) + b"".join(struct.pack(">I", n) for n in array.shape)
    return header + bytes(array.ravel().tolist())


def pixels(*shape):
    return (np.arange(math.prod(shape)) * 7 % 256).astype(np.uint8).reshape(shape)


IMAGES = pixels(5, 4, 3)
GOOD = idx_bytes(IMAGES)
ZIPPED = gzip.compress(GOOD, mtime=0)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory):
    return tmp_path_factory.mktemp("idx") / "file"


@settings(deadline=None)
@given(array=hnp.arrays(np.uint8, hnp.array_shapes(max_dims=4, min_side=0)), zipped=st.booleans())
def test_reads_back_what_was_written(scratch, array, zipped):
    scratch.write_bytes(gzip.compress(idx_bytes(array)) if zipped else idx_bytes(array))
    read = read_idx(scratch)
    assert read.dtype == np.uint8
    assert read.shape == array.shape
    assert np.array_equal(read, array)


DAMAGE = {
    "empty": (b"", "got 0 bytes"),
    "three bytes": (GOOD[:3], "got 3 bytes"),
    "not idx": (b"PK\x03\x04" + GOOD, "got magic 50 4b 03 04"),
    "first byte": (b"\x01" + GOOD[1:], "got magic 01 00 08 03"),
    "second byte": (GOOD[:1] + b"\x01" + GOOD[2:], "got magic 00 01 08 03"),
    "floats": (idx_bytes(IMAGES, kind=0x0D), r"0x0d \(float32\), expected 0x08"),
    "unknown type": (idx_bytes(IMAGES, kind=0x77), r"0x77 \(unknown\)"),
    "no dimensions": (b"\0\0\x08\0" + b"\7", "0 dimensions"),
    "header cut": (GOOD[:15], "got 15 bytes, expected a header of 16"),
    "zip of one byte more": (gzip.compress(GOOD + b"\0"), "got 61 bytes of data or more"),
    "one byte less": (GOOD[:-1], "got 59 bytes of data, expected 5 x 4 x 3 = 60"),
    "one byte more": (GOOD + b"\0", "got 61 bytes of data or more, expected 5 x 4 x 3 = 60"),
    "huge sizes": (b"\0\0\x08\3" + b"\xff" * 12, "got a header of 4294967295 x .* bytes, expected at most 4294967296"),
    "a byte too many": (
        b"\0\0\x08\2" + struct.pack(">2I", 2**31, 3),
        "header of 2147483648 x 3 bytes, expected at most",
    ),
    "huge sizes of nothing": (
        b"\0\0\x08\4" + b"\xff" * 12 + b"\0" * 4,
        r"header of 4294967295 x .* x 0 bytes, expected",
    ),
    "zip of huge sizes": (gzip.compress(b"\0\0\x08\3" + b"\xff" * 12), "got a header of 4294967295 x"),
    "65 dimensions": (b"\0\0\x08\x41" + struct.pack(">65I", *[1] * 65) + b"\7", "65 dimensions, expected 1 to 8"),
    "zip of cut data": (gzip.compress(GOOD[:-1]), "got 59 bytes of data"),
    "zip of nothing": (gzip.compress(b""), "got 0 bytes"),
    "zip with a tail": (ZIPPED + b"tail", "damaged gzip"),
    "zip with wrong checksum": (ZIPPED[:-8] + b"\0\0\0\0" + ZIPPED[-4:], "damaged gzip"),
    "zip with broken stream": (ZIPPED[:10] + b"\xff" * 8 + ZIPPED[18:], "damaged gzip"),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_damage_is_named_on_one_line_with_the_path(tmp_path, name):
    data, message = DAMAGE[name]
    path = tmp_path / "file"
    path.write_bytes(data)
    with pytest.raises(DataError, match=message) as caught:
        read_idx(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_file_cut_anywhere_is_refused(tmp_path):
    path = tmp_path / "file"
    for whole in (GOOD, ZIPPED):
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            with pytest.raises(DataError):
                read_idx(path)
        path.write_bytes(whole)
        assert np.array_equal(read_idx(path), IMAGES)


@pytest.mark.parametrize("declared", [(5, 4, 3), (2**31,)])
@pytest.mark.parametrize("unpacked", [60, 2**25])
def test_memory_follows_neither_what_is_declared_nor_what_is_unpacked(tmp_path, declared, unpacked):
    """A gzip bomb of 32 MB in 32 KB, and a header that declares 2 GB: the least of both is read, and a chunk more."""
    path = tmp_path / "file"
    header = bytes([0, 0, 8, len(declared)]) + struct.pack(f">{len(declared)}I", *declared)
    path.write_bytes(gzip.compress(header + bytes(unpacked)))
    tracemalloc.start()
    try:
        if math.prod(declared) == unpacked:
            assert read_idx(path).shape == declared
        else:
            with pytest.raises(DataError, match=f"bytes of data.*, expected .*{math.prod(declared)}; fetch"):
                read_idx(path)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2 * min(math.prod(declared), unpacked) + 2**23


def test_missing_file_and_folder_are_data_errors(tmp_path):
    with pytest.raises(DataError, match="absent: cannot be read"):
        read_idx(tmp_path / "absent")
    with pytest.raises(DataError, match="cannot be read"):
        read_idx(tmp_path)


def write_folder(folder, mark="-", end="", **changed):
    """The four files; `changed` replaces an array by the name of its file's first two words."""
    parts = {
        "train_images": pixels(6, 4, 4),
        "train_labels": np.array([0, 1, 2, 0, 1, 2], np.uint8),
        "t10k_images": pixels(3, 4, 4)[::-1],
        "t10k_labels": np.array([2, 1, 0], np.uint8),
    } | changed
    for name, array in parts.items():
        data = idx_bytes(array)
        file = f"{name.replace('_', '-')}{mark}idx{3 if 'images' in name else 1}-ubyte{end}"
        (folder / file).write_bytes(gzip.compress(data) if end else data)
    return parts


@pytest.mark.parametrize("mark", ["-", "."])
@pytest.mark.parametrize("end", ["", ".gz"])
def test_folder_under_each_of_its_names(tmp_path, mark, end):
    parts = write_folder(tmp_path, mark, end)
    for raw in (read_idx_directory(tmp_path), load_raw("idx", tmp_path), load_raw("idx", str(tmp_path))):
        assert np.array_equal(raw.train_images, parts["train_images"][:, None])
        assert np.array_equal(raw.train_labels, parts["train_labels"])
        assert np.array_equal(raw.validation_images, parts["t10k_images"][:, None])
        assert np.array_equal(raw.validation_labels, parts["t10k_labels"])
        assert raw.classes == 3


def test_plain_goes_before_gzip_and_dash_before_dot(tmp_path):
    candidates = [("-", ""), ("-", ".gz"), (".", ""), (".", ".gz")]
    for i, (mark, end) in reversed(list(enumerate(candidates))):
        write_folder(tmp_path, mark, end, train_images=np.full((6, 4, 4), i, np.uint8))
        assert read_idx_directory(tmp_path).train_images.max() == i


@pytest.mark.parametrize("name", ["train-images", "train-labels", "t10k-images", "t10k-labels"])
def test_a_missing_file_is_named(tmp_path, name):
    write_folder(tmp_path)
    next(tmp_path.glob(f"{name}-*")).unlink()
    with pytest.raises(DataError, match=rf"expected one of {name}-idx[13]-ubyte, .*got none") as caught:
        read_idx_directory(tmp_path)
    assert str(tmp_path) in str(caught.value)


BAD_PARTS = {
    "fewer labels": ({"train_labels": np.zeros(5, np.uint8)}, r"train-images.*got 6 images, expected 5, the labels in"),
    "fewer images": ({"t10k_images": pixels(2, 4, 4)}, r"t10k-images.*got 2 images, expected 3"),
    "flat images": ({"train_images": pixels(6, 16)}, r"train-images.*got 2 dimensions, expected 3"),
    "labels of images": ({"t10k_labels": pixels(3, 4, 4)}, r"t10k-labels.*got 3 dimensions, expected 1"),
    "two sizes": ({"t10k_images": pixels(3, 5, 5)}, r"\(1, 5, 5\), expected \(1, 4, 4\)"),
    "no images": ({"t10k_images": pixels(0, 4, 4), "t10k_labels": pixels(0)}, "at least one pixel"),
}


@pytest.mark.parametrize("name", BAD_PARTS)
def test_files_that_do_not_agree_are_refused(tmp_path, name):
    changed, message = BAD_PARTS[name]
    write_folder(tmp_path, **changed)
    with pytest.raises(DataError, match=message) as caught:
        read_idx_directory(tmp_path)
    assert str(tmp_path) in str(caught.value)


def test_number_of_classes(tmp_path):
    write_folder(tmp_path, t10k_labels=np.array([2, 4, 0], np.uint8))
    assert read_idx_directory(tmp_path).classes == 5  # the largest label of both parts
    assert read_idx_directory(tmp_path, classes=7).classes == 7
    with pytest.raises(DataError, match="from 0 to 4, expected 0 to 3"):
        read_idx_directory(tmp_path, classes=4)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(DataError, match="nowhere: expected a folder"):
        read_idx_directory(tmp_path / "nowhere")


def test_load_raw_answers_with_the_valid_names(tmp_path):
    with pytest.raises(
        DataError, match=r"got data 'fashion41', expected one of .*fashion14.*idx.*; did you mean 'fashion14'"
    ):
        load_raw("fashion41")
    with pytest.raises(DataError, match=r"expected one of .*cifar10"):
        load_raw("zzz")
    with pytest.raises(DataError, match=r"no path for data 'idx'.*folder"):
        load_raw("idx")
    with pytest.raises(DataError, match="leave the path out"):
        load_raw("fashion14", tmp_path)
