"""NAS-Bench-201's network as a PyTorch user would write it: no copies, no sharing plans, no commonweight.

Written from Dong and Yang, "NAS-Bench-201" (2020, arXiv:2001.00326), section 2 and figure 1, and the shapes that its code
documents: operations are ReLU, convolution, batch normalisation (affine); pooling stands alone; a cell's output is its last
node. Initialisation, momentum and the rest are the caller's.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

EDGES = [(0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3)]


def nor_conv(before: int, after: int, kernel: int, momentum: float, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.ReLU(),
        nn.Conv2d(before, after, kernel, stride=stride, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(after, momentum=momentum),
    )


class Nothing(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 0


OPERATIONS: dict[str, Callable[[int, float], nn.Module]] = {
    "none": lambda c, m: Nothing(),  # noqa: ARG005
    "skip_connect": lambda c, m: nn.Identity(),  # noqa: ARG005
    "nor_conv_1x1": lambda c, m: nor_conv(c, c, 1, m),
    "nor_conv_3x3": lambda c, m: nor_conv(c, c, 3, m),
    "avg_pool_3x3": lambda c, m: nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False),  # noqa: ARG005
}


class BenchCell(nn.Module):
    """Six edges; `edges` names one operation for each, in the order of `EDGES`."""

    def __init__(self, channels: int, edges: Sequence[str], momentum: float) -> None:
        super().__init__()
        self.edges = nn.ModuleList(OPERATIONS[name](channels, momentum) for name in edges)

    def forward(self, x: Tensor) -> Tensor:
        nodes = [x]
        for node in (1, 2, 3):
            terms = [edge(nodes[a]) for (a, b), edge in zip(EDGES, self.edges, strict=True) if b == node]
            nodes.append(torch.stack(terms).sum(0))
        return nodes[-1]


class Basic(nn.Module):
    """ResNet's basic block with stride 2; odd sizes are rounded up on both ways."""

    def __init__(self, channels: int, momentum: float) -> None:
        super().__init__()
        self.first = nor_conv(channels, 2 * channels, 3, momentum, stride=2)
        self.second = nor_conv(2 * channels, 2 * channels, 3, momentum)
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, stride=2, ceil_mode=True), nn.Conv2d(channels, 2 * channels, 1, bias=False)
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.second(self.first(x)) + self.shortcut(x)


class BenchNet(nn.Module):
    """Stem, `stacks` stacks of `per_stack` cells with a basic block between two, BN, ReLU, pooling and classifier."""

    def __init__(  # noqa: PLR0917
        self,
        edges: Sequence[str],
        per_stack: int = 5,
        stacks: int = 3,
        channels: int = 16,
        classes: int = 10,
        image_channels: int = 3,
        momentum: float = 0.1,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(image_channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels, momentum=momentum)
        )
        body: list[nn.Module] = []
        for stack in range(stacks):
            if stack:
                body.append(Basic(channels, momentum))
                channels *= 2
            body += [BenchCell(channels, edges, momentum) for _ in range(per_stack)]
        self.body = nn.Sequential(*body)
        self.last = nn.BatchNorm2d(channels, momentum=momentum)
        self.head = nn.Linear(channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        x = F.relu(self.last(self.body(self.stem(images))))
        return self.head(F.adaptive_avg_pool2d(x, 1).flatten(1))
