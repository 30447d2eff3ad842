"""Arrays of one's own as data: one `.npz` file of NumPy, read without unpickling anything."""

import math
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

import numpy as np

from commonweight.errors import DataError
from commonweight.images.bounds import MOST_BYTES, at_most
from commonweight.images.raw import RawImages

TRAIN = (("train_images", "train_labels"), ("x_train", "y_train"))
VALIDATION = (
    ("validation_images", "validation_labels"),
    ("val_images", "val_labels"),
    ("test_images", "test_labels"),
    ("x_test", "y_test"),
)
"""Names of the two arrays of a part, the first that are there: ours, those of MedMNIST and those of Keras."""

COLOURS = (1, 3)  # channels by which the last dimension of images is known to be theirs
HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def read_npz(path: str | Path) -> RawImages:
    """The data set of an archive with images and labels for training and validation, under one of the names above.

    Images are uint8 `[image, height, width]`, `[image, channel, height, width]`, or with 1 or 3 channels last; labels are
    integers `[image]` or `[image, 1]` from 0. Raises `DataError` when arrays are missing, do not fit, or are too large.
    """
    path = Path(path)
    try:
        with zipfile.ZipFile(path) as archive:
            names = {name.removesuffix(".npy") for name in archive.namelist()}
            parts = [_pair(names, pairs) for pairs in (TRAIN, VALIDATION)]
            return _raw(*(_array(archive, name) for pair in parts for name in pair))
    except DataError as error:
        raise DataError(f"{path}: {error}") from None
    except (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, NotImplementedError, RuntimeError) as error:
        raise DataError(
            f"{path}: cannot be read ({error}), expected a file that np.savez wrote; write it again"
        ) from None


def write_npz(
    path: str | Path, train_images: Any, train_labels: Any, validation_images: Any, validation_labels: Any
) -> Mapping[str, str]:
    """Write arrays as `read_npz` takes them; returns the section `data` that names them in a study.

    Example: `cw.load_study("quick", {"data": cw.images.write_npz("mine.npz", x, y, x_test, y_test)})`. Raises `DataError`
    when they do not fit, and writes nothing.
    """
    train, labels, validation, validation_own = map(
        np.asarray, (train_images, train_labels, validation_images, validation_labels)
    )
    _raw(train, labels, validation, validation_own)
    with Path(path).open("wb") as file:
        np.savez_compressed(
            file,
            train_images=train,
            train_labels=labels,
            validation_images=validation,
            validation_labels=validation_own,
        )
    return {"name": "npz", "path": str(path)}


def _pair(names: set[str], pairs: tuple[tuple[str, str], ...]) -> tuple[str, str]:
    """The first pair of names whose images are there."""
    for pair in pairs:
        if pair[0] in names:
            if pair[1] not in names:
                raise DataError(f"got {pair[0]} and no {pair[1]}, expected both; add it")
            return pair
    known = " or ".join(images for images, _ in pairs)
    raise DataError(f"got arrays {', '.join(sorted(names)) or 'none'}, expected {known}; name them so")


def _array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    """An array of numbers; no more than its header declares is unzipped, and no more than `MOST_BYTES`."""
    with archive.open(f"{name}.npy") as member:
        stream = cast("BinaryIO", member)
        version = np.lib.format.read_magic(stream)
        if version not in HEADERS:
            raise DataError(f"{name}: got format {version}, expected 1.0 or 2.0; write the file again with np.savez")
        shape, fortran, dtype = HEADERS[version](stream)
        if dtype.kind not in "iu":
            raise DataError(
                f"{name}: got {dtype}, expected integers (images as uint8: fractions times 255, rounded); convert them"
            )
        size = math.prod(shape) * dtype.itemsize
        if size > MOST_BYTES:
            raise DataError(f"{name}: got {size} bytes, expected at most {MOST_BYTES}; make the data set smaller")
        data = at_most(stream, size).getbuffer()
    if len(data) != size:
        raise DataError(f"{name}: got {len(data)} bytes of data or more, expected {size}; write the file again")
    return np.frombuffer(data, dtype).reshape(shape, order="F" if fortran else "C")


def _raw(train_images: np.ndarray, train_labels: np.ndarray, images: np.ndarray, labels: np.ndarray) -> RawImages:
    """The arrays as a data set; `classes` is one more than the largest label."""
    of_each = [one[:, 0] if one.ndim == 2 and one.shape[1] == 1 else one for one in (train_labels, labels)]
    if any(one.dtype.kind not in "iu" for one in of_each):
        raise DataError(f"got labels of {of_each[0].dtype} and {of_each[1].dtype}, expected integers; convert them")
    classes = 1 + max(int(one.max(initial=0)) for one in of_each)
    return RawImages(_channels_first(train_images), of_each[0], _channels_first(images), of_each[1], classes)


def _channels_first(images: np.ndarray) -> np.ndarray:
    """Images `[image, channel, height, width]`."""
    if images.ndim == 3:
        return images[:, None]
    if images.ndim == 4 and images.shape[3] in COLOURS and images.shape[1] not in COLOURS:
        return images.transpose(0, 3, 1, 2)
    return images
