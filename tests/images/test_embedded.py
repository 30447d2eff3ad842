"""The shipped data set: what its page says of it, and that the script still makes it."""

import re
import subprocess
import sys
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import safetensors.numpy

from commonweight.errors import DataError
from commonweight.images import embedded, fashion14, load_raw, subset

SHIPPED = resources.files("commonweight.images")
SOURCE = Path("/usr/share/datasets/fashion-mnist")
SCRIPT = Path(__file__).parents[2] / "tools" / "make_fashion14.py"


def test_shapes_dtypes_and_balance():
    raw = fashion14()
    assert raw.train_images.shape == raw.validation_images.shape == (10_000, 1, 14, 14)
    assert raw.train_images.dtype == raw.validation_images.dtype == np.uint8
    assert raw.classes == 10
    for labels in (raw.train_labels, raw.validation_labels):
        assert labels.dtype == np.int64
        assert labels.tolist() == list(range(10)) * 1000  # 1000 of each, and every prefix balanced


def test_pictures_are_pictures():
    raw = fashion14()
    for images in (raw.train_images, raw.validation_images):
        assert images.min() == 0
        assert images.max() > 250
        assert len(np.unique(images.reshape(10_000, -1), axis=0)) == 10_000  # no two are alike
    trousers, bags = (raw.train_images[raw.train_labels == label].mean(axis=(0, 1)) for label in (1, 8))
    assert trousers[:, 0].mean() < 5  # the left edge: trousers are narrow,
    assert bags[:, 0].mean() > 20  # bags are wide


def test_fits_in_three_megabytes():
    assert len((SHIPPED / embedded.FASHION14).read_bytes()) < 3_000_000


def test_fingerprint_is_the_one_on_its_page():
    page = (SHIPPED / "fashion14.md").read_text(encoding="utf-8")
    assert re.findall(r"\b[0-9a-f]{64}\b", page) == [fashion14().fingerprint]
    assert "Permission is hereby granted, free of charge" in page
    assert "Zalando SE" in page


def test_load_raw_gives_it():
    assert load_raw("fashion14").fingerprint == fashion14().fingerprint


@pytest.mark.skipif(not SOURCE.is_dir(), reason=f"{SOURCE} is absent; apt install dataset-fashion-mnist")
def test_the_script_makes_the_shipped_file(tmp_path):
    out = tmp_path / "made.xz"
    run = subprocess.run([sys.executable, SCRIPT, "--out", out], capture_output=True, text=True, check=True)
    made = embedded.unpack(out.read_bytes(), embedded.FASHION14_CLASSES)
    assert made.fingerprint == fashion14().fingerprint
    assert made.fingerprint in run.stdout
    assert f"{out.stat().st_size} bytes" in run.stdout


def test_the_script_says_what_is_missing(tmp_path):
    out = tmp_path / "made.xz"
    run = subprocess.run(
        [sys.executable, SCRIPT, "--source", tmp_path, "--out", out], capture_output=True, text=True, check=False
    )
    assert run.returncode == 2
    assert "train-images-idx3-ubyte" in run.stderr
    assert "Traceback" not in run.stderr
    assert not out.exists()


def test_pack_and_unpack_are_inverse():
    small = subset(fashion14(), train_images=50, validation_images=30)
    assert embedded.unpack(embedded.pack(small), 10).fingerprint == small.fingerprint


def test_damage_is_refused(monkeypatch):
    small = subset(fashion14(), train_images=50, validation_images=30)
    packed = embedded.pack(small)
    for damaged in (b"", packed[:-1], packed[: len(packed) // 2], packed[:200] + b"\0\0\0\0" + packed[204:]):
        with pytest.raises(DataError, match="damaged bytes"):
            embedded.unpack(damaged, 10)
    with pytest.raises(DataError, match="damaged bytes"):
        embedded.unpack(embedded.lzma.compress(b"no safetensors"), 10)
    other = safetensors.numpy.save({"train_images": small.train_images})
    with pytest.raises(DataError, match="got arrays train_images, expected train_images, train_labels"):
        embedded.unpack(embedded.lzma.compress(other), 10)
    with pytest.raises(DataError, match="expected 0 to 8"):
        embedded.unpack(packed, 9)
    monkeypatch.setattr(embedded, "FASHION14", "absent.xz")
    with pytest.raises(DataError, match=r"absent\.xz: .*install commonweight again"):
        embedded.fashion14.__wrapped__()


def test_pack_refuses_labels_that_do_not_fit_in_a_byte():
    small = subset(fashion14(), train_images=10, validation_images=10)
    many = type(small)(small.train_images, small.train_labels, small.validation_images, small.validation_labels, 257)
    with pytest.raises(DataError, match="got 257 classes"):
        embedded.pack(many)
