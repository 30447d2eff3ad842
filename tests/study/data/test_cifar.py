"""Files in the format of CIFAR-10's binary version are made here from its description; no image of CIFAR-10 is needed."""

import numpy as np
import pytest

from commonweight.errors import DataError
from commonweight.study.data import data_names, load_raw, read_cifar10_binary

NAMES = [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"]


def record(label, image):
    """1 byte of label, then the red, the green and the blue plane, each row by row."""
    return bytes([label]) + b"".join(bytes(row) for plane in image for row in plane)


def write_folder(folder, images_per_file=3, seed=0):
    """The six files; returns the labels and images of each, in order."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(seed)
    parts = {}
    for name in NAMES:
        labels = rng.integers(0, 10, images_per_file)
        images = rng.integers(0, 256, (images_per_file, 3, 32, 32))
        parts[name] = labels, images
        content = (record(label, image) for label, image in zip(labels.tolist(), images.tolist(), strict=True))
        (folder / name).write_bytes(b"".join(content))
    return parts


@pytest.mark.parametrize("inside", ["", "cifar-10-batches-bin"])
def test_reads_the_folder_and_its_parent(tmp_path, inside):
    parts = write_folder(tmp_path / inside)
    for raw in (read_cifar10_binary(tmp_path), read_cifar10_binary(str(tmp_path)), load_raw("cifar10", tmp_path)):
        assert raw.train_images.shape == (15, 3, 32, 32)
        assert raw.train_images.dtype == np.uint8
        assert np.array_equal(raw.train_images, np.concatenate([parts[name][1] for name in NAMES[:5]]))
        assert np.array_equal(raw.train_labels, np.concatenate([parts[name][0] for name in NAMES[:5]]))
        assert np.array_equal(raw.validation_images, parts["test_batch.bin"][1])
        assert np.array_equal(raw.validation_labels, parts["test_batch.bin"][0])
        assert raw.classes == 10  # whatever labels are there


def test_a_folder_with_the_files_goes_before_one_inside(tmp_path):
    write_folder(tmp_path, images_per_file=1)
    write_folder(tmp_path / "cifar-10-batches-bin", images_per_file=2)
    assert len(read_cifar10_binary(tmp_path).validation_labels) == 1


@pytest.mark.parametrize("name", NAMES)
def test_a_missing_file_is_named(tmp_path, name):
    write_folder(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(DataError, match=rf"expected data_batch_1\.bin, .*got no {name}; unpack .* again") as caught:
        read_cifar10_binary(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize("name", ["data_batch_4.bin", "test_batch.bin"])
@pytest.mark.parametrize(("change", "got"), [(lambda b: b[:-1], 9218), (lambda b: b + b"\0", 9220), (lambda _: b"", 0)])
def test_a_wrong_size_is_named(tmp_path, name, change, got):
    write_folder(tmp_path)
    path = tmp_path / name
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(
        DataError, match=rf"got {got} bytes, expected a multiple of 3073, at least one; unpack"
    ) as caught:
        read_cifar10_binary(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("name", ["data_batch_2.bin", "test_batch.bin"])
def test_a_label_above_nine_is_named_with_its_record(tmp_path, name):
    write_folder(tmp_path)
    path = tmp_path / name
    content = bytearray(path.read_bytes())
    content[2 * 3073] = 10
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"got label 10 in record 2, expected 0 to 9; .*unpack") as caught:
        read_cifar10_binary(tmp_path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_a_folder_that_is_none(tmp_path):
    for path in (tmp_path / "nowhere", tmp_path / "file"):
        (tmp_path / "file").touch()
        with pytest.raises(DataError, match="expected a folder with the binary version of CIFAR-10; give") as caught:
            read_cifar10_binary(path)
        assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(DataError, match=r"cifar10.*path"):
        load_raw("cifar10")
    assert "cifar10" in data_names()
