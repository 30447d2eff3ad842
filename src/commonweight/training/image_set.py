"""A data set as tensors on one device, and batches of it, augmented there."""

from collections.abc import Iterator
from typing import Annotated

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from commonweight.errors import UsageError
from commonweight.images import RawImages
from commonweight.seeds import Stream
from commonweight.values import Flag, Index, value


@value
class Augmentation:
    """Random crop of the image padded by `padding` black pixels on each side, and a horizontal flip half of the time."""

    padding: Annotated[Index, Field(le=1000)] = 0
    flip: Flag = False


class ImageSet:
    """Training and validation images on `device`.

    Images are normalised per channel by mean and population deviation of all training pixels (a channel that never
    changes is only centred). Training images stay uint8 until their batch is made. Tensors are channels_last.
    Raises `UsageError` for more padding than the longer side of an image.
    """

    def __init__(
        self,
        raw: RawImages,
        augmentation: Augmentation = Augmentation(),  # noqa: B008  (it is frozen)
        device: torch.device | str = "cpu",
    ) -> None:
        self.classes = raw.classes
        self.augmentation = augmentation
        self.device = torch.device(device)
        self.train_count = len(raw.train_images)
        self.channels, self.height, self.width = raw.train_images.shape[1:]
        if augmentation.padding > max(self.height, self.width):
            raise UsageError(
                f"data.augment.padding: got {augmentation.padding} for images of {self.height} x {self.width}; at most "
                f"{max(self.height, self.width)}, since more of it shows only black"
            )
        pixels = raw.train_images.transpose(1, 0, 2, 3).reshape(self.channels, -1).astype(np.float64)
        deviation = pixels.std(axis=1)
        self._mean = torch.tensor(pixels.mean(axis=1), dtype=torch.float32, device=device)
        self._scale = torch.tensor(1 / np.where(deviation == 0, 1, deviation), dtype=torch.float32, device=device)
        margin = augmentation.padding
        padded = np.pad(raw.train_images.transpose(0, 2, 3, 1), ((0, 0), (margin, margin), (margin, margin), (0, 0)))
        self._train = torch.from_numpy(padded).to(device)  # [image, height, width, channel]
        self._train_labels = torch.tensor(raw.train_labels, device=device)
        validation = torch.from_numpy(np.array(raw.validation_images.transpose(0, 2, 3, 1), order="C")).to(device)
        self._validation = self._normalised(validation)
        self._validation_labels = torch.tensor(raw.validation_labels, device=device)

    def batches_per_epoch(self, batch: int) -> int:
        """Mini-batches in one pass over the training images; the last one takes what is left."""
        return -(-self.train_count // batch)

    def epoch(self, batch: int, order: Stream, augment: Stream, *, seen: int = 0) -> Iterator[tuple[Tensor, Tensor]]:
        """The mini-batches of one epoch: images `[batch, channel, height, width]`, labels `[batch]`.

        `order` decides which images come together, `augment` how they are cropped and flipped. All random numbers of
        the epoch are drawn on the host and cross to the device once. The first `seen` mini-batches are left out unmade.
        """
        permutation = torch.from_numpy(order.generator().permutation(self.train_count)).to(self.device)
        rows, columns = self._crops(augment)
        for index in permutation.split(batch)[seen:]:
            images = self._train[index[:, None, None], rows[index][:, :, None], columns[index][:, None, :]]
            yield self._normalised(images), self._train_labels[index]

    def validation(self, count: int | None = None) -> tuple[Tensor, Tensor]:
        """The first `count` validation images and labels, or all; never augmented."""
        have = len(self._validation)
        if count is not None and not 1 <= count <= have:
            raise UsageError(f"{count} validation images asked for; this data set has 1 … {have}")
        return self._validation[:count], self._validation_labels[:count]

    def _crops(self, augment: Stream) -> tuple[Tensor, Tensor]:
        """Rows `[image, height]` and columns `[image, width]` of the padded image that each training image shows."""
        rng = augment.generator()
        shifts = rng.integers(0, 2 * self.augmentation.padding + 1, size=(2, self.train_count, 1))
        rows = shifts[0] + np.arange(self.height)
        columns = shifts[1] + np.arange(self.width)
        if self.augmentation.flip:
            mirrored = rng.integers(0, 2, size=self.train_count).astype(bool)
            columns[mirrored] = columns[mirrored, ::-1]
        return torch.from_numpy(rows).to(self.device), torch.from_numpy(columns).to(self.device)

    def _normalised(self, images: Tensor) -> Tensor:
        """uint8 `[image, height, width, channel]` → float32 `[image, channel, height, width]`, channels_last."""
        return ((images.to(torch.float32) - self._mean) * self._scale).permute(0, 3, 1, 2)
