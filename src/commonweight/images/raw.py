"""Images and labels as they are read, before any normalisation; and the ways to make a smaller data set of them."""

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from commonweight.errors import DataError
from commonweight.values import brief

MOST_CLASSES = 2**16  # ImageNet-21k has 21,841; a network has a row of weights for each
CHUNK = 4096  # images reduced at once: bounds the float64 copy (25 MB for 28 x 28)


@dataclass(frozen=True, eq=False)  # compare fingerprints: == of arrays is not a truth value
class RawImages:
    """Images uint8 [image, channel, height, width] and labels [image] in 0 … classes - 1, for training and validation.

    The arrays become contiguous and read-only, and labels become int64: what the caller changes later does not reach
    them. Raises `DataError` when a part is empty, has the wrong shape or dtype, or holds a label outside the classes, or
    when there are more than `MOST_CLASSES` of these.
    """

    __repr__ = brief

    train_images: np.ndarray
    train_labels: np.ndarray
    validation_images: np.ndarray
    validation_labels: np.ndarray
    classes: int

    def __post_init__(self) -> None:
        if not 1 <= self.classes <= MOST_CLASSES:
            raise DataError(
                f"got {self.classes} classes, expected 1 to {MOST_CLASSES}; check the labels, which count from 0"
            )
        for part in ("train", "validation"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            _require_images(images, f"{part} images")
            _require_labels(labels, f"{part} labels", len(images), self.classes)
            object.__setattr__(self, f"{part}_images", _own(images, np.uint8))
            object.__setattr__(self, f"{part}_labels", _own(labels, np.int64))
        if self.train_images.shape[1:] != self.validation_images.shape[1:]:
            raise DataError(
                f"got validation images of [channel, height, width] {self.validation_images.shape[1:]}, expected "
                f"{self.train_images.shape[1:]} as in training; bring both to one size"
            )

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex over the classes and every array's shape and bytes (labels as little-endian int64)."""
        digest = hashlib.sha256(f"classes {self.classes}\n".encode())
        for part in ("train", "validation"):
            images, labels = getattr(self, f"{part}_images"), getattr(self, f"{part}_labels")
            digest.update(f"{part} {images.shape}\n".encode())
            digest.update(images)
            digest.update(labels.astype("<i8", copy=False))
        return digest.hexdigest()


def balanced(labels: np.ndarray, count: int | None = None) -> np.ndarray:
    """Indices int64 [count] of the first `count` images (None: all) in an order that interleaves the classes.

    The order is: the first image of class 0, the first of class 1, …, the second of class 0, …; within a class the
    order of `labels` stays, and when a class runs out the others go on. So no class of any prefix exceeds another by
    more than one, unless that other has run out. Example: labels 1, 0, 0, 1, 0 give the indices 1, 0, 2, 3, 4. Raises
    `DataError` when there are fewer than `count` images.
    """
    count = len(labels) if count is None else count
    if not 0 <= count <= len(labels):
        raise DataError(f"got a request for {count} images, expected 0 to {len(labels)}, all there are; ask for fewer")
    by_class = np.argsort(labels, kind="stable")
    _, starts, sizes = np.unique(labels[by_class], return_index=True, return_counts=True)
    rank = np.empty(len(labels), np.int64)  # how many earlier images have the same label
    rank[by_class] = np.arange(len(labels)) - np.repeat(starts, sizes)
    return np.lexsort((labels, rank))[:count]


def reduce(images: np.ndarray, size: int) -> np.ndarray:
    """Square images uint8 [image, channel, height, height], shrunk to [image, channel, size, size] by area averaging.

    A new pixel is the mean over its area of the old picture, rounded half up; where height is a multiple of size this
    is the mean of a block of pixels. Exact: overlaps are counted in units of 1/size pixel, and the sums stay integers
    far below 2**53, so neither the machine nor the order of summation can change a pixel. Raises `DataError` for
    pictures that are not square or are smaller than `size`.
    """
    _require_images(images, "images")
    height, width = images.shape[2:]
    if height != width:
        raise DataError(f"got images of {height} x {width}, expected square ones; cut or pad them before reducing")
    if not 1 <= size <= height:
        raise DataError(f"got size {size}, expected 1 to {height}, the images' own; images are never enlarged")
    if size == height:
        return images
    overlap = _overlap(height, size).astype(np.float64)
    area = height * height  # of a new pixel, in the same units
    reduced = np.empty((*images.shape[:2], size, size), np.uint8)
    for start in range(0, len(images), CHUNK):
        total = (overlap @ images[start : start + CHUNK].astype(np.float64) @ overlap.T).astype(np.int64)
        reduced[start : start + CHUNK] = (2 * total + area) // (2 * area)
    return reduced


def subset(
    raw: RawImages, train_images: int | None = None, validation_images: int | None = None, resize: int | None = None
) -> RawImages:
    """The first `train_images` and `validation_images` in `balanced` order, reduced to `resize` x `resize` pixels.

    None leaves that part as it is: all images, in the order they have, or the size they have. Raises `DataError` when
    more images are asked for than there are, none at all, or larger ones.
    """
    parts = []
    for part, count in (("train", train_images), ("validation", validation_images)):
        images, labels = getattr(raw, f"{part}_images"), getattr(raw, f"{part}_labels")
        if count is not None:
            if not 1 <= count <= len(labels):
                raise DataError(
                    f"got {part}_images = {count}, expected 1 to {len(labels)}, all there are; ask for fewer"
                )
            chosen = balanced(labels, count)
            images, labels = images[chosen], labels[chosen]
        parts += [images if resize is None else reduce(images, resize), labels]
    return RawImages(*parts, classes=raw.classes)


def _overlap(height: int, size: int) -> np.ndarray:
    """Shared length int64 [new pixel, old pixel] along one side, in units where the side is height * size long."""
    new, old = np.arange(size)[:, None], np.arange(height)[None]
    shared = np.minimum((new + 1) * height, (old + 1) * size) - np.maximum(new * height, old * size)
    return np.maximum(shared, 0)


def _require_images(images: np.ndarray, what: str) -> None:
    if images.dtype != np.uint8 or images.ndim != 4:
        raise DataError(
            f"got {what} of {images.dtype} with {images.ndim} dimensions, expected uint8 "
            "[image, channel, height, width]; convert them"
        )
    if images.size == 0:
        raise DataError(
            f"got {what} of shape {images.shape}, expected at least one pixel of one image; check the source"
        )


def _require_labels(labels: np.ndarray, what: str, count: int, classes: int) -> None:
    if labels.dtype.kind not in "iu" or labels.shape != (count,):
        raise DataError(
            f"got {what} of {labels.dtype} and shape {labels.shape}, expected integers of shape ({count},), one for "
            "each image; check that images and labels belong together"
        )
    low, high = int(labels.min()), int(labels.max())
    if low < 0 or high >= classes:
        raise DataError(
            f"got {what} from {low} to {high}, expected 0 to {classes - 1} for {classes} classes; check the labels"
        )


def _own(array: np.ndarray, dtype: type[np.generic]) -> np.ndarray:
    """The array as contiguous, read-only memory; a copy unless it is that already."""
    if array.flags.writeable or not array.flags.c_contiguous or array.dtype != dtype:
        array = np.array(array, dtype, order="C")
        array.flags.writeable = False
    return array
