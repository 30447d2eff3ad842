"""Similarity of gradients against one backward pass after the other, and a pair of children at a time."""

import math

import pytest
import torch
from torch.nn import functional as F

from commonweight.net import DataShape, NetShape, SuperNet, gradient_similarity
from commonweight.seeds import Stream
from commonweight.sharing import Kind, share_all, share_all_but, share_none
from commonweight.space import SearchSpace

SPACE = SearchSpace(2, ("max_pool_3x3", "sep_conv_3x3"))
CHILDREN = tuple(SPACE.children())


def net_of(plan, copies=2):
    return SuperNet(
        plan,
        NetShape(plan.cells, channels=2, stem_multiplier=1),
        DataShape(image_channels=1, classes=4),
        [Stream(s) for s in range(copies)],
    ).double()


def batches(count=2, size=6):
    rng = torch.Generator().manual_seed(0)
    return [
        (torch.randn(size, 1, 7, 7, generator=rng, dtype=torch.float64), torch.randint(4, (size,), generator=rng))
        for _ in range(count)
    ]


def slow(net, some, copy):
    """By name of the parameter the gradient of each child in one copy, then one pair of children after the other."""
    names, gradients = {id(p): name for name, p in net.named_parameters()}, []
    for child in net.plan.children:
        net.zero_grad()
        for images, labels in some:
            F.cross_entropy(net(images, child)[copy], labels).backward()
        gradients.append(
            {
                names[id(p)]: p.grad.chunk(net.copies)[copy].flatten().tolist()
                for p in net.parameters()
                if p.grad is not None
            }
        )

    def cosine(a, b):
        shared = sorted(a.keys() & b.keys())
        x, y = ([value for name in shared for value in one[name]] for one in (a, b))
        lengths = math.sqrt(sum(v * v for v in x)) * math.sqrt(sum(v * v for v in y))
        return sum(v * w for v, w in zip(x, y, strict=True)) / lengths if lengths else math.nan

    return [[cosine(a, b) for b in gradients] for a in gradients]


@pytest.mark.parametrize("plan", [share_all(CHILDREN, 2), share_all_but(CHILDREN, 2, {Kind.CONV})])
def test_every_pair_of_every_copy(plan):
    net, some = net_of(plan), batches()
    found = gradient_similarity(net, some)
    assert found.shape == (2, 8, 8)
    for copy in (0, 1):
        for ours, theirs in zip(found[copy].tolist(), slow(net, some, copy), strict=True):
            assert ours == pytest.approx(theirs, abs=1e-9, nan_ok=True)
    assert torch.allclose(found.diagonal(dim1=1, dim2=2), torch.ones(2, 8, dtype=torch.float64))
    assert not torch.allclose(found[0], found[1])


def test_what_is_not_shared_does_not_count():
    """Children of weights of their own have nothing to compare."""
    found = gradient_similarity(net_of(share_none(CHILDREN, 1)), batches(1))
    assert found.isnan().sum() == 2 * 8 * 7


def test_nothing_is_trained():
    net = net_of(share_all(CHILDREN, 1))
    before = {name: parameter.detach().clone() for name, parameter in net.named_parameters()}
    gradient_similarity(net, batches(1))
    assert all(torch.equal(parameter, before[name]) for name, parameter in net.named_parameters())
