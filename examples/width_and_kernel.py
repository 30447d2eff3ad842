"""A super-net of widths and kernels on the images that come with commonweight: is its rank worth more than counting?

    python examples/width_and_kernel.py

Two layers, each of which is 4 or 8 channels wide with a kernel of 1, 3 or 5: 36 children. The narrow ones use slices of the
wide ones' weights. Ground truth is every child trained alone, by the same loop: as many groups as there are children.
"""

from torch import nn
from torch.nn import functional as F

import commonweight as cw

SPACE = cw.Choices({"width1": [4, 8], "kernel1": [1, 3, 5], "width2": [4, 8], "kernel2": [1, 3, 5]})


class WidthAndKernel(nn.Module):
    """Two layers, each of one convolution for every kernel, and a linear classifier."""

    def __init__(self):
        super().__init__()
        self.convs = nn.ModuleList(
            nn.ModuleDict({str(kernel): nn.Conv2d(inputs, 8, kernel, padding=kernel // 2) for kernel in (1, 3, 5)})
            for inputs in (1, 8)
        )
        self.head = nn.Linear(8, 10)

    def forward(self, x, child):
        for number, kinds in enumerate(self.convs, start=1):
            conv, width = kinds[str(child[f"kernel{number}"])], child[f"width{number}"]
            x = F.conv2d(x, conv.weight[:width, : x.shape[1]], conv.bias[:width], padding=conv.padding)
            x = F.relu(F.instance_norm(x))
        return F.linear(x.amax(dim=(2, 3)), self.head.weight[:, : x.shape[1]], self.head.bias)


def main(data="fashion14", epochs=4, sweep_images=500):
    """Judge the super-net by children trained alone; returns the two judgements."""
    net = cw.Supernet(WidthAndKernel, SPACE, forward=lambda module, x, child: module(x, child))
    how = {"epochs": epochs, "batch": 128, "lr": 0.1, "sweep_images": sweep_images}
    alone = cw.judge(net, data, instances=2, groups=SPACE.size, window=1, **how)
    shared = cw.judge(net, data, instances=3, truth=alone.scores(), out="results/width-and-kernel", **how)
    print(shared.sharing)
    print(repr(shared))
    return alone, shared


if __name__ == "__main__":
    main()
