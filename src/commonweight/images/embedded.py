"""The data set that ships with the package: Fashion-MNIST at 14 x 14; `fashion14.md` tells where it comes from."""

import lzma
from functools import cache
from importlib import resources

import safetensors.numpy
from safetensors import SafetensorError

from commonweight.errors import DataError
from commonweight.images.raw import RawImages

FASHION14 = "fashion14.safetensors.xz"
FASHION14_CLASSES = 10
NAMES = ("train_images", "train_labels", "validation_images", "validation_labels")


@cache
def fashion14() -> RawImages:
    """10,000 training and 10,000 validation images uint8 [image, 1, 14, 14] of 10 kinds of clothing, 1,000 each.

    Both parts stand in `balanced` order, so every prefix is balanced. Read once per process: the value is immutable.
    """
    path = resources.files("commonweight.images") / FASHION14
    try:
        return unpack(path.read_bytes(), FASHION14_CLASSES)
    except (OSError, DataError) as error:
        raise DataError(f"{path}: {error}; install commonweight again") from None


def pack(raw: RawImages) -> bytes:
    """The four arrays as safetensors inside xz; labels as uint8, so at most 256 classes."""
    if raw.classes > 256:
        raise DataError(f"got {raw.classes} classes, expected at most 256; this format keeps labels in one byte")
    arrays = {name: getattr(raw, name).astype("u1") for name in NAMES}
    return lzma.compress(safetensors.numpy.save(arrays), preset=6 | lzma.PRESET_EXTREME)


def unpack(data: bytes, classes: int) -> RawImages:
    """The inverse of `pack`. Raises `DataError` when the bytes are damaged or hold other arrays."""
    try:
        arrays = safetensors.numpy.load(lzma.decompress(data))
    except (lzma.LZMAError, SafetensorError) as error:
        raise DataError(f"got damaged bytes ({error}), expected safetensors inside xz") from None
    if sorted(arrays) != sorted(NAMES):
        raise DataError(f"got arrays {', '.join(sorted(arrays))}, expected {', '.join(NAMES)}")
    return RawImages(*(arrays[name] for name in NAMES), classes=classes)
