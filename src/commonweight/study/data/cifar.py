"""Reader of CIFAR-10's binary version: records of 3,073 bytes, a label and then the red, green and blue planes."""

from pathlib import Path

import numpy as np

from commonweight.errors import DataError
from commonweight.study.data.raw import RawImages

FOLDER = "cifar-10-batches-bin"  # what the archive unpacks to
TRAINING = tuple(f"data_batch_{number}.bin" for number in range(1, 6))
VALIDATION = "test_batch.bin"
CLASSES = 10
SHAPE = (3, 32, 32)
RECORD = 1 + 3 * 32 * 32
FETCH_AGAIN = "unpack cifar-10-binary.tar.gz again"


def read_cifar10_binary(path: str | Path) -> RawImages:
    """CIFAR-10 from the folder with the five `data_batch_*.bin` and `test_batch.bin`, or from the folder that holds it.

    Images uint8 [image, 3, 32, 32] in the order of the files; the test batch is the validation part. Raises `DataError`
    when a file is missing or is not a whole number of records, at least one, or when a label exceeds 9.
    """
    folder = _folder(Path(path))
    missing = [name for name in (*TRAINING, VALIDATION) if not (folder / name).is_file()]
    if missing:
        raise DataError(f"{folder}: expected {', '.join((*TRAINING, VALIDATION))}, got no {missing[0]}; {FETCH_AGAIN}")
    records = np.concatenate([_records(folder / name) for name in TRAINING])
    validation = _records(folder / VALIDATION)
    return RawImages(*_images_labels(records), *_images_labels(validation), classes=CLASSES)


def _folder(path: Path) -> Path:
    """The folder with the files: this one, or the archive's folder in it."""
    if not path.is_dir():
        raise DataError(
            f"{path}: expected a folder with the binary version of CIFAR-10; give the path of one that exists"
        )
    inner = path / FOLDER
    return inner if inner.is_dir() and not (path / VALIDATION).is_file() else path


def _records(path: Path) -> np.ndarray:
    """The file's records uint8 [image, 3073], their labels checked."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); make it readable") from None
    if not data or len(data) % RECORD:
        raise DataError(f"{path}: got {len(data)} bytes, expected a multiple of {RECORD}, at least one; {FETCH_AGAIN}")
    records = np.frombuffer(data, np.uint8).reshape(-1, RECORD)
    wrong = np.flatnonzero(records[:, 0] >= CLASSES)
    if len(wrong):
        raise DataError(
            f"{path}: got label {records[wrong[0], 0]} in record {wrong[0]}, expected 0 to {CLASSES - 1}; "
            f"is this the binary version of CIFAR-10? {FETCH_AGAIN}"
        )
    return records


def _images_labels(records: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return records[:, 1:].reshape(-1, *SHAPE), records[:, 0]
