"""Sizes of the network around the cells."""

from dataclasses import dataclass
from enum import Enum


class Combine(Enum):
    """A cell's output from its nodes x1..xn. The paper says sum in §3.1 and concat in appendix A.1."""

    CONCAT = "concat"
    SUM = "sum"


@dataclass(frozen=True)
class NetShape:
    """Sizes of the network around the cells (paper appendix A.1); the number of cells stands in the sharing plan."""

    image_channels: int
    classes: int
    channels: int = 16
    stem_multiplier: int = 3
    combine: Combine = Combine.CONCAT
    bn_momentum: float = 0.4  # not PyTorch's 0.1: appendix A.1, item 5
