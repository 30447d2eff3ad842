"""What children are worth before training, against counting by hand and networks whose answer is known."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from commonweight.errors import UsageError
from commonweight.net.proxies import multiply_adds, naswot, synflow


def test_multiply_adds_by_hand():
    net = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),  # 5·4 pixels, 8·3·9 each
        nn.ReLU(),
        nn.Conv2d(8, 8, 5, padding=2, groups=8, bias=False),  # 5·4 pixels, 8·25 each
        nn.Flatten(),
        nn.Linear(160, 10, bias=False),
    )
    assert multiply_adds(net, torch.zeros(1, 3, 5, 4)) == 20 * 8 * 27 + 20 * 8 * 25 + 160 * 10


def test_synflow_of_a_chain_of_linear_layers_is_its_paths():
    """Every weight sees the same flow R, so the sum over a layer is R, whatever the signs."""
    net = nn.Sequential(nn.Linear(3, 4, bias=False), nn.ReLU(), nn.Linear(4, 2, bias=False)).double().eval()
    before = [weight.detach().clone() for weight in net.parameters()]
    first, second = (weight.abs().numpy() for weight in before)
    flow = (second @ first @ np.ones(3)).sum()
    found = synflow(net, list(net.parameters()), torch.zeros(1, 3, dtype=torch.float64))
    assert found == pytest.approx(math.log1p(2 * flow))
    assert all(torch.equal(now, then) for now, then in zip(net.parameters(), before, strict=True))


def test_synflow_leaves_weights_alone_when_the_network_fails_and_skips_unused_ones():
    net = nn.Linear(3, 1, bias=False).double()
    before = net.weight.detach().clone()
    with pytest.raises(RuntimeError):
        synflow(net, [net.weight], torch.zeros(1, 7, dtype=torch.float64))
    assert torch.equal(net.weight, before)
    unused = nn.Parameter(torch.ones(2, dtype=torch.float64))
    image = torch.zeros(1, 3, dtype=torch.float64)
    assert synflow(net, [net.weight, unused], image) == synflow(net, [net.weight], image)


def test_naswot_by_brute_force():
    net = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 7), nn.ReLU())
    images = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        inputs = torch.cat([net[:1](images), net[:3](images)], dim=1)
    same = [[sum(bool((a > 0) == (b > 0)) for a, b in zip(x, y, strict=True)) for y in inputs] for x in inputs]
    assert naswot(net, net, images) == pytest.approx(math.log(np.linalg.det(same)))
    assert not any(layer._forward_pre_hooks for layer in net)


def test_naswot_of_images_that_are_alike_and_of_no_relu():
    net = nn.Sequential(nn.Linear(5, 6), nn.ReLU())
    assert naswot(net, net, torch.ones(2, 5)) == -math.inf
    linear = nn.Linear(5, 6)
    with pytest.raises(UsageError, match=r"pass no nn\.ReLU"):
        naswot(linear, linear, torch.ones(2, 5))
