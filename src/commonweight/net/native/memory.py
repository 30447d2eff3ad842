"""Where a program's activations live, and the steps that it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from commonweight.net.native.library import Kind, Step

LANES = 16


@dataclass(eq=False)
class Value:
    """An activation of one copy, `[block, channel, pixel, lane]`, and, where training needs it, its gradient."""

    channels: int
    data: Tensor
    gradient: Tensor | None = None
    written: bool = False  # while a backward pass is laid out: some step has put a gradient there already


Bundle = tuple[Value, ...]
"""What flows through a layout: one value, or the nodes that a cell hands on side by side instead of concatenated."""


@dataclass
class Memory:
    """Named buffers for `blocks` blocks of 16 images of `pixels` pixels, handed out again under the same name.

    One program runs at a time, so programs of different children that name their buffers by site share them.
    """

    blocks: int
    pixels: int
    _tensors: dict[str, Tensor] = field(default_factory=dict)

    def activation(self, name: str, channels: int) -> Tensor:
        """The buffer `[block, channel, pixel, lane]` of this name, zeros at first."""
        return self.tensor(name, (self.blocks, channels, self.pixels, LANES))

    def tensor(self, name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
        """The buffer of this name and shape, zeros at first."""
        key = f"{name}:{shape}"
        if key not in self._tensors:
            self._tensors[key] = torch.zeros(shape, dtype=dtype)
        return self._tensors[key]


def step(  # noqa: PLR0917
    kind: Kind,
    inputs: Sequence[Value],
    out: Tensor,
    channels_out: int,
    numbers: Mapping[str, float] = {},
    tensors: Mapping[str, Tensor | None] = {},
) -> Step:
    """A step from `inputs` to `out`; `numbers` and `tensors` by the names of its fields."""
    made = Step(kind=kind, kernel=1, dilation=1, out=out.data_ptr(), channels_out=channels_out)
    made.inputs, made.channels_in = len(inputs), inputs[0].channels
    for place, value in enumerate(inputs):
        made.in_[place] = value.data.data_ptr()
    for name, number in numbers.items():
        setattr(made, name, number)
    for name, tensor in tensors.items():
        setattr(made, name, None if tensor is None else tensor.data_ptr())
    return made
