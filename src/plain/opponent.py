"""The paper's network and its training step as a PyTorch user would write them: no copies, no sharing plans, no commonweight.

Written independently of commonweight from the paper (§3.1 and appendix A.1). The tests hold the library to it, and the
benchmarks race the library against it. Images are `[batch, channel, height, width]`, logits `[batch, class]`; a choice
names one primitive per edge, edges in the order (0,1), (0,2), (1,2), (0,3), … of (source, target).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Sizes:
    """Everything about the network but its cells' edges."""

    image_channels: int = 3
    classes: int = 10
    channels: int = 16
    stem_multiplier: int = 3
    cells: int = 4
    combine: str = "concat"  # or "sum", or "last"
    bn_momentum: float = 0.4


class Zero(nn.Module):
    """No connection: zeros that pass no gradient on."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.zeros_like(x)


def bn(channels: int, momentum: float) -> nn.Module:
    return nn.BatchNorm2d(channels, momentum=momentum, affine=False)


def nor_conv(channels: int, kernel: int, momentum: float) -> nn.Sequential:
    """ReLU, convolution, BN with affine parameters, as in NAS-Bench-201."""
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(channels, momentum=momentum),
    )


def relu_conv_bn(channels_in: int, channels_out: int, kernel: int, momentum: float) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels_in, channels_out, kernel, padding=kernel // 2, bias=False),
        bn(channels_out, momentum),
    )


def dil_conv(channels: int, kernel: int, dilation: int, momentum: float) -> nn.Sequential:
    """ReLU, depthwise convolution, pointwise convolution, BN."""
    padding = dilation * (kernel - 1) // 2
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(channels, channels, kernel, padding=padding, dilation=dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        bn(channels, momentum),
    )


def sep_conv(channels: int, kernel: int, momentum: float) -> nn.Sequential:
    """The same without dilation, twice."""
    return nn.Sequential(dil_conv(channels, kernel, 1, momentum), dil_conv(channels, kernel, 1, momentum))


PRIMITIVES: dict[str, Callable[[int, float], nn.Module]] = {
    "max_pool_3x3": lambda c, m: nn.Sequential(nn.MaxPool2d(3, stride=1, padding=1), bn(c, m)),
    "avg_pool_3x3": lambda c, m: nn.Sequential(nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False), bn(c, m)),
    "sep_conv_3x3": lambda c, m: sep_conv(c, 3, m),
    "sep_conv_5x5": lambda c, m: sep_conv(c, 5, m),
    "sep_conv_7x7": lambda c, m: sep_conv(c, 7, m),
    "dil_conv_3x3": lambda c, m: dil_conv(c, 3, 2, m),
    "dil_conv_5x5": lambda c, m: dil_conv(c, 5, 2, m),
    "conv_1x1": lambda c, m: relu_conv_bn(c, c, 1, m),
    "conv_3x3": lambda c, m: relu_conv_bn(c, c, 3, m),
    "skip_connect": lambda c, m: nn.Identity(),  # noqa: ARG005
    "none": lambda c, m: Zero(),  # noqa: ARG005
    "nor_conv_1x1": lambda c, m: nor_conv(c, 1, m),
    "nor_conv_3x3": lambda c, m: nor_conv(c, 3, m),
    "avg_pool_3x3_alone": lambda c, m: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),  # noqa: ARG005
}


class PlainCell(nn.Module):
    """A densely connected cell: x_j is the sum of O_(i,j)(x_i) over all i < j; x0 is the preprocessed input."""

    def __init__(self, channels_in: int, candidates: Sequence[Sequence[str]], nodes: int, sizes: Sizes) -> None:
        super().__init__()
        self.nodes = nodes
        self.combine = sizes.combine
        self.pre = relu_conv_bn(channels_in, sizes.channels, 1, sizes.bn_momentum)
        self.edges = nn.ModuleList(
            nn.ModuleDict({name: PRIMITIVES[name](sizes.channels, sizes.bn_momentum) for name in names})
            for names in candidates
        )

    def forward(self, x: Tensor, choice: Sequence[str]) -> Tensor:
        states = [self.pre(x)]
        edge = 0
        for _ in range(self.nodes):
            incoming = [
                self.edges[edge + i][choice[edge + i]](state)  # pyright: ignore[reportIndexIssue] - a ModuleDict
                for i, state in enumerate(states)
            ]
            edge += len(states)
            states.append(reduce(torch.add, incoming))
        outputs = states[-1:] if self.combine == "last" else states[1:]
        return torch.cat(outputs, dim=1) if self.combine == "concat" else reduce(torch.add, outputs)


class PlainSuperNet(nn.Module):
    """Stem, cells and classifier; each edge of each cell holds a module for each of its candidate primitives."""

    def __init__(self, candidates: Sequence[Sequence[str]], nodes: int = 2, sizes: Sizes = Sizes()) -> None:
        super().__init__()
        if len(candidates) != nodes * (nodes + 1) // 2:
            raise ValueError(f"{nodes} nodes have {nodes * (nodes + 1) // 2} edges, not {len(candidates)}")
        stem = sizes.channels * sizes.stem_multiplier
        out = sizes.channels * (nodes if sizes.combine == "concat" else 1)
        self.stem = nn.Sequential(
            nn.Conv2d(sizes.image_channels, stem, 3, padding=1, bias=False),
            nn.BatchNorm2d(stem, momentum=sizes.bn_momentum),
            nn.Conv2d(stem, stem, 3, padding=1, bias=False),
            nn.BatchNorm2d(stem, momentum=sizes.bn_momentum),
        )
        self.cells = nn.ModuleList(
            PlainCell(out if cell else stem, candidates, nodes, sizes) for cell in range(sizes.cells)
        )
        self.head = nn.Linear(out, sizes.classes)

    def forward(self, images: Tensor, choice: Sequence[str]) -> Tensor:
        x = self.stem(images)
        for cell in self.cells:
            x = cell(x, choice)
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))


class PlainChild(PlainSuperNet):
    """One child alone: the network with a single primitive on each edge."""

    def __init__(self, primitives: Sequence[str], nodes: int = 2, sizes: Sizes = Sizes()) -> None:
        super().__init__([[name] for name in primitives], nodes, sizes)
        self.primitives = tuple(primitives)

    def forward(self, images: Tensor, choice: Sequence[str] | None = None) -> Tensor:
        return super().forward(images, self.primitives if choice is None else choice)


def train_step(
    net: PlainSuperNet,
    optimiser: torch.optim.SGD,
    images: Tensor,
    labels: Tensor,
    choice: Sequence[str],
    *,
    coast: bool = False,
) -> None:
    """One mini-batch trains one child. `coast`: modules that it does not use get zero gradients, as before PyTorch 2."""
    optimiser.zero_grad(set_to_none=not coast)
    F.cross_entropy(net(images, choice), labels).backward()
    optimiser.step()


@torch.no_grad()
def accuracy(net: PlainSuperNet, images: Tensor, labels: Tensor, choice: Sequence[str]) -> float:
    """Share of right answers in [0, 1] in eval mode; the net is left in train mode."""
    net.eval()
    right = (net(images, choice).argmax(1) == labels).sum().item()
    net.train()
    return right / len(labels)
