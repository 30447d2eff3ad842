"""Where a program's activations live, and the steps that it is made of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from commonweight.net.native.library import Step, StepKind


@dataclass(eq=False)
class Value:
    """An activation of one copy, `[block, channel, pixel, lane]`, and, where training needs it, its gradient.

    In training `data` is what a stage gives before its batch normalisation. The value is then factor · data + shift, both
    `[channel]`; each step that reads the value computes that on the way. `gradient` is that of the value, not of `data`.
    Without `factor` and `shift` (images, sums, all of a sweep) the value is `data`.
    """

    channels: int
    data: Tensor
    factor: Tensor | None = None
    shift: Tensor | None = None
    halvings: int = 0  # of the images' height and width
    trained: bool = False  # whether a gradient is wanted
    nothing: bool = False  # zeros: what a `none` edge brings
    readers: int = 0  # steps that it is an input of
    gradient: Tensor | None = None  # while a backward pass is laid out: where some step has put it already


Bundle = tuple[Value, ...]
"""What flows through a layout: one value, or the nodes that a cell hands on side by side instead of concatenated."""


@dataclass
class Memory:
    """Buffers for `blocks` blocks of `lanes` images of `size` (height, width); who asks for a name again gets the same one.

    One program runs at a time, so the programs of all children may name their buffers by site, and share them.
    """

    blocks: int
    size: tuple[int, int]
    lanes: int
    _tensors: dict[str, Tensor] = field(default_factory=dict)
    _free: list[Tensor] = field(default_factory=list)
    _users: dict[int, int] = field(default_factory=dict)

    def activation(self, name: str, channels: int, halvings: int = 0) -> Tensor:
        """The buffer `[block, channel, pixel, lane]` of this name, zeros at first."""
        return self.tensor(name, self._shape(channels, halvings))

    def tensor(self, name: str, shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Tensor:
        """The buffer of this name and shape, zeros at first."""
        key = f"{name}:{shape}"
        if key not in self._tensors:
            self._tensors[key] = torch.zeros(shape, dtype=dtype)
        return self._tensors[key]

    def borrow(self, channels: int, halvings: int = 0) -> Tensor:
        """A buffer `[block, channel, pixel, lane]` without a name, until its last user gives it back."""
        shape = self._shape(channels, halvings)
        fit = [place for place, tensor in enumerate(self._free) if tensor.shape == shape]
        # The one that was used last is the warmest.
        tensor = self._free.pop(fit[-1]) if fit else self.tensor(f"borrowed {len(self._users)}", shape)
        self._users[tensor.data_ptr()] = 1
        return tensor

    def share(self, tensor: Tensor) -> Tensor:
        """One more user of a borrowed buffer."""
        self._users[tensor.data_ptr()] += 1
        return tensor

    def give_back(self, tensor: Tensor) -> None:
        """One user less; without any, the buffer is lent again."""
        self._users[tensor.data_ptr()] -= 1
        if not self._users[tensor.data_ptr()]:
            self._free.append(tensor)

    def _shape(self, channels: int, halvings: int) -> tuple[int, int, int, int]:
        height, width = (-(-side // 2**halvings) for side in self.size)
        return self.blocks, channels, height * width, self.lanes


def step(  # noqa: PLR0917
    kind: StepKind,
    inputs: Sequence[Value],
    out: Tensor,
    channels_out: int,
    numbers: Mapping[str, float] = {},
    tensors: Mapping[str, Tensor | None] = {},
) -> Step:
    """A step from `inputs` to `out`; `numbers` and `tensors` by the names of its fields."""
    made = Step(kind=kind, kernel=1, dilation=1, out=out.data_ptr(), channels_out=channels_out)
    made.inputs, made.channels_in, made.halvings = len(inputs), inputs[0].channels, inputs[0].halvings
    for place, value in enumerate(inputs):
        value.readers += 1
        pointers = {"in": value.data, "in_factor": value.factor, "in_shift": value.shift}
        for field_name, tensor in pointers.items():
            getattr(made, field_name)[place] = None if tensor is None else tensor.data_ptr()
    for name, number in numbers.items():
        setattr(made, name, number)
    for name, tensor in tensors.items():
        setattr(made, name, None if tensor is None else tensor.data_ptr())
    return made
