"""Arrays of one's own, as files that NumPy wrote and as files that only look so."""

import io
import zipfile

import numpy as np
import pytest
from tiny import all_images

import commonweight as cw
from commonweight.errors import DataError
from commonweight.images import bounds, load_raw, npz, read_npz, subset, write_npz

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (12, 7, 7), dtype=np.uint8)
COLOUR = RNG.integers(0, 256, (12, 3, 7, 8), dtype=np.uint8)
LABELS = np.arange(12) % 4
PARTS = ("train_images", "train_labels", "validation_images", "validation_labels")


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


def whole(images=GREY, labels=LABELS, names=PARTS):
    return dict(zip(names, (images, labels, images[::-1], labels[::-1]), strict=True))


@pytest.mark.parametrize(
    "names",
    [
        PARTS,
        ("train_images", "train_labels", "val_images", "val_labels"),
        ("train_images", "train_labels", "test_images", "test_labels"),
        ("x_train", "y_train", "x_test", "y_test"),
    ],
)
def test_the_arrays_under_every_name(tmp_path, names):
    raw = read_npz(save(tmp_path / "mine.npz", **whole(names=names)))
    np.testing.assert_array_equal(raw.train_images, GREY[:, None])
    np.testing.assert_array_equal(raw.validation_images, GREY[::-1, None])
    np.testing.assert_array_equal(raw.train_labels, LABELS)
    np.testing.assert_array_equal(raw.validation_labels, LABELS[::-1])
    assert raw.classes == 4


def test_test_is_left_alone_where_a_validation_part_is(tmp_path):
    arrays = whole() | {"test_images": GREY[:3], "test_labels": LABELS[:3]}
    assert len(read_npz(save(tmp_path / "mine.npz", **arrays)).validation_images) == 12


@pytest.mark.parametrize(
    ("images", "labels"),
    [
        (COLOUR, LABELS),
        (COLOUR.transpose(0, 2, 3, 1), LABELS),
        (np.asfortranarray(COLOUR), LABELS[:, None]),
        (COLOUR, LABELS.astype(">i2")),
    ],
)
def test_channels_first_or_last_any_memory_any_integers(tmp_path, images, labels):
    raw = read_npz(save(tmp_path / "mine.npz", **whole(images, labels)))
    np.testing.assert_array_equal(raw.train_images, COLOUR)
    np.testing.assert_array_equal(raw.train_labels, LABELS)
    assert raw.fingerprint == read_npz(save(tmp_path / "same.npz", **whole(COLOUR))).fingerprint
    assert raw.fingerprint != read_npz(save(tmp_path / "other.npz", **whole(COLOUR[::-1]))).fingerprint


def test_what_is_written_is_read_and_a_study_runs_on_it(tmp_path):
    section = write_npz(tmp_path / "mine.npz", *whole().values())
    assert section == {"name": "npz", "path": str(tmp_path / "mine.npz")}
    assert read_npz(tmp_path / "mine.npz").fingerprint == load_raw(**section).fingerprint
    study = cw.load_study("smoke", {"data": all_images(**section)})
    used = subset(read_npz(tmp_path / "mine.npz"), 12, 12)  # in the order in which every study has its images
    assert cw.programme(study, "table-1", tmp_path).setting.fingerprint == used.fingerprint


MISTAKES = {
    "no validation": (
        {"train_images": GREY, "train_labels": LABELS},
        "expected validation_images or val_images or test_im",
    ),
    "no labels": ({"train_images": GREY}, "got train_images and no train_labels, expected both; add it"),
    "fractions": (
        whole(GREY / 255),
        "train_images: got float64, expected integers .images as uint8: fractions times 255",
    ),
    "names for labels": (whole(GREY, LABELS.astype(str)), "train_labels: got <U21, expected integers"),
    "int64 images": (whole(GREY.astype(int)), "got train images of int64 with 4 dimensions, expected uint8"),
    "fewer labels": (
        whole(GREY, LABELS[:5]),
        "got train labels of int64 and shape .5,., expected integers of shape .12,.",
    ),
    "flat": (whole(GREY.reshape(12, 49)), "got train images of uint8 with 2 dimensions"),
    "objects": (whole(np.array([{}] * 12)), "train_images: got object, expected integers"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_told_in_one_line(tmp_path, name):
    arrays, message = MISTAKES[name]
    with pytest.raises(DataError, match=message) as caught:
        read_npz(save(tmp_path / "mine.npz", **arrays))
    assert str(caught.value).startswith(f"{tmp_path}/mine.npz: ")
    assert "\n" not in str(caught.value)


def test_arrays_that_do_not_fit_are_not_written(tmp_path):
    with pytest.raises(DataError, match="expected uint8"):
        write_npz(tmp_path / "mine.npz", *whole(GREY / 255).values())
    assert list(tmp_path.iterdir()) == []


def member(shape, dtype="|u1", data=b""):
    """A `.npy` whose header may lie."""
    out = io.BytesIO()
    np.lib.format.write_array_header_1_0(out, {"shape": shape, "fortran_order": False, "descr": dtype})
    return out.getvalue() + data


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (member((10**9, 10**9)), "expected at most"),
        (member((12, 7, 7), data=b"\0" * 500), "got 500 bytes of data or more, expected 588"),
        (member((12, 7, 7), data=b"\0" * 600), "got 589 bytes of data or more, expected 588"),
        (b"\x93NUMPY\x09\x00", "got format .9, 0., expected 1.0 or 2.0"),
        (b"no array", "cannot be read"),
        (b"", "cannot be read"),
    ],
)
def test_a_member_that_lies(tmp_path, content, message):
    with zipfile.ZipFile(tmp_path / "mine.npz", "w") as archive:
        for name in PARTS:
            archive.writestr(f"{name}.npy", content)
    with pytest.raises(DataError, match=message):
        read_npz(tmp_path / "mine.npz")


def test_more_than_a_data_set_can_hold_is_not_unzipped(tmp_path, monkeypatch):
    np.savez_compressed(tmp_path / "mine.npz", **whole(np.zeros((12, 100, 100), np.uint8)))
    monkeypatch.setattr(npz, "MOST_BYTES", 10**5)
    with pytest.raises(DataError, match="train_images: got 120000 bytes, expected at most 100000"):
        read_npz(tmp_path / "mine.npz")
    assert bounds.MOST_BYTES > 10**9


def test_files_that_are_no_archive(tmp_path):
    (tmp_path / "mine.npz").write_bytes(b"no zip")
    for path in (tmp_path / "mine.npz", tmp_path / "absent.npz", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_npz(path)
