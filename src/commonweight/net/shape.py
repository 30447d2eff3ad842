"""Sizes of the network: what a study decides, and what its images decide."""

from dataclasses import dataclass
from enum import Enum
from typing import Annotated

from pydantic import Field

from commonweight.values import Count, Share, value


class Combine(Enum):
    """A cell's output from its nodes x1..xn. The paper says sum in §3.1 and concat in appendix A.1."""

    CONCAT = "concat"
    SUM = "sum"


@value
class NetShape:
    """The cells and the network around them, whatever the images (paper appendix A.1)."""

    cells: Annotated[Count, Field(le=1000)] = 4
    channels: Annotated[Count, Field(le=10_000)] = 16
    stem_multiplier: Annotated[Count, Field(le=1000)] = 3
    combine: Combine = Combine.CONCAT
    bn_momentum: Share = 0.4  # not PyTorch's 0.1: appendix A.1, item 5


@dataclass(frozen=True)
class DataShape:
    """What the images decide: their channels, and the classes to tell apart."""

    image_channels: int
    classes: int
