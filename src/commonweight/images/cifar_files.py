"""One file of CIFAR, from its bytes to images and labels: records of the binary version, pickles of the Python version."""

from typing import NamedTuple

import numpy as np

from commonweight.errors import DataError
from commonweight.images.pickled import read_pickled_dict

SHAPE = (3, 32, 32)  # the red, green and blue planes, each row by row
PIXELS = 3 * 32 * 32


class CifarFile(NamedTuple):
    """Images uint8 [image, 3, 32, 32] and labels [image], both read-only views of the file."""

    images: np.ndarray
    labels: np.ndarray


def binary_file(data: bytes, label_bytes: int) -> CifarFile:
    """Records of `label_bytes` labels, of which the last is the finest, and 3,072 pixels.

    Raises `DataError` when the bytes are not a whole number of records, at least one.
    """
    record = label_bytes + PIXELS
    if not data or len(data) % record:
        raise DataError(f"got {len(data)} bytes, expected a multiple of {record}, at least one")
    records = np.frombuffer(data, np.uint8).reshape(-1, record)
    return CifarFile(records[:, label_bytes:].reshape(-1, *SHAPE), records[:, label_bytes - 1])


def python_file(data: bytes, labels_key: str) -> CifarFile:
    """A pickled dict with `data`, uint8 [image, 3072], and a list of labels under `labels_key`.

    Raises `DataError` when it is damaged, names more than arrays are made of, or does not hold just that.
    """
    found = read_pickled_dict(data)
    if not {"data", labels_key} <= found.keys():
        raise DataError(f"got a dict of {', '.join(sorted(found)) or 'nothing'}, expected data and {labels_key}")
    images, labels = found["data"], found[labels_key]
    if not (isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape[1:] == (PIXELS,)):
        got = f"{images.dtype} {images.shape}" if isinstance(images, np.ndarray) else type(images).__name__
        raise DataError(f"got data of {got}, expected an array uint8 [image, {PIXELS}]")
    if isinstance(labels, list) and all(type(label) is int and abs(label) < 2**31 for label in labels):
        labels = np.array(labels, np.int64)
    if not (isinstance(labels, np.ndarray) and labels.dtype.kind in "iu" and labels.shape == (len(images),) != (0,)):
        count = len(labels) if isinstance(labels, list | tuple | np.ndarray) else type(labels).__name__
        raise DataError(
            f"got {labels_key} of {count}, expected {len(images)} integers, at least one, one for each image"
        )
    return CifarFile(images.reshape(-1, *SHAPE), labels)
