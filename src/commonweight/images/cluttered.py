"""The embedded task that parts the children: a garment somewhere in front of pieces of other garments.

`cluttered10.md` tells how it is made, which settings were tried, and by which figure this one was chosen.
"""

from functools import cache

import numpy as np

from commonweight.images.embedded import fashion14
from commonweight.images.raw import RawImages

CANVAS, GARMENT, PIECES, PIECE = 10, 8, 6, 4
TIMES = 4
"""How many training images show the same garment, each elsewhere and in front of other pieces."""


@cache
def cluttered10() -> RawImages:
    """40,000 training and 10,000 validation images uint8 [image, 1, 10, 10] of 10 kinds of clothing.

    Both parts stand in `balanced` order, so every prefix is balanced. Made from `fashion14` in under a second, the same on
    every machine: the value is immutable, and no garment of one part is seen in the other.
    """
    source = fashion14()
    bits = np.random.PCG64(2026)  # whose raw numbers NumPy promises to keep
    train = _composed(source.train_images, TIMES * len(source.train_images), bits)
    validation = _composed(source.validation_images, len(source.validation_images), bits)
    labels = np.tile(source.train_labels, TIMES)
    return RawImages(train, labels, validation, source.validation_labels, classes=source.classes)


def _composed(images: np.ndarray, count: int, bits: np.random.PCG64) -> np.ndarray:
    """uint8 `[count, 1, CANVAS, CANVAS]`; number i shows garment number i modulo how many there are.

    Behind it lie `PIECES` squares of `PIECE` × `PIECE` pixels, each cut from a garment at random and laid at random; of two
    that overlap the brighter pixel is seen. Where the garment stands, a pixel is the mean of its and of what lies behind it.
    """
    garments = _reduced(images)
    canvas = np.zeros((count, CANVAS, CANVAS), dtype=np.uint8)
    image = np.arange(count)[:, None, None]
    for _ in range(PIECES):
        rows, columns = _squares(PIECE, GARMENT, count, bits)
        piece = garments[_below(len(garments), count, bits)[:, None, None], rows, columns]
        rows, columns = _squares(PIECE, CANVAS, count, bits)
        canvas[image, rows, columns] = np.maximum(canvas[image, rows, columns], piece)
    rows, columns = _squares(GARMENT, CANVAS, count, bits)
    behind = canvas[image, rows, columns].astype(np.uint16)
    canvas[image, rows, columns] = (behind + garments[np.arange(count) % len(garments)]) // 2
    return canvas[:, None]


def _reduced(images: np.ndarray) -> np.ndarray:
    """uint8 `[image, 1, size, size]` → `[image, GARMENT, GARMENT]`: means of areas, rounded half up, in whole numbers."""
    size = images.shape[-1]
    shares = np.eye(size, dtype=np.int32).repeat(GARMENT, axis=0).reshape(GARMENT, size, size).sum(axis=1)
    sums = shares @ images[:, 0].astype(np.int32) @ shares.T  # of size × size shares of pixels
    return ((2 * sums + size * size) // (2 * size * size)).astype(np.uint8)


def _squares(side: int, within: int, count: int, bits: np.random.PCG64) -> tuple[np.ndarray, np.ndarray]:
    """Rows `[count, side, 1]` and columns `[count, 1, side]` of squares at random places of a larger square."""
    first = _below(within - side + 1, 2 * count, bits).reshape(2, count, 1)
    lines = first + np.arange(side)
    return lines[0][:, :, None], lines[1][:, None, :]


def _below(top: int, count: int, bits: np.random.PCG64) -> np.ndarray:
    """`count` whole numbers from 0 to `top` - 1."""
    return (bits.random_raw(count) % np.uint64(top)).astype(np.int64)
