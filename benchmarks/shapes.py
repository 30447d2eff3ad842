"""The shapes that are raced, the work that is timed, and what both sides are made of."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache

import torch
from torch import Tensor

from commonweight.net import DataShape, NetShape, SuperNet
from commonweight.seeds import Stream
from commonweight.sharing import share_all
from commonweight.space import Child, SearchSpace
from commonweight.training import Recipe
from plain import opponent

SPACE = SearchSpace()
CHILDREN = tuple(SPACE.children())
CELLS = 4
RECIPE = Recipe()  # the paper's; only learning rate, momentum and weight decay matter here
CORNERS = tuple(map(SPACE.child, ("123", "234", "341", "412")))  # each primitive once on each edge
SPREAD = tuple(sorted((*CORNERS, *map(SPACE.child, ("143", "214", "321", "432")))))  # and twice


class Work(Enum):
    """What is timed; the value is its name in tables."""

    COPIES = "step of 10 copies, per copy"
    SUPERNET = "super-net step"
    SWEEP = "sweep of 64 children"


@dataclass(frozen=True)
class Shape:
    """Sizes of images and network, and how much of the work fits into a benchmark's time.

    Both plain opponents train copies one after another, so their time per copy is taken on the first `plain_copies` of
    them. So does the native engine; at the paper's shape it is timed on 2 copies, which share what it does once per step.
    Second contenders are timed on `second` children, `second_copies` copies and `second_repeats` repeats.
    """

    name: str
    image_channels: int
    size: int  # pixels, side of the image
    channels: int
    stem_multiplier: int
    batch: int
    sweep_images: int
    repeats: int = 3
    children: tuple[Child, ...] = CHILDREN  # that are trained
    copies: int = 10
    plain_copies: int = 2
    second: tuple[Child, ...] = SPREAD
    second_copies: int = 10
    second_repeats: int = 3
    beside: tuple[Child, ...] = CORNERS  # that are trained beside another process

    def net(self, children: Sequence[Child], copies: int = 1) -> SuperNet:
        """Our network for these children, initialised by seeds 0, 1, …"""
        shape, data = NetShape(CELLS, self.channels, self.stem_multiplier), DataShape(self.image_channels, 10)
        return SuperNet(share_all(children, CELLS), shape, data, [Stream(seed) for seed in range(copies)])

    @property
    def plain(self) -> opponent.Sizes:
        return opponent.Sizes(self.image_channels, 10, self.channels, self.stem_multiplier, CELLS)

    def images(self, count: int) -> tuple[Tensor, Tensor]:
        """Normal random images `[image, channel, height, width]`, contiguous (NCHW), and labels."""
        random = torch.Generator().manual_seed(0)
        images = torch.randn(count, self.image_channels, self.size, self.size, generator=random)
        return images, torch.randint(0, 10, (count,), generator=random)

    def __str__(self) -> str:
        stem = self.channels * self.stem_multiplier
        return (
            f"{self.name}: {self.image_channels}×{self.size}×{self.size}, C = {self.channels}, stem {stem}, "
            f"batch {self.batch}, sweep over {self.sweep_images} images"
        )


@cache
def shape(name: str) -> Shape:
    """`tiny`, `quick` or `paper`; a `KeyError` for another name.

    `quick` is the shape that the study of this name had when the goals were set: numbers stay comparable.
    """
    match name:
        case "tiny":
            return Shape("tiny", 1, 8, 8, 3, 64, sweep_images=500)
        case "quick":
            return Shape("quick", 1, 7, 8, 1, 32, sweep_images=1000)
        case "paper":
            return Shape(
                "paper",
                3,
                32,
                16,
                3,
                256,
                sweep_images=64,
                children=CORNERS,
                copies=2,
                plain_copies=1,
                second=CORNERS[:2],
                second_copies=2,
                second_repeats=1,
                beside=CORNERS[1:3],
            )
    raise KeyError(f"shape {name!r}; expected tiny, quick or paper")
