"""RawImages and the reductions, against oracles that count image by image and pixel by pixel in fractions."""

import dataclasses
import math
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from commonweight.errors import DataError
from commonweight.images import RawImages, balanced, reduce, subset
from commonweight.images import raw as raw_module

LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=40).map(lambda labels: np.array(labels, np.uint8))


def make(*, train=12, validation=6, classes=3, channels=2, side=4, seed=0, **changed):
    rng = np.random.default_rng(seed)
    fields = {
        "train_images": rng.integers(0, 256, (train, channels, side, side), np.uint8),
        "train_labels": rng.integers(0, max(classes, 1), train),
        "validation_images": rng.integers(0, 256, (validation, channels, side, side), np.uint8),
        "validation_labels": rng.integers(0, max(classes, 1), validation),
        "classes": classes,
    }
    return RawImages(**(fields | changed))


# --- RawImages


def test_is_frozen_in_fields_and_in_memory():
    images, labels = np.zeros((2, 1, 3, 3), np.uint8), np.array([0, 1], np.uint8)
    raw = RawImages(images, labels, images[::-1], labels[::-1], 2)
    before = raw.fingerprint
    images[:], labels[:] = 9, 0
    for name in ("train_images", "train_labels", "validation_images", "validation_labels"):
        array = getattr(raw, name)
        assert array.flags.c_contiguous
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1
    assert raw.train_images.max() == 0
    assert raw.train_labels.tolist() == [0, 1]
    assert raw.train_labels.dtype == raw.validation_labels.dtype == np.int64
    assert dataclasses.replace(raw).fingerprint == before
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(raw, "classes", 3)  # noqa: B010 - a plain assignment is refused by pyright already


INVALID = {
    "float images": ({"train_images": np.zeros((12, 2, 4, 4))}, "got train images of float64"),
    "flat images": ({"validation_images": np.zeros((6, 16), np.uint8)}, "validation images .* 2 dimensions"),
    "no images": ({"train": 0}, "got train images of shape .*at least one"),
    "no channel": ({"channels": 0}, "at least one pixel"),
    "float labels": ({"train_labels": np.zeros(12)}, "got train labels of float64"),
    "bool labels": ({"train_labels": np.zeros(12, bool)}, "got train labels of bool"),
    "a label less": ({"validation_labels": np.zeros(5, int)}, r"shape \(5,\), expected integers of shape \(6,\)"),
    "column labels": ({"train_labels": np.zeros((12, 1), int)}, r"shape \(12, 1\)"),
    "label too large": ({"train_labels": np.full(12, 3)}, "got train labels from 3 to 3, expected 0 to 2"),
    "label negative": ({"validation_labels": np.full(6, -1)}, "got validation labels from -1 to -1"),
    "label beyond int64": ({"train_labels": np.full(12, 2**63 + 1, np.uint64)}, "train labels from 9223"),
    "two sizes": ({"validation_images": np.zeros((6, 2, 5, 4), np.uint8)}, r"\(2, 5, 4\), expected \(2, 4, 4\)"),
    "no classes": ({"classes": 0}, "got 0 classes, expected 1 to 65536; check the labels"),
    "too many classes": ({"classes": 2**16 + 1}, "got 65537 classes, expected 1 to 65536; check the labels"),
    "classes of a label of 2**62": ({"classes": 2**62 + 1}, "got 4611686018427387905 classes, expected 1 to 65536"),
}


@pytest.mark.parametrize("name", INVALID)
def test_invalid_values_cannot_be_made(name):
    changed, message = INVALID[name]
    with pytest.raises(DataError, match=message) as caught:
        make(**changed)
    assert "\n" not in str(caught.value)


def test_fingerprint_is_of_the_content():
    raw = make()
    assert len(bytes.fromhex(raw.fingerprint)) == 32
    assert make().fingerprint == raw.fingerprint
    assert make(train_labels=raw.train_labels.astype(np.uint8)).fingerprint == raw.fingerprint  # not of the dtype given
    assert make(train_labels=raw.train_labels.astype(">i4")).fingerprint == raw.fingerprint
    column_major = np.asfortranarray(raw.train_images)
    column_major.flags.writeable = False
    again = make(train_images=column_major)
    assert again.fingerprint == raw.fingerprint  # nor of the memory layout
    assert again.train_images.flags.c_contiguous


def test_fingerprint_sees_every_field_and_the_shape():
    raw = make()
    prints = [raw.fingerprint, dataclasses.replace(raw, classes=4).fingerprint]
    for name in ("train_images", "train_labels", "validation_images", "validation_labels"):
        changed = getattr(raw, name).copy()
        changed.flat[-1] = (changed.flat[-1] + 1) % 3
        prints.append(dataclasses.replace(raw, **{name: changed}).fingerprint)
    for shape in ((1, 4, 8), (8, 2, 2), (2, 8, 2)):
        images = {
            f"{part}_images": getattr(raw, f"{part}_images").reshape(-1, *shape) for part in ("train", "validation")
        }
        prints.append(dataclasses.replace(raw, **images).fingerprint)
    assert len(set(prints)) == len(prints)


# --- balanced


def deal(labels):
    """The oracle: go round the classes, and from each that has images left take the first."""
    piles = {label: [i for i, other in enumerate(labels) if other == label] for label in sorted(set(labels))}
    order = []
    while any(piles.values()):
        order += [pile.pop(0) for pile in piles.values() if pile]
    return order


def test_balanced_by_hand():
    labels = np.array([2, 2, 0, 2, 1, 0, 2])
    assert balanced(labels).tolist() == [2, 4, 0, 5, 1, 3, 6]
    assert balanced(labels, 4).tolist() == [2, 4, 0, 5]
    assert balanced(labels, 0).tolist() == []
    assert balanced(np.zeros(0, int)).tolist() == []


@given(LABELS, st.data())
def test_balanced_deals_the_classes_in_turn(labels, data):
    count = data.draw(st.integers(0, len(labels)))
    assert balanced(labels, count).tolist() == deal(labels.tolist())[:count]
    assert balanced(labels).tolist() == deal(labels.tolist())


@given(LABELS)
def test_every_prefix_is_as_balanced_as_the_classes_allow(labels):
    order = balanced(labels)
    assert sorted(order) == list(range(len(labels)))
    there = Counter(labels.tolist())
    for count in range(len(labels) + 1):
        taken = Counter(labels[order[:count]].tolist())
        for label in there:
            assert taken[label] == there[label] or taken[label] >= max(taken.values(), default=0) - 1


@pytest.mark.parametrize("count", [-1, 8])
def test_balanced_refuses_more_than_there_are(count):
    with pytest.raises(DataError, match=f"request for {count} images, expected 0 to 7"):
        balanced(np.zeros(7, int), count)


# --- reduce


def box(image, size):
    """The oracle, in fractions: every old pixel gives every new one the area that they share."""
    old, step = range(len(image)), Fraction(len(image), size)
    share = [[max(Fraction(0), min((i + 1) * step, j + 1) - max(i * step, j)) for j in old] for i in range(size)]
    mean = [
        [sum(ys[y] * xs[x] * image[y][x] for y in old if ys[y] for x in old if xs[x]) / step**2 for xs in share]
        for ys in share
    ]
    return [[math.floor(value + Fraction(1, 2)) for value in row] for row in mean]


SQUARES = st.integers(1, 9).flatmap(
    lambda side: hnp.arrays(np.uint8, st.tuples(st.integers(1, 2), st.integers(1, 2), st.just(side), st.just(side)))
)


@settings(deadline=None)
@given(SQUARES, st.data())
def test_reduce_is_the_area_mean_rounded_half_up(images, data):
    size = data.draw(st.integers(1, images.shape[-1]))
    expected = [[box(channel.tolist(), size) for channel in image] for image in images]
    reduced = reduce(images, size)
    assert reduced.dtype == np.uint8
    assert reduced.tolist() == expected


def test_every_sum_of_a_block_is_rounded_half_up():
    for block in range(4 * 255 + 1):  # all sums that four pixels can have
        pixels = np.array([[block // 4 + (i < block % 4) for i in range(4)]], np.uint8).reshape(1, 1, 2, 2)
        assert reduce(pixels, 1).item() == (block + 2) // 4


def test_whole_blocks_are_plain_means():
    images = np.random.default_rng(1).integers(0, 256, (3, 2, 12, 12), np.uint8)
    for size in (1, 2, 3, 4, 6, 12):
        side = 12 // size
        for i, c, y, x in np.ndindex(3, 2, size, size):
            block = [int(p) for p in images[i, c, y * side : (y + 1) * side, x * side : (x + 1) * side].flat]
            assert reduce(images, size)[i, c, y, x] == math.floor(sum(block) / len(block) + 0.5)


def test_reduce_keeps_flat_pictures_and_orientation():
    assert (reduce(np.full((1, 3, 32, 32), 255, np.uint8), 7) == 255).all()
    corner = np.zeros((1, 1, 5, 5), np.uint8)
    corner[0, 0, 0, 4] = 250  # above, right
    assert reduce(corner, 2)[0, 0].tolist() == [[0, 40], [0, 0]]  # 250 / 2.5**2


def test_reduce_does_not_depend_on_chunks(monkeypatch):
    images = np.random.default_rng(2).integers(0, 256, (11, 2, 7, 7), np.uint8)
    whole = reduce(images, 3)
    monkeypatch.setattr(raw_module, "CHUNK", 4)
    assert np.array_equal(reduce(images, 3), whole)


REFUSED = {
    "larger": (np.zeros((1, 1, 4, 4), np.uint8), 5, "size 5, expected 1 to 4"),
    "nothing": (np.zeros((1, 1, 4, 4), np.uint8), 0, "size 0, expected 1 to 4"),
    "not square": (np.zeros((1, 1, 4, 6), np.uint8), 2, "4 x 6, expected square"),
    "floats": (np.zeros((1, 1, 4, 4)), 2, "float64"),
    "one picture": (np.zeros((4, 4), np.uint8), 2, "2 dimensions"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_reduce_refuses(name):
    images, size, message = REFUSED[name]
    with pytest.raises(DataError, match=message):
        reduce(images, size)


# --- subset


def test_subset_is_balanced_then_reduced():
    raw = make(train=30, validation=20, side=6)
    small = subset(raw, train_images=10, validation_images=7, resize=4)
    for part, count in (("train", 10), ("validation", 7)):
        order = deal(getattr(raw, f"{part}_labels").tolist())[:count]
        images = [[box(channel.tolist(), 4) for channel in getattr(raw, f"{part}_images")[i]] for i in order]
        assert getattr(small, f"{part}_images").tolist() == images
        assert getattr(small, f"{part}_labels").tolist() == [getattr(raw, f"{part}_labels")[i] for i in order]
    assert small.classes == raw.classes


def test_none_leaves_a_part_as_it_is():
    raw = make()
    assert subset(raw).fingerprint == raw.fingerprint
    small = subset(raw, validation_images=2)
    assert np.array_equal(small.train_images, raw.train_images)
    assert len(small.validation_images) == 2


@given(seed=st.integers(0, 99), large=st.integers(1, 12), data=st.data())
def test_a_subset_of_a_subset_is_the_smaller_subset(seed, large, data):
    raw = make(seed=seed)
    small = data.draw(st.integers(1, large))
    assert subset(subset(raw, large), small).fingerprint == subset(raw, small).fingerprint


@pytest.mark.parametrize("count", [13, 0, -1])
def test_subset_refuses_more_than_there_are_and_none(count):
    with pytest.raises(DataError, match=f"got train_images = {count}, expected 1 to 12"):
        subset(make(), train_images=count)
    with pytest.raises(DataError, match=f"got validation_images = {count}, expected 1 to 12"):
        subset(make(validation=12), validation_images=count)
