"""What a kernel needs, against a convolution that counts its own taps."""

import pytest
import torch
from kernels import needs, taps
from torch.nn import functional as F

from commonweight.net.native.library import Batch, Step, StepKind


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 5), (7, 7)])
def test_taps_inside_the_image(kernel: int, dilation: int, height: int, width: int):
    ones = torch.ones(1, 1, height, width)
    padding = dilation * (kernel - 1) // 2
    inside = F.conv2d(ones, torch.ones(1, 1, kernel, kernel), padding=padding, dilation=dilation)
    assert taps(height, kernel, dilation) * taps(width, kernel, dilation) == inside.sum()


def test_a_separable_unit_needs_taps_and_pairs_of_channels():
    step = Step(kind=StepKind.SEPARABLE, kernel=3, dilation=1, inputs=1, channels_in=4, channels_out=5)
    macs, moved = needs(step, Batch(count=2, height=2, width=2))
    assert macs == 2 * (4 * 16 + 4 * 4 * 5)  # all 16 taps that are inside, of 36
    assert moved == 4 * 2 * 4 * (4 + 4 + 5)  # input, what is kept for the backward pass, output


def test_a_backward_pass_needs_twice_that_where_its_input_wants_a_gradient():
    step = Step(kind=StepKind.SEPARABLE_BACK, kernel=3, dilation=1, inputs=1, channels_in=4, channels_out=5)
    batch = Batch(count=2, height=2, width=2)
    once, _ = needs(step, batch)
    step.d_in[0] = 64  # some address
    assert needs(step, batch)[0] == 2 * once
