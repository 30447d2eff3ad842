"""PNG files are written here by hand; every picture must come back pixel by pixel, or be named."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from images.making import png
from PIL import Image

from commonweight.errors import DataError
from commonweight.images import pictures
from commonweight.images.pictures import read_pictures

SHAPES = st.tuples(st.integers(1, 4), st.sampled_from([1, 3]), st.integers(1, 6), st.integers(1, 6))


@given(images=hnp.arrays(np.uint8, SHAPES))
def test_reads_back_what_was_written(tmp_path_factory, images):
    path = tmp_path_factory.getbasetemp() / "last.png"
    path.write_bytes(png(images[-1]))
    read = read_pictures([*(("bytes", png(image)) for image in images[:-1]), ("a file", path)])
    assert read.dtype == np.uint8
    assert np.array_equal(read, images)
    assert read.flags.c_contiguous
    assert not read.flags.writeable


def encoded(mode, size=(4, 3), kind="PNG", **options):
    stream = io.BytesIO()
    Image.new(mode, size, 100).save(stream, kind, **options)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("kind", "mode"),
    [("WEBP", "RGB"), *((kind, mode) for kind in ("PNG", "JPEG", "BMP", "PPM") for mode in ("L", "RGB"))],
)
def test_formats(kind, mode):
    pixel = {"L": [100], "RGB": [100, 0, 0]}[mode]
    read = read_pictures([("name", encoded(mode, kind=kind, **({"lossless": True} if kind == "WEBP" else {})))])
    assert read.shape == (1, len(pixel), 3, 4)
    assert np.abs(read.astype(int) - np.array(pixel)[:, None, None]).max() <= 3  # JPEG is not exact


@pytest.mark.parametrize("mode", ["1", "P", "LA", "RGBA", "I;16"])
def test_other_modes_are_named(mode):
    with pytest.raises(DataError, match=rf"^second: got a picture of {mode} 4 x 3, expected 8-bit grey \(L\) or RGB;"):
        read_pictures([("first", encoded("L")), ("second", encoded(mode))])


@pytest.mark.parametrize(("mode", "size"), [("RGB", (4, 3)), ("L", (3, 4)), ("L", (4, 4)), ("RGB", (3, 4))])
def test_the_first_that_differs_is_named(mode, size):
    pictures = [("one", encoded("L")), ("two", encoded("L")), ("three", encoded(mode, size)), ("four", encoded("P"))]
    got = f"{mode} {size[0]} x {size[1]}"
    with pytest.raises(DataError, match=f"^three: got a picture of {got}, expected L 4 x 3 as one; bring all"):
        read_pictures(pictures)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "PPM", "WEBP"])
def test_a_picture_cut_anywhere_is_refused_or_whole(kind):
    noise = np.random.default_rng(0).integers(0, 256, (9, 8, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, kind)
    whole = read_pictures([("name", stream.getvalue())])
    refusals = []
    for length in range(len(stream.getvalue())):
        try:
            read = read_pictures([("name", stream.getvalue()[:length])])
        except DataError as error:
            refusals.append(str(error))
        else:
            assert np.array_equal(read, whole)  # only what stands behind the pixels was cut
    assert len(refusals) > 50
    assert all(line.startswith("name: cannot be read (") and "\n" not in line for line in refusals)


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded():
    """100 million grey pixels in 12 KB of PNG's header and zeros; Pillow itself would warn, and decode them."""
    size = (10_000, 10_000)
    header = struct.pack(">2I5B", *size, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(10_001))), (b"IEND", b"")]
    bomb = b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
    with pytest.raises(
        DataError, match=r"^name: got a picture of L 10000 x 10000, expected at most 16777216 pixels; make"
    ):
        read_pictures([("name", bomb)])


def test_as_many_pixels_as_a_picture_may_have(monkeypatch):
    monkeypatch.setattr(pictures, "MOST_PIXELS", 12)
    assert read_pictures([("name", encoded("RGB"))]).size == 3 * 12
    with pytest.raises(DataError, match="got a picture of RGB 4 x 4, expected at most 12 pixels"):
        read_pictures([("name", encoded("RGB", (4, 4)))])


def test_all_pictures_together_are_bounded(monkeypatch):
    monkeypatch.setattr(pictures, "MOST_BYTES", 3 * 36)
    assert read_pictures([("name", encoded("RGB"))] * 3).nbytes == 3 * 36
    with pytest.raises(
        DataError, match=r"^name: got 4 pictures of RGB 4 x 3, 144 bytes in memory, expected at most 108; make them"
    ):
        read_pictures([("name", encoded("RGB"))] * 4)


def test_formats_that_start_programs_are_not_tried(tmp_path):
    for content in (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 4 4\n", encoded("L", kind="GIF"), b"", b"text"):
        path = tmp_path / "picture.png"
        path.write_bytes(content)
        with pytest.raises(
            DataError, match=r"picture\.png: cannot be read \(not a picture\), expected one of PNG, JPEG"
        ):
            read_pictures([(str(path), path)])


def test_a_missing_file_and_none(tmp_path):
    with pytest.raises(DataError, match="absent: cannot be read"):
        read_pictures([("absent", tmp_path / "absent")])
    assert read_pictures([]).shape[0] == 0
