"""Images: from a name in the study file to images and labels in memory. Plain NumPy, no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from commonweight.errors import DataError, nearest
from commonweight.images.cifar import read_cifar10, read_cifar100
from commonweight.images.cluttered import cluttered10
from commonweight.images.embedded import fashion14
from commonweight.images.folders import read_image_folders
from commonweight.images.hub import read_hub
from commonweight.images.idx import read_idx, read_idx_directory
from commonweight.images.npz import read_npz, write_npz
from commonweight.images.parquet import read_parquet
from commonweight.images.raw import RawImages, balanced, reduce, subset

__all__ = [
    "RawImages",
    "Sizes",
    "balanced",
    "cluttered10",
    "data_names",
    "fashion14",
    "known_sizes",
    "load_raw",
    "read_cifar10",
    "read_cifar100",
    "read_hub",
    "read_idx",
    "read_idx_directory",
    "read_image_folders",
    "read_npz",
    "read_parquet",
    "reduce",
    "subset",
    "write_npz",
]


@dataclass(frozen=True)
class Shipped:
    """Data that comes with the package and takes no path."""

    read: Callable[[], RawImages]


@dataclass(frozen=True)
class Sizes:
    """What is known of a data set before it is looked at: square images, `side` pixels high and wide."""

    channels: int
    side: int
    classes: int
    train_images: int
    validation_images: int


@dataclass(frozen=True)
class AtPath:
    """Data that the user has or names, what their path must be, and their sizes where these are always the same."""

    read: Callable[[Path], RawImages]
    expects: str
    sizes: Sizes | None = None


SOURCES: dict[str, Shipped | AtPath] = {
    "cluttered10": Shipped(cluttered10),
    "fashion14": Shipped(fashion14),
    "idx": AtPath(read_idx_directory, "the folder with the four IDX files"),
    "cifar10": AtPath(
        read_cifar10,
        "the folder with CIFAR-10's binary version or Python version, or its archive",
        Sizes(3, 32, 10, 50_000, 10_000),
    ),
    "cifar100": AtPath(
        read_cifar100,
        "the folder with CIFAR-100's binary version or Python version, or its archive",
        Sizes(3, 32, 100, 50_000, 10_000),
    ),
    "images": AtPath(read_image_folders, "the folder with train/<class>/ and test/<class>/ of pictures"),
    "npz": AtPath(read_npz, "the .npz file with train_images, train_labels, validation_images and validation_labels"),
    "parquet": AtPath(read_parquet, "the folder with train-*.parquet and test-*.parquet"),
    "hub": AtPath(read_hub, "the name of a data set on the Hugging Face hub, such as uoft-cs/cifar10"),
}


def data_names() -> tuple[str, ...]:
    """The names that `load_raw` knows."""
    return tuple(SOURCES)


def known_sizes(name: str) -> Sizes | None:
    """The sizes of the data set of that name, if it is one whose path changes nothing but where it is."""
    source = SOURCES.get(name)
    return source.sizes if isinstance(source, AtPath) else None


def load_raw(name: str, path: str | Path | None = None) -> RawImages:
    """The data set of that name: `cluttered10` and `fashion14` ship with the package, the others are what `path` leads to.

    Raises `DataError` for an unknown name, a path that is missing or not wanted, and data that cannot be read.
    """
    source = SOURCES.get(name)
    if source is None:
        raise DataError(f"got data {name!r}, expected one of {', '.join(SOURCES)}{nearest(name, SOURCES)}")
    if isinstance(source, Shipped):
        if path is not None:
            raise DataError(
                f"got path {str(path)!r} for data {name!r}, which is part of the package; leave the path out"
            )
        return source.read()
    if path is None:
        raise DataError(f"got no path for data {name!r}, expected {source.expects}; give it as the path")
    return source.read(Path(path))
