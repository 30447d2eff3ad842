"""CIFAR-10 and CIFAR-100 as they are published: the binary or the Python version, unpacked or in its archive.

Both versions hold the same images in the same order, so both give the same `RawImages`.
"""

import gzip
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from commonweight.errors import DataError
from commonweight.images.bounds import at_most
from commonweight.images.cifar_files import CifarFile, binary_file, python_file
from commonweight.images.raw import RawImages

MOST_BYTES = 2**28  # of a file, and of an archive when it is unpacked: those published have 1.9e8
AS_PUBLISHED = "give the files as they are published"
MOST_MEMBERS = 1000  # of an archive: those published have fewer than ten


@dataclass(frozen=True)
class Version:
    """One form of a data set: the folder its archive unpacks to, its files, and how one of them is read."""

    folder: str
    train: tuple[str, ...]
    validation: str
    read: Callable[[bytes], CifarFile]

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.train, self.validation)


@dataclass(frozen=True)
class Cifar:
    """A data set and its two versions; where both lie in one folder, the binary one is read: it needs no pickle."""

    name: str
    classes: int
    binary: Version
    python: Version
    archives: str

    @property
    def versions(self) -> tuple[Version, Version]:
        return self.binary, self.python

    @property
    def looked_for(self) -> str:
        binary, python = (", ".join(version.names) for version in self.versions)
        return f"{binary} (binary version) or {python} (Python version)"


BATCHES = tuple(f"data_batch_{number}" for number in range(1, 6))

CIFAR10 = Cifar(
    name="CIFAR-10",
    classes=10,
    binary=Version(
        "cifar-10-batches-bin",
        tuple(f"{name}.bin" for name in BATCHES),
        "test_batch.bin",
        partial(binary_file, label_bytes=1),
    ),
    python=Version("cifar-10-batches-py", BATCHES, "test_batch", partial(python_file, labels_key="labels")),
    archives="cifar-10-binary.tar.gz or cifar-10-python.tar.gz",
)
CIFAR100 = Cifar(
    name="CIFAR-100",
    classes=100,
    binary=Version("cifar-100-binary", ("train.bin",), "test.bin", partial(binary_file, label_bytes=2)),
    python=Version("cifar-100-python", ("train",), "test", partial(python_file, labels_key="fine_labels")),
    archives="cifar-100-binary.tar.gz or cifar-100-python.tar.gz",
)


def read_cifar10(path: str | Path) -> RawImages:
    """CIFAR-10: see `read_cifar`."""
    return read_cifar(CIFAR10, path)


def read_cifar100(path: str | Path) -> RawImages:
    """CIFAR-100 with its 100 fine labels: see `read_cifar`."""
    return read_cifar(CIFAR100, path)


def read_cifar(data: Cifar, path: str | Path) -> RawImages:
    """The data set at `path`: the folder with a version's files, the folder that holds that one, or a `.tar.gz` of it.

    Images uint8 [image, 3, 32, 32] in the order of the files; the test images are the validation part. The folder
    itself goes before one inside it, and in each the binary version before the Python version; an archive is read in
    memory. Raises `DataError` when no version is there, or when a file is missing, damaged or has labels beyond the
    classes.
    """
    path = Path(path)
    if path.is_dir():
        where, files = _in_folder(data, path)
    elif path.is_file():
        where, files = path, _in_archive(data, path)
    else:
        raise DataError(
            f"{path}: expected a folder with the binary version of {data.name} or its Python version, or the archive of "
            "one; give the path of one that exists"
        )
    version = next((version for version in data.versions if not files.keys().isdisjoint(version.names)), None)
    if version is None:
        raise DataError(
            f"{path}: expected {data.looked_for}, here or in {data.binary.folder} or {data.python.folder}, got none; "
            f"give the path of {data.archives}, or of the folder it unpacks to"
        )
    again = f"fetch or unpack {data.archives} again"
    missing = [name for name in version.names if name not in files]
    if missing:
        raise DataError(f"{where}: expected {', '.join(version.names)}, got no {missing[0]}; {again}")
    read = []
    for name in version.names:
        try:
            read.append(_of_its_classes(version.read(files.pop(name)), data))
        except DataError as error:
            raise DataError(f"{where / name}: {error}; {again}") from None
    *train, validation = read
    images, labels = (np.concatenate(arrays) for arrays in zip(*train, strict=True))
    images.flags.writeable = False  # spares `RawImages` its copy
    return RawImages(images, labels, *validation, classes=data.classes)


def _of_its_classes(file: CifarFile, data: Cifar) -> CifarFile:
    """The file, if its labels are of the classes."""
    wrong = np.flatnonzero((file.labels < 0) | (file.labels >= data.classes))
    if len(wrong):
        got = f"label {file.labels[wrong[0]]} in record {wrong[0]}"
        raise DataError(f"got {got}, expected 0 to {data.classes - 1}; is this {data.name}?")
    return file


def _in_folder(data: Cifar, path: Path) -> tuple[Path, dict[str, bytes]]:
    """The folder that holds files of a version, and their content by name; no content where none does."""
    for folder in (path, *(path / version.folder for version in data.versions)):
        for version in data.versions:
            paths = [folder / name for name in version.names if (folder / name).is_file()]
            if paths:
                return folder, {path.name: _content(path) for path in paths}
    return path, {}


def _content(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size > MOST_BYTES:
            raise DataError(f"{path}: got {size} bytes, expected at most {MOST_BYTES}; {AS_PUBLISHED}")
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); make it readable") from None


def _in_archive(data: Cifar, path: Path) -> dict[str, bytes]:
    """The content of the archive's files that belong to a version, by name; nothing is written to disk.

    Unpacked, it may have `MOST_BYTES`, and no member may claim to be more than what is there: so none may be sparse.
    """
    wanted = {name for version in data.versions for name in version.names}
    files: dict[str, bytes] = {}
    try:
        with gzip.open(path) as stream:
            unpacked = at_most(stream, MOST_BYTES)  # to the end, where gzip keeps its checksum
        if unpacked.getbuffer().nbytes > MOST_BYTES:
            raise DataError(f"{path}: got more than {MOST_BYTES} bytes when unpacked, expected fewer; {AS_PUBLISHED}")
        with tarfile.open(fileobj=unpacked, mode="r:") as archive:
            for number, member in enumerate(archive):
                if number == MOST_MEMBERS:
                    raise DataError(f"{path}: got more than {MOST_MEMBERS} members, expected fewer; {AS_PUBLISHED}")
                name = PurePosixPath(member.name).name
                content = archive.extractfile(member) if name in wanted and member.isreg() else None
                if content is None:
                    continue
                if name in files:
                    raise DataError(f"{path}: got two files {name}, expected one; {AS_PUBLISHED}")
                if member.issparse():
                    raise DataError(f"{path}: got {name} as a sparse file, expected a whole one; {AS_PUBLISHED}")
                files[name] = content.read()
    except DataError:
        raise
    except Exception as error:  # damage can raise anything: tarfile lets through what the numbers in its headers raise
        raise DataError(
            f"{path}: cannot be read as a .tar.gz archive ({error}), expected {data.archives}; fetch it again"
        ) from None
    return files
