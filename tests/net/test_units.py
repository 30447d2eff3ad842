"""Units: who holds which tensors under every plan, by which names, and what they start from."""

import copy as copying
import itertools
from collections import defaultdict

import oracle
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.net import Conv, DataShape, Head, NetShape, Norm, SuperNet, unit_names
from commonweight.seeds import Stream
from commonweight.sharing import Kind, SharingPlan, share_all, share_all_but, share_none, share_prefix
from commonweight.space import Child, SearchSpace

PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())
GROUP = tuple(map(PAPER.child, ("143", "344", "424", "141")))


def used(net: SuperNet, child: Child) -> dict[str, nn.Module]:
    """The unit of a child at each site, by the site's name."""
    path = net.path(child)
    inside = [(cell.pre, *cell.edges) for cell in path.cells]
    units = [path.stem, *itertools.chain(*inside), path.head]
    return dict(zip((site.name for site in net.plan.sites), units, strict=True))


SITE_PLANS = [share_all(GROUP, 2), *(share_prefix(GROUP, 2, k) for k in range(3)), share_none(GROUP, 2)]
LAYERS = {Kind.CONV: Conv, Kind.NORM: Norm, Kind.LINEAR: Head}


def held(unit: nn.Module, kind: Kind) -> frozenset[int]:
    """Identities of a unit's weights and statistics of one kind."""
    layers = [layer for layer in unit.modules() if isinstance(layer, LAYERS[kind])]
    return frozenset(id(value) for layer in layers for value in (*layer.parameters(), *layer.buffers()))


@pytest.mark.parametrize(
    "plan",
    [
        *SITE_PLANS,
        *oracle.plans_by_kind(GROUP, 2),
        *oracle.plans_by_kind(CHILDREN, 2),
        *oracle.plans_by_kind(oracle.children_with_every_primitive(2), 1),
    ],
)
def test_children_meet_exactly_where_slot_and_primitive_are_the_same(plan):
    """For every kind of weight: those in one slot use the same tensors, and no two slots have one in common."""
    net = oracle.make_net(plan)
    units = {child: used(net, child) for child in plan.children}
    for site, kind in plan.weights:
        together, apart = defaultdict(set), []
        for child in plan.children:
            choice = child.primitives[site.edge] if site.edge is not None else ""
            together[choice, plan.slot(child, site, kind)].add(held(units[child][site.name], kind))
        for found in together.values():
            assert len(found) == 1
            apart += found.pop()
        assert len(apart) == len(set(apart))


@pytest.mark.parametrize("plan", [*SITE_PLANS, *oracle.plans_by_kind(GROUP, 2)])
def test_the_net_holds_nothing_that_no_child_uses(plan):
    net = oracle.make_net(plan)
    on_paths = {id(p) for child in GROUP for p in net.path(child).parameters}
    assert {id(p) for p in net.parameters()} == on_paths
    for child in GROUP:
        parameters = net.path(child).parameters
        assert len({id(p) for p in parameters}) == len(parameters)


def test_children_with_their_own_normalisation_share_convolutions_and_not_statistics():
    """143 and 141 begin with the same primitives: the same convolution objects, other statistics, also in the stem."""
    net = oracle.make_net(share_all_but(GROUP, 2, kinds={Kind.NORM}))
    first, last = used(net, GROUP[0]), used(net, GROUP[3])
    for name in ("stem", "cell0.pre", "cell0.edge1", "cell1.edge1"):
        for ours, theirs in zip(first[name].modules(), last[name].modules(), strict=True):
            if isinstance(ours, Conv | Norm):
                assert (ours is theirs) == isinstance(ours, Conv)
    net(oracle.random_batch(5)[0], GROUP[0])
    for name, unit in last.items():
        for value in (value for value_name, value in unit.named_buffers() if value_name.endswith("mean")):
            assert not value.any(), name
    assert all(value.any() for unit in first.values() for value in unit.buffers())


@pytest.mark.parametrize("plan", [*SITE_PLANS, *oracle.plans_by_kind(CHILDREN, 2)])
def test_names_of_units_lead_to_what_a_child_uses(plan):
    """By them a child started alone finds its weights among a super-net's."""
    net = oracle.stir(oracle.make_net(plan))
    held = net.state_dict()
    for child in plan.children[::9]:
        names = unit_names(plan, child)
        assert [net.units[name] for name in names] == list(used(net, child).values())
        alone = oracle.make_net(share_all([child], 2), seed=1)
        renamed = zip(names, unit_names(alone.plan, child), strict=True)
        alone.load_state_dict(
            {
                f"units.{own}.{tensor.removeprefix(f'units.{name}.')}": value
                for name, own in renamed
                for tensor, value in held.items()
                if tensor.startswith(f"units.{name}.")
            }
        )
        images, _ = oracle.random_batch(3)
        assert torch.equal(alone.eval()(images, child), net.eval()(images, child))


def test_names_of_units():
    """Stored snapshots are read by these names: the slot, and both kinds' where they differ."""
    plans = {
        "all": share_all(GROUP, 1),
        "norm": share_all_but(GROUP, 1, kinds={Kind.NORM}),
        "edge": share_all_but(GROUP, 1, edges={0}),
    }
    found = {how: unit_names(plan, GROUP[1]) for how, plan in plans.items()}
    assert found["all"] == (
        "stem::0",
        "cell0/pre::0",
        "cell0/edge0:sep_conv_5x5:0",
        "cell0/edge1:dil_conv_5x5:0",
        "cell0/edge2:dil_conv_5x5:0",
        "head::0",
    )
    assert found["norm"] == (*(name.removesuffix(":0") + ":0-1" for name in found["all"][:-1]), "head::0")
    assert found["edge"] == tuple(name.replace("5x5:0", "5x5:1") if "edge0" in name else name for name in found["all"])
    with pytest.raises(UsageError, match="child 111 is not one of the 4 children"):
        unit_names(plans["norm"], CHILDREN[0])


@pytest.mark.parametrize("plan", oracle.plans_by_kind(GROUP, 1))
def test_shared_layers_stay_shared_wherever_the_net_goes(plan):
    """Another precision makes new buffers, and loading writes each tensor under all of its names."""
    net = oracle.make_net(plan)
    before = len(list(net.parameters())), len(list(net.buffers()))
    net.float().double()
    net.load_state_dict(oracle.stir(oracle.make_net(plan)).state_dict())
    assert (len(list(net.parameters())), len(list(net.buffers()))) == before
    restored = copying.deepcopy(net)
    assert (len(list(restored.parameters())), len(list(restored.buffers()))) == before


# ------------------------------------------------------------------ initialisation


def test_initial_distributions():
    """PyTorch's own: uniform in ±1/√fan_in for convolutions and the classifier (weight and bias)."""
    space = SearchSpace(2, oracle.EVERY_PRIMITIVE)
    chosen = tuple(Child(space, (digit,) * 3) for digit in range(1, 12))
    net = oracle.make_net(share_all(chosen, 2), copies=2, channels=8, stem_multiplier=3)
    plain = oracle.plain_super_net(net, 0)
    scaled, seen = defaultdict(list), set()
    for layer, theirs in itertools.chain(*(oracle.layers(net, child, plain) for child in chosen)):
        if layer in seen:  # one of those that all children share
            continue
        seen.add(layer)
        if isinstance(layer, Norm):
            assert torch.equal(layer.running_mean, torch.zeros_like(layer.running_mean))
            assert torch.equal(layer.running_var, torch.ones_like(layer.running_var))
            if layer.weight is not None:
                assert torch.equal(layer.weight, torch.ones_like(layer.weight))
                assert torch.equal(layer.bias, torch.zeros_like(layer.bias))
            continue
        fan_in, _ = nn.init._calculate_fan_in_and_fan_out(theirs.weight)
        scaled[fan_in] += [parameter.detach().flatten() * fan_in**0.5 for parameter in layer.parameters()]
    assert len(scaled) >= 6
    for values in map(torch.cat, scaled.values()):
        assert 1 - 12 / len(values) < values.abs().max() <= 1  # chance of an error: e⁻¹²
        assert stats.kstest((values.numpy() + 1) / 2, "uniform").pvalue > 1e-4


def initial(net: SuperNet, child: Child, copy: int) -> dict[str, Tensor]:
    """What a child starts from in one copy: the state of each of its sites."""
    return {
        f"{site}.{name}": oracle.copy_of(value, net.copies, copy)
        for site, unit in used(net, child).items()
        for name, value in unit.state_dict().items()
    }


def test_a_child_starts_from_the_same_weights_under_every_plan_and_alone():
    reference = oracle.make_net(share_all(CHILDREN, 2), copies=2)
    some_sites = share_all(GROUP, 2).sites[2:4]
    some_private = SharingPlan(GROUP, 2, frozenset((site, kind) for site in some_sites for kind in site.kinds))
    by_kind = [param.values[0] for param in oracle.plans_by_kind(CHILDREN, 2)]
    plans = [share_prefix(CHILDREN, 2, 1), share_none(GROUP, 2), share_all(GROUP[::-1], 2), some_private, *by_kind]
    for plan in (*plans, *(share_all([child], 2) for child in GROUP)):
        net = oracle.make_net(plan, copies=2)
        for child, copy in itertools.product(set(GROUP) & set(plan.children), range(2)):
            oracle.assert_same_tensors(initial(net, child, copy), initial(reference, child, copy))


def test_slots_start_alike_and_are_apart():
    net = oracle.make_net(share_none(GROUP, 2))
    first, last = GROUP[0], GROUP[3]  # 143 and 141 begin with the same two primitives
    for name in ("stem", "cell0.pre", "cell1.edge0", "cell1.edge1", "head"):
        ours, theirs = used(net, first)[name], used(net, last)[name]
        assert ours is not theirs
        oracle.assert_same_tensors(ours.state_dict(), theirs.state_dict())
    with torch.no_grad():
        for parameter in net.path(first).parameters:
            parameter.zero_()
    assert all(parameter.abs().sum() > 0 for parameter in net.path(last).parameters if parameter.dim() > 1)


def test_a_copy_starts_from_its_own_stream_alone():
    streams = [Stream(5).fork(copy) for copy in range(4)]
    sizes = share_all(GROUP, 2), NetShape(cells=2, channels=2), DataShape(image_channels=1, classes=3)
    stack = SuperNet(*sizes, streams)
    for copy, child in itertools.product(range(4), GROUP):
        alone = SuperNet(*sizes, [streams[copy]])
        oracle.assert_same_tensors(initial(stack, child, copy), initial(alone, child, 0))


def test_a_unit_starts_from_its_site_and_primitive_alone():
    """Other primitives in the space, or another order of them, change nothing."""
    space = SearchSpace(2, ("none", *reversed(PAPER.primitives)))
    other = oracle.make_net(share_all(list(space.children())[::-1], 2))
    net = oracle.make_net(share_all(CHILDREN, 2))
    for child in CHILDREN[::7]:
        same = Child(space, tuple(space.primitives.index(name) + 1 for name in child.primitives))
        oracle.assert_same_tensors(initial(net, child, 0), initial(other, same, 0))


def test_every_unit_and_every_copy_starts_from_other_numbers():
    net = oracle.make_net(share_all(CHILDREN, 3), copies=3)
    firsts = [
        oracle.copy_of(layer.weight, 3, copy).flatten()[:2].tolist()
        for layer in net.modules()
        if isinstance(layer, Conv | Head)
        for copy in range(3)
    ]
    bounded = {round(a / b, 9) for a, b in firsts}  # the ratio: the bound differs from layer to layer
    assert len(bounded) == len(firsts)


def test_building_a_net_leaves_the_global_generators_alone():
    with oracle.global_generators_left_alone():
        oracle.make_net(share_none(GROUP, 2), copies=2)
