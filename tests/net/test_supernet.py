"""The super-net against plain PyTorch: outputs, gradients and statistics of every child; copies, plans, initialisation."""

import copy as copying
import itertools
from collections import defaultdict

import numpy as np
import opponent
import oracle
import pytest
import torch
from scipy import stats
from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.net import Combine, Conv, Head, NetShape, Norm, SuperNet, unit_names
from commonweight.seeds import Stream
from commonweight.sharing import Kind, SharingPlan, share_all, share_all_but, share_none, share_prefix
from commonweight.space import Child, SearchSpace

PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())
GROUP = tuple(map(PAPER.child, ("143", "344", "424", "141")))


PLANS = [
    pytest.param(share_all(CHILDREN, 2), id="paper"),
    pytest.param(share_all(oracle.children_with_every_primitive(1), 3), id="1-node"),
    pytest.param(share_all(oracle.children_with_every_primitive(3), 2), id="3-nodes"),
]
combines = pytest.mark.parametrize("combine", Combine, ids=lambda combine: combine.value)


def gradients(loss: Tensor, parameters, *, retain_graph: bool = False) -> tuple[Tensor | None, ...]:
    return torch.autograd.grad(loss, list(parameters), retain_graph=retain_graph, allow_unused=True)


def weighted(logits: Tensor) -> Tensor:
    """A scalar in which every logit has another weight."""
    return (logits * torch.linspace(-1, 2, logits.numel(), dtype=logits.dtype).view_as(logits)).sum()


# ------------------------------------------------------------------ every child is the plain network


@combines
@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
def test_logits_and_statistics_of_every_child(plan, combine, training):
    net = oracle.make_net(plan, stirred=True, combine=combine).train(training)
    plain = oracle.plain_super_net(net).train(training)
    images, _ = oracle.random_batch(5)
    untouched = oracle.state(net)
    for child in plan.children:
        logits = net(images, child)
        assert logits.shape == (1, 5, 4)
        torch.testing.assert_close(logits[0], plain(images, child.primitives), rtol=1e-9, atol=1e-9)
    if training:
        for child in plan.children:
            oracle.assert_same_state(net, child, 0, plain, rtol=1e-9, atol=1e-9)
    else:
        oracle.assert_same_tensors(oracle.state(net), untouched)


@combines
@pytest.mark.parametrize("plan", PLANS)
def test_gradients_of_every_child(plan, combine):
    net = oracle.make_net(plan, copies=2, stirred=True, combine=combine)
    plains = [oracle.plain_super_net(net, copy) for copy in range(2)]
    images, _ = oracle.random_batch(5)
    for child in plan.children:
        logits = net(images, child)
        for copy, plain in enumerate(plains):
            pairs = [
                (ours, theirs) for ours, theirs in oracle.twins(net, child, plain) if isinstance(ours, nn.Parameter)
            ]
            assert {id(ours) for ours, _ in pairs} == {id(p) for p in net.path(child).parameters}
            plain_grads = gradients(weighted(plain(images, child.primitives)), [theirs for _, theirs in pairs])
            grads = gradients(weighted(logits[copy]), [ours for ours, _ in pairs], retain_graph=True)
            for ours, theirs in zip(grads, plain_grads, strict=True):
                assert (ours is None) == (theirs is None)  # behind `none` there is no gradient at all
                if theirs is not None:
                    block = oracle.copy_of(ours, 2, copy).view_as(theirs)
                    torch.testing.assert_close(block, theirs, rtol=1e-8, atol=1e-8)


def test_single_precision_is_only_less_precise():
    plan = share_all(CHILDREN, 2)
    net = oracle.make_net(plan, copies=2, stirred=True)
    images, _ = oracle.random_batch(8)
    exact = torch.stack([net(images, child) for child in CHILDREN])
    net.float()
    single = torch.stack([net(images.float(), child) for child in CHILDREN])
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), exact, rtol=1e-3, atol=1e-4)


def test_children_differ():
    """Otherwise the comparisons above could not fail."""
    net = oracle.make_net(share_all(CHILDREN, 2), stirred=True).eval()
    images, _ = oracle.random_batch(5)
    logits = [net(images, child) for child in CHILDREN]
    assert all(not torch.allclose(first, second) for first, second in itertools.combinations(logits, 2))


# ------------------------------------------------------------------ copies


@combines
@pytest.mark.parametrize(
    "plan", [share_all(GROUP, 2), share_prefix(GROUP, 2, 1), share_none(GROUP, 2), *oracle.plans_by_kind(GROUP, 2)]
)
def test_a_stack_is_each_copy_alone(plan, combine):
    stack = oracle.make_net(plan, copies=3, combine=combine)
    alone = [SuperNet(plan, stack.shape, [Stream(0).fork("init", copy)]).double() for copy in range(3)]
    images, _ = oracle.random_batch(5)
    for child in GROUP:
        logits = stack(images, child)
        for copy, net in enumerate(alone):
            own_logits = net(images, child)
            torch.testing.assert_close(logits[copy], own_logits[0])
            stacked = gradients(weighted(logits[copy]), stack.path(child).parameters, retain_graph=True)
            for block, gradient in zip(
                stacked, gradients(weighted(own_logits[0]), net.path(child).parameters), strict=True
            ):
                torch.testing.assert_close(oracle.copy_of(block, 3, copy).view_as(gradient), gradient)
    stack.eval()
    for (copy, net), child in itertools.product(enumerate(alone), GROUP):  # with the statistics of the passes above
        torch.testing.assert_close(stack(images, child)[copy], net.eval()(images, child)[0])


@combines
@pytest.mark.parametrize("plan", PLANS)
def test_no_copy_depends_on_another(plan, combine):
    net = oracle.make_net(plan, copies=3, stirred=True, combine=combine)
    images, _ = oracle.random_batch(4)
    child_logits = [net(images, child) for child in plan.children[:11]]
    evaluated = [net.eval()(images, child) for child in plan.children[:11]]
    for child, logits in zip(plan.children, child_logits, strict=False):
        for gradient in gradients(weighted(logits[1]), net.path(child).parameters):
            if gradient is not None:
                assert not oracle.copy_of(gradient, 3, 0).any()
                assert not oracle.copy_of(gradient, 3, 2).any()
    with torch.no_grad():
        for value in (*net.parameters(), *net.buffers()):
            oracle.copy_of(value, 3, 0).mul_(2).add_(0.1)
    for child, before in zip(plan.children, evaluated, strict=False):
        after = net(images, child)
        assert torch.equal(after[1:], before[1:])
        assert not torch.equal(after[0], before[0])
    net.train()
    for child, before in zip(plan.children, child_logits, strict=False):
        assert torch.equal(net(images, child)[1:], before[1:])


# ------------------------------------------------------------------ plans


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


@pytest.mark.parametrize("plan", [share_prefix(GROUP, 2, 1), share_none(GROUP, 2), *oracle.plans_by_kind(GROUP, 2)])
def test_every_child_of_a_plan_with_private_slots_is_the_plain_network(plan):
    net = oracle.make_net(plan)
    rng = np.random.default_rng(0)
    with torch.no_grad():  # slots start alike; make them differ
        for value in (*net.parameters(), *net.buffers()):
            value.copy_(torch.from_numpy(rng.uniform(0.2, 1, size=tuple(value.shape))))
    net.eval()
    images, _ = oracle.random_batch(5)
    for child in GROUP:
        plain = oracle.plain_child(net, child).eval()
        torch.testing.assert_close(net(images, child)[0], plain(images))


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
        names = net.unit_names(child)
        assert names == unit_names(plan, child)
        assert [net.units[name] for name in names] == list(used(net, child).values())
        alone = oracle.make_net(share_all([child], 2), seed=1)
        renamed = zip(names, alone.unit_names(child), strict=True)
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
    found = {how: oracle.make_net(plan).unit_names(GROUP[1]) for how, plan in plans.items()}
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
        oracle.make_net(plans["norm"]).unit_names(CHILDREN[0])


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
    plan, shape = share_all(GROUP, 2), NetShape(image_channels=1, classes=3, channels=2)
    stack = SuperNet(plan, shape, streams)
    for copy, child in itertools.product(range(4), GROUP):
        alone = SuperNet(plan, shape, [streams[copy]])
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


# ------------------------------------------------------------------ sizes, memory format, errors


@combines
@pytest.mark.parametrize("copies", [1, 3])
def test_channels_last_survives_the_combination(combine, copies):
    net = oracle.make_net(share_all(GROUP, 1), copies=copies, combine=combine)
    rng = np.random.default_rng(0)
    nodes = [torch.from_numpy(rng.normal(size=(4, 2 * copies, 5, 7))) for _ in range(2)]
    last = [node.contiguous(memory_format=torch.channels_last) for node in nodes]
    combined = net.combine(last)
    assert combined.is_contiguous(memory_format=torch.channels_last)
    blocks = [torch.stack([node.chunk(copies, dim=1)[copy] for node in nodes]) for copy in range(copies)]
    if combine is Combine.SUM:
        expected = torch.cat([block[0] + block[1] for block in blocks], dim=1)
    else:
        expected = torch.cat([torch.cat([block[0], block[1]], dim=1) for block in blocks], dim=1)
    assert torch.equal(combined, expected)


def test_the_papers_sizes_are_the_defaults():
    """Appendix A.1: 48 channels behind the stem, 16 in the cells, concatenation, BN momentum 0.4."""
    shape = NetShape(image_channels=3, classes=10)
    assert (shape.channels * shape.stem_multiplier, shape.channels) == (48, 16)
    assert (shape.combine, shape.bn_momentum) == (Combine.CONCAT, 0.4)
    net = SuperNet(share_all(GROUP, 4), shape, [Stream(0)])
    plain = opponent.PlainSuperNet([PAPER.primitives] * 3)
    for child in GROUP:
        oracle.load(net, child, 0, plain)  # as large everywhere


def test_a_net_without_copies():
    with pytest.raises(UsageError, match="at least one initialisation stream, one per copy"):
        SuperNet(share_all(GROUP, 1), NetShape(3, 4), [])


def test_a_child_that_is_not_trained_here():
    net = oracle.make_net(share_all(GROUP, 1))
    images, _ = oracle.random_batch(2)
    for ask in (net.path, lambda child: net(images, child)):
        with pytest.raises(UsageError, match="child 111 is not one of the 4 children of this plan"):
            ask(PAPER.child("111"))


def test_a_space_with_an_unknown_primitive():
    space = SearchSpace(1, ("max_pool_3x3", "sep_conv_9x9"))
    with pytest.raises(UsageError, match="unknown primitive 'sep_conv_9x9'"):
        oracle.make_net(share_all(space.children(), 1))
