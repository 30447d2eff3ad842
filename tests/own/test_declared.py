"""How a super-net of the user's own is declared, and where its modules come from."""

import random

import numpy as np
import pytest
import torch
from own.nets import SPACE, Edges, by_select
from torch import nn

import commonweight as cw
from commonweight.errors import UsageError
from commonweight.own.randomness import OwnRandomness
from commonweight.seeds import Stream


def weights(module):
    return torch.cat([p.detach().flatten() for p in module.parameters()])


@pytest.mark.parametrize("make", [Edges, Edges()], ids=["factory", "module"])
def test_the_stream_decides_the_initial_weights(make):
    net = by_select(make)
    before = torch.random.get_rng_state()
    first, again, other = (net.built(Stream(1).fork("init", n)) for n in (0, 0, 1))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(weights(first), weights(again))
    assert first is not again
    for name, value in first.named_parameters():
        same = torch.equal(value, dict(other.named_parameters())[name])
        assert same == (".1." in name)  # normalisations begin at one and zero


def test_a_module_keeps_its_weights_when_it_is_not_initialised_again():
    module = Edges()
    module.edges["edge0-conv3"][1].running_mean += 1
    kept = by_select(module).built(Stream(1), again=False)
    assert torch.equal(weights(kept), weights(module))
    assert kept.stem.weight.data_ptr() != module.stem.weight.data_ptr()
    fresh = by_select(module).built(Stream(1))
    assert not fresh.edges["edge0-conv3"][1].running_mean.any()  # statistics begin anew


def test_a_part_that_cannot_be_initialised_again_is_named():
    module = Edges()
    module.register_parameter("scale", nn.Parameter(torch.ones(1)))
    with pytest.raises(UsageError, match=r"^Edges holds 'scale' and has no reset_parameters, so no second instance"):
        by_select(module).built(Stream(1))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"module": 3}, "module is a int; expected an nn.Module, or what makes one"),
        ({"space": {"edge0": ["a"]}}, "space is a dict; expected commonweight.Choices"),
        ({"select": None}, "neither of select and forward were given; expected exactly one"),
        ({"forward": lambda *_: 0}, "both of select and forward were given; expected exactly one"),
    ],
)
def test_impossible_declarations(fields, message):
    given = {"module": Edges, "space": SPACE, "select": lambda *_: None} | fields
    with pytest.raises(UsageError, match=rf"^{message}"):
        cw.Supernet(**given)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: 3, "module made a int; expected it to make an nn.Module"),
        (nn.ReLU, "the module ReLU has no parameters"),
    ],
)
def test_factories_that_make_no_module_to_train(make, message):
    with pytest.raises(UsageError, match=rf"^{message}"):
        by_select(make).built(Stream(1))


def test_own_randomness_neither_sees_nor_changes_what_is_outside():
    """All three global generators, and two of our own that take turns."""

    def draws():
        return torch.rand(1).item(), float(np.random.rand()), random.random()  # noqa: NPY002

    def told(noise):
        a, b, found = OwnRandomness(Stream(1)), OwnRandomness(Stream(2)), []
        for own in (a, b, a):
            for _ in range(noise):
                draws()
            with own():
                found.append(draws())
        return found

    states = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    quiet = told(0)
    assert torch.equal(torch.random.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()  # noqa: NPY002
    assert random.getstate() == states[2]
    assert quiet == told(3)
    assert len({number for one in quiet for number in one}) == 9
    with pytest.raises(KeyError), OwnRandomness(Stream(1))():
        raise KeyError
    random.setstate(states[2])
