"""Reader of Parquet files as the Hugging Face hub keeps them: a column of picture files and one of labels."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from commonweight.errors import DataError
from commonweight.images.extra import from_extra_hub
from commonweight.images.pictures import VALIDATION, read_pictures
from commonweight.images.raw import MOST_CLASSES, RawImages

IMAGES = ("img", "image")
LABELS = ("label", "fine_label")
SHARD = re.compile(r"-(\d+)-of-(\d+)(-[0-9a-f]+)?\.parquet$")


class Shard(NamedTuple):
    """One file: pictures with their names, labels int64 [picture], and the number of classes if the file tells it."""

    pictures: list[tuple[str, Path | bytes]]
    labels: np.ndarray
    classes: int | None


def read_parquet(path: str | Path, data: str = "parquet") -> RawImages:
    """The data set of a folder with `train-*.parquet`, and with `validation-*`, `val-*` or `test-*`: the first there is.

    A part may also be one file, `train.parquet`, or a folder, `train/*.parquet`; all may lie one folder deeper. Pictures
    are the structs {bytes, path} of a column `img` or `image`, labels the integers of `label` or `fine_label`. The number
    of classes is what the first file's metadata say, else one more than the largest label. `data` is the source's name
    for messages. Raises `DataError` when the extra `hub` is missing or the files are not just that.
    """
    reader = from_extra_hub("pyarrow.parquet", data)
    path = Path(path)
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder with Parquet files; give the path of one that exists")
    folder = _home(path)
    shards = next((found for name in VALIDATION if (found := _shards(folder, name))), [])
    if not shards:
        names = ", ".join(f"{name}-*.parquet" for name in VALIDATION)
        raise DataError(f"{folder}: expected train-*.parquet and one of {names}, got none of those; add them")
    train, validation = ([_shard(file, reader) for file in files] for files in (_shards(folder, "train"), shards))
    images = read_pictures([picture for shard in (*train, *validation) for picture in shard.pictures])
    labels = [np.concatenate([shard.labels for shard in part]) for part in (train, validation)]
    cut = len(labels[0])
    classes = train[0].classes or 1 + max(int(part.max(initial=0)) for part in labels)
    try:
        return RawImages(images[:cut], labels[0], images[cut:], labels[1], classes)
    except DataError as error:
        raise DataError(f"{folder}: {error}") from None


def _home(path: Path) -> Path:
    """The folder with the training part: this one or the only one inside it."""
    homes = [folder for folder in (path, *sorted(path.iterdir())) if folder.is_dir() and _shards(folder, "train")]
    if not homes:
        raise DataError(f"{path}: expected train-*.parquet, here or one folder deeper, got none; give their folder")
    if homes[0] != path and len(homes) > 1:
        names = ", ".join(home.name for home in homes)
        raise DataError(f"{path}: got several data sets, {names}; give the path of one as data 'parquet'")
    return homes[0]


def _shards(folder: Path, part: str) -> list[Path]:
    """The files of `train`, `validation`, `val` or `test`, sorted; none where the part is not there."""
    forms = (f"{part}.parquet", f"{part}-*.parquet", f"{part}/*.parquet")
    found = [files for form in forms if (files := sorted(folder.glob(form)))]
    if len(found) > 1:
        raise DataError(f"{folder}: got both {found[0][0].name} and {found[1][0].name} for {part}; keep one of them")
    files = found[0] if found else []
    numbers = [match.groups() for file in files if (match := SHARD.search(file.name))]
    if numbers and [int(number) for number, *_ in numbers] != list(range(int(numbers[0][1]))):
        raise DataError(
            f"{folder}: got {len(files)} files of {part}, expected {int(numbers[0][1])}; fetch the others too"
        )
    return files


def _shard(file: Path, reader: Any) -> Shard:
    try:
        with reader.ParquetFile(file) as parquet:
            schema = parquet.schema_arrow
            image, label = _column(file, schema.names, IMAGES), _column(file, schema.names, LABELS)
            table = parquet.read([image, label])
    except (OSError, ValueError) as error:  # ArrowInvalid is a ValueError
        why = str(error).splitlines()[0]
        raise DataError(f"{file}: cannot be read as Parquet ({why}); fetch it again") from None
    pictures: list[tuple[str, Path | bytes]] = []
    for row, picture in enumerate(table[image].to_pylist()):
        content = picture.get("bytes") if isinstance(picture, dict) else None
        if not isinstance(content, bytes):
            raise DataError(
                f"{file}: row {row}: got no bytes in {image}, expected a struct with those of a picture file; convert it"
            )
        pictures.append((f"{file}: row {row}", content))
    labels = table[label].to_numpy()
    if labels.dtype.kind not in "iu":  # with empty places they are floats
        got = f"{label} of {table[label].type} with {table[label].null_count} empty"
        raise DataError(f"{file}: got {got}, expected integers; number the classes from 0")
    if len(labels) and labels.max() >= MOST_CLASSES:
        got = f"row {labels.argmax()}: got {label} {labels.max()}"
        raise DataError(f"{file}: {got}, expected at most {MOST_CLASSES - 1}; number the classes from 0")
    return Shard(pictures, labels.astype(np.int64), _classes(file, schema.metadata or {}, label))


def _column(file: Path, names: list[str], known: tuple[str, ...]) -> str:
    found = [name for name in names if name in known]  # twice where two columns have one name
    if len(found) != 1:
        raise DataError(
            f"{file}: got columns {', '.join(names)}, expected exactly one of {', '.join(known)}; rename one"
        )
    return found[0]


def _classes(file: Path, metadata: dict[bytes, bytes], label: str) -> int | None:
    """The number of class names that the hub's own metadata give the label, if any."""
    try:
        names = json.loads(metadata.get(b"huggingface", b"{}")).get("info", {}).get("features", {}).get(label, {})
        return len(names.get("names") or ()) or None
    except (ValueError, AttributeError, TypeError, RecursionError):
        raise DataError(f"{file}: got metadata that are not those of the hub, expected JSON; fetch it again") from None
