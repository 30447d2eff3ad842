"""A study whose images are not here yet: what it will take is planned on made-up ones of the same shape."""

import numpy as np

from commonweight.images import RawImages, Sizes, known_sizes
from commonweight.seeds import Stream
from commonweight.study.schema import DataSpec, Study
from commonweight.study.setting import Setting, own_primitives
from commonweight.study.work import require_available

FEW = 256  # made-up images of each part: more than any measurement looks at


def sizes_unseen(data: DataSpec) -> Sizes | None:
    """The sizes of data that is known by its name and has no path yet; None of data that must be looked at."""
    return known_sizes(data.name) if data.path is None else None


def settle_unseen(study: Study, sizes: Sizes) -> Setting:
    """The study on made-up images of these sizes: as many jobs as on the true ones, as long, and under other names.

    Raises `StudyError` when it asks for more images than there are.
    """
    data = study.data
    require_available(data, sizes.train_images, sizes.validation_images, sizes.side)
    raw = made_up(data)
    return Setting(
        study,
        raw.fingerprint,
        raw.train_images.shape[2:],
        data.train_images or sizes.train_images,
        data.sweep_images or sizes.validation_images,
        data.judge_images or sizes.validation_images,
        own_primitives(study),
    )


def made_up(data: DataSpec) -> RawImages:
    """A few images of noise in the shape of this data's, with labels of every class."""
    sizes = sizes_unseen(data)
    assert sizes is not None, f"data {data.name!r} must be looked at"
    side, rng = data.resize or sizes.side, Stream(0).fork("made-up images").generator()
    shape, labels = (FEW, sizes.channels, side, side), np.arange(FEW) % sizes.classes
    train, validation = (rng.integers(0, 256, shape, dtype=np.uint8) for _ in range(2))
    return RawImages(train, labels, validation, labels, sizes.classes)
