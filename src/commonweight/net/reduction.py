"""What stands between two stacks of cells in NAS-Bench-201: a residual block of half the size and twice the channels."""

from torch import Tensor, nn
from torch.nn import functional as F

from commonweight.net.layers import Conv, Norm
from commonweight.net.primitives import UnitShape


class Halve(nn.Module):
    """2×2 average pooling, stride 2; of a last row or column alone the mean of its own pixels, so 7 pixels become 4."""

    def forward(self, x: Tensor) -> Tensor:
        return F.avg_pool2d(x, 2, stride=2, ceil_mode=True, count_include_pad=False)


class Reduction(nn.Module):
    """`block(x) + shortcut(x)`, `shape.channels` → twice as many: ResNet's basic block (Dong and Yang, 2020, figure 1).

    The block is (ReLU, 3×3 convolution, BN) twice, the first convolution with stride 2; the shortcut 2×2 average pooling
    and a 1×1 convolution without BN. On images of even sizes it is that of the NAS-Bench-201 code.
    """

    def __init__(self, shape: UnitShape) -> None:
        super().__init__()
        c, copies, momentum = shape.channels, shape.copies, shape.bn_momentum
        self.block = nn.Sequential(
            nn.ReLU(),
            Conv(c, 2 * c, 3, copies, stride=2),
            Norm(2 * c, copies, momentum, affine=True),
            nn.ReLU(),
            Conv(2 * c, 2 * c, 3, copies),
            Norm(2 * c, copies, momentum, affine=True),
        )
        self.shortcut = nn.Sequential(Halve(), Conv(c, 2 * c, 1, copies))

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x) + self.shortcut(x)
