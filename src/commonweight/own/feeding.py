"""Data of the user's own, as the training loop reads it: loaders, arrays, files, and what commonweight's readers give."""

import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from commonweight.errors import DataError, UsageError
from commonweight.images import RawImages, data_names, load_raw
from commonweight.own.randomness import OwnRandomness
from commonweight.seeds import Stream
from commonweight.training import Augmentation, Batches, ImageSet

UNREADABLE = (
    OSError,
    ValueError,
    EOFError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    struct.error,
    zlib.error,
    BadZipFile,
)
"""What NumPy and zipfile raise for a file that is no archive of arrays, is damaged, or claims arrays of any size."""

EXPECTED = "a DataLoader, a pair of arrays or tensors, a .npz file of images and labels, or what load_raw gives"


def batches_of(
    train: Any,
    validation: Any = None,
    augment: Augmentation = Augmentation(),  # noqa: B008  (it is frozen)
    device: torch.device | str = "cpu",
) -> Batches:
    """The data for the training loop, from what people have; images and labels of validation stay on the device.

    - A `DataLoader` is iterated as it is: it shuffles, augments and batches, and what it draws from global generators comes
      from the run's streams. So the same seed gives the same batches, unless the loader has a `generator` of its own.
    - A pair of images and labels, or a `.npz` file of two arrays of these names. Floating images are taken as they are;
      bytes, `[image, channel, height, width]`, are normalised by the training images' means and deviations, as `ImageSet`
      does, and can be augmented. Batches are made of them in the order of the run's stream.
    - `RawImages`, or the name of data that ships (`fashion14`): with validation images of its own.

    Raises `UsageError` and `DataError` for anything else, and for labels, shapes and types that do not fit.
    """
    if isinstance(train, str) and train in data_names():
        train = load_raw(train)
    if isinstance(train, RawImages):
        if validation is not None:
            raise UsageError(f"validation is a {type(validation).__name__}; these images bring their own: leave it out")
        return ImageSet(train, augment, device)
    if validation is None:
        raise UsageError("no validation data; give some that is not trained on, of the same form")
    kept = held(validation, "validation", device)
    if isinstance(train, DataLoader):
        _require_plain(augment, "a DataLoader; augment in it")
        return LoaderBatches(train, kept, device)
    images, labels = held(train, "training", device)
    if images.dtype == torch.uint8 and kept[0].dtype == torch.uint8:
        arrays = [one.cpu().numpy() for one in (images, labels, *kept)]
        return ImageSet(RawImages(*arrays, classes=int(max(labels.max(), kept[1].max())) + 1), augment, device)
    _require_plain(augment, "floating images; augment bytes, or in a DataLoader")
    for part, one in (("training", images), ("validation", kept[0])):
        _require_floating(one, part)
    return ArrayBatches(images, labels, kept)


class ArrayBatches:
    """`Batches` of images and labels in memory, as they are: a permutation of the training images for each epoch."""

    def __init__(self, images: Tensor, labels: Tensor, validation: tuple[Tensor, Tensor]) -> None:
        if images.shape[1:] != validation[0].shape[1:]:
            raise DataError(
                f"validation images of shape {tuple(validation[0].shape[1:])}, training images of "
                f"{tuple(images.shape[1:])}; expected one shape"
            )
        self._images, self._labels, self._validation = images, labels, validation

    def batches_per_epoch(self, batch: int) -> int:
        return -(-len(self._images) // batch)

    def epoch(
        self,
        batch: int,
        order: Stream,
        augment: Stream,  # noqa: ARG002
        *,
        seen: int = 0,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        permutation = torch.from_numpy(order.generator().permutation(len(self._images))).to(self._images.device)
        for index in permutation.split(batch)[seen:]:
            yield self._images[index], self._labels[index]

    def validation(self, count: int | None = None) -> tuple[Tensor, Tensor]:
        return first(self._validation, count)


class LoaderBatches:
    """`Batches` of a `DataLoader`, which makes its own; the size of a batch is the loader's."""

    def __init__(self, loader: DataLoader[Any], validation: tuple[Tensor, Tensor], device: torch.device | str) -> None:
        try:
            self._length = len(loader)
        except TypeError:
            raise UsageError(
                "the training loader has no length; expected one that says how many mini-batches an epoch has"
            ) from None
        if not self._length:
            raise UsageError("the training loader has no mini-batches; expected at least one")
        self._loader, self._device = loader, device
        self._validation = validation
        _require_floating(validation[0], "validation")

    def batches_per_epoch(self, batch: int) -> int:  # noqa: ARG002
        return self._length

    def epoch(
        self,
        batch: int,  # noqa: ARG002
        order: Stream,
        augment: Stream,  # noqa: ARG002
        *,
        seen: int = 0,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        randomness, count = OwnRandomness(order), 0
        with randomness():
            batches = iter(self._loader)
        while True:
            with randomness():
                given = next(batches, None)
            if given is None:
                break
            count += 1
            images, labels = _pair(given, f"mini-batch {count} of training", self._device)
            _require_floating(images, "training")
            if images.shape[1:] != self._validation[0].shape[1:]:
                raise DataError(
                    f"mini-batch {count} of training has images of shape {tuple(images.shape)}; expected [batch, "
                    f"{', '.join(map(str, self._validation[0].shape[1:]))}], as in validation"
                )
            if count > seen:  # a loader makes the others too, as what it draws depends on them
                yield images, labels
        if count != self._length:
            raise DataError(
                f"the training loader gave {count} mini-batches, and its length is {self._length}; expected as many"
            )

    def validation(self, count: int | None = None) -> tuple[Tensor, Tensor]:
        return first(self._validation, count)


def first(validation: tuple[Tensor, Tensor], count: int | None) -> tuple[Tensor, Tensor]:
    """The first `count` images and labels, or all; raises `UsageError` for more than there are."""
    have = len(validation[0])
    if count is not None and not 1 <= count <= have:
        raise UsageError(f"{count} validation images asked for; this data set has 1 … {have}")
    return validation[0][:count], validation[1][:count]


def held(given: Any, part: str, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """All images and labels of a part, in memory."""
    if isinstance(given, str | Path):
        return _pair(_arrays(Path(given)), part, device)
    if isinstance(given, DataLoader):
        with OwnRandomness(Stream(0).fork("validation"))():
            pairs = [_pair(some, f"mini-batch {n} of {part}", device) for n, some in enumerate(given, start=1)]
        if len({images.shape[1:] for images, _ in pairs}) != 1:
            raise DataError(
                f"the {part} loader gives images of shapes {sorted({tuple(i.shape[1:]) for i, _ in pairs})}; expected "
                "images of one shape"
            )
        return torch.cat([images for images, _ in pairs]), torch.cat([labels for _, labels in pairs])
    return _pair(given, part, device)


def _arrays(path: Path) -> tuple[np.ndarray, np.ndarray]:
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            return file["images"], file["labels"]
    except UNREADABLE as error:
        why = str(error).splitlines() or [type(error).__name__]
        raise DataError(f"{path}: cannot be read as .npz: {why[0]}") from None
    except (KeyError, AttributeError, TypeError):
        raise DataError(f"{path}: has not the arrays images and labels; expected both, of these names") from None


def _pair(given: Any, part: str, device: torch.device | str) -> tuple[Tensor, Tensor]:
    """Images and labels that belong together; raises `DataError` unless labels are integers, one for each image."""
    if not isinstance(given, tuple | list) or len(given) != 2:
        got = f"{len(given)} things" if isinstance(given, tuple | list) else f"a {type(given).__name__}"
        raise DataError(f"{part} is {got}; expected images and labels: {EXPECTED}")
    # PyTorch warns of arrays that cannot be written to, as those of `RawImages`: `require` copies them.
    images, labels = (torch.from_numpy(np.require(o, None, "W")) if isinstance(o, np.ndarray) else o for o in given)
    if not isinstance(images, Tensor) or not isinstance(labels, Tensor):
        raise DataError(
            f"{part} has {type(given[0]).__name__} and {type(given[1]).__name__}; expected two tensors or arrays"
        )
    if images.ndim < 2 or labels.shape != images.shape[:1] or not len(images):
        raise DataError(
            f"{part} has images of shape {tuple(images.shape)} and labels of {tuple(labels.shape)}; expected [image, …] "
            "and [image], one label for each image"
        )
    if labels.is_floating_point() or labels.dtype == torch.bool or labels.min() < 0:
        raise DataError(
            f"{part} has labels of {str(labels.dtype).removeprefix('torch.')} from {labels.min().item():g}; expected "
            "classes, as whole numbers from 0"
        )
    return images.to(device), labels.to(device, torch.int64)


def _require_floating(images: Tensor, part: str) -> None:
    if not images.is_floating_point():
        raise DataError(
            f"{part} images are {str(images.dtype).removeprefix('torch.')}; expected floating numbers: convert and "
            "normalise them in the loader, or give training and validation as arrays of bytes"
        )


def _require_plain(augment: Augmentation, what: str) -> None:
    if augment != Augmentation():
        raise UsageError(f"augment was given for {what}")
