"""What discovery finds in modules whose sharing is known, and what it refuses."""

import copy

import pytest
import torch
from own.nets import CHILDREN, SITES, SPACE, Edges, by_select, images
from torch import nn

import commonweight as cw
from commonweight.errors import UsageError
from commonweight.own import Users, probe, scratch
from commonweight.own.probing import answer

SOME, _ = images(20)


def whose(found):
    """(users, site, options) of every parameter, by its name."""
    return {name: (one.users, one.site, one.options) for name, one in found.holdings.items() if one.parameter}


def test_every_weight_has_the_users_that_the_module_was_written_with():
    found = by_select().sharing(SOME)
    expected = {}
    for name, _ in Edges().named_parameters():
        if name.startswith("edges."):
            site, _, option = name.split(".")[1].partition("-")
            expected[name] = (Users.CHOICE, site, (option,))
        else:
            expected[name] = (Users.EVERYONE, None, ())
    assert whose(found) == expected
    statistics = {name for name, _ in Edges().named_buffers()}
    assert found.moving == statistics
    assert all(found.holdings[name].site in SITES for name in statistics)
    assert found.batch_norm


def test_slots_are_shared_by_children_with_the_same_choice():
    found = by_select().sharing(SOME)
    for a in CHILDREN:
        for b in CHILDREN:
            for site in SITES:
                shared = found.slot(a, site) == found.slot(b, site)
                assert shared == (a[site] == b[site])
    with pytest.raises(UsageError, match=r"^no site 'edge'; did you mean 'edge\d'\?; expected one of edge0, edge1$"):
        found.slot(CHILDREN[0], "edge")


def test_the_table():
    text = str(by_select().sharing(SOME))
    rows = {line.split()[0]: line.split()[1:] for line in text.splitlines()}
    # conv3: 4 · 4 · 9 weights and twice 4 of its normalisation; statistics: twice 4 and a counter
    assert rows["edge0=conv3"] == ["3", "152", "9"]
    assert rows["everyone"] == ["4", "55", "0"]
    assert rows["edge0=skip"] == ["0", "0", "0", "no", "parameters", "of", "its", "own"]


def test_nothing_of_the_users_module_or_of_global_randomness_changes():
    module = Edges(dropout=0.5)
    module.eval()
    before, drawn = copy.deepcopy(module.state_dict()), torch.random.get_rng_state()
    by_select(module).sharing(SOME)
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert not module.training


class Masked(nn.Module):
    """Every option computed, and what is not chosen multiplied by zero; the head and a last scale begin at zero."""

    def __init__(self):
        super().__init__()
        self.options = nn.ModuleDict({option: nn.Linear(4, 4) for option in ("a", "b")})
        self.both = nn.Parameter(torch.ones(4))
        self.scale = nn.Parameter(torch.zeros(4))
        self.head = nn.Linear(4, 3)
        self.unused = nn.Linear(2, 2)
        nn.init.zeros_(self.head.weight)

    def forward(self, x, child):
        for site in ("first", "second"):
            if site == "second" and child["first"] == child["second"] == "b":
                x = x * self.both
            if site == "first":
                x = sum(layer(x) * (name == child[site]) for name, layer in self.options.items())
            elif child["second"] == "b":
                x = torch.tanh(x)
        return self.head(x * self.scale)


def test_masks_zeros_combinations_and_what_nobody_uses():
    space = cw.Choices({"first": ["a", "b"], "second": ["a", "b"]})
    found = cw.Supernet(Masked, space, forward=lambda m, x, child: m(x, child)).sharing(torch.rand(20, 4))
    users = whose(found)
    assert users["options.a.weight"] == (Users.CHOICE, "first", ("a",))
    assert found.holdings["options.a.weight"].masked
    assert users["scale"] == users["head.weight"] == (Users.EVERYONE, None, ())
    assert users["both"] == (Users.COMBINATION, None, ())
    assert users["unused.weight"] == (Users.NOBODY, None, ())
    text = str(found)
    assert "combinations" in text
    assert "nobody" in text
    assert "2 masked by zeros" in text


class Sliced(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.Linear(4, 8), nn.Linear(8, 3)

    def forward(self, x, child):
        width = child["width"]
        x = torch.tanh(x @ self.body.weight[:width].T + self.body.bias[:width])
        return x @ self.head.weight[:, :width].T + self.head.bias


def test_slices_of_one_tensor_are_told():
    found = cw.Supernet(Sliced, cw.Choices({"width": [2, 4, 8]}), forward=lambda m, x, c: m(x, c)).sharing(
        torch.rand(9, 4)
    )
    assert {name: one.in_part for name, one in found.holdings.items()} == {
        "body.weight": True,
        "body.bias": True,
        "head.weight": True,
        "head.bias": False,
    }
    assert "3 in part" in str(found)
    assert "In part: children use slices of one tensor" in str(found)


def test_silent_units_and_black_pixels_make_no_weight_unused():
    """Behind a threshold that hardly any image passes: what a child uses is its weights, whatever the images show."""

    class Silent(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(9, 40), nn.Linear(40, 3)
            nn.init.constant_(self.body.bias[:9], -30)  # silent on any image

        def forward(self, x, child):
            return self.head(torch.relu(getattr(nn.functional, child["act"])(self.body(x)) - 0.5))

    black = torch.rand(20, 9) * (torch.arange(9) > 4)
    net = cw.Supernet(Silent, cw.Choices({"act": ["relu", "softplus"]}), forward=lambda m, x, c: m(x, c))
    found = net.sharing(black)
    assert not any(one.in_part for one in found.holdings.values())
    for child in net.space.children():
        used = probe(net, scratch(net, "cpu"), black, child).used
        assert used == {name: parameter.numel() for name, parameter in Silent().named_parameters()}


def test_options_that_differ_only_where_these_images_do_not_lead_are_told_apart():
    class Capped(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.Linear(9, 40), nn.Linear(40, 3)

        def forward(self, x, child):
            return self.head(getattr(nn.functional, child["act"])(self.body(x)))

    net = cw.Supernet(Capped, cw.Choices({"act": ["relu", "relu6"]}), forward=lambda m, x, c: m(x, c))
    few = torch.rand(20, 9)
    logits = [answer(net, scratch(net, "cpu"), few, child) for child in net.space.children()]
    assert torch.equal(*logits)
    net.sharing(few)


def test_a_probe_leaves_the_module_as_it_was():
    net = by_select()
    module = scratch(net, "cpu")
    before = copy.deepcopy(module.state_dict())
    used = probe(net, module, SOME, CHILDREN[0]).used
    assert len(used) == 10
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


def test_a_site_behind_another_is_told_apart_in_another_base():
    """With `edge0` = none nothing reaches the logits but the head's bias; the second site is seen with `edge0` = conv."""

    class Gate(nn.Module):
        def __init__(self):
            super().__init__()
            self.a, self.b, self.head = nn.Linear(4, 4), nn.Linear(4, 4), nn.Linear(4, 3)

        def forward(self, x, child):
            x = getattr(self, child["second"])(x)
            return self.head(x * 0 if child["first"] == "none" else x)

    for options in (["none", "all"], ["all", "none"]):
        space = cw.Choices({"first": options, "second": ["a", "b"]})
        found = cw.Supernet(Gate, space, forward=lambda m, x, c: m(x, c)).sharing(torch.rand(9, 4))
        assert found.holdings["head.bias"].users is Users.EVERYONE


def test_children_that_are_valid_only_together():
    space = cw.Choices({"edge0": SITES["edge0"], "edge1": SITES["edge1"]}, valid=lambda c: c["edge0"] == c["edge1"])
    with pytest.raises(UsageError, match=r"^option 'conv1' of site 'edge0' is in no valid child; leave it out"):
        cw.Supernet(Edges, space, select=lambda m, c: m.choose(c)).sharing(SOME)
    space = cw.Choices({site: ["conv3", "skip"] for site in SITES}, valid=lambda c: c["edge0"] == c["edge1"])
    found = cw.Supernet(Edges, space, select=lambda m, c: m.choose(c)).sharing(SOME)
    assert found.holdings["edges.edge1-conv3.0.weight"].options == ("conv3",)


def never(module, child):
    """A select that forgets edge1: what the module had before stays."""
    module.choice = {**module.choice, "edge0": child["edge0"]}


def only_some(module, child):
    """A select that knows no conv1: then edge0 stays as the child before had it."""
    for site in SITES:
        if child[site] != "conv1":
            module.choice[site] = child[site]


def as_conv3(module, child):
    module.choice = {site: "conv3" if child[site] == "conv1" else child[site] for site in SITES}


def fails(module, child):
    module.choice = {site: {"conv3": "conv3", "skip": "skip"}[child[site]] for site in SITES}


@pytest.mark.parametrize(
    ("select", "message"),
    [
        (never, "the choice at site 'edge1' changes nothing: all 2 options give the same logits and use the same para"),
        (
            only_some,
            r"child .* gives other logits after child .* than before; expected the same: select must set every",
        ),
        (as_conv3, "options 'conv3' and 'conv1' of site 'edge0' cannot be told apart: they give the same logits and"),
        (fails, "select fails for child conv1/.*: KeyError: 'conv1'$"),
    ],
)
def test_a_select_that_forgets(select, message):
    with pytest.raises(UsageError, match=rf"^{message}") as error:
        cw.Supernet(Edges, SPACE, select=select).sharing(SOME)
    assert "\n" not in str(error.value)


def test_logits_drawn_at_random_are_refused():
    net = cw.Supernet(Edges, SPACE, forward=lambda m, x, c: (m.choose(c), m(x) + torch.rand(1))[1])
    with pytest.raises(
        UsageError, match=r"gives other logits for the same images in eval mode; expected the same: draw"
    ):
        net.sharing(SOME)


@pytest.mark.parametrize(
    ("forward", "message"),
    [
        (
            lambda m, x, _: m.stem(x),
            r"forward gives shape \(20, 4, 5, 5\) for child .* expected logits \[batch, class\]",
        ),
        (lambda m, x, c: (m.choose(c), (m(x),))[1], r"forward gives tuple for child"),
        (
            lambda m, x, c: (m.choose(c), m(x))[1][:, : 2 + (c["edge0"] == "skip")],
            r"children have \[2, 3\] classes; expected as many in each",
        ),
        (lambda m, x, c: (m.choose(c), m(x[:5]))[1], r"forward gives shape \(5, 3\) for child"),
        (lambda m, x, c: (m.choose(c), m(x).detach())[1], r"no parameter reaches the logits of child"),
        (
            lambda m, x, _: m.head(x),
            r"forward fails for child .* and images \(20, 1, 5, 5\): RuntimeError: mat1 and mat2",
        ),
    ],
)
def test_what_gives_no_logits(forward, message):
    with pytest.raises(UsageError, match=rf"^{message}"):
        cw.Supernet(Edges, SPACE, forward=forward).sharing(SOME)


class Alone(nn.Module):
    """A child as a plain module."""

    def __init__(self, module, child):
        super().__init__()
        chosen = [module.edges[f"{site}-{o}"] for site, o in child.options.items() if o != "skip"]
        self.layers = nn.Sequential(module.stem, *(part for edge in chosen for part in (nn.ReLU(), edge)))
        self.last = child["edge1"] == "skip"
        self.head = module.head

    def forward(self, x):
        x = self.layers(x)
        return self.head((x.relu() if self.last else x).mean(dim=(2, 3)))


def test_what_extract_gives_is_compared():
    by_select(extract=Alone).sharing(SOME)

    def halved(module, child):
        alone = Alone(copy.deepcopy(module), child)
        with torch.no_grad():
            alone.head.bias += 0.5 * (child["edge0"] == "conv1")
        return alone

    with pytest.raises(
        UsageError, match=r"^extract gives child conv1/.* logits differ from the super-net's by up to 0.5"
    ):
        by_select(extract=halved).sharing(SOME)
    with pytest.raises(UsageError, match=r"^extract gives a str for child .*; expected an nn.Module$"):
        by_select(extract=lambda _, child: child.name).sharing(SOME)
