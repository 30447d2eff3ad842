"""Images: normalisation and augmentation against NumPy, and which random stream decides what."""

from collections import Counter

import numpy as np
import oracle
import pytest
import torch

from commonweight.errors import UsageError
from commonweight.images import RawImages
from commonweight.seeds import Stream
from commonweight.training import Augmentation, ImageSet

ORDER, AUGMENT = Stream(0, ("data",)), Stream(0, ("augment",))
PLAIN = Augmentation()
PADDED = Augmentation(padding=2, flip=True)


def make(count: int = 30, augmentation: Augmentation = PLAIN) -> tuple[ImageSet, np.ndarray]:
    """Images 5 × 7 whose label is their own number, so that a batch tells which images it shows."""
    pixels = oracle.random_arrays(count, size=8, seed=1)[0][:, :, :5, :7]
    validation, labels = oracle.random_arrays(11, size=8, seed=2)
    raw = RawImages(pixels, np.arange(count), validation[:, :, :5, :7], labels, count)
    return ImageSet(raw, augmentation), pixels


def normalised(pixels: np.ndarray, train: np.ndarray) -> np.ndarray:
    channel = [train[:, c].astype(np.float64) for c in range(train.shape[1])]
    mean = np.array([c.mean() for c in channel]).reshape(1, -1, 1, 1)
    deviation = np.array([np.sqrt(((c - c.mean()) ** 2).mean()) for c in channel]).reshape(1, -1, 1, 1)
    return (pixels - mean) / deviation


def whole_epoch(data: ImageSet, batch: int = 8, order: Stream = ORDER, augment: Stream = AUGMENT):
    batches = list(data.epoch(batch, order, augment))
    return torch.cat([images for images, _ in batches]), torch.cat([labels for _, labels in batches])


@pytest.mark.parametrize("seen", range(5))
def test_what_was_seen_of_an_epoch_is_left_out_unmade(seen, monkeypatch):
    data, _ = make(augmentation=PADDED)
    batches, made = list(data.epoch(8, ORDER, AUGMENT)), []
    normalised = data._normalised
    monkeypatch.setattr(data, "_normalised", lambda images: made.append(len(images)) or normalised(images))
    rest = list(data.epoch(8, ORDER, AUGMENT, seen=seen))
    assert made == [len(images) for images, _ in batches[seen:]]
    for ours, theirs in zip(rest, batches[seen:], strict=True):
        assert all(torch.equal(*pair) for pair in zip(ours, theirs, strict=True))


def test_normalisation():
    data, pixels = make()
    images, labels = whole_epoch(data)
    assert images.dtype == torch.float32
    assert labels.dtype == torch.int64
    np.testing.assert_allclose(images, normalised(pixels, pixels)[labels], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(images.double().mean(dim=(0, 2, 3)), 0, atol=1e-5)
    np.testing.assert_allclose(images.double().std(dim=(0, 2, 3), correction=0), 1, rtol=1e-5)


def test_validation_is_normalised_by_the_training_images_and_never_augmented():
    data, pixels = make(augmentation=PADDED)
    validation, labels = oracle.random_arrays(11, size=8, seed=2)
    images, targets = data.validation()
    np.testing.assert_allclose(images, normalised(validation[:, :, :5, :7], pixels), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(targets, labels)
    assert targets.dtype == torch.int64


def test_a_channel_that_never_changes_is_only_centred():
    pixels, labels = oracle.random_arrays(10)
    pixels[:, 1] = 7
    data = ImageSet(RawImages(pixels, labels, pixels[:4], labels[:4], 4))
    images, _ = data.validation()
    assert torch.equal(images[:, 1], torch.zeros_like(images[:, 1]))
    assert torch.isfinite(images).all()


@pytest.mark.parametrize(("count", "batch", "sizes"), [(30, 8, [8, 8, 8, 6]), (30, 10, [10] * 3), (5, 9, [5])])
def test_an_epoch_shows_every_image_once(count, batch, sizes):
    data, _ = make(count, PADDED)
    batches = list(data.epoch(batch, ORDER, AUGMENT))
    assert [len(images) for images, _ in batches] == sizes
    assert data.batches_per_epoch(batch) == len(sizes)
    assert all(images.shape[1:] == (3, 5, 7) for images, _ in batches)
    assert sorted(torch.cat([labels for _, labels in batches]).tolist()) == list(range(count))


def test_the_paper_has_196_batches_the_last_of_80():
    data, _ = make(4)
    data.train_count = 50_000
    assert data.batches_per_epoch(256) == 196
    assert 50_000 - 195 * 256 == 80


def crops(image: np.ndarray, train: np.ndarray, padding: int, flips: tuple[bool, ...]):
    """Every picture that augmentation may make of one image: black is padded first, then everything is normalised."""
    _, height, width = image.shape
    black = np.pad(image, ((0, 0), (padding, padding), (padding, padding)))
    for top in range(2 * padding + 1):
        for left in range(2 * padding + 1):
            window = black[:, top : top + height, left : left + width]
            for flip in flips:
                shown = window[:, :, ::-1] if flip else window
                yield (top, left, flip), normalised(shown[None], train)[0]


@pytest.mark.parametrize(
    ("augmentation", "flips"),
    [
        (PLAIN, (False,)),
        (Augmentation(padding=1), (False,)),
        (Augmentation(flip=True), (False, True)),
        (PADDED, (False, True)),
    ],
)
def test_crops_and_flips_are_all_of_the_possible_ones_equally_often(augmentation, flips):
    data, pixels = make(40, augmentation)
    padding, seen = augmentation.padding, Counter()
    possible = [list(crops(image, pixels, padding, flips)) for image in pixels]
    for epoch in range(10):
        images, labels = whole_epoch(data, augment=AUGMENT.fork(epoch))
        for shown, label in zip(images.numpy(), labels.tolist(), strict=True):
            matches = [key for key, picture in possible[label] if np.allclose(shown, picture, rtol=1e-4, atol=1e-4)]
            assert len(matches) == 1
            seen.update(matches)
    assert seen.total() == 400
    for place in range(3):  # row, column, flip: each value about equally often
        marginal = Counter()
        for key, times in seen.items():
            marginal[key[place]] += times
        values = len(flips) if place == 2 else 2 * padding + 1
        assert len(marginal) == values
        expected = 400 / values
        assert sum((times - expected) ** 2 / expected for times in marginal.values()) < 18.5  # 0.1%, 4 degrees


def test_padding_that_could_show_only_black():
    assert make(augmentation=Augmentation(padding=7))[0].train_count == 30
    with pytest.raises(
        UsageError, match=r"^data\.augment\.padding: got 8 for images of 5 x 7; at most 7, since more of it"
    ):
        make(augmentation=Augmentation(padding=8))


def test_order_and_augmentation_are_apart():
    data, _ = make(augmentation=PADDED)
    images, labels = whole_epoch(data)
    same_images, same_labels = whole_epoch(data)
    assert torch.equal(images, same_images)
    assert torch.equal(labels, same_labels)

    other_look, same_order = whole_epoch(data, augment=AUGMENT.fork("other"))
    assert torch.equal(labels, same_order)
    assert not torch.equal(images, other_look)

    same_look, other_order = whole_epoch(data, order=ORDER.fork("other"))
    assert not torch.equal(labels, other_order)
    assert torch.equal(images[labels.argsort()], same_look[other_order.argsort()])


def test_batch_size_changes_neither_order_nor_look():
    data, _ = make(augmentation=PADDED)
    for first, second in zip(whole_epoch(data, 8), whole_epoch(data, 7), strict=True):
        assert torch.equal(first, second)


def test_flips_do_not_shift_the_crops():
    flipping, _ = make(augmentation=Augmentation(2, flip=True))
    straight, _ = make(augmentation=Augmentation(2, flip=False))
    (images, _), (upright, _) = whole_epoch(flipping), whole_epoch(straight)
    either = [torch.equal(a, b) or torch.equal(a.flip(-1), b) for a, b in zip(images, upright, strict=True)]
    assert all(either)
    assert not torch.equal(images, upright)


@pytest.mark.parametrize("count", [1, 5, 11, None])
def test_the_first_validation_images(count):
    data, _ = make()
    images, labels = data.validation()
    some, their_labels = data.validation(count)
    assert len(some) == len(their_labels) == (count or 11)
    assert torch.equal(some, images[:count])
    assert torch.equal(their_labels, labels[:count])


@pytest.mark.parametrize("count", [0, -1, 12])
def test_validation_images_that_do_not_exist(count):
    data, _ = make()
    with pytest.raises(UsageError, match=rf"{count} validation images asked for; this data set has 1 … 11"):
        data.validation(count)


def test_images_are_channels_last():
    data, _ = make(augmentation=PADDED)
    for images, _ in (*data.epoch(8, ORDER, AUGMENT), data.validation()):
        assert images.is_contiguous(memory_format=torch.channels_last)


def test_everything_is_on_the_device():
    """On `meta`: a tensor left on the processor would be refused where the two meet."""
    pixels, labels = oracle.random_arrays(30)
    data = ImageSet(RawImages(pixels, labels, pixels[:5], labels[:5], 4), PADDED, device="meta")
    for images, targets in (*data.epoch(8, ORDER, AUGMENT), data.validation(3)):
        assert images.device.type == targets.device.type == "meta"
    assert data.device == torch.device("meta")


@pytest.mark.parametrize("channels", [1, 3])
def test_read_only_arrays_are_fine(channels):
    """`RawImages` lets nobody write to them; a warning is an error here."""
    pixels, labels = oracle.random_arrays(20, channels=channels)
    data = ImageSet(RawImages(pixels, labels, pixels, labels, 4), PADDED)
    assert whole_epoch(data)[0].shape == (20, channels, 6, 6)


def test_global_generators_are_left_alone():
    data, _ = make(augmentation=PADDED)
    with oracle.global_generators_left_alone():
        whole_epoch(data)
