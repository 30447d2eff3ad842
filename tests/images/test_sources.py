"""Every source by its name in a study: `study_images` gives its images, balanced, and refuses more than there are."""

import numpy as np
import pytest
from images import making

from commonweight.errors import StudyError
from commonweight.images import data_names
from commonweight.study.schema import DataSpec
from commonweight.study.work import study_images

PARTS = making.cifar_parts(images=20)
PARTS100 = making.cifar_parts(train_files=1, classes=100, images=100)


def write_pictures(folder):
    for part, count in (("train", 100), ("test", 20)):
        for i, image in enumerate(np.random.default_rng(count).integers(0, 256, (count, 3, 32, 32), np.uint8)):
            making.write_files(folder / part / f"class {i % 5}", {f"{i:03}.png": making.png(image)})


def write_parquet(folder):
    pytest.importorskip("pyarrow")
    from images.parquet_files import write_parquet  # noqa: PLC0415 - needs pyarrow

    for part, count in (("train", 100), ("test", 20)):
        images = np.random.default_rng(count).integers(0, 256, (count, 3, 32, 32), np.uint8)
        write_parquet(folder / f"{part}-00000-of-00001.parquet", images, [i * i % 7 for i in range(count)], classes=7)


SOURCES = {
    "cifar10": lambda folder: making.write_files(folder, making.cifar10_binary(PARTS)),
    "cifar10 python": lambda folder: making.write_files(folder, making.cifar10_python(PARTS, making.dump_python2)),
    "cifar100": lambda folder: making.write_files(folder, making.cifar100_binary(PARTS100)),
    "images": write_pictures,
    "parquet": write_parquet,
    "hub": write_parquet,
}


@pytest.mark.parametrize("source", SOURCES)
def test_study_images(tmp_path, monkeypatch, source):
    SOURCES[source](tmp_path)
    name = source.partition(" ")[0]
    path = str(tmp_path)
    if name == "hub":
        hub = pytest.importorskip("huggingface_hub")
        monkeypatch.setattr(hub, "snapshot_download", lambda *_, **__: str(tmp_path))
        path = "owner/name@main"
    assert name in data_names()
    raw = study_images(DataSpec(name=name, path=path))
    assert raw.train_images.shape == (100, 3, 32, 32)
    small = study_images(DataSpec(name=name, path=path, train_images=30, resize=8))
    assert small.train_images.shape == (30, 3, 8, 8)
    assert small.train_labels.tolist() == raw.train_labels[:30].tolist()  # a prefix of the same balanced order
    again = study_images(DataSpec(name=name, path=path))
    assert again.fingerprint == raw.fingerprint != small.fingerprint
    with pytest.raises(StudyError, match=rf"data\.train_images: got 101; data '{name}' allows 1 … 100"):
        study_images(DataSpec(name=name, path=path, train_images=101))
