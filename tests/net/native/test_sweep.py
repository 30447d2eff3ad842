"""Sweeps by the native part: any number of images, in blocks of any size, and its rule for ties."""

import functools
import importlib

import oracle
import pytest
import torch
from torch import Tensor

from commonweight.net import Combine, Native, Reference, SuperNet
from commonweight.net.native.layouts import Sweep
from commonweight.net.native.library import StepKind
from commonweight.net.native.memory import Memory
from commonweight.seeds import Stream
from commonweight.sharing import share_all
from commonweight.space import SearchSpace

pytestmark = oracle.needs_native
running = importlib.import_module("commonweight.net.native.running")
CHILDREN = tuple(SearchSpace().children())


@functools.cache
def trained() -> SuperNet:
    """Two copies whose statistics fit their weights, so that answers differ from image to image."""
    net = oracle.open_minded(oracle.make_net(share_all(CHILDREN, 2), copies=2).float())
    engine = Reference(net)
    for seed, child in enumerate(CHILDREN):
        engine.gradients(oracle.vivid_images(20, seed=seed).float(), torch.arange(20) % 4, child)
    return net


SWEPT = (*CHILDREN[::5], CHILDREN[7])
IMAGES = oracle.vivid_images(100, seed=5).float()


@functools.cache
def answers() -> Tensor:
    """Classes `[copy, child, image]` of double precision."""
    net = trained()
    exact = SuperNet(net.plan, net.shape, net.data, [Stream(0)] * net.copies).double().eval()
    exact.load_state_dict(net.state_dict())
    with torch.no_grad():
        return torch.stack([exact(IMAGES.double(), child).argmax(-1) for child in SWEPT], dim=1)


@oracle.libraries
@pytest.mark.parametrize("count", [1, 15, 16, 17, 33, 100])
@pytest.mark.parametrize("blocks", [1, 2, None], ids=["1-block", "2-blocks", "default"])
def test_a_sweep_of_any_number_of_images(library, count, blocks, monkeypatch):
    """Every image is seen once: a child's own answers are all right, another's are right where they agree."""
    net = trained()
    if blocks:
        monkeypatch.setattr(running, "SWEEP_BYTES", 4 * 16 * 36 * net.shape.channels * blocks)
    engine = Native(net, library)
    for copy in range(2):
        theirs = answers()[:, :, :count]
        accuracy = engine.sweep(IMAGES[:count], theirs[copy, -1], SWEPT)
        agreeing = (theirs == theirs[copy, -1]).sum(-1)
        # A near tie of two classes may fall the other way; of so few images none or one does.
        assert (accuracy * count - agreeing).abs().sum() <= 1 + 1e-9


def test_the_answers_above_differ():
    """Or a sweep that looked at one image only would pass."""
    assert min(len(row.unique()) for row in answers().flatten(0, 1)) >= 2
    assert (answers()[:, 1:] != answers()[:, :1]).float().mean() > 0.1


@oracle.libraries
@pytest.mark.parametrize("kind", ["affine", "plain"])
def test_equal_logits_are_the_first_classs(library, kind):
    """As `torch.argmax` decides: a head of zeros knows only its bias."""
    net = trained()
    head, start = net.path(CHILDREN[0]).head, oracle.state(net)
    with torch.no_grad():
        head.weight.zero_()
        head.bias.copy_(torch.tensor([0.0, 1, 1, 0]) if kind == "affine" else torch.zeros(4))
    images = oracle.random_batch(20)[0].float()
    first = 1 if kind == "affine" else 0
    for label in range(4):
        accuracy = Native(net, library).sweep(images, torch.full((20,), label), CHILDREN[:3])
        assert (accuracy == float(label == first)).all()
    net.load_state_dict(start)


@pytest.mark.parametrize("combine", Combine)
@pytest.mark.parametrize("nodes", [1, 2, 3])
def test_what_children_have_in_common_stands_in_the_program_once(nodes, combine):
    """In the first cell a value stands once for each choice of the primitives that it depends on, and else per child.

    What children have in common stands in as many buffers as the place has primitives, a sum in one; what each child has for
    itself is written over what the last one had.
    """
    children = tuple(SearchSpace(nodes, ("conv_1x1", "max_pool_3x3")).children())
    net, cells = oracle.make_net(share_all(children, 3), combine=combine).float(), 3
    layout = Sweep(net, Memory(1, (6, 6), 16), children)
    edges = net.plan.space.edges
    leading = [sum(target <= node for _, target in edges) for node in range(nodes + 1)]  # edges that lead to x0..xn
    units = sum(2 ** (leading[source] + 1) for source, _ in edges)
    inner = sum(2 ** leading[node] for node in range(2, nodes))  # x1 is no sum: one edge leads there
    output = int(combine is Combine.SUM and nodes > 1)
    private = min(1, nodes - 1) + output + (cells - 1) * (nodes - 1 + output)  # sums of each child alone
    sums = [step.out for step in layout.steps if step.kind == StepKind.SUM]
    assert len(sums) == inner + len(children) * private
    assert len(set(sums)) == len(range(2, nodes)) + private
    stages = [step for step in layout.steps if step.kind not in (StepKind.LOAD, StepKind.SUM, StepKind.HEAD_EVAL)]
    assert len({step.out for step in stages}) == 3 + 2 * len(edges) + (cells - 1) * (1 + len(edges))
    assert len(stages) == 3 + units + len(children) * (cells - 1) * (1 + len(edges))  # 2 of the stem, 1 before the cell
