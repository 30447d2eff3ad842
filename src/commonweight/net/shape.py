"""Sizes of the network: what a study decides, and what its images decide."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from pydantic import Field

from commonweight.values import Count, Share, value


class Combine(Enum):
    """A cell's output from its nodes x1..xn. The paper says sum in §3.1 and concat in appendix A.1.

    `LAST`: xn alone, as in NAS-Bench-201.
    """

    CONCAT = "concat"
    SUM = "sum"
    LAST = "last"


class Frame(Enum):
    """What stands around the cells.

    `PAPER`: two 3×3 convolutions before the first cell, and in front of each cell ReLU, 1×1 convolution, BN (appendix A.1).
    `NAS_BENCH_201`: one 3×3 convolution and BN before the first cell, a residual block with stride 2 and twice the channels
    in front of each stack but the first, nothing in front of the other cells, and BN and ReLU before the head. All BN of
    the frame has affine parameters.
    """

    PAPER = "paper"
    NAS_BENCH_201 = "nas-bench-201"


@value
class NetShape:
    """The cells and the network around them, whatever the images (paper appendix A.1).

    `cells` are those of all `stacks` together. `channels` are those of the first stack.
    """

    cells: Annotated[Count, Field(le=1000)] = 4
    channels: Annotated[Count, Field(le=10_000)] = 16
    stem_multiplier: Annotated[Count, Field(le=1000)] = 3
    combine: Combine = Combine.CONCAT
    bn_momentum: Share = 0.4  # not PyTorch's 0.1: appendix A.1, item 5
    frame: Frame = Frame.PAPER
    stacks: Annotated[Count, Field(le=10)] = 1

    @property
    def misfit(self) -> str | None:
        """Why the sizes do not go together, beginning with a field's name; None where they do."""
        if self.cells % self.stacks:
            return f"stacks: {self.stacks} for {self.cells} cells; as many cells in each"
        if self.frame is Frame.PAPER:
            return (
                None if self.stacks == 1 else f"stacks: {self.stacks}; the frame paper has 1, nas-bench-201 any number"
            )
        if self.stem_multiplier != 1:
            return f"stem_multiplier: {self.stem_multiplier}; 1 with frame nas-bench-201, whose cells take what comes"
        if self.combine is Combine.CONCAT:
            return "combine: concat; last or sum with frame nas-bench-201, whose cells keep their channels"
        return None

    @property
    def has_tail(self) -> bool:
        """Whether BN and ReLU stand between the last cell and the head."""
        return self.frame is Frame.NAS_BENCH_201

    def halvings(self, cell: int) -> int:
        """How often height and width have been halved, and channels doubled, inside this cell (from 0)."""
        return cell // (self.cells // self.stacks)

    def channels_in(self, cell: int) -> int:
        """Channels of each node of this cell (from 0) in one copy."""
        return self.channels * 2 ** self.halvings(cell)


@dataclass(frozen=True)
class DataShape:
    """What the images decide: their channels, and the classes to tell apart."""

    image_channels: int
    classes: int
