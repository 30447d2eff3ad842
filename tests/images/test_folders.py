"""Image folders, made of hand-written PNG files."""

import numpy as np
import pytest
from images.making import png

from commonweight.errors import DataError
from commonweight.images import load_raw, read_image_folders

TRAIN = {"cat": ["b.png", "a.png"], "ape": ["z.PNG"], "dog": ["10.png", "9.png", "1.png"]}
TEST = {"dog": ["x.png"], "cat": ["y.png"], "ape": ["w.png", "v.png"]}


def image(word, channels=3):
    """A picture that only this word has."""
    return np.random.default_rng(list(word.encode())).integers(0, 256, (channels, 4, 5), np.uint8)


def write(folder, validation="test", channels=3, train=TRAIN, test=TEST):
    for part, classes in (("train", train), (validation, test)):
        for name, files in classes.items():
            (folder / part / name).mkdir(parents=True)
            for file in files:
                (folder / part / name / file).write_bytes(png(image(part + name + file, channels)))
    return folder


@pytest.mark.parametrize("validation", ["test", "val", "validation"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sorted_classes_and_sorted_pictures(tmp_path, validation, channels):
    write(tmp_path, validation, channels)
    (tmp_path / "train" / ".DS_Store").touch()
    (tmp_path / "train" / "cat" / ".hidden").touch()
    for raw in (read_image_folders(tmp_path), load_raw("images", str(tmp_path))):
        assert raw.classes == 3
        train = ["apez.PNG", "cata.png", "catb.png", "dog1.png", "dog10.png", "dog9.png"]
        assert raw.train_labels.tolist() == [0, 1, 1, 2, 2, 2]
        assert np.array_equal(raw.train_images, [image("train" + word, channels) for word in train])
        words = ["apev.png", "apew.png", "caty.png", "dogx.png"]
        assert raw.validation_labels.tolist() == [0, 0, 1, 2]
        assert np.array_equal(raw.validation_images, [image(validation + word, channels) for word in words])


def test_validation_goes_before_test(tmp_path):
    for count, name in enumerate(("test", "val", "validation"), start=1):
        write(tmp_path / name, name, train={"a": ["1.png"]}, test={"a": [f"{i}.png" for i in range(count)]})
        (tmp_path / name / name).rename(tmp_path / f"{name}-part")
    (tmp_path / "all" / "train").parent.mkdir()
    (tmp_path / "test" / "train").rename(tmp_path / "all" / "train")
    for count, name in enumerate(("test", "val", "validation"), start=1):
        (tmp_path / f"{name}-part").rename(tmp_path / "all" / name)
        assert len(read_image_folders(tmp_path / "all").validation_labels) == count


def test_pixels_and_classes_decide_not_names(tmp_path):
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    (two / "test" / "dog" / "x.png").rename(two / "test" / "dog" / "other.png")
    assert read_image_folders(one).fingerprint == read_image_folders(two).fingerprint
    (two / "test" / "dog" / "other.png").write_bytes(png(image("another")))
    assert read_image_folders(one).fingerprint != read_image_folders(two).fingerprint


def make(path, content=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)


WRONG = {
    "text in a class": ("train/cat/notes.txt", b"text", "train/cat/notes.txt: expected only pictures there"),
    "a folder in a class": ("test/cat/more.png", None, "more.png: expected only pictures there"),
    "a file beside the classes": ("train/labels.csv", b"", "train/labels.csv: expected only folders in"),
    "an empty class": ("train/eel", None, "train/eel: got no picture, expected at least one"),
    "a class only in train": (
        "train/eel/1.png",
        png(image("1")),
        "test: got no class eel, expected the classes of .*train",
    ),
    "a class only in test": (
        "test/eel/1.png",
        png(image("1")),
        "train: got no class eel, expected the classes of .*test",
    ),
    "another size": (
        *("test/cat/y.png", png(image("1")[:, :3])),
        r"test/cat/y.png: got a picture of RGB 5 x 3, expected RGB 5 x 4 as .*train/ape/z.PNG",
    ),
    "a grey one": ("train/dog/1.png", png(image("1", 1)), "train/dog/1.png: got a picture of L 5 x 4, expected RGB"),
    "a damaged one": ("train/dog/1.png", png(image("1"))[:50], r"train/dog/1.png: cannot be read \("),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_named(tmp_path, name):
    path, content, message = WRONG[name]
    make(write(tmp_path) / path, content)
    with pytest.raises(DataError, match=message) as caught:
        read_image_folders(tmp_path)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_missing_folders_are_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: expected a folder with train and test; give the path"):
        read_image_folders(tmp_path / "nowhere")
    with pytest.raises(DataError, match="got no one of validation, val, test; make it"):
        read_image_folders(tmp_path)
    (tmp_path / "val").mkdir()
    with pytest.raises(DataError, match="got no train; make it"):
        read_image_folders(tmp_path)
    (tmp_path / "train").mkdir()
    with pytest.raises(DataError, match="train: got no folder, expected one for each class; put them there"):
        read_image_folders(tmp_path)
    with pytest.raises(DataError, match="no path for data 'images', expected the folder with train/<class>/"):
        load_raw("images")
