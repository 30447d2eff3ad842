"""The reference engine's gradients against differences of an independent loss."""

import oracle
import pytest
import torch
from torch import Tensor

from commonweight.net import Combine, Reference
from commonweight.sharing import share_all, share_prefix
from commonweight.space import SearchSpace


def loss(logits: Tensor, labels: Tensor) -> Tensor:
    """Sum over copies of each one's mean cross-entropy, from logits `[copy, batch, class]`, by its formula."""
    likelihoods = logits.exp() / logits.exp().sum(dim=2, keepdim=True)
    right = likelihoods[:, torch.arange(len(labels)), labels]
    return -right.log().mean(dim=1).sum()


def loss_of(engine: Reference, images: Tensor, labels: Tensor, child):
    """The loss as a function of the child's parameters, whose derivative is what the engine says."""
    parameters = engine.net.path(child).parameters

    def put(values):
        with torch.no_grad():
            for parameter, value in zip(parameters, values, strict=True):
                parameter.copy_(value)

    class Loss(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *values):
            ctx.save_for_backward(*values)
            put(values)
            return loss(engine.net(images, child), labels)

        @staticmethod
        def backward(ctx, *gradient):
            put(ctx.saved_tensors)
            with torch.enable_grad():
                found = dict(engine.gradients(images, labels, child))
            return tuple(found[p] * gradient[0] if p in found else torch.zeros_like(p) for p in parameters)

    return Loss.apply, [parameter.detach().clone().requires_grad_() for parameter in parameters]


@pytest.mark.parametrize("combine", Combine, ids=lambda combine: combine.value)
@pytest.mark.parametrize("nodes", [1, 2])
def test_gradients_are_derivatives_of_the_loss(nodes, combine):
    """Also zero where the engine says nothing: behind `none`."""
    children = oracle.children_with_every_primitive(nodes)
    net = oracle.make_net(share_all(children, 2), copies=2, stirred=True, combine=combine)
    images, labels = oracle.random_batch(7, size=5)
    for child in children:
        function, values = loss_of(Reference(net), images, labels, child)
        assert torch.autograd.gradcheck(function, values, eps=1e-7, atol=1e-5, rtol=1e-4, fast_mode=True)


def test_gradients_are_derivatives_of_the_loss_in_private_slots():
    children = [SearchSpace().child(name) for name in ("143", "424")]
    net = oracle.make_net(share_prefix(children, 2, 1), copies=3, stirred=True)
    images, labels = oracle.random_batch(7, size=5)
    for child in children:
        function, values = loss_of(Reference(net), images, labels, child)
        assert torch.autograd.gradcheck(function, values, eps=1e-7, atol=1e-5, rtol=1e-4, fast_mode=True)
