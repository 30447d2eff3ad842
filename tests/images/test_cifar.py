"""Files in CIFAR's formats are made here from their description; no image of CIFAR is needed."""

import gzip
import io
import tarfile
import tracemalloc

import numpy as np
import pytest
from images import making

from commonweight.errors import DataError
from commonweight.images import cifar, data_names, load_raw, read_cifar10, read_cifar100
from commonweight.images.cifar import CIFAR10, CIFAR100

PARTS10 = making.cifar_parts()
PARTS100 = making.cifar_parts(train_files=1, classes=100, images=7)
BINARY = making.cifar10_binary(PARTS10)
PYTHON = making.cifar10_python(PARTS10, making.dump_python2)

FORMS = {
    "10 binary": (read_cifar10, "cifar10", PARTS10, BINARY, "cifar-10-batches-bin"),
    "10 of Python 2": (read_cifar10, "cifar10", PARTS10, PYTHON, "cifar-10-batches-py"),
    "100 binary": (read_cifar100, "cifar100", PARTS100, making.cifar100_binary(PARTS100), "cifar-100-binary"),
    "100 of Python 2": (
        *(read_cifar100, "cifar100", PARTS100),
        *(making.cifar100_python(PARTS100, making.dump_python2), "cifar-100-python"),
    ),
}
for protocol in range(6):
    dump = making.dump_python3(protocol)
    FORMS[f"10 of Python 3, {protocol}"] = (
        *(read_cifar10, "cifar10", PARTS10, making.cifar10_python(PARTS10, dump), "cifar-10-batches-py"),
    )


def check(raw, parts, classes):
    *train, (labels, images) = parts
    assert raw.train_images.dtype == np.uint8
    assert np.array_equal(raw.train_images, np.concatenate([images for _, images in train]))
    assert raw.train_labels.tolist() == [label for labels, _ in train for label in labels]
    assert np.array_equal(raw.validation_images, images)
    assert raw.validation_labels.tolist() == labels
    assert raw.classes == classes  # whatever labels are there


@pytest.mark.parametrize("form", FORMS)
def test_reads_the_folder_its_parent_and_the_archive(tmp_path, form):
    read, name, parts, files, folder = FORMS[form]
    making.write_files(tmp_path / folder, files)
    making.write_archive(tmp_path / "archive.tar.gz", folder, files)
    before = sorted(tmp_path.rglob("*"))
    for path in (tmp_path, str(tmp_path), tmp_path / folder, tmp_path / "archive.tar.gz"):
        for raw in (read(path), load_raw(name, path)):
            check(raw, parts, 10 if name == "cifar10" else 100)
    assert sorted(tmp_path.rglob("*")) == before  # nothing is unpacked


def test_both_versions_are_the_same_data(tmp_path):
    making.write_files(tmp_path / "binary", BINARY)
    making.write_files(tmp_path / "python", PYTHON)
    assert read_cifar10(tmp_path / "binary").fingerprint == read_cifar10(tmp_path / "python").fingerprint


def test_the_folder_goes_before_one_inside_and_binary_before_python(tmp_path):
    dump = making.dump_python3(2)
    for count, (folder, files) in enumerate(
        [
            ("cifar-10-batches-py", lambda parts: making.cifar10_python(parts, dump)),
            ("cifar-10-batches-bin", making.cifar10_binary),
            ("", lambda parts: making.cifar10_python(parts, dump)),
            ("", making.cifar10_binary),
        ],
        start=1,
    ):
        making.write_files(tmp_path / folder, files(making.cifar_parts(images=count)))
        assert len(read_cifar10(tmp_path).validation_labels) == count


@pytest.mark.parametrize("files", [BINARY, PYTHON], ids=["binary", "python"])
@pytest.mark.parametrize("index", range(6))
def test_a_missing_file_is_named(tmp_path, files, index):
    name = list(files)[index]
    left = {other: content for other, content in files.items() if other != name}
    making.write_files(tmp_path / "folder", left)
    making.write_archive(tmp_path / "archive", "folder", left)
    for path in (tmp_path / "folder", tmp_path / "archive"):
        with pytest.raises(
            DataError, match=rf"expected data_batch_1.*got no {name}; fetch or unpack .* again"
        ) as caught:
            read_cifar10(path)
        assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize("name", ["data_batch_4.bin", "test_batch.bin"])
@pytest.mark.parametrize(("change", "got"), [(lambda b: b[:-1], 9218), (lambda b: b + b"\0", 9220), (lambda _: b"", 0)])
def test_a_wrong_size_is_named(tmp_path, name, change, got):
    making.write_files(tmp_path, BINARY | {name: change(BINARY[name])})
    with pytest.raises(
        DataError, match=rf"got {got} bytes, expected a multiple of 3073, at least one; .*unpack"
    ) as caught:
        read_cifar10(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / name}: ")


def test_a_label_beyond_the_classes_is_named_with_its_record(tmp_path):
    wrong = bytearray(BINARY["data_batch_2.bin"])
    wrong[2 * 3073] = 10
    negative = [*PARTS10[:4], ([0, -1, 10], PARTS10[4][1]), *PARTS10[5:]]
    for name, got, files in (
        ("data_batch_2.bin", "10 in record 2", BINARY | {"data_batch_2.bin": bytes(wrong)}),
        ("data_batch_5", "-1 in record 1", making.cifar10_python(negative, making.dump_python2)),
    ):
        making.write_files(tmp_path / name, files)
        with pytest.raises(DataError, match=rf"got label {got}, expected 0 to 9; is this CIFAR-10\?.*unpack") as caught:
            read_cifar10(tmp_path / name)
        assert str(caught.value).startswith(f"{tmp_path / name / name}: ")
        assert "\n" not in str(caught.value)


PIXELS = np.zeros((2, 3072), np.uint8)
ODD = {
    "another key": ({"data": PIXELS, "fine_labels": [0, 1]}, r"dict of data, fine_labels, expected data and labels"),
    "no array": ({"data": [1, 2], "labels": [0, 1]}, "got data of list, expected an array uint8"),
    "floats": ({"data": PIXELS.astype("f4"), "labels": [0, 1]}, "got data of float32"),
    "another shape": ({"data": PIXELS[:, 1:], "labels": [0, 1]}, r"got data of uint8 \(2, 3071\)"),
    "few labels": ({"data": PIXELS, "labels": [0]}, "got labels of 1, expected 2 integers"),
    "no images": ({"data": PIXELS[:0], "labels": []}, "got labels of 0, expected 0 integers, at least one"),
    "texts": ({"data": PIXELS, "labels": ["a", "b"]}, "expected 2 integers"),
    "huge labels": ({"data": PIXELS, "labels": [1, 2**70]}, "expected 2 integers"),
    "one label": ({"data": PIXELS, "labels": 1}, "got labels of int, expected 2 integers"),
    "no pickle": (None, "damaged pickle"),
}


@pytest.mark.parametrize("name", ODD)
def test_a_pickle_of_something_else_is_refused(tmp_path, name):
    content, message = ODD[name]
    data = b"no pickle" if content is None else making.dump_python3(4)(content)
    making.write_files(tmp_path, PYTHON | {"data_batch_3": data})
    with pytest.raises(DataError, match=message) as caught:
        read_cifar10(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / 'data_batch_3'}: ")
    assert "\n" not in str(caught.value)


def test_labels_as_an_array(tmp_path):
    parts = [(np.array(labels), images) for labels, images in PARTS10]
    making.write_files(tmp_path, making.cifar10_python(parts, making.dump_python3(5)))
    check(read_cifar10(tmp_path), PARTS10, 10)


def test_an_archive_cut_or_changed_is_refused(tmp_path):
    path = tmp_path / "cifar-10-binary.tar.gz"
    making.write_archive(path, "cifar-10-batches-bin", BINARY)
    whole = path.read_bytes()
    middle = len(whole) // 2
    cuts = [whole[:length] for length in (*range(0, len(whole), 4999), len(whole) - 1)]
    changed = whole[:-8] + bytes(4) + whole[-4:], whole[:middle] + bytes(8) + whole[middle + 8 :]
    for damaged in (*cuts, *changed, gzip.compress(b"no archive"), b"no gzip"):
        path.write_bytes(damaged)
        with pytest.raises(DataError, match=r"cannot be read as a \.tar\.gz|got none|got no ") as caught:
            read_cifar10(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


def archive_of(path, *members):
    """A `.tar.gz` of these members, all empty."""
    with tarfile.open(path, "w:gz", format=tarfile.PAX_FORMAT) as archive:
        for member in members:
            archive.addfile(member, io.BytesIO())
    return path


def sparse(name, size, places):
    """A member that claims so many bytes and has none."""
    member = tarfile.TarInfo(name)
    member.pax_headers = {"GNU.sparse.map": places, "GNU.sparse.size": str(size)}
    return member


def test_an_archive_is_not_believed(tmp_path):
    """Each of these is small: files that claim to be long, headers that are none, more members than memory."""
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 512
    record = b"512 comment=" + b"x" * 499 + b"\n"
    chain = gzip.compress((header.tobuf(tarfile.USTAR_FORMAT) + record) * 1000)
    (tmp_path / "chain").write_bytes(chain)
    bombs = {
        "got test_batch.bin as a sparse file, expected a whole one": archive_of(
            tmp_path / "sparse", sparse("test_batch.bin", 2**40, "0,0")
        ),
        r"cannot be read as a \.tar\.gz archive \(invalid literal": archive_of(
            tmp_path / "map", sparse("test_batch.bin", 2**40, "zero,0")
        ),
        r"cannot be read as a \.tar\.gz archive \(maximum recursion": tmp_path / "chain",
        "got more than 1000 members, expected fewer": archive_of(
            tmp_path / "members", *(tarfile.TarInfo(str(number)) for number in range(1001))
        ),
    }
    for message, path in bombs.items():
        with pytest.raises(DataError, match=message) as caught:
            read_cifar10(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


def test_an_archive_that_unpacks_to_more_than_there_can_be_is_not_unpacked(tmp_path, monkeypatch):
    monkeypatch.setattr(cifar, "MOST_BYTES", 2**20)
    path = tmp_path / "bomb.tar.gz"
    making.write_archive(path, "cifar-10-batches-bin", {"test_batch.bin": bytes(2**26)})
    assert path.stat().st_size < 2**17
    tracemalloc.start()
    with pytest.raises(DataError, match="got more than 1048576 bytes when unpacked, expected fewer; give the files as"):
        read_cifar10(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**23


def test_a_file_larger_than_any_is_not_read(tmp_path):
    making.write_files(tmp_path, BINARY)
    with (tmp_path / "test_batch.bin").open("wb") as file:
        file.truncate(2**28 + 1)  # a hole: it takes no space
    with pytest.raises(
        DataError, match=r"test_batch\.bin: got 268435457 bytes, expected at most 268435456; give the files"
    ):
        read_cifar10(tmp_path)


def test_only_plain_files_of_the_archive_count(tmp_path):
    path = tmp_path / "archive"
    secret = tmp_path / "secret"
    secret.write_bytes(BINARY["test_batch.bin"])
    making.write_archive(path, "..", {k: v for k, v in BINARY.items() if k != "test_batch.bin"})
    with gzip.open(path) as stream:
        plain = stream.read()
    (tmp_path / "plain").write_bytes(plain)
    with tarfile.open(tmp_path / "plain", "a") as archive:
        member = tarfile.TarInfo("test_batch.bin")
        member.type, member.linkname = tarfile.SYMTYPE, str(secret)
        archive.addfile(member)
    path.write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    with pytest.raises(DataError, match=r"got no test_batch\.bin"):
        read_cifar10(path)
    making.write_archive(path, "a", BINARY)
    with tarfile.open(tmp_path / "twice", "w") as archive:
        for folder in "ab":
            making.write_files(tmp_path / folder, BINARY)
            archive.add(tmp_path / folder, folder)
    path.write_bytes(gzip.compress((tmp_path / "twice").read_bytes()))
    with pytest.raises(DataError, match=r"got two files .*\.bin, expected one"):
        read_cifar10(path)


def test_a_folder_that_is_none(tmp_path):
    with pytest.raises(DataError, match=r"expected a folder with the binary version of CIFAR-10 or .*; give") as caught:
        read_cifar10(tmp_path / "nowhere")
    assert str(caught.value).startswith(f"{tmp_path / 'nowhere'}: ")
    (tmp_path / "train").mkdir()  # a folder is no file of CIFAR-100
    for read, data in ((read_cifar10, CIFAR10), (read_cifar100, CIFAR100)):
        with pytest.raises(DataError, match=r"here or in .*, got none; give the path of cifar-.*gz") as caught:
            read(tmp_path)
        for version in data.versions:
            assert all(word in str(caught.value) for word in (*version.names, version.folder))
        with pytest.raises(DataError, match=r"no path for data 'cifar.*path"):
            load_raw(data.name.lower().replace("-", ""))
    assert {"cifar10", "cifar100"} <= set(data_names())
