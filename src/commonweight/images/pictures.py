"""Picture files of one size, decoded by Pillow into one array."""

import io
import struct
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from commonweight.errors import DataError
from commonweight.images.bounds import MOST_BYTES

FORMATS = ("PNG", "JPEG", "BMP", "PPM", "WEBP")
"""What Pillow may take a picture for; some of its other formats start programs."""

MOST_PIXELS = 2**24  # of one picture, 4096 x 4096: a small file can claim to be much more

CHANNELS = {"L": 1, "RGB": 3}  # Pillow's names of 8-bit grey and colour

VALIDATION = ("validation", "val", "test")
"""Names of the validation part of a data set, the first that is there; `test` is left alone where others exist."""


def read_pictures(pictures: Sequence[tuple[str, Path | bytes]]) -> np.ndarray:
    """Images uint8 [image, channel, height, width], read-only, of files or their contents, each with its name.

    8-bit grey or RGB, as stored: no picture is converted, scaled or turned. Raises `DataError` that names the first that
    cannot be read, has more than `MOST_PIXELS`, or differs from the first of all in mode or size; and when all together
    have more than `MOST_BYTES`, before these are taken.
    """
    images = np.empty((0, 0, 0, 0), np.uint8)
    first = ""
    for position, (name, content) in enumerate(pictures):
        pixels, looks = _decoded(name, content)
        if position == 0:
            first, size = looks, len(pictures) * pixels.size
            if size > MOST_BYTES:
                raise DataError(
                    f"{name}: got {len(pictures)} pictures of {looks}, {size} bytes in memory, expected at most "
                    f"{MOST_BYTES}; make them smaller or fewer"
                )
            images = np.empty((len(pictures), *pixels.shape), np.uint8)
        elif looks != first:
            raise DataError(
                f"{name}: got a picture of {looks}, expected {first} as {pictures[0][0]}; bring all to one size and mode"
            )
        images[position] = pixels
    images.flags.writeable = False
    return images


def _decoded(name: str, content: Path | bytes) -> tuple[np.ndarray, str]:
    """Pixels uint8 [channel, height, width], and mode and size as a message says them."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # at more than our own `MOST_PIXELS`
            opened = Image.open(io.BytesIO(content) if isinstance(content, bytes) else content, formats=FORMATS)
        with opened as image:
            mode, looks = image.mode, f"{image.mode} {image.width} x {image.height}"
            if mode not in CHANNELS:
                raise DataError(
                    f"{name}: got a picture of {looks}, expected 8-bit grey (L) or RGB; convert all pictures"
                )
            if image.width * image.height > MOST_PIXELS:
                raise DataError(
                    f"{name}: got a picture of {looks}, expected at most {MOST_PIXELS} pixels; make it smaller"
                )
            pixels = np.asarray(image)
    except (OSError, EOFError, SyntaxError, ValueError, struct.error, Image.DecompressionBombError) as error:
        why = "not a picture" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise DataError(
            f"{name}: cannot be read ({why}), expected one of {', '.join(FORMATS)}; fetch it again"
        ) from None
    return pixels.reshape(*pixels.shape[:2], CHANNELS[mode]).transpose(2, 0, 1), looks
