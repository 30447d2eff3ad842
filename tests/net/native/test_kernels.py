"""Kernels of the native part alone, each a step of its own, against PyTorch's functions."""

import itertools

import numpy as np
import oracle
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from commonweight.net.native.library import Batch, StepKind
from commonweight.net.native.memory import Value, step
from commonweight.net.native.running import packed

pytestmark = oracle.needs_native


def in_lanes(x: Tensor, lanes: int) -> Tensor:
    """`[batch, channel, height, width]` as the kernels hold it: `[block, channel, pixel, lane]`, zeros past the end."""
    blocks = -(-len(x) // lanes)
    padded = torch.zeros(blocks * lanes, x.shape[1], x.shape[2] * x.shape[3], dtype=x.dtype)
    padded[: len(x)] = x.flatten(2)
    return padded.view(blocks, lanes, *padded.shape[1:]).permute(0, 2, 3, 1).contiguous()


def images_of(held: Tensor, like: Tensor) -> Tensor:
    """Back again, without the lanes that hold no image."""
    return held.permute(0, 3, 1, 2).reshape(-1, *like.shape[1:])[: len(like)]


@oracle.libraries
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 8), (4, 21)])
@pytest.mark.parametrize(("kernel", "dilation"), [*itertools.product((3, 5, 7), (1, 2))])
def test_a_separable_unit_by_another_road(library, kernel, dilation, size):
    """ReLU, depthwise, pointwise, BN: forward and all gradients against PyTorch's functions in double."""
    ci, co, count = 3, 5, library.lanes + 2
    rng = np.random.default_rng(kernel * 10 + dilation)
    shapes = ((count, ci, *size), (ci, 1, kernel, kernel), (co, ci, 1, 1), (count, co, *size))
    x, spatial, mixing, d_out = (torch.from_numpy(rng.normal(size=shape)) for shape in shapes)
    leaves = [tensor.requires_grad_() for tensor in (x, spatial, mixing)]
    middle = F.conv2d(F.relu(x), spatial, padding=dilation * (kernel // 2), dilation=dilation, groups=ci)
    normal = F.batch_norm(F.conv2d(middle, mixing), None, None, training=True)
    normal.backward(d_out)

    held = in_lanes(x.detach().float(), library.lanes)
    out, d_held = (in_lanes(torch.zeros(shapes[3]), library.lanes), in_lanes(d_out.float(), library.lanes))
    weights = {"spatial": spatial.detach().float().contiguous(), "mixing": mixing.detach().float().contiguous()}
    kept = {name: torch.zeros(co) for name in ("inverse", "centre", "factor", "shift", "mean", "variance")}
    found = {f"d_{name}": torch.full_like(weight, torch.nan) for name, weight in weights.items()}
    tensors = {**weights, **kept, **found, "middle": torch.zeros_like(held), "d_out": d_held}
    numbers = {"kernel": kernel, "dilation": dilation}
    steps = [
        step(kind, [Value(ci, held)], out, co, numbers, tensors)
        for kind in (StepKind.SEPARABLE, StepKind.SEPARABLE_BACK)
    ]
    d_in = torch.zeros_like(held)
    steps[1].d_in[0] = d_in.data_ptr()
    library.run(packed(steps), Batch(count=count, height=size[0], width=size[1]))
    normalised = images_of(out, normal) * kept["factor"][:, None, None] + kept["shift"][:, None, None]
    torch.testing.assert_close(normalised.double(), normal.detach(), rtol=1e-4, atol=1e-4)
    gradients = (images_of(d_in, x), found["d_spatial"], found["d_mixing"])
    for gradient, leaf in zip(gradients, leaves, strict=True):
        torch.testing.assert_close(gradient.double(), leaf.grad, rtol=1e-3, atol=1e-3 * float(leaf.grad.abs().max()))


@oracle.libraries
@pytest.mark.parametrize("pixels", ["same", "steps", "coins", "all different"])
def test_the_first_of_equal_pixels_wins_a_pool(library, pixels):
    """The first in the order of the window, exactly PyTorch's choice; and its gradient goes there."""
    rng = np.random.default_rng(0)
    shape = (20, 3, 5, 7)
    values = {
        "same": np.full(shape, -2),
        "steps": np.broadcast_to(np.arange(7) // 3, shape),
        "coins": rng.integers(-1, 1, size=shape),
        "all different": rng.permutation(np.prod(shape)).reshape(shape) - 1000,
    }[pixels]
    x = torch.from_numpy(np.array(values, dtype=np.float32)).requires_grad_()
    d_out = torch.from_numpy(rng.normal(size=shape).astype(np.float32))
    pooled, winners = F.max_pool2d(x, 3, stride=1, padding=1, return_indices=True)
    F.batch_norm(pooled, torch.zeros(3), torch.ones(3), training=True).backward(d_out)
    held = in_lanes(x.detach(), library.lanes)
    value, out, d_in = Value(3, held), torch.zeros_like(held), torch.zeros_like(held)
    tensors = {
        "middle": torch.zeros(held.shape, dtype=torch.uint8),
        **{name: torch.zeros(3) for name in ("inverse", "centre", "factor", "shift", "mean", "variance")},
        "d_out": in_lanes(d_out, library.lanes),
    }
    steps = [step(kind, [value], out, 3, {}, tensors) for kind in (StepKind.MAX_POOL, StepKind.MAX_POOL_BACK)]
    steps[1].d_in[0] = d_in.data_ptr()
    library.run(packed(steps), Batch(count=20, height=5, width=7))
    rows, columns = np.divmod(images_of(tensors["middle"], x).numpy(), 3)
    row, column = np.mgrid[:5, :7]
    assert np.array_equal((row + rows - 1) * 7 + column + columns - 1, winners.numpy())
    torch.testing.assert_close(images_of(d_in, x), x.grad, rtol=1e-4, atol=1e-4 * float(x.grad.abs().max()))


@oracle.libraries
def test_a_nan_is_the_largest_pixel_of_a_pool(library):
    """In eval mode, where nothing spreads it: the windows that hold it, no others; an infinity is a number."""
    pixels = torch.arange(2 * 42, dtype=torch.float32).reshape(1, 2, 6, 7)
    pixels[0, 0, 2, 3], pixels[0, 1, 4, 0] = torch.nan, -torch.inf
    held = in_lanes(pixels, library.lanes)
    out = torch.zeros_like(held)
    tensors = {"folded": torch.ones(2), "shift": torch.zeros(2)}
    steps = [step(StepKind.MAX_POOL_EVAL, [Value(2, held)], out, 2, {}, tensors)]
    library.run(packed(steps), Batch(count=1, height=6, width=7))
    expected = F.max_pool2d(pixels, 3, stride=1, padding=1)
    assert expected.isnan().sum() == 9
    torch.testing.assert_close(images_of(out, pixels), expected, rtol=0, atol=0, equal_nan=True)
