"""The embedded task that parts the children: a garment somewhere in front of pieces of other garments.

`cluttered10.md` tells how it was chosen: by which figure, on which children and seeds, and what else was tried.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

from commonweight.images.embedded import fashion14
from commonweight.images.raw import RawImages


@dataclass(frozen=True)
class Clutter:
    """How an image is composed; all lengths in pixels, all shapes squares.

    Behind the garment lie `pieces`, each cut from a garment at random and laid at random on a black canvas; of two that
    overlap the brighter pixel is seen. Where the garment stands, a pixel is the mean of its and of what lies behind it.
    `times` training images show the same garment, each elsewhere and in front of other pieces.
    """

    canvas: int = 10
    garment: int = 8
    pieces: int = 6
    piece: int = 4
    times: int = 4

    def composed(self, source: RawImages) -> RawImages:
        """The data set, `times` as many training images as the source has, as many for validation; the same every time.

        The source's images are `[image, 1, size, size]`. Garments and pieces of one part come from that part alone, and the
        order of its labels stays, so that what was `balanced` is. Numbers are drawn from the raw ones of a PCG64, which NumPy
        promises to keep.
        """
        bits = np.random.PCG64(2026)
        train = self._images(source.train_images, self.times * len(source.train_images), bits)
        validation = self._images(source.validation_images, len(source.validation_images), bits)
        labels = np.tile(source.train_labels, self.times)
        return RawImages(train, labels, validation, source.validation_labels, classes=source.classes)

    def _images(self, images: np.ndarray, count: int, bits: np.random.PCG64) -> np.ndarray:
        """uint8 `[count, 1, canvas, canvas]`; number i shows garment number i modulo how many there are."""
        garments = reduced(images, self.garment)
        canvas = np.zeros((count, self.canvas, self.canvas), dtype=np.uint8)
        image = np.arange(count)[:, None, None]
        for _ in range(self.pieces):
            cut = _squares(self.piece, self.garment, count, bits)
            piece = garments[(_below(len(garments), count, bits)[:, None, None], *cut)]
            laid = (image, *_squares(self.piece, self.canvas, count, bits))
            canvas[laid] = np.maximum(canvas[laid], piece)
        stands = (image, *_squares(self.garment, self.canvas, count, bits))
        canvas[stands] = (canvas[stands].astype(np.uint16) + garments[np.arange(count) % len(garments)]) // 2
        return canvas[:, None]


@cache
def cluttered10() -> RawImages:
    """40,000 training and 10,000 validation images uint8 [image, 1, 10, 10] of 10 kinds of clothing, made from `fashion14`.

    Both parts stand in `balanced` order, so every prefix is balanced. Made once per process, in half a second: the value is
    immutable.
    """
    return Clutter().composed(fashion14())


def reduced(images: np.ndarray, side: int) -> np.ndarray:
    """uint8 `[image, 1, size, size]` → `[image, side, side]`, side at most size: means of areas, rounded half up.

    Computed in whole numbers, hence the same on every machine. Example: of two columns with 10 and 40, side 1 gives 25; of
    three with 0, 30 and 60, side 2 gives 10 and 50, since the middle one is shared out.
    """
    size = images.shape[-1]
    shares = np.eye(size, dtype=np.int32).repeat(side, axis=0).reshape(side, size, size).sum(axis=1)
    sums = shares @ images[:, 0].astype(np.int32) @ shares.T  # of size × size shares of pixels
    return ((2 * sums + size * size) // (2 * size * size)).astype(np.uint8)


def _squares(side: int, within: int, count: int, bits: np.random.PCG64) -> tuple[np.ndarray, np.ndarray]:
    """Rows `[count, side, 1]` and columns `[count, 1, side]` of squares at random places of a larger square."""
    first = _below(within - side + 1, 2 * count, bits).reshape(2, count, 1)
    rows, columns = first + np.arange(side)
    return rows[:, :, None], columns[:, None, :]


def _below(top: int, count: int, bits: np.random.PCG64) -> np.ndarray:
    """`count` whole numbers from 0 to `top` - 1."""
    return (bits.random_raw(count) % np.uint64(top)).astype(np.int64)
