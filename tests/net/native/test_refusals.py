"""What the native engine leaves to PyTorch or refuses, beside the units of test_stages.py."""

import oracle
import pytest
import torch

from commonweight.errors import UsageError
from commonweight.net import Reference
from commonweight.sharing import share_all
from commonweight.space import Child, SearchSpace

pytestmark = oracle.needs_native
CHILDREN = tuple(SearchSpace().children())


def test_more_nodes_than_the_kernels_take_run_through_pytorch():
    space = SearchSpace(9, ("skip_connect", "conv_1x1"))
    children = [Child(space, tuple(1 + (edge + first) % 2 for edge in range(45))) for first in range(2)]
    net = oracle.NATIVE.net(share_all(children, 1))
    images, labels = oracle.NATIVE.batch(9)
    found = dict(oracle.NATIVE.engine(net).gradients(images, labels, children[0]))
    expected = dict(Reference(net).gradients(images, labels, children[0]))
    assert all(torch.equal(found[p], expected[p]) for p in expected)
    sweeps = [engine.sweep(images, labels, children) for engine in (oracle.NATIVE.engine(net), Reference(net))]
    assert torch.equal(*sweeps)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda net: net.double(),
            r"needs float32 on a CPU, the net has torch\.float64 on cpu; use the reference engine",
        ),
        (lambda net: net.to("meta"), r"needs float32 on a CPU, the net has torch\.float32 on meta; use the reference"),
    ],
    ids=["double", "meta"],
)
def test_other_nets_are_refused(change, words):
    net = change(oracle.make_net(share_all(CHILDREN[:2], 1)).float())
    with pytest.raises(UsageError, match=words):
        oracle.NATIVE.engine(net)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            lambda x, y: (x.double(), y),
            r"needs torch\.float32 \[9, 3, 6, 6\] on a CPU, got torch\.float64 \[9, 3, 6, 6\]",
        ),
        (
            lambda x, y: (x[:, :1], y),
            r"needs torch\.float32 \[9, 3, 6, 6\] on a CPU, got torch\.float32 \[9, 1, 6, 6\]",
        ),
        (lambda x, y: (x, y.int()), r"needs torch\.int64 \[9\] on a CPU, got torch\.int32 \[9\] on cpu"),
        (lambda x, y: (x, y[:8]), r"needs torch\.int64 \[9\] on a CPU, got torch\.int64 \[8\] on cpu"),
        (lambda x, y: (x.to("meta"), y), r"got torch\.float32 \[9, 3, 6, 6\] on meta"),
    ],
    ids=["double", "channels", "int32", "labels", "meta"],
)
def test_other_images_and_labels_are_refused(change, words):
    """The kernels read raw memory: what does not fit would be read as garbage."""
    engine = oracle.NATIVE.engine(oracle.NATIVE.net(share_all(CHILDREN[:2], 1)))
    batch = change(*oracle.NATIVE.batch(9))
    with pytest.raises(UsageError, match=words):
        engine.gradients(*batch, CHILDREN[0])
    if len(batch[0]) == len(batch[1]):  # `split` refuses the others
        with pytest.raises(UsageError, match=words):
            engine.sweep(*batch, CHILDREN[:2])
