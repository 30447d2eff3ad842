"""From files and `--set` words to studies. What a value may be is tested in `test_schema`."""

import json

import pytest
from tiny import TINY, tiny_study

from commonweight.errors import StudyError
from commonweight.net import Combine, Frame
from commonweight.space import NAS_BENCH_201
from commonweight.study.load import dump_study, load_study, shipped_studies
from commonweight.study.schema import SampleSpec
from commonweight.training import Augmentation

GOOD = "name: mine\ndata: {name: fashion14}\n"


def write(folder, text):
    path = folder / "study.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["paper", "quick", "small", "smoke"])
def test_shipped_studies_load(name):
    study = load_study(name)
    assert study.name == name
    assert study.about
    assert len(study.space) == 64


def test_the_study_of_nas_bench_201():
    """The benchmark's cell between its stem, reductions and head; super-nets train all of it, a sample is ranked."""
    study = load_study("nb201")
    assert study.about
    assert study.space == NAS_BENCH_201
    assert (study.net.frame, study.net.combine, study.net.stacks) == (Frame.NAS_BENCH_201, Combine.LAST, 3)
    assert study.sample == SampleSpec(children=100)


def test_the_shipped_studies():
    assert shipped_studies() == ("nb201", "paper", "quick", "small", "smoke")


def test_the_paper_study_has_the_papers_settings():
    study = load_study("paper")
    assert study.data.name == "cifar10"
    assert (study.data.train_images, study.data.sweep_images, study.data.judge_images) == (None, None, None)
    assert study.data.augment == Augmentation(padding=4, flip=True)
    assert (study.training.epochs, study.training.batch, study.experiments.instances) == (200, 256, 10)


@pytest.mark.parametrize("name", ["paper", "quick", "small", "smoke"])
def test_what_is_dumped_loads_as_the_same_study(tmp_path, name):
    study = load_study(name, {"training.lr_min": 1e-07, "about": "ünï: 'codé' # and more"})
    assert load_study(write(tmp_path, dump_study(study))) == study
    assert load_study(write(tmp_path, study.model_dump_json(indent=1))) == study  # study.json, where 1e-07 has no dot


def test_a_dumped_study_says_everything():
    dumped = dump_study(load_study("smoke"))
    for section, keys in json.loads(load_study("smoke").model_dump_json()).items():
        assert f"{section}:" in dumped
        for key in keys if isinstance(keys, dict) else ():
            assert f"{key}:" in dumped


def test_a_file_and_its_path_as_text(tmp_path):
    path = write(tmp_path, GOOD)
    assert load_study(path) == load_study(str(path))
    assert load_study(path).name == "mine"


@pytest.mark.parametrize("text", ["1e-3", "1E-3", "1.e-3", "0.001", "1.0e-3", ".1e-2", "+1e-3"])
def test_numbers_as_people_write_them(text):
    assert load_study("smoke", [f"training.weight_decay={text}"]).training.weight_decay == 0.001


def test_overrides_as_words_and_as_a_mapping():
    words = [f"{key}={json.dumps(value)}" for key, value in TINY.items()]
    assert load_study("smoke", words) == load_study("smoke", TINY) == tiny_study()
    assert load_study("smoke", ["data.augment={padding: 2}"]).data.augment.padding == 2
    assert load_study("smoke", ["data.augment.padding=2"]).data.augment.padding == 2  # a section the file leaves out
    assert load_study("smoke", ["space.primitives=[sep_conv_3x3, none]"]).space.primitives == ("sep_conv_3x3", "none")
    assert load_study("smoke", ["about=a=b"]).about == "a=b"
    assert load_study("smoke", ["training.lr = 0.5"]).training.lr == 0.5
    assert load_study("smoke", ["training.epochs=3", "training.epochs=4"]).training.epochs == 4  # the last one counts
    assert load_study("smoke", iter(["training.epochs=3"])).training.epochs == 3
    assert load_study("smoke") == load_study("smoke", [])


@pytest.mark.parametrize("override", [{"training": {"epochs": 3}}, ["training={epochs: 3}"], {"training.epochs": 3}])
def test_what_an_override_does_not_name_of_a_section_stays(override):
    before, after = (load_study("smoke", more).model_dump(mode="json") for more in ((), override))
    before["training"]["epochs"] = 3
    assert after == before
    assert before["training"]["batch"] == 16  # the study's, and not the default


def test_sections_inside_sections_stay_too():
    study = load_study("paper", {"data": {"augment": {"flip": False}}})
    assert study.data.augment == Augmentation(padding=4, flip=False)
    assert load_study("smoke", {"space": {"primitives": ["none", "conv_1x1"]}}).space.nodes == 2
    assert load_study("smoke", {"data": {"resize": None}}).data.resize is None


def test_a_study_from_a_mapping(tmp_path):
    content = {"name": "mine", "data": {"name": "fashion14", "augment": {"padding": 1}}}
    written = write(tmp_path, json.dumps(content))
    assert load_study(content) == load_study(written)
    assert load_study(content, {"data.augment.flip": True}).data.augment == Augmentation(padding=1, flip=True)
    assert content == {"name": "mine", "data": {"name": "fashion14", "augment": {"padding": 1}}}  # untouched
    assert load_study(load_study("smoke").model_dump(mode="json")) == load_study("smoke")
    with pytest.raises(StudyError, match=r"^the study's mapping: missing key 'data'$"):
        load_study({"name": "mine"})
    nested = {}
    for _ in range(3000):
        nested = {"a": nested}
    for words in ((nested,), ("smoke", nested)):
        with pytest.raises(StudyError, match="more than 20 mappings in each other"):
            load_study(*words)


def test_fewer_epochs_than_the_last_ones_compare_all():
    study = load_study("quick", ["training.epochs=3"])
    assert (load_study("quick").last_epochs, study.last_epochs, study.experiments.last_epochs) == (4, 3, 4)


def test_overrides_do_not_stick():
    load_study("smoke", {"training.epochs": 7})
    assert load_study("smoke").training.epochs == 4


WORDS = {
    "training.epochs": r"--set 'training\.epochs': expected key=value, for example training\.epochs=3",
    "=3": r"--set '=3': expected key=value",
    "": r"--set '': expected key=value",
    "training.epochs=[": r"--set 'training\.epochs=\[': the value is not valid YAML",
    "data.augment={padding: 1, padding: 2}": r"--set 'data\.augment=.*the value is not valid YAML",
    "name.x=1": r"--set name\.x: 'name' is a value, not a section",
    "training.epochs=": r"training\.epochs: got None; .*valid integer",
    "training..epochs=3": r"unknown key 'training\.'; allowed here are epochs",
    "epochs=3": r"unknown key 'epochs'; allowed here are name, about, trial, seed",
}


@pytest.mark.parametrize("word", WORDS)
def test_mistakes_in_set(word):
    with pytest.raises(StudyError, match=WORDS[word]) as caught:
        load_study("smoke", [word])
    assert "\n" not in str(caught.value)


BAD = {
    "unclosed": ("name: [a\ndata: 3\n", r"line 2: not valid YAML: "),
    "tab": ("name: a\n\tdata: 3\n", r"line 2: not valid YAML: "),
    "control character": ("name: \x01\n", r"not valid YAML: unreadable"),
    "python object": ("name: !!python/object/apply:os.getcwd []\n", r"line 1: not valid YAML: could not determine"),
    "key twice": ("name: a\nseed: 1\nname: b\n", r"line 3: not valid YAML: key 'name' stands twice"),
    "key twice inside": (
        "name: a\ndata:\n  name: idx\n  name: idx\n",
        r"line 4: not valid YAML: key 'name' stands twice",
    ),
    "list as a key": ("? [a, b]\n: c\n", r"line 1: not valid YAML: found unhashable key"),
    "two documents": ("name: a\n---\nname: b\n", r"line 2: not valid YAML: "),
    "empty": ("", r"expected a mapping of keys such as 'name' and 'data', got NoneType"),
    "only a word": ("smoke", r"expected a mapping .*, got str"),
    "list": ("- name: a\n", r"expected a mapping .*, got list"),
    "no name": ("data: {name: fashion14}\n", r"missing key 'name'"),
    "no data": ("name: a\n", r"missing key 'data'"),
    "no name of data": ("name: a\ndata: {}\n", r"missing key 'data\.name'"),
    "number as a key": (GOOD + "1: 2\n", r"1: got 1; keys should be strings"),
    "3000 lists in each other": (
        "name: " + "[" * 3000,
        r"line 1: not valid YAML: more than 20 lists and mappings in each",
    ),
    "3000 mappings in each other": ("{a: " * 3000, r"line 1: not valid YAML: more than 20 lists and mappings in each"),
    "20 in each other": (
        GOOD + "about: " + "[" * 18 + "x" + "]" * 18,
        r"about: got \[\[.*; input should be a valid string",
    ),
    "an alias": ("name: &a x\nabout: *a\n", r"line 2: not valid YAML: an alias; write out what it stands for"),
    "a merge": ("data: &a {name: idx}\nnet:\n  <<: *a\n", r"line 3: not valid YAML: an alias; write out"),
    "no such day": (
        "about: 2026-99-99\n",
        r"line 1: not valid YAML: '2026-99-99' is not what its form or its tag says",
    ),
    "no integer": ("seed: !!int x\n", r"line 1: not valid YAML: 'x' is not what its form or its tag says"),
    "no flag": ("name: a\nseed: !!bool x\n", r"line 2: not valid YAML: 'x' is not what its form"),
    "no time": ("seed: !!timestamp x\n", r"line 1: not valid YAML: 'x' is not what its form"),
    "no set": ("seed: !!set word\n", r"line 1: not valid YAML: expected a mapping node, but found scalar"),
    "no digits": ("seed: !!int ''\n", r"line 1: not valid YAML: '' is not what its form"),
    "5000 digits": (
        f"seed: {'1' * 5000}\n",
        r"line 1: not valid YAML: '1111.{195}… is not what its form or its tag says$",
    ),
    "5000 hexadecimal digits": (
        f"{GOOD}seed: 0x{'f' * 5000}\n",
        r"seed: got an unwritable int; input should be less than",
    ),
    "half of a letter": (GOOD + 'about: "\\ud800"\n', r"line 3: not valid YAML: '\\ud800' is not what its form"),
    "a long word": (GOOD + f"seed: {'x' * 10_000}\n", r"seed: got 'x{199}…; input should be a valid integer"),
    "a long key": (GOOD + f"{'x' * 500}: 1\n", r"unknown key 'x{199}…; allowed here are name, about"),
    "a long list": (GOOD + f"space: {{primitives: {['x' * 9] * 99}}}\n", r"primitives: got .{200}…; names one twice"),
    "unknown key": (GOOD + "trainning: {}\n", r"unknown key 'trainning'; .*did you mean 'training'\?"),
    "an unknown key of a section that may be left out": (
        GOOD + "sample: {children: 4, byy: uniform}\n",
        r"unknown key 'sample\.byy'; allowed here are children, by; did you mean 'by'\?",
    ),
    "a word for a section that may be left out": (
        GOOD + "sample: word\n",
        r"sample: got 'word'; input should be a section with keys ",
    ),
    "wrong type": (GOOD + "seed: one\n", r"seed: got 'one'; .*valid integer"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_files_are_one_line_with_the_path(tmp_path, name):
    text, message = BAD[name]
    path = write(tmp_path, text)
    with pytest.raises(StudyError, match=message) as caught:
        load_study(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_set_takes_no_more_than_a_file():
    for word in ("seed=" + "[" * 3000, "seed=2026-99-99", f"seed={'1' * 5000}"):
        with pytest.raises(StudyError, match=r"--set 'seed=.*: the value is not valid YAML$"):
            load_study("smoke", [word])
    nested = []
    for _ in range(3000):
        nested = [nested]
    with pytest.raises(
        StudyError, match=r"^study smoke: seed: got an unwritable list; input should be a valid integer$"
    ):
        load_study("smoke", {"seed": nested})
    with pytest.raises(StudyError, match=r"^study smoke: seed: got an unwritable int; input should be less than"):
        load_study("smoke", {"seed": 10**5000})


def test_a_file_larger_than_any_study_is_not_read(tmp_path):
    path = tmp_path / "images.yaml"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: it takes no space
    with pytest.raises(
        StudyError, match=r"images\.yaml: got 1099511627776 bytes, expected a study file of at most 1048576"
    ):
        load_study(path)


def test_a_file_that_is_no_text(tmp_path):
    (tmp_path / "study.yaml").write_bytes(b"name: \xff\xfe\n")
    with pytest.raises(StudyError, match=r"study\.yaml: cannot be read as UTF-8 text"):
        load_study(tmp_path / "study.yaml")


def test_a_missing_file_is_answered_with_the_shipped_studies(tmp_path):
    with pytest.raises(
        StudyError, match=r"no study 'smok': .*\(nb201, paper, quick, small, smoke\); did you mean 'smoke'\?"
    ):
        load_study("smok")
    with pytest.raises(StudyError, match=r"no study '.*absent\.yaml': neither a file nor a shipped study"):
        load_study(tmp_path / "absent.yaml")
    with pytest.raises(StudyError, match="neither a file"):
        load_study(tmp_path)
