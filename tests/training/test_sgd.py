"""SGD against torch.optim.SGD, step by step, with other weights trained at each step."""

import numpy as np
import oracle
import pytest
import torch
from torch import nn

from commonweight.net import Engine, Library, Native, Reference, find_library
from commonweight.sharing import share_all
from commonweight.space import SearchSpace
from commonweight.training import SGD, Inactive, Recipe

STEPS = ((0, 1), (2,), (0, 2, 3), (), (1,), (0,), (0, 1, 2), (3,), (2, 1))  # parameter 4 is never trained
RATES = (0.1, 0.1, 0.1, 0.05, 0.05, 0.05, 0.01, 0.01, 0.01)
SHAPES = ((3, 2), (4,), (2, 1, 3, 3), (), (5,))


def parameters() -> list[nn.Parameter]:
    rng = np.random.default_rng(0)
    return [nn.Parameter(torch.from_numpy(np.asarray(rng.normal(size=shape)))) for shape in SHAPES]


def engine(library: Library | None = None) -> Engine:
    """An engine of some net: the reference engine, or the native one on this library."""
    net = oracle.make_net(share_all([SearchSpace().child_at(0)], 1))
    return Reference(net) if library is None else Native(net.float(), library)


def gradients(step: int) -> list[torch.Tensor]:
    rng = np.random.default_rng(100 + step)
    return [torch.from_numpy(np.asarray(rng.normal(size=shape))) for shape in SHAPES]


recipes = pytest.mark.parametrize(("momentum", "weight_decay"), [(0.9, 1e-2), (0.0, 1e-2), (0.9, 0.0), (0.0, 0.0)])
inactives = pytest.mark.parametrize("inactive", Inactive)


@recipes
@inactives
def test_is_pytorchs_rule(inactive, momentum, weight_decay):
    ours, theirs = parameters(), parameters()
    sgd, reference = SGD(Recipe(momentum=momentum, weight_decay=weight_decay, inactive=inactive)), engine()
    optimiser = torch.optim.SGD(theirs, lr=1.0, momentum=momentum, weight_decay=weight_decay)
    for step, (active, lr) in enumerate(zip(STEPS, RATES, strict=True)):
        grads = gradients(step)
        sgd.step(reference, [(ours[i], grads[i]) for i in active], lr)
        # Freeze: without a gradient PyTorch skips a parameter. Coast: one that had a gradient once has zeros ever after.
        optimiser.zero_grad(set_to_none=inactive is Inactive.FREEZE)
        for index in active:
            theirs[index].grad = grads[index].clone()
        optimiser.param_groups[0]["lr"] = lr
        optimiser.step()
        for index, (parameter, other) in enumerate(zip(ours, theirs, strict=True)):
            torch.testing.assert_close(parameter, other, rtol=1e-12, atol=1e-14)
            buffer = optimiser.state[other].get("momentum_buffer") if momentum else None
            if buffer is not None:
                torch.testing.assert_close(sgd.velocity[parameter], buffer, rtol=1e-12, atol=1e-14)
            if index == 4:
                assert torch.equal(parameter, parameters()[4])


def test_frozen_weights_do_not_move():
    weights = parameters()
    sgd, reference = SGD(Recipe()), engine()
    sgd.step(reference, list(zip(weights, gradients(0), strict=True)), 0.1)
    before = [(w.detach().clone(), sgd.velocity[w].clone()) for w in weights]
    sgd.step(reference, list(zip(weights[:2], gradients(1)[:2], strict=True)), 0.1)
    for index, (weight, (value, velocity)) in enumerate(zip(weights, before, strict=True)):
        assert torch.equal(weight, value) == torch.equal(sgd.velocity[weight], velocity) == (index >= 2)


def test_coasting_weights_move_by_momentum_and_decay():
    weights = parameters()[:2]
    sgd, reference = SGD(Recipe(inactive=Inactive.COAST, momentum=0.9, weight_decay=1e-2)), engine()
    sgd.step(reference, list(zip(weights, gradients(0)[:2], strict=True)), 0.1)
    value, velocity = weights[1].detach().clone(), sgd.velocity[weights[1]].clone()
    sgd.step(reference, [(weights[0], gradients(1)[0])], 0.1)
    expected = 0.9 * velocity + 1e-2 * value
    torch.testing.assert_close(sgd.velocity[weights[1]], expected, rtol=1e-14, atol=0)
    torch.testing.assert_close(weights[1].detach(), value - 0.1 * expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("library", [None, pytest.param(find_library()[0], marks=oracle.needs_native)])
def test_gradients_may_lie_in_memory_as_they_like(library):
    """As channels_last images leave them."""
    rng = np.random.default_rng(0)
    weight, gradient = (torch.from_numpy(rng.normal(size=(4, 3, 3, 3)).astype(np.float32)) for _ in range(2))
    ends = []
    for layout in (torch.contiguous_format, torch.channels_last):
        parameter, sgd = nn.Parameter(weight.clone()), SGD(Recipe())
        for _ in range(2):
            sgd.step(engine(library), [(parameter, gradient.contiguous(memory_format=layout))], 0.1)
        ends.append(parameter.detach())
    assert torch.equal(*ends)
    torch.testing.assert_close(ends[0], weight - 0.1 * (2.9 * gradient), rtol=0, atol=1e-3)  # and a little decay


@recipes
@inactives
@oracle.libraries
def test_the_native_part_has_the_same_rule(library, inactive, momentum, weight_decay):
    recipe = Recipe(momentum=momentum, weight_decay=weight_decay, inactive=inactive)
    exact = parameters()
    ours = [nn.Parameter(parameter.detach().float()) for parameter in exact]
    native, plain, engines = SGD(recipe), SGD(recipe), (engine(library), engine())
    for step, (active, lr) in enumerate(zip(STEPS, RATES, strict=True)):
        grads = gradients(step)
        native.step(engines[0], [(ours[i], grads[i].float()) for i in active], lr)
        plain.step(engines[1], [(exact[i], grads[i]) for i in active], lr)
        for mine, theirs in zip(ours, exact, strict=True):
            torch.testing.assert_close(mine.double(), theirs, rtol=1e-5, atol=1e-6)
            assert (mine in native.velocity) == (theirs in plain.velocity)
            if momentum and mine in native.velocity:  # without momentum PyTorch leaves its buffer alone
                torch.testing.assert_close(native.velocity[mine].double(), plain.velocity[theirs], rtol=1e-5, atol=1e-6)


@oracle.libraries
def test_natively_a_weight_moves_the_same_wherever_it_stands(library):
    """A copy's share of a stack moves as it does alone, whatever the length of what the processor does at once."""
    rng = np.random.default_rng(0)
    weight, gradient = (torch.from_numpy(rng.normal(size=101).astype(np.float32)) for _ in range(2))
    whole, parts = nn.Parameter(weight.clone()), [nn.Parameter(part.clone()) for part in weight.split(3)]
    stacked, alone, native = SGD(Recipe()), SGD(Recipe()), engine(library)
    for _ in range(3):
        stacked.step(native, [(whole, gradient)], 0.1)
        alone.step(native, list(zip(parts, gradient.split(3), strict=True)), 0.1)
    assert torch.equal(whole, torch.cat(list(parts)))


def test_the_gradients_given_are_not_changed():
    weights, grads = parameters(), gradients(0)
    sgd = SGD(Recipe())
    sgd.step(engine(), list(zip(weights, grads, strict=True)), 0.1)
    sgd.step(engine(), list(zip(weights, grads, strict=True)), 0.1)
    assert all(torch.equal(a, b) for a, b in zip(grads, gradients(0), strict=True))


@recipes
@inactives
@pytest.mark.parametrize("stop", range(1, len(STEPS)))
def test_goes_on_from_its_momentum_as_if_it_had_never_stopped(stop, inactive, momentum, weight_decay):
    recipe = Recipe(momentum=momentum, weight_decay=weight_decay, inactive=inactive)
    whole, sgd, reference = parameters(), SGD(recipe), engine()
    for step, (active, lr) in enumerate(zip(STEPS, RATES, strict=True)):
        if step == stop:
            rest = [nn.Parameter(weight.detach().clone()) for weight in whole]
            other = SGD(recipe)
            known = [(new, old) for new, old in zip(rest, whole, strict=True) if old in sgd.velocity]
            other.velocity.update({new: sgd.velocity[old].clone() for new, old in known})
        for weights, rule in [(whole, sgd)] + ([(rest, other)] if step >= stop else []):
            rule.step(reference, [(weights[i], gradients(step)[i]) for i in active], lr)
    for first, second in zip(whole, rest, strict=True):
        assert torch.equal(first, second)
