"""What a study allows, and the values that it refuses; each refusal in one line that names key, value and remedy."""

import math

import pytest
from pydantic import ValidationError
from tiny import PAIR, tiny_study

from commonweight.errors import StudyError
from commonweight.net import primitive_names
from commonweight.study.schema import DataSpec, Study

IMPOSSIBLE = [
    ("training.epochs", 0, r"training\.epochs: got 0; .*greater than or equal to 1"),
    ("training.epochs", 2.5, r"training\.epochs: got 2\.5; .*valid integer"),
    ("training.epochs", True, r"training\.epochs: got True; .*valid integer"),
    ("training.epochs", "3", r"training\.epochs: got '3'; .*valid integer"),
    ("training.epochs", None, r"training\.epochs: got None; .*valid integer"),
    ("training.batch", 1, r"training\.batch: got 1; .*greater than or equal to 2"),
    ("training.lr", 0, r"training\.lr: got 0; .*greater than 0"),
    ("training.lr", "fast", r"training\.lr: got 'fast'; .*valid number"),
    ("training.lr", float("inf"), r"training\.lr: got inf; .*finite"),
    ("training.lr_min", -1, r"training\.lr_min: got -1; .*greater than or equal to 0"),
    ("training.lr_min", 1.0, r"training\.lr_min: 1\.0; at most training\.lr = 0\.025"),
    ("training.momentum", 1, r"training\.momentum: got 1; .*less than 1"),
    ("training.momentum", float("nan"), r"training\.momentum: got nan; .*less than 1"),
    ("training.weight_decay", float("nan"), r"training\.weight_decay: got nan"),
    ("training.inactive", "frozen", r"training\.inactive: got 'frozen'; .*'freeze' or 'coast'"),
    ("net.combine", "add", r"net\.combine: got 'add'; .*'concat', 'sum' or 'last'"),
    ("net.bn_momentum", 1.5, r"net\.bn_momentum: got 1\.5; .*less than or equal to 1"),
    ("net.cells", 0, r"net\.cells: got 0; .*greater than or equal to 1"),
    ("space.nodes", 0, r"space\.nodes: got 0; .*greater than or equal to 1"),
    ("space.primitives", "sep_conv_3x3", r"space\.primitives: got 'sep_conv_3x3'; input should be a list"),
    ("space.primitives", [3, 4], r"space\.primitives\.0: got 3; .*valid string"),
    ("space.primitives", [], r"space\.primitives: got \[\]; .*at least 1"),
    ("space.primitives", ["sep_conv_3x3"] * 2, r"space\.primitives: .*names one twice; each may stand once"),
    (
        "space.primitives",
        ["sep_conv3x3", *PAIR],
        (r"space\.primitives: 'sep_conv3x3'; known are .*max_pool_3x3.*; did you mean 'sep_conv_3x3'\?"),
    ),
    ("space.primitives", ["zzz", *PAIR], r"space\.primitives: 'zzz'; known are [a-z0-9_, ]*$"),
    ("space.primitives", ["conv_1x1"], r"space: .*make 1 children; a study .* 3 … 4096"),
    ("space", {"nodes": 4, "primitives": [*PAIR, "none"]}, r"space: nodes 4 and .*make 59049 children; .* 3 … 4096"),
    ("space", {"nodes": 99}, r"space: nodes 99 and .*; .* 3 … 4096"),
    ("space", {"nodes": 1, "primitives": PAIR}, r"space: nodes 1 and .*make 2 children; a study .* 3 … 4096"),
    ("data", 3, r"data: got 3; input should be a section with keys name, path, resize"),
    ("training", 3, r"training: got 3; input should be a section with keys epochs, batch, lr, lr_min, momentum, "),
    ("data.augment", None, r"data\.augment: got None; input should be a section with keys padding, flip$"),
    (
        "data.name",
        "fashion41",
        r"data\.name: got 'fashion41'; known are cluttered10, fashion14, idx, cifar10, .*; did you mean 'fashion14'",
    ),
    ("sharing", {"kind": "prefix", "k": 2}, r"sharing\.k: 2; at most net\.cells = 1"),
    ("sharing", {"kind": "all-but", "edges": [4]}, r"sharing\.edges: \[4\]; the space has edges 1 … 3"),
    ("experiments.long_factor", 1, r"experiments\.long_factor: got 1; .*greater than or equal to 2"),
    ("sharing.k", 0, r"sharing\.k: 0 with kind 'all'; prefix needs k, and no other kind has it"),
    ("data.path", 3, r"data\.path: got 3; .*valid string"),
    ("data.train_images", 0, r"data\.train_images: got 0; .*greater than or equal to 1"),
    ("data.augment.flip", "yes", r"data\.augment\.flip: got 'yes'; .*valid boolean"),
    ("data.augment.padding", -1, r"data\.augment\.padding: got -1; .*greater than or equal to 0"),
    ("experiments.instances", 1, r"experiments\.instances: got 1; .*greater than or equal to 2"),
    ("experiments.ground_truth_seeds", 1, r"ground_truth_seeds: got 1; .*greater than or equal to 2"),
    ("experiments.last_epochs", 1, r"experiments\.last_epochs: got 1; .*greater than or equal to 2"),
    ("training.epochs", 1, r"training\.epochs: 1; at least 2, whose ranks are compared"),
    ("experiments.alone_epochs", 0, r"experiments\.alone_epochs: got 0; .*greater than or equal to 1"),
    ("experiments.alone_epochs", 1, r"experiments\.alone_epochs: 1; at least experiments\.last_epochs = 2"),
    ("experiments.stack", 0, r"experiments\.stack: got 0; .*greater than or equal to 1"),
    ("experiments.data_order", "each", r"experiments\.data_order: got 'each'; .*'common' or 'own'"),
    ("seed", -1, r"seed: got -1; .*greater than or equal to 0"),
    ("name", "a/b", r"name: got 'a/b'; .*match pattern"),
    ("name", "..", r"name: got '\.\.'; .*match pattern"),
    ("name", "quick\n", r"name: got 'quick\\n'; .*match pattern"),
    # ------------------------------------------------------------------ too much
    ("training.epochs", 10**20, r"training\.epochs: got 1(0){20}; .*less than or equal to 100000$"),
    ("training.batch", 10**10, r"training\.batch: got 10000000000; .*less than or equal to 1000000000$"),
    ("net.cells", 10**9, r"net\.cells: got 1000000000; .*less than or equal to 1000$"),
    ("net.channels", 10**9, r"net\.channels: got 1000000000; .*less than or equal to 10000$"),
    ("net.stem_multiplier", 10**9, r"net\.stem_multiplier: got 1000000000; .*less than or equal to 1000$"),
    ("space.nodes", 10**9, r"space\.nodes: got 1000000000; .*less than or equal to 100$"),
    ("data.augment.padding", 10**9, r"data\.augment\.padding: got 1000000000; .*less than or equal to 1000$"),
    ("data.train_images", 10**10, r"data\.train_images: got 10000000000; .*less than or equal to 1000000000$"),
    ("data.sweep_images", 10**10, r"data\.sweep_images: got 10000000000; .*less than or equal to 1000000000$"),
    ("data.judge_images", 10**10, r"data\.judge_images: got 10000000000; .*less than or equal to 1000000000$"),
    ("data.resize", 10**10, r"data\.resize: got 10000000000; .*less than or equal to 1000000000$"),
    ("sharing", {"kind": "prefix", "k": 10**10}, r"sharing\.k: got 10000000000; .*less than or equal to 1000000000$"),
    ("experiments.instances", 1001, r"experiments\.instances: got 1001; .*less than or equal to 1000$"),
    (
        "experiments.ground_truth_seeds",
        1001,
        r"experiments\.ground_truth_seeds: got 1001; .*less than or equal to 1000$",
    ),
    ("experiments.alone_epochs", 10**6, r"experiments\.alone_epochs: got 1000000; .*less than or equal to 100000$"),
    (
        "experiments.last_epochs",
        10**10,
        r"experiments\.last_epochs: got 10000000000; .*less than or equal to 1000000000$",
    ),
    ("experiments.long_factor", 1001, r"experiments\.long_factor: got 1001; .*less than or equal to 1000$"),
    (
        "experiments.finetune_batches",
        10**6,
        r"experiments\.finetune_batches: got 1000000; .*less than or equal to 100000$",
    ),
    (
        "experiments.calibration_batches",
        10**6,
        r"experiments\.calibration_batches: got .*less than or equal to 100000$",
    ),
    ("experiments.stack", 1001, r"experiments\.stack: got 1001; .*less than or equal to 1000$"),
    ("seed", 2**63, r"seed: got 9223372036854775808; .*less than 9223372036854775808$"),
    ("name", "x" * 101, r"name: got 'x{101}'; .*at most 100 characters"),
    (
        "training.epochs",
        50_001,
        r"experiments\.long_factor: 2; with training\.epochs = 50001 the long runs have 100002 epochs, at most 100000$",
    ),
    (
        "net.channels",
        10_000,
        r"net: cells 1, channels 10000 and .* make about \d+ weights in 2 copies .*; at most 536870912",
    ),
    ("about", 1, r"about: got 1; .*valid string"),
    # ------------------------------------------------------------------ samples and stacks
    ("sample", {"children": 2}, r"sample\.children: got 2; .*greater than or equal to 3"),
    ("sample", {"children": 5000}, r"sample\.children: got 5000; .*less than or equal to 4096"),
    ("sample", {"children": 8}, r"sample\.children: 8 of a space of 8; leave it out to rank all of them"),
    ("sample", {"children": 4, "by": "size"}, r"sample\.by: got 'size'; .*'uniform' or 'convolutions'"),
    ("net.stacks", 2, r"net\.stacks: 2 for 1 cells; as many cells in each"),
    ("net.frame", "resnet", r"net\.frame: got 'resnet'; .*'paper' or 'nas-bench-201'"),
    ("net.frame", "nas-bench-201", r"net\.combine: concat; last or sum with frame nas-bench-201"),
]


@pytest.mark.parametrize(("key", "value", "message"), IMPOSSIBLE)
def test_impossible_values(key, value, message):
    with pytest.raises(StudyError, match=message) as caught:
        tiny_study(**{key.replace(".", "__"): value})
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("study smoke: ")


UNKNOWN = {
    "trainning": r"unknown key 'trainning'; allowed here are name, about, seed, data, .*; did you mean 'training'\?",
    "training.epoch": r"unknown key 'training\.epoch'; allowed here are epochs, batch, .*; did you mean 'epochs'\?",
    "data.augment.flips": r"'data\.augment\.flips'; allowed here are padding, flip; did you mean 'flip'\?",
    "experiments.zzz": r"'experiments\.zzz'; allowed here are instances, .*, stack$",
}


@pytest.mark.parametrize("key", UNKNOWN)
def test_unknown_keys_are_answered_with_the_known_ones(key):
    with pytest.raises(StudyError, match=UNKNOWN[key]):
        tiny_study(**{key.replace(".", "__"): 1})


def test_boundary_values_are_allowed():
    study = tiny_study(
        training__epochs=1 + 1,
        training__lr=1,  # an integer is a number
        training__lr_min=1.0,
        training__momentum=0,
        training__weight_decay=0,
        net__bn_momentum=1,
        experiments__last_epochs=2,
        experiments__stack=1,
        space__nodes=1,
        space__primitives=[*PAIR, "none"],
        seed=0,
    )
    assert study.training.lr_at(0) == 1.0
    assert len(study.space) == 3


def test_the_largest_space_can_be_trained_alone_so_often_and_no_more():
    paper = ["max_pool_3x3", "sep_conv_3x3", "sep_conv_5x5", "dil_conv_5x5"]
    largest = {"space__nodes": 3, "space__primitives": paper, "experiments__ground_truth_seeds": 48}
    assert len(tiny_study(**largest).space) == 4096
    refusal = (
        r"^study smoke: experiments: 4096 children are trained alone by 49 initialisations \(the larger of instances and "
        r"ground_truth_seeds\), 200704 times in all; at most 200000$"
    )
    for key in ("instances", "ground_truth_seeds"):
        with pytest.raises(StudyError, match=refusal):
            tiny_study(**largest | {f"experiments__{key}": 49})


def test_a_net_may_have_so_many_weights_in_all_its_copies():
    """The stem alone, counted by hand: 9 (channels × multiplier)² in each of the copies; the cell has hundreds."""
    side = math.isqrt(2**29 // 9 // 2) - 1  # of the square, in two copies
    assert tiny_study(net__channels=1, net__stem_multiplier=1000, experiments__stack=1)
    assert tiny_study(net__channels=8, net__stem_multiplier=side // 8 - 1).net.channels == 8
    with pytest.raises(StudyError, match=r"net: cells 1, channels 8 and stem_multiplier .* in 2 copies"):
        tiny_study(net__channels=8, net__stem_multiplier=side // 8 + 1)
    assert tiny_study(net__channels=8, net__stem_multiplier=side // 8 + 1, experiments__stack=1)


def test_a_cell_has_weights_for_each_primitive_on_each_edge():
    """Two pointwise convolutions of 500,000 weights for each of 2 nodes, 3 edges × 2 primitives: 8 million in a cell."""
    assert tiny_study(net__channels=707, net__stem_multiplier=1, net__cells=32).net.cells == 32
    with pytest.raises(
        StudyError, match=r"net: cells 34, channels 707 and stem_multiplier 1 make about 5\d{8} weights"
    ):
        tiny_study(net__channels=707, net__stem_multiplier=1, net__cells=34)


def test_every_primitive_of_the_net_is_allowed():
    assert tiny_study(space__primitives=list(primitive_names())).space.primitives == primitive_names()


def test_a_study_is_a_frozen_value():
    study = tiny_study()
    assert study == tiny_study()
    assert hash(study) == hash(tiny_study())
    with pytest.raises(ValidationError, match="frozen"):
        study.seed = 2


def test_the_least_that_a_study_must_say():
    assert Study(name="x", data=DataSpec(name="fashion14")).training.epochs == 200  # the paper's settings by default
    with pytest.raises(ValidationError, match="data"):
        Study.model_validate({"name": "x"})
