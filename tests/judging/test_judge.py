"""judge against plain evaluation of the modules that it trained, SciPy, and counts by hand."""

import csv
import random

import numpy as np
import pytest
import torch
from own.nets import CHILDREN, SITES, Edges, by_select, images
from scipy import stats
from torch.utils.data import DataLoader, TensorDataset

import commonweight as cw
from commonweight.elsewhere import read_ranks
from commonweight.errors import DataError, UsageError
from commonweight.images import fashion14, subset
from commonweight.judging import judge
from commonweight.paper import Claims, Table

TRAIN, VALIDATION = images(), images(30, seed=1)
TRUTH = {child.name: 0.5 + 0.05 * place for place, child in enumerate(CHILDREN)}
QUICK = {"epochs": 2, "batch": 20, "instances": 2, "window": 3}


def judged(net=None, train=TRAIN, validation=VALIDATION, **more):
    return judge(net or by_select(), train, validation, **QUICK | more)


def plain_accuracy(module, child):
    module.eval()
    module.choose(child)
    with torch.no_grad():
        return float((module(VALIDATION[0]).argmax(1) == VALIDATION[1]).double().mean())


def table(verdict, name):
    return next(one for one in verdict.made() if isinstance(one, Table) and one.name == name)


def test_accuracies_are_those_of_the_modules():
    verdict = judged()
    assert verdict.accuracy.shape == (2, 3, 6)
    assert verdict.step.tolist() == [4, 5, 6]
    assert verdict.children == CHILDREN
    for number, (module,) in enumerate(verdict.modules):
        assert verdict.accuracy[number, -1].tolist() == [plain_accuracy(module, child) for child in CHILDREN]
    assert (verdict.trained.sum(axis=2) == 1).all()
    first, second = (module.stem.weight for (module,) in verdict.modules)
    assert not torch.equal(first, second)


def test_the_seed_decides_and_nothing_global_changes():
    drawn, np_state, py_state = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    loader = DataLoader(TensorDataset(*TRAIN), batch_size=20, shuffle=True)
    net = by_select(lambda: Edges(dropout=0.3))
    one = judged(net, train=loader, batch=None)
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert (np.random.get_state()[1] == np_state).all()  # noqa: NPY002
    assert random.getstate() == py_state
    torch.rand(7)
    again, other = judged(net, train=loader, batch=None), judged(net, train=loader, batch=None, seed=1)
    assert np.array_equal(one.accuracy, again.accuracy)
    weights = [verdict.modules[0][0].state_dict() for verdict in (one, again, other)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    assert not torch.equal(weights[0]["stem.weight"], weights[2]["stem.weight"])


def test_one_instance_of_a_module_goes_on_from_its_weights():
    module = Edges()
    before = module.stem.weight.detach().clone()
    ((kept,),) = judged(by_select(module), instances=1, lr=1e-9, lr_min=0.0).modules
    torch.testing.assert_close(kept.stem.weight, before)
    assert torch.equal(module.stem.weight, before)
    assert kept is not module


def test_taus_are_scipys():
    verdict = judged(truth=TRUTH)
    truth = [TRUTH[child.name] for child in CHILDREN]
    taus = [stats.kendalltau(row, truth).statistic for row in verdict.accuracy[:, -1]]
    *baselines, row = table(verdict, "ranks").rows[:3]
    assert row.numbers[0].value == pytest.approx(np.mean(taus), nan_ok=True)
    for line, name in zip(baselines, verdict.untrained, strict=True):
        assert line.name == f"baseline {name}"
        assert line.numbers[0].value == pytest.approx(stats.kendalltau(verdict.untrained[name], truth).statistic)
    by_batch = [stats.kendalltau(values, truth).statistic for values in verdict.by_batch]
    assert table(verdict, "statistics").rows[1].numbers[0].value == pytest.approx(np.mean(by_batch), nan_ok=True)
    assert any(isinstance(one, Claims) for one in verdict.made())


@pytest.mark.parametrize("extract", ["none", "extract"])
def test_what_needs_no_training_is_counted_by_hand(extract):
    verdict = judged(by_select(extract=_Kept if extract == "extract" else None), epochs=1)
    for child, parameters, multiply_adds in zip(CHILDREN, *verdict.untrained.values(), strict=True):
        kernels = [int(option[-1]) ** 2 for option in child.options.values() if option != "skip"]
        assert parameters == (1 * 4 * 9 + 4) + sum(4 * 4 * kernel + 2 * 4 for kernel in kernels) + (4 * 3 + 3)
        assert multiply_adds == 25 * (4 * 9 + sum(4 * 4 * kernel for kernel in kernels)) + 4 * 3


class _Kept(torch.nn.Module):
    def __init__(self, module, child):
        super().__init__()
        chosen = [f"{site}-{option}" for site, option in child.options.items() if option != "skip"]
        self.parts = torch.nn.ModuleList([module.stem, *(module.edges[name] for name in chosen), module.head])
        self.whole, self.child = [module], child  # in a list, so that its parameters are not counted

    def forward(self, x):
        self.whole[0].choose(self.child)
        return self.whole[0](x)


def test_without_truth_it_says_what_is_not_known():
    verdict = judged()
    rows = table(verdict, "stability").rows
    pair = verdict.accuracy[:, -1]
    assert rows[0].numbers[0].value == pytest.approx(stats.kendalltau(*pair).statistic, nan_ok=True)
    taus = [stats.kendalltau(rank, verdict.untrained["number of parameters"]).statistic for rank in pair]
    assert rows[0].numbers[1].value == pytest.approx(np.mean(taus), nan_ok=True)
    assert rows[1].name == "super-nets, mean of last 3"
    assert "Not known without ground truth: GT-Tau" in str(verdict)
    assert "GT-Tau is not known" in repr(verdict)
    assert "\n" not in repr(verdict)
    assert {one.name for one in verdict.made()} == {"stability", "statistics"}


def test_groups_are_trained_alone():
    """With a group for each child, each module has trained what its child uses, and nothing that only others use."""
    verdict = judged(groups=6)
    for modules, accuracy in zip(verdict.modules, verdict.accuracy, strict=True):
        assert len(modules) == 6
        measured = {child: [plain_accuracy(module, child) for module in modules] for child in CHILDREN}
        assert all(accuracy[-1, place] in measured[child] for place, child in enumerate(CHILDREN))
        counters = [
            {name: int(edge[1].num_batches_tracked) for name, edge in module.edges.items()} for module in modules
        ]
        used = sorted({tuple(sorted(n for n, c in one.items() if c)) for one in counters})
        assert used == sorted(
            tuple(sorted(f"{site}-{o}" for site, o in child.options.items() if o != "skip")) for child in CHILDREN
        )
        assert {count for one in counters for count in one.values()} == {0, 6}
    assert verdict.trained.all()


def test_a_sample_and_the_children_of_ground_truth(tmp_path):
    three = judged(children=3)
    assert len(set(three.names)) == 3
    assert three.told[0] == (
        "Judged are 3 children: drawn at random of 6 of the space; a tau of such a sample deviates by about 0.272."
    )
    path = tmp_path / "truth.csv"
    names = list(TRUTH)[:4]
    path.write_text("child,accuracy\n" + "".join(f"{name},{TRUTH[name]}\n" for name in names))
    four = judged(truth=path)
    assert sorted(four.names) == sorted(names)
    assert four.truth.tolist() == [TRUTH[name] for name in four.names]
    assert four.told[0] == "Judged are 4 children: all that ground truth has, of 6 in the space."
    notes = " ".join(table(judged(truth=path, children=3), "ranks").notes)
    assert "3 children: drawn at random of 4 that ground truth has, of 6 in the space." in notes
    seeds = judged(truth={name: [value, value + 0.01 * len(name)] for name, value in TRUTH.items()})
    assert seeds.truth.tolist() == pytest.approx([TRUTH[name] + 0.005 * len(name) for name in seeds.names])
    assert "ceiling" in table(seeds, "ranks").rows[-1].name
    assert set(four.modules[0][0].choice) == set(SITES)
    named = judged(children=["skip/skip", "conv3/skip", CHILDREN[2]], truth=TRUTH)
    assert named.names == ("skip/skip", "conv3/skip", CHILDREN[2].name)
    assert named.truth.tolist() == [TRUTH[name] for name in named.names]


def test_a_large_space_is_trained_by_draws_from_all_of_it():
    class Sites(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.layers = torch.nn.ModuleDict({f"{a}{o}": torch.nn.Linear(25, 3) for a in SPACED for o in "xy"})

        def forward(self, x, child):
            return sum(self.layers[f"{site}{option}"](x.flatten(1)) for site, option in child.options.items())

    SPACED = {f"s{n}": ["x", "y"] for n in range(20)}
    net = cw.Supernet(Sites, cw.Choices(SPACED), forward=lambda m, x, c: m(x, c))
    verdict = judged(net, children=4, epochs=6)
    assert verdict.accuracy.shape == (2, 3, 4)
    assert not verdict.trained.any()
    assert "drawn at random of 1,048,576" in verdict.told[0]
    assert verdict.by_batch is None
    truth = dict(zip(verdict.names, (0.1, 0.2, 0.3, 0.4), strict=True))
    told = judged(net, children=4, epochs=6, truth=truth).made()
    assert "readings" in {one.name for one in told}
    with pytest.raises(
        UsageError, match=r"^private sites and groups need each child of the space, and 1048576 are too"
    ):
        judged(net, children=4, private=["s0"])


def test_the_report_and_the_tables_that_rank_reads(tmp_path):
    verdict = judged(truth=TRUTH, out=tmp_path / "out")
    page = (tmp_path / "out" / "report" / "index.html").read_text()
    assert "baseline number of parameters" in page
    assert "no parameters of its own" in page
    with (tmp_path / "truth.csv").open("w") as file:
        csv.writer(file).writerows(TRUTH.items())
    files = sorted((tmp_path / "out").glob("instance-*.csv"))
    (found,), _ = read_ranks(files, tmp_path / "truth.csv")
    assert found.children == verdict.names
    np.testing.assert_allclose(found.accuracy, verdict.accuracy)
    assert found.step.tolist() == verdict.step.tolist()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"truth": TRUTH | {"conv3/skp": 1}},
            "ground truth of an unknown child: 'conv3/skp' names no child of this space: ",
        ),
        (
            {"truth": {"skip/skip": 1.0, "conv3/skip": 2.0}},
            "2 children to judge; a rank worth asking about has at least 3",
        ),
        ({"truth": [0.1] * 6}, "truth is a list; expected a file, or a mapping from the names of children to numbers"),
        ({"truth": dict(list(TRUTH.items())[:4]), "children": list(TRUTH)}, "ground_truth: no ground truth for child"),
        ({"truth": "nowhere.csv"}, "nowhere.csv: cannot be read"),
        ({"children": ["skip/skip"] * 3}, "a child stands twice among those to judge"),
        ({"children": ["skip/conv9"]}, "'skip/conv9' names no child of this space: site 'edge1' has no option 'conv9'"),
        ({"children": 2}, "2 children to judge"),
        ({"order": "any"}, "order is 'any'; expected one of fixed, shuffled, uniform"),
        ({"inactive": "melt"}, "inactive is 'melt'; expected one of freeze, coast"),
        ({"window": 0}, "window is 0; expected a whole number from 1"),
        ({"instances": 0}, "instances is 0; expected"),
        ({"groups": 7}, ".*7"),
        ({"epochs": 0}, "Recipe.epochs: got 0"),
        ({"private": ["edge7"]}, "no site 'edge7'"),
        ({"device": "tpu"}, "device 'tpu'"),
        ({"sweep_images": 31}, "31 validation images asked for"),
        (
            {"validation": (VALIDATION[0], VALIDATION[1] + 3)},
            "label 5 among validation labels, and the module has 3 classes",
        ),
        (
            {"train": DataLoader(TensorDataset(*TRAIN), 9)},
            "batch is 20 for a DataLoader, which makes its own; leave batch",
        ),
        ({"validation": (VALIDATION[0][:, 0], VALIDATION[1])}, r"validation images of shape \(5, 5\)"),
    ],
)
def test_bad_input_gets_one_line(more, message):
    with pytest.raises((UsageError, DataError), match=rf"^{message}") as error:
        judged(**more)
    assert "\n" not in str(error.value)


def test_a_factory_that_makes_the_same_module_twice():
    module = Edges()
    with pytest.raises(
        UsageError, match=r"^module gives the same module each time it is called; expected it to make a new"
    ):
        judged(by_select(lambda: module))


def test_unknown_names_in_a_file(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_text("arch,acc\n" + "".join(f"{name},{value}\n" for name, value in TRUTH.items()) + "skip/pool,0.1\n")
    with pytest.raises(UsageError, match=rf"^{path}: ground truth of an unknown child: 'skip/pool' names no child"):
        judged(truth=path)
    path.write_text("a,1\nb,2\nc,3\n")
    with pytest.raises(UsageError, match=rf"^{path}: no child of the space; expected a column of names such as"):
        judged(truth=path)
    path.write_text("".join(f"{name},{value}\n" for name, value in TRUTH.items()) + "skip/skip,0.1\n")
    with pytest.raises(DataError, match=r"child 'skip/skip' stands twice"):
        judged(truth=path)


def test_data_that_ships():
    raw = subset(fashion14(), 60, 30)

    class Wide(Edges):
        def __init__(self):
            super().__init__()
            self.head = torch.nn.Linear(4, 10)

    assert judge(by_select(Wide), raw, **QUICK).accuracy.shape == (2, 3, 6)
