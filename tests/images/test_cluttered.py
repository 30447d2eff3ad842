"""cluttered10: what its page says it is, composed as a loop over single images would compose it."""

import re
import runpy
from collections import Counter
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import commonweight.images
from commonweight.images import RawImages, cluttered10, fashion14, load_raw
from commonweight.images.cluttered import Clutter, reduced

PAGE = Path(commonweight.images.__file__).with_name("cluttered10.md")


def test_it_is_what_its_page_says():
    raw = cluttered10()
    assert re.findall(r"\b[0-9a-f]{64}\b", PAGE.read_text(encoding="utf-8")) == [raw.fingerprint]
    assert load_raw("cluttered10") is raw
    assert (raw.train_images.shape, raw.validation_images.shape) == ((40_000, 1, 10, 10), (10_000, 1, 10, 10))
    assert raw.classes == 10


def test_every_prefix_is_balanced():
    for labels in (cluttered10().train_labels, cluttered10().validation_labels):
        for count in (10, 230, 10_000, len(labels)):
            assert set(Counter(labels[:count].tolist()).values()) == {count // 10}


def test_an_image_holds_its_garment_over_pieces_of_its_own_part():
    """Validation garments are all of one grey, training garments of another: no image shows the other part's."""
    flat = np.ones((20, 1, 14, 14), dtype=np.uint8)
    labels = np.arange(20) % 10
    raw = Clutter().composed(RawImages(100 * flat, labels, 60 * flat, labels, classes=10))
    assert set(np.unique(raw.train_images)) == {
        0,
        50,
        100,
    }  # canvas; garment over canvas; piece, or garment over a piece
    assert set(np.unique(raw.validation_images)) == {0, 30, 60}
    for image in raw.train_images[:, 0]:
        seen = np.argwhere(image > 0)
        assert any((image[y : y + 8, x : x + 8] > 0).all() for y in range(3) for x in range(3))
        assert len(seen) <= 64 + 6 * 16


def test_it_is_composed_as_written_out_image_by_image():
    rng = np.random.default_rng(3)
    source = RawImages(
        rng.integers(0, 256, (4, 1, 6, 6), dtype=np.uint8),
        np.arange(4),
        rng.integers(0, 256, (3, 1, 6, 6), dtype=np.uint8),
        np.arange(3),
        classes=4,
    )
    made = Clutter(canvas=7, garment=3, pieces=2, piece=2, times=2).composed(source)
    bits = np.random.PCG64(2026)

    def below(top, count):
        return [int(number) % top for number in bits.random_raw(count)]

    def places(side, within, count):
        numbers = below(within - side + 1, 2 * count)
        return list(zip(numbers[:count], numbers[count:], strict=True))

    for images, found in ((source.train_images, made.train_images), (source.validation_images, made.validation_images)):
        count, garments = len(found), images.reshape(-1, 3, 2, 3, 2)  # blocks of 2 × 2 pixels
        garments = np.floor(garments.mean(axis=(2, 4)) + 0.5).astype(int)
        expected = np.zeros((count, 7, 7), dtype=int)
        for _ in range(2):
            cuts = places(2, 3, count)
            whose = below(len(garments), count)
            for canvas, (y, x), who, (row, column) in zip(expected, cuts, whose, places(2, 7, count), strict=True):
                spot = canvas[row : row + 2, column : column + 2]
                spot[:] = np.maximum(spot, garments[who][y : y + 2, x : x + 2])
        for number, (row, column) in enumerate(places(3, 7, count)):
            spot = expected[number, row : row + 3, column : column + 3]
            spot[:] = (spot + garments[number % len(garments)]) // 2
        np.testing.assert_array_equal(found[:, 0], expected)


@pytest.mark.parametrize("side", [1, 3, 8, 14])
def test_pixels_are_shared_out_exactly(side):
    images = fashion14().validation_images[:2]
    for image, small in zip(images[:, 0], reduced(images, side), strict=True):
        for row in range(side):
            for column in range(side):
                total = Fraction(0)
                for y in range(14):
                    for x in range(14):
                        high = min(Fraction(14 * row + 14, side), y + 1) - max(Fraction(14 * row, side), y)
                        wide = min(Fraction(14 * column + 14, side), x + 1) - max(Fraction(14 * column, side), x)
                        total += max(high, Fraction(0)) * max(wide, Fraction(0)) * int(image[y, x])
                assert small[row, column] == int(total * side * side / 196 + Fraction(1, 2))


def test_the_tool_finds_the_deviations_that_accuracies_were_made_with():
    rng = np.random.default_rng(5)
    reached = 0.5 + rng.normal(0, 0.03, 4000) + rng.normal(0, 0.02, (3, 4000))
    tool = runpy.run_path(str(Path(__file__).parents[2] / "tools" / "part_children.py"))
    assert tool["deviations"](reached) == pytest.approx((0.03, 0.02), rel=0.05)
    assert tool["deviations"](reached[:, :1].repeat(9, axis=1))[0] == 0
