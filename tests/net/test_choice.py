"""Which engine runs, and the words when it cannot."""

import oracle
import pytest
import torch

from commonweight.errors import UsageError
from commonweight.net import EngineChoice, Native, Reference, choose_engine, find_library
from commonweight.sharing import share_all
from commonweight.space import SearchSpace

CHILDREN = tuple(SearchSpace().children())[:2]
choices = pytest.mark.parametrize("choice", EngineChoice, ids=lambda choice: choice.value)


@pytest.fixture
def choose(monkeypatch):
    """Sets COMMONWEIGHT_NATIVE; nothing is remembered from before, and nothing afterwards."""
    find_library.cache_clear()
    yield lambda value: monkeypatch.setenv("COMMONWEIGHT_NATIVE", value)
    find_library.cache_clear()


def single_net():
    return oracle.make_net(share_all(CHILDREN, 1)).float()


@oracle.needs_native
@choices
def test_where_both_can_run(choice):
    net = single_net()
    engine = choose_engine(net, choice)
    assert isinstance(engine, Reference if choice is EngineChoice.REFERENCE else Native)
    assert engine.net is net
    library, _ = find_library()
    assert library is not None
    assert engine.name == ("reference" if choice is EngineChoice.REFERENCE else f"native {library.flavour}")


def test_auto_is_the_default():
    net = single_net()
    assert type(choose_engine(net)) is type(choose_engine(net, EngineChoice.AUTO))


@oracle.needs_native
@pytest.mark.parametrize("flavour", ["portable", "avx2", "avx512"])
def test_the_environment_chooses_a_build(choose, flavour):
    library, reason = find_library(flavour)
    if library is None:
        pytest.skip(reason)
    choose(flavour)
    assert choose_engine(single_net()).name == f"native {flavour}"


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("off", "is switched off by COMMONWEIGHT_NATIVE=off"),
        ("nonsense", "'nonsense' is none of portable, avx2, avx512"),
    ],
)
@choices
def test_without_a_native_part(choose, value, reason, choice):
    choose(value)
    net = single_net()
    if choice is EngineChoice.NATIVE:
        with pytest.raises(
            UsageError, match=rf"the native engine was asked for, but .*{reason}.*; use --engine auto or"
        ):
            choose_engine(net, choice)
    else:
        assert isinstance(choose_engine(net, choice), Reference)


@pytest.mark.parametrize("change", [lambda net: net.double(), lambda net: net.to("meta")], ids=["double", "meta"])
def test_auto_leaves_other_nets_to_pytorch(change):
    assert isinstance(choose_engine(change(single_net())), Reference)


@oracle.needs_native
def test_the_native_engine_does_not_take_every_net():
    with pytest.raises(UsageError, match=r"needs float32 on a CPU, the net has torch\.float64 on cpu"):
        choose_engine(single_net().double(), EngineChoice.NATIVE)


@choices
def test_what_is_chosen_can_be_used(choice):
    if choice is EngineChoice.NATIVE and find_library()[0] is None:
        pytest.skip(find_library()[1])
    engine = choose_engine(single_net(), choice)
    images, labels = oracle.random_batch(5)
    assert len(engine.gradients(images.float(), labels, CHILDREN[0])) == len(engine.net.path(CHILDREN[0]).parameters)
    assert engine.sweep(images.float(), labels, CHILDREN).shape == (1, 2)
    assert torch.is_grad_enabled()
