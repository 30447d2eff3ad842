"""Parquet files as the Hugging Face hub keeps them; needs pyarrow, so whoever imports this skips without it."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from images.making import png

PICTURE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def images(seed, count, channels=3):
    return np.random.default_rng(seed).integers(0, 256, (count, channels, 4, 4), np.uint8)


def write_parquet(file, pictures, labels, *, image="img", label="label", classes=None, **more):
    """One file; `classes` as the hub's metadata tell them, `more` columns of pyarrow."""
    file.parent.mkdir(parents=True, exist_ok=True)
    rows = [
        {"bytes": png(picture), "path": None} if isinstance(picture, np.ndarray) else picture for picture in pictures
    ]
    columns = {image: pa.array(rows, PICTURE), label: labels if isinstance(labels, pa.Array) else pa.array(labels)}
    table = pa.table(columns | more)
    if classes is not None:
        features = {image: {"_type": "Image"}, label: {"names": list(map(str, range(classes))), "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, file, row_group_size=2)


def write_cifar(folder, classes=10):
    """Two training files and a test file, as in uoft-cs/cifar10; returns the images of each part."""
    train, test = images(0, 5), images(1, 3)
    write_parquet(folder / "train-00000-of-00002.parquet", train[:3], [0, 1, 2], classes=classes)
    write_parquet(folder / "train-00001-of-00002.parquet", train[3:], [3, 0], classes=classes)
    write_parquet(folder / "test-00000-of-00001.parquet", test, [2, 1, 0], classes=classes)
    return train, test
