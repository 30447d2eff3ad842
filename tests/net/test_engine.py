"""The contract of an engine, over all engines: gradients, statistics and sweeps are those of the plain networks."""

import itertools

import oracle
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from commonweight.errors import UsageError
from commonweight.net import Combine, SuperNet
from commonweight.net.native.layouts import runs_natively
from commonweight.seeds import Stream
from commonweight.sharing import share_all, share_none, share_prefix
from commonweight.space import Child, SearchSpace

PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())
GROUP = tuple(map(PAPER.child, ("143", "344", "424", "141")))
combines = pytest.mark.parametrize("combine", Combine, ids=lambda combine: combine.value)


# ------------------------------------------------------------------ gradients


@combines
@pytest.mark.parametrize("nodes", [1, 2, 3])
@oracle.backends
def test_gradients_and_statistics_are_those_of_plain_cross_entropy(backend, nodes, combine):
    plan = share_all(oracle.children_with_every_primitive(nodes), 2)
    net = backend.net(plan, copies=2, stirred=True, combine=combine)
    plains = [oracle.plain_super_net(net, copy).double() for copy in range(2)]
    engine = backend.engine(net)
    images, labels = backend.batch(19, seed=1)  # no ReLU of any build is within rounding of its corner here
    for child in plan.children:
        found = oracle.copied(engine.gradients(images, labels, child))
        reached: set[nn.Parameter] = set()
        for copy, plain in enumerate(plains):
            plain.zero_grad()
            F.cross_entropy(plain(images.double(), child.primitives), labels).backward()
            for ours, theirs in oracle.twins(net, child, plain):
                if isinstance(theirs, nn.Parameter) and theirs.grad is not None:
                    reached.add(ours)
                    block = oracle.copy_of(found[ours], 2, copy).view_as(theirs).double()
                    torch.testing.assert_close(block, theirs.grad, **backend.tolerance)
        assert set(found) == reached  # behind `none` there is no gradient at all
        assert all(gradient.shape == parameter.shape for parameter, gradient in found.items())
    for child, (copy, plain) in itertools.product(plan.children, enumerate(plains)):
        oracle.assert_same_state(net, child, copy, plain.to(backend.dtype), **backend.tolerance)


@pytest.mark.parametrize(
    "plan",
    [
        pytest.param(share_prefix(GROUP, 2, 1), id="prefix"),
        pytest.param(share_none(GROUP, 2), id="none"),
        *oracle.plans_by_kind(GROUP, 2),
        *oracle.plans_by_kind(oracle.children_with_every_primitive(2), 2),
    ],
)
@oracle.backends
def test_gradients_and_statistics_of_private_slots(backend, plan):
    """One child's step also moves nothing of what it does not use, and runs natively where every other plan does."""
    net = backend.net(plan, copies=2, stirred=True)
    engine = backend.engine(net)
    images, labels = backend.batch(19)
    for child in plan.children:
        before = oracle.state(net)
        plain = oracle.plain_child(net, child, 1).double()
        F.cross_entropy(plain(images.double()), labels).backward()
        found = oracle.copied(engine.gradients(images, labels, child))
        for ours, theirs in oracle.twins(net, child, plain):
            if isinstance(theirs, nn.Parameter):
                assert (ours in found) == (theirs.grad is not None)
                if theirs.grad is not None:
                    block = oracle.copy_of(found[ours], 2, 1).view_as(theirs).double()
                    torch.testing.assert_close(block, theirs.grad, **backend.tolerance)
        assert set(found) <= set(net.path(child).parameters)
        oracle.assert_same_state(net, child, 1, plain.to(backend.dtype), **backend.tolerance)
        theirs = {id(ours) for ours, _ in oracle.twins(net, child, plain)}
        held = itertools.chain(*(named(remove_duplicate=False) for named in (net.named_parameters, net.named_buffers)))
        for name, value in held:
            assert id(value) in theirs or torch.equal(value, before[name])
        assert backend is oracle.REFERENCE or runs_natively(net, child)


NAMES = {"skip": "skip_connect", "none": "none", "max": "max_pool_3x3", "avg": "avg_pool_3x3", "sep": "sep_conv_3x3"}
ALIASES = [
    "skip none max",  # x1 is x0 itself
    "none skip skip",  # x1 is nothing and x2 is x0
    "skip skip skip",  # x2 is x0 + x0
    "none none none",
    "none sep none",
    "sep none none",
    "sep none skip",  # x2 is x1
    "skip max sep",  # x0 is read by three
    "none none max",  # a pool of nothing
    "none avg sep",  # and a convolution
    "max skip none",
]


@combines
@pytest.mark.parametrize("cells", [1, 2])
@pytest.mark.parametrize("names", ALIASES)
@oracle.backends
def test_nodes_that_are_one_another_or_nothing(backend, names, cells, combine):
    space = SearchSpace(2, tuple(NAMES.values()))
    child = Child(space, tuple(1 + list(NAMES).index(name) for name in names.split()))
    net = backend.net(share_all([child], cells), stirred=True, combine=combine)
    plain = oracle.plain_child(net, child).double()
    images, labels = backend.batch(18)
    F.cross_entropy(plain(images.double()), labels).backward()
    engine = backend.engine(net)
    for _ in range(2):  # nothing is left over from before
        found = oracle.copied(engine.gradients(images, labels, child))
        for ours, theirs in oracle.twins(net, child, plain):
            if isinstance(theirs, nn.Parameter):
                assert (ours in found) == (theirs.grad is not None)
                if ours in found:
                    block = found[ours].view_as(theirs).double()
                    torch.testing.assert_close(block, theirs.grad, **backend.tolerance)
    answers = oracle.plain_child(net, child).eval()(images).argmax(1)
    assert engine.sweep(images, answers, [child]).tolist() == [[1.0]]


@oracle.backends
def test_the_same_call_twice_is_bit_identical(backend):
    net = backend.net(share_all(CHILDREN, 2), copies=2)
    engine, (images, labels) = backend.engine(net), backend.batch(17)
    first = oracle.copied(engine.gradients(images, labels, GROUP[0]))
    engine.gradients(*backend.batch(33, seed=1), GROUP[1])
    second = oracle.copied(engine.gradients(images, labels, GROUP[0]))
    assert first.keys() == second.keys()
    assert all(torch.equal(first[p], second[p]) for p in first)
    accuracies = [engine.sweep(images, labels, CHILDREN) for _ in range(2)]
    assert torch.equal(*accuracies)


@oracle.backends
def test_weights_are_read_anew_at_every_call(backend):
    net = backend.net(share_all(GROUP, 2), copies=2)
    engine, (images, labels) = backend.engine(net), backend.batch(17)
    before = oracle.copied(engine.gradients(images, labels, GROUP[0])), engine.sweep(images, labels, GROUP)
    oracle.stir(net)
    fresh = backend.engine(net)
    after = oracle.copied(engine.gradients(images, labels, GROUP[0]))
    accuracy = engine.sweep(images, labels, GROUP)
    assert not torch.equal(accuracy, before[1])
    assert torch.equal(accuracy, fresh.sweep(images, labels, GROUP))
    expected = oracle.copied(fresh.gradients(images, labels, GROUP[0]))
    assert all(torch.equal(after[p], expected[p]) and not torch.equal(after[p], before[0][p]) for p in after)


@oracle.backends
def test_images_may_lie_in_memory_as_they_like(backend):
    """channels_last as `ImageSet` gives them, and slices of something larger."""
    net = backend.net(share_all(GROUP, 1))
    engine, (images, labels) = backend.engine(net), backend.batch(17, size=(5, 7))
    last = images.contiguous(memory_format=torch.channels_last)
    wide = torch.zeros(34, 3, 5, 9, dtype=backend.dtype)
    wide[::2, :, :, 1:8] = images
    twice = labels.repeat_interleave(2)
    expected = oracle.copied(engine.gradients(images, labels, GROUP[0]))
    for other, their_labels in ((last, labels), (wide[::2, :, :, 1:8], twice[::2])):
        found = oracle.copied(engine.gradients(other, their_labels, GROUP[0]))
        for parameter, gradient in found.items():
            torch.testing.assert_close(gradient, expected[parameter], **backend.tolerance)
        assert torch.equal(engine.sweep(other, their_labels, GROUP), engine.sweep(images, labels, GROUP))


@oracle.backends
def test_batches_may_change_from_call_to_call(backend):
    """Sizes and shapes of images up and down, with one engine or a new one for each."""
    net = backend.net(share_all(GROUP, 1), copies=2)
    engine = backend.engine(net)
    for images, size in ((5, 6), (40, 6), (17, (4, 9)), (17, (9, 4)), (3, (2, 7)), (33, 3), (5, 6)):
        batch = backend.batch(images, size=size)
        for child in GROUP[:2]:
            found = oracle.copied(engine.gradients(*batch, child))
            expected = oracle.copied(backend.engine(net).gradients(*batch, child))
            assert all(torch.equal(found[p], expected[p]) for p in expected)
        assert torch.equal(engine.sweep(*batch, GROUP), backend.engine(net).sweep(*batch, GROUP))


@oracle.backends
def test_gradients_change_nothing_but_statistics(backend):
    net = backend.net(share_all(CHILDREN, 2), copies=2)
    before = oracle.state(net)
    backend.engine(net).gradients(*backend.batch(17), GROUP[0])
    path = net.path(GROUP[0])
    units = [path.stem, *itertools.chain(*((cell.pre, *cell.edges) for cell in path.cells))]
    moving = {id(value) for unit in units for value in unit.buffers()}
    moved = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert moved == {name for name, value in net.named_buffers() if id(value) in moving}
    assert all(p.grad is None for p in net.parameters())


@oracle.backends
def test_a_child_that_is_not_trained_here(backend):
    engine = backend.engine(backend.net(share_all(GROUP, 1)))
    with pytest.raises(UsageError, match="child 444 is not one of the 4 children"):
        engine.gradients(*backend.batch(3), CHILDREN[-1])
    with pytest.raises(UsageError, match="child 444 is not one of the 4 children"):
        engine.sweep(*backend.batch(3), [GROUP[0], CHILDREN[-1]])


# ------------------------------------------------------------------ copies


@pytest.mark.parametrize(
    "plan", [share_all(GROUP, 2), share_prefix(GROUP, 2, 1), share_none(GROUP, 2), *oracle.plans_by_kind(GROUP, 2)]
)
@oracle.backends
def test_a_stack_is_each_copy_alone(backend, plan):
    """Nearly, where PyTorch's kernels see other widths; to the bit in the native engine."""
    exactly = {"rtol": 0, "atol": 0} if backend is oracle.NATIVE else backend.tolerance
    stack = backend.net(plan, copies=3)
    engine, (images, labels) = backend.engine(stack), backend.batch(35)
    alone = [
        SuperNet(plan, stack.shape, stack.data, [Stream(0).fork("init", copy)]).to(backend.dtype) for copy in range(3)
    ]
    own = [backend.engine(net) for net in alone]
    for child in GROUP:
        found = oracle.copied(engine.gradients(images, labels, child))
        for copy, net in enumerate(alone):
            theirs = oracle.copied(own[copy].gradients(images, labels, child))
            for ours, parameter in zip(stack.path(child).parameters, net.path(child).parameters, strict=True):
                block = oracle.copy_of(found[ours], 3, copy)
                torch.testing.assert_close(block, theirs[parameter], **exactly)
    for copy, net in enumerate(alone):
        for name, value in net.state_dict().items():
            torch.testing.assert_close(oracle.copy_of(stack.state_dict()[name], 3, copy), value, **exactly)
    accuracy = engine.sweep(images, labels, GROUP)
    for copy in range(3):
        assert torch.equal(accuracy[copy : copy + 1], own[copy].sweep(images, labels, GROUP))


# ------------------------------------------------------------------ sweeps


def accuracies_and_doubts(net: SuperNet, images: Tensor, labels: Tensor, children) -> tuple[Tensor, Tensor]:
    """Right answers `[copy, child]` of each child on its own in double, and the images where two classes all but tie."""
    exact = [[oracle.plain_child(net, child, copy).double().eval() for child in children] for copy in range(net.copies)]
    right, doubts = torch.zeros(2, net.copies, len(children), dtype=torch.float64)
    with torch.no_grad():
        for (copy, plains), place in itertools.product(enumerate(exact), range(len(children))):
            logits = plains[place](images.double())
            right[copy, place] = (logits.argmax(1) == labels).sum()
            first, second = logits.topk(2, dim=1).values.T
            doubts[copy, place] = (first - second < 1e-5 * logits.abs().amax(1)).sum()
    return right, doubts


@pytest.mark.parametrize(
    ("plan", "combine"),
    [
        pytest.param(share_all(CHILDREN, 2), Combine.CONCAT, id="all"),
        pytest.param(share_all(CHILDREN, 2), Combine.SUM, id="all-sum"),
        pytest.param(share_prefix(CHILDREN[::3], 2, 1), Combine.CONCAT, id="prefix"),
        pytest.param(share_none(CHILDREN[::3], 2), Combine.CONCAT, id="none"),
        pytest.param(share_all(oracle.children_with_every_primitive(1), 3), Combine.CONCAT, id="1-node"),
        pytest.param(share_all(oracle.children_with_every_primitive(2), 2), Combine.CONCAT, id="every-primitive"),
        pytest.param(share_all(oracle.children_with_every_primitive(3), 2), Combine.CONCAT, id="3-nodes"),
        pytest.param(share_prefix(oracle.children_with_every_primitive(3), 2, 2), Combine.SUM, id="3-nodes-sum"),
        *(pytest.param(*param.values, Combine.CONCAT, id=param.id) for param in oracle.plans_by_kind(CHILDREN, 2)),
    ],
)
@oracle.backends
def test_a_sweep_equals_evaluating_each_child_alone(backend, plan, combine):
    def vivid(images: int, seed: int) -> tuple[Tensor, Tensor]:
        return oracle.vivid_images(images, seed=seed).to(backend.dtype), torch.arange(images) % 4

    net = oracle.open_minded(backend.net(plan, copies=2, combine=combine, bn_momentum=1.0))
    engine = backend.engine(net)
    with torch.no_grad():
        for number, weight in enumerate(net.parameters()):  # slots start alike; make them differ
            weight.mul_(1 + 0.5 * torch.sin(torch.arange(weight.numel()) + number).view_as(weight))
    for number, child in enumerate(plan.children):  # statistics that fit the weights, so that answers vary
        engine.gradients(*vivid(8, number), child)
    images, _ = vivid(53, 0)
    labels = (
        oracle.plain_child(net, plan.children[1]).eval()(images).argmax(1)
    )  # the answers of one, for all to be held to
    before = oracle.state(net)
    accuracy = engine.sweep(images, labels, plan.children)
    oracle.assert_same_tensors(oracle.state(net), before)
    assert net.training
    assert accuracy.dtype == torch.float64
    right, doubts = accuracies_and_doubts(net, images, labels, plan.children)
    assert ((accuracy * 53 - right).abs() <= doubts + 1e-9).all()
    assert doubts.mean() < 0.5
    assert len(accuracy.unique()) > 8  # or this could not fail
    order = torch.randperm(len(plan.children), generator=torch.Generator().manual_seed(0)).tolist()
    assert torch.equal(engine.sweep(images, labels, [plan.children[place] for place in order]), accuracy[:, order])
    few = [plan.children[place] for place in (3, 0, 3)]
    assert torch.equal(engine.sweep(images, labels, few), accuracy[:, [3, 0, 3]])
    assert engine.sweep(images, labels, []).shape == (2, 0)
