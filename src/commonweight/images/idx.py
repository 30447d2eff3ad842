"""Readers of IDX, the format of MNIST and its relatives: bytes `00 00 type dims`, big-endian sizes, then the data."""

import gzip
import math
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from commonweight.errors import DataError
from commonweight.images.bounds import MOST_BYTES, Readable, at_most
from commonweight.images.raw import RawImages

GZIP_MAGIC = b"\x1f\x8b"
UINT8 = 0x08
OTHER_TYPES = {0x09: "int8", 0x0B: "int16", 0x0C: "int32", 0x0D: "float32", 0x0E: "float64"}
FETCH_AGAIN = "fetch the file again"
MOST_DIMENSIONS = 8  # images have three


def read_idx(path: str | Path) -> np.ndarray:
    """The uint8 array of an IDX file, in the shape its header declares; read-only.

    Gzip is told by the content, not by the name. Raises `DataError` when the file cannot be read, is not IDX, does not
    hold uint8, or has a byte more or less than its header declares. No more than that is unzipped, and a header that
    declares more than `MOST_BYTES` is refused before.
    """
    path = Path(path)
    with _opened(path) as stream:
        shape = _shape(path, stream)
        expected = math.prod(shape)
        data = at_most(stream, expected).getbuffer()
    if len(data) != expected:
        got = f"{len(data)} bytes of data{' or more' if len(data) > expected else ''}"
        raise DataError(f"{path}: got {got}, expected {_sizes(shape)} = {expected}; {FETCH_AGAIN}")
    array = np.frombuffer(data, np.uint8).reshape(shape)
    array.flags.writeable = False
    return array


def _shape(path: Path, stream: Readable) -> tuple[int, ...]:
    """The shape that the header declares, read from the stream."""
    magic = stream.read(4)
    if len(magic) < 4:
        raise DataError(f"{path}: got {len(magic)} bytes, expected an IDX header of at least 4; {FETCH_AGAIN}")
    if magic[:2] != b"\0\0":
        raise DataError(f"{path}: got magic {magic.hex(' ')}, expected 00 00 08 and a count; is this an IDX file?")
    kind, dims = magic[2], magic[3]
    if kind != UINT8:
        found = OTHER_TYPES.get(kind, "unknown")
        raise DataError(f"{path}: got IDX type {kind:#04x} ({found}), expected 0x08 (uint8); convert the file to uint8")
    if not 1 <= dims <= MOST_DIMENSIONS:
        raise DataError(
            f"{path}: got an IDX header with {dims} dimensions, expected 1 to {MOST_DIMENSIONS}; {FETCH_AGAIN}"
        )
    sizes = stream.read(4 * dims)
    if len(sizes) < 4 * dims:
        raise DataError(f"{path}: got {4 + len(sizes)} bytes, expected a header of {4 + 4 * dims}; {FETCH_AGAIN}")
    shape = struct.unpack(f">{dims}I", sizes)
    if math.prod(max(size, 1) for size in shape) > MOST_BYTES:  # NumPy multiplies so, beside a size of 0 too
        raise DataError(f"{path}: got a header of {_sizes(shape)} bytes, expected at most {MOST_BYTES}; {FETCH_AGAIN}")
    return shape


def _sizes(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def read_idx_directory(path: str | Path, classes: int | None = None) -> RawImages:
    """The data set of a folder with the four files of MNIST; its `t10k` files are the validation images.

    Each file may be plain or end in `.gz`, and be named `train-images-idx3-ubyte` or `train-images.idx3-ubyte`; where
    several are there, plain goes before gzip and the dash before the dot. `classes` is one more than the largest label
    unless it is given. Raises `DataError` when a file is missing or damaged, or when images and labels do not agree.
    """
    path = Path(path)
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder with the four IDX files; give the path of one that exists")
    train_images, train_labels = _part(path, "train")
    validation_images, validation_labels = _part(path, "t10k")
    if classes is None:
        classes = 1 + max(int(labels.max(initial=0)) for labels in (train_labels, validation_labels))
    try:
        return RawImages(train_images, train_labels, validation_images, validation_labels, classes)
    except DataError as error:
        raise DataError(f"{path}: {error}") from None


def _part(folder: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 [image, 1, height, width] and labels uint8 [image] of `train` or `t10k`."""
    images_path, labels_path = _find(folder, f"{part}-images", 3), _find(folder, f"{part}-labels", 1)
    images, labels = read_idx(images_path), read_idx(labels_path)
    for path, array, dims in ((images_path, images, 3), (labels_path, labels, 1)):
        if array.ndim != dims:
            raise DataError(f"{path}: got {array.ndim} dimensions, expected {dims}; check which file has this name")
    if len(images) != len(labels):
        raise DataError(
            f"{images_path}: got {len(images)} images, expected {len(labels)}, the labels in {labels_path.name}; "
            "fetch both files again"
        )
    return images[:, None], labels


def _find(folder: Path, stem: str, dims: int) -> Path:
    """The first of the names under which the file is known."""
    names = [f"{stem}{mark}idx{dims}-ubyte{end}" for mark in "-." for end in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataError(f"{folder}: expected one of {', '.join(names)}, got none; put the file there")


@contextmanager
def _opened(path: Path) -> Iterator[Readable]:
    """The bytes of the file, unzipped as they are read."""
    try:
        with path.open("rb") as file:
            zipped = file.read(len(GZIP_MAGIC)) == GZIP_MAGIC
            file.seek(0)
            with gzip.GzipFile(fileobj=file) if zipped else file as stream:
                yield stream
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: got a damaged gzip file ({error}), expected a whole one; {FETCH_AGAIN}") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); give the path of a readable IDX file") from None
