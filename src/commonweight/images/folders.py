"""Reader of image folders: `train/<class>/<picture>`, and the same classes under `test`."""

from pathlib import Path

import numpy as np

from commonweight.errors import DataError
from commonweight.images.pictures import VALIDATION, read_pictures
from commonweight.images.raw import RawImages

ENDINGS = (".png", ".jpg", ".jpeg", ".bmp", ".ppm", ".pgm", ".webp")


def read_image_folders(path: str | Path) -> RawImages:
    """The data set of a folder with `train` and one of `validation`, `val`, `test`, each with one folder for each class.

    Class numbers follow the sorted names of the folders, images the sorted paths; hidden files are passed over. Raises
    `DataError` when a folder is missing, empty or holds something else, when the two parts have other classes, or when
    the pictures are not all of one size and mode.
    """
    path = Path(path)
    if not path.is_dir():
        raise DataError(f"{path}: expected a folder with train and test; give the path of one that exists")
    validation = next((path / name for name in VALIDATION if (path / name).is_dir()), None)
    if validation is None or not (path / "train").is_dir():
        missing = f"one of {', '.join(VALIDATION)}" if validation is None else "train"
        raise DataError(f"{path}: expected the folders train and {' or '.join(VALIDATION)}, got no {missing}; make it")
    train_files, validation_files = _by_class(path / "train"), _by_class(validation)
    odd = sorted(train_files.keys() ^ validation_files.keys())
    if odd:
        there, other = (path / "train", validation) if odd[0] in train_files else (validation, path / "train")
        raise DataError(f"{other}: got no class {odd[0]}, expected the classes of {there}; make them the same")
    files = [file for part in (train_files, validation_files) for paths in part.values() for file in paths]
    images = read_pictures([(str(file), file) for file in files])
    labels = [[i for i, paths in enumerate(part.values()) for _ in paths] for part in (train_files, validation_files)]
    cut = len(labels[0])
    return RawImages(images[:cut], np.array(labels[0]), images[cut:], np.array(labels[1]), classes=len(train_files))


def _by_class(folder: Path) -> dict[str, list[Path]]:
    """The pictures of each class, both sorted by name."""
    classes = {}
    for inner in _visible(folder):
        if not inner.is_dir():
            raise DataError(f"{inner}: expected only folders in {folder}, one for each class; move it away")
        classes[inner.name] = _visible(inner)
        if not classes[inner.name]:
            raise DataError(f"{inner}: got no picture, expected at least one; fill or remove the folder")
        for file in classes[inner.name]:
            if not file.is_file() or file.suffix.lower() not in ENDINGS:
                raise DataError(f"{file}: expected only pictures there ({', '.join(ENDINGS)}); move it away")
    if not classes:
        raise DataError(f"{folder}: got no folder, expected one for each class; put them there")
    return classes


def _visible(folder: Path) -> list[Path]:
    """What the folder holds, sorted by name, without hidden files such as `.DS_Store`."""
    return sorted((path for path in folder.iterdir() if not path.name.startswith(".")), key=lambda path: path.name)
