"""`study.json`: what a run writes is what a report reads, with no image in sight."""

import json
from dataclasses import replace

import pytest
from tiny import all_images, tiny_study, write_idx_folder

from commonweight.errors import ResultMissing, StoreError, StudyError, UsageError
from commonweight.study.load import load_study
from commonweight.study.setting import Setting, settle
from commonweight.study.settled import STUDY_FILE, read_settled, require_same_study, write_settled

GONE = {"name": "images", "path": "/nowhere/ünï 'codé'", "resize": 7, "augment": {"padding": 2, "flip": True}}


def setting(**overrides):
    """A setting whose images do not exist: whoever looks for them fails."""
    return Setting(tiny_study(**({"data": GONE} | overrides)), "f" * 64, (7, 9), 128, 20, 30)


def changed(out, change):
    """The folder after `change` was made to what its study.json holds."""
    write_settled(setting(), out)
    content = json.loads((out / STUDY_FILE).read_text(encoding="utf-8"))
    change(content)
    (out / STUDY_FILE).write_text(json.dumps(content), encoding="utf-8")
    return out


@pytest.mark.parametrize(
    "overrides", [{}, {"training__lr_min": 1e-07, "about": "ünï: # and more"}, {"net__combine": "sum"}]
)
def test_what_is_written_is_read(tmp_path, overrides):
    some = setting(**overrides)
    write_settled(some, tmp_path / "out")
    assert read_settled(tmp_path / "out") == some
    assert [path.name for path in (tmp_path / "out").iterdir()] == [STUDY_FILE]


def test_a_later_one_takes_the_place_of_an_earlier_one(tmp_path):
    write_settled(setting(), tmp_path)
    write_settled(setting(seed=2), tmp_path)
    assert read_settled(tmp_path) == setting(seed=2)


def test_the_file_is_the_resolved_study_and_what_was_found(tmp_path):
    write_settled(setting(), tmp_path)
    content = json.loads((tmp_path / STUDY_FILE).read_text(encoding="utf-8"))
    found = content.pop("settled")
    assert content == setting().study.model_dump(mode="json")
    assert found.pop("data") == content["data"]
    assert len(found.pop("checksum")) == 64
    assert found == {
        "fingerprint": "f" * 64,
        "image_size": [7, 9],
        "train_images": 128,
        "sweep_images": 20,
        "judge_images": 30,
        "own": [],
    }


def test_it_is_a_study_file_too_whose_images_are_looked_at_anew(tmp_path):
    data = all_images("idx", write_idx_folder(tmp_path / "data"))
    before = settle(tiny_study(data=data))
    write_settled(before, tmp_path)
    study = load_study(tmp_path / STUDY_FILE)
    assert study == before.study
    write_idx_folder(tmp_path / "data", seed=1)
    assert settle(study).fingerprint != before.fingerprint == read_settled(tmp_path).fingerprint
    assert load_study(tmp_path / STUDY_FILE, {"data.resize": 3}).data.resize == 3
    with pytest.raises(StudyError, match="unknown key 'settled'"):
        load_study(tmp_path / STUDY_FILE, ["settled.train_images=3"])


def test_no_study_at_all(tmp_path):
    with pytest.raises(
        ResultMissing, match=r"^no study in .*: expected .*/study\.json; name the folder given to run --out$"
    ):
        read_settled(tmp_path)


DAMAGES = {
    "of an older version": (lambda content: content.pop("settled"), ResultMissing, "got no section 'settled'"),
    "a count is gone": (
        lambda content: content["settled"].pop("sweep_images"),
        StoreError,
        "settled.sweep_images is not",
    ),
    "a count of 0": (
        lambda content: content["settled"].update(train_images=0),
        StoreError,
        "settled.train_images is not what a run wrote",
    ),
    "one side of the images": (
        lambda content: content["settled"].update(image_size=[7]),
        StoreError,
        "settled.image_size.1 is not",
    ),
    "more than was written": (lambda content: content["settled"].update(x=1), StoreError, "settled.x is not"),
    "another number of the study": (lambda content: content.update(seed=3), StoreError, "it is not as a run wrote it"),
    "another number of the images": (
        lambda content: content["settled"].update(judge_images=29),
        StoreError,
        "it is not as a run wrote it",
    ),
    "another checksum": (
        lambda content: content["settled"].update(checksum="0" * 64),
        StoreError,
        "it is not as a run wrote it",
    ),
    "no section": (lambda content: content.update(settled=3), StoreError, "settled is not what a run wrote"),
    "other images": (
        lambda content: content["data"].update(resize=5),
        StoreError,
        "the section 'data' was changed after its images were looked at",
    ),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_cannot_be_relied_on_is_one_line_with_the_remedy(tmp_path, name):
    change, kind, message = DAMAGES[name]
    with pytest.raises(kind) as caught:
        read_settled(changed(tmp_path, change))
    assert type(caught.value) is kind
    assert str(caught.value).startswith(f"{tmp_path}/study.json: ")
    assert message in str(caught.value)
    assert str(caught.value).endswith(
        "; give the run command once more, which writes it and trains nothing that is stored"
    )
    assert "\n" not in str(caught.value)
    write_settled(setting(), tmp_path)  # the remedy
    assert read_settled(tmp_path) == setting()


def test_a_file_without_a_checksum_is_of_an_earlier_version(tmp_path):
    assert read_settled(changed(tmp_path, lambda content: content["settled"].pop("checksum"))) == setting()


def test_no_flipped_bit_goes_unseen(tmp_path):
    """It is told, or it changes no value, as one in a space may."""

    def told():
        try:
            return read_settled(tmp_path)
        except (StoreError, StudyError) as error:
            return str(error).partition(":")[0].partition(",")[0]

    write_settled(setting(), tmp_path)
    path = tmp_path / STUDY_FILE
    content = path.read_bytes()
    for place in range(0, len(content), 11):
        path.write_bytes(content[:place] + bytes([content[place] ^ (1 << place % 8)]) + content[place + 1 :])
        assert told() in (setting(), str(path)), place


def test_brackets_are_no_study(tmp_path):
    (tmp_path / STUDY_FILE).write_text("[" * 100_000, encoding="utf-8")
    with pytest.raises(StudyError, match=r"/study\.json, line 1: not valid YAML: more than 20 lists"):
        read_settled(tmp_path)
    require_same_study(setting(), tmp_path)


def test_an_invalid_study_is_told_as_everywhere(tmp_path):
    with pytest.raises(StudyError, match=r"/study\.json: training\.epochs: got 0; "):
        read_settled(changed(tmp_path, lambda content: content["training"].update(epochs=0)))
    (tmp_path / STUDY_FILE).write_text('{"name": ', encoding="utf-8")
    with pytest.raises(StudyError, match=r"/study\.json.*: not valid YAML"):
        read_settled(tmp_path)


OTHERS = {
    "one number": (lambda: setting(seed=2), "seed 1 there, 2 here"),
    "two numbers of a section": (
        lambda: setting(data=GONE | {"augment": {"padding": 0, "flip": False}}),
        "data.augment.padding 2 there, 0 here; data.augment.flip true there, false here; give another",
    ),
    "other images of the same form": (
        lambda: replace(setting(), fingerprint="0" * 64),
        f'settled.fingerprint "{"f" * 64}" there, "{"0" * 64}" here',
    ),
    "five numbers": (
        lambda: setting(seed=2, training__epochs=5, training__lr=0.5, net__cells=2, experiments__stack=1),
        " and 2 more; give another --out",
    ),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_folder_of_another_study_is_refused_with_the_differences(tmp_path, name):
    other, told = OTHERS[name]
    write_settled(setting(), tmp_path)
    with pytest.raises(UsageError) as caught:
        require_same_study(other(), tmp_path)
    assert type(caught.value) is UsageError
    assert str(caught.value).startswith(f"{tmp_path} holds another study: ")
    assert told in str(caught.value)
    assert str(caught.value).endswith(
        "; give another --out, or --replace-study to go on here with this one (stored jobs stay)"
    )
    assert "\n" not in str(caught.value)
    assert read_settled(tmp_path) == setting()


def test_words_make_no_other_study(tmp_path):
    require_same_study(setting(), tmp_path / "nothing here")
    write_settled(setting(), tmp_path)
    require_same_study(setting(), tmp_path)
    require_same_study(setting(name="x", about="y", data=GONE | {"path": "/moved"}), tmp_path)


def test_an_older_version_held_a_study_too(tmp_path):
    changed(tmp_path, lambda content: content.pop("settled"))
    require_same_study(setting(), tmp_path)
    with pytest.raises(UsageError, match="holds another study: seed 1 there, 2 here; give"):
        require_same_study(setting(seed=2), tmp_path)


def test_what_cannot_be_read_is_no_study(tmp_path):
    (tmp_path / STUDY_FILE).write_text('{"name": ', encoding="utf-8")
    require_same_study(setting(), tmp_path)
    for change, kind, _ in DAMAGES.values():
        if kind is StoreError:
            require_same_study(setting(seed=2), changed(tmp_path, change))
