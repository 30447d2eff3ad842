"""The super-net against plain PyTorch: outputs, gradients and statistics of every child; copies, plans, initialisation."""

import itertools

import numpy as np
import oracle
import pytest
import torch
from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.net import Combine, DataShape, NetShape, SuperNet
from commonweight.seeds import Stream
from commonweight.sharing import share_all, share_none, share_prefix
from commonweight.space import SearchSpace
from plain import opponent

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


# ------------------------------------------------------------------ copies


@combines
@pytest.mark.parametrize(
    "plan", [share_all(GROUP, 2), share_prefix(GROUP, 2, 1), share_none(GROUP, 2), *oracle.plans_by_kind(GROUP, 2)]
)
def test_a_stack_is_each_copy_alone(plan, combine):
    stack = oracle.make_net(plan, copies=3, combine=combine)
    alone = [SuperNet(plan, stack.shape, stack.data, [Stream(0).fork("init", copy)]).double() for copy in range(3)]
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
    elif combine is Combine.LAST:
        expected = torch.cat([block[1] for block in blocks], dim=1)
    else:
        expected = torch.cat([torch.cat([block[0], block[1]], dim=1) for block in blocks], dim=1)
    assert torch.equal(combined, expected)


def test_the_papers_sizes_are_the_defaults():
    """Appendix A.1: 48 channels behind the stem, 16 in the cells, concatenation, BN momentum 0.4."""
    shape = NetShape()
    assert (shape.channels * shape.stem_multiplier, shape.channels, shape.cells) == (48, 16, 4)
    assert (shape.combine, shape.bn_momentum) == (Combine.CONCAT, 0.4)
    net = SuperNet(share_all(GROUP, 4), shape, DataShape(3, 10), [Stream(0)])
    plain = opponent.PlainSuperNet([PAPER.primitives] * 3)
    for child in GROUP:
        oracle.load(net, child, 0, plain)  # as large everywhere


def test_a_net_without_copies():
    with pytest.raises(UsageError, match="at least one initialisation stream, one per copy"):
        SuperNet(share_all(GROUP, 4), NetShape(), DataShape(3, 4), [])


def test_a_plan_of_another_number_of_cells():
    with pytest.raises(UsageError, match="a sharing plan of 1 cells for a net of 4; make it for as many cells"):
        SuperNet(share_all(GROUP, 1), NetShape(), DataShape(3, 4), [Stream(0)])


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
