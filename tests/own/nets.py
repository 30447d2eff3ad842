"""Modules as users write them, small enough to train in a test: a cell of two edges, and images that can be learnt."""

import torch
from torch import nn
from torch.nn import functional as F

import commonweight as cw

SITES = {"edge0": ["conv3", "conv1", "skip"], "edge1": ["conv3", "skip"]}
SPACE = cw.Choices(SITES)
CHILDREN = tuple(SPACE.children())


class Edges(nn.Module):
    """Stem, two edges in a row, head. `choice` holds the options that the next forward uses."""

    def __init__(self, channels=4, dropout=0.0):
        super().__init__()
        self.stem = nn.Conv2d(1, channels, 3, padding=1)
        self.edges = nn.ModuleDict(
            {
                f"{site}-{option}": nn.Sequential(
                    nn.Conv2d(channels, channels, int(option[-1]), padding=int(option[-1]) // 2, bias=False),
                    nn.BatchNorm2d(channels),
                )
                for site, options in SITES.items()
                for option in options
                if option != "skip"
            }
        )
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(channels, 3)
        self.choice = {}

    def choose(self, child):
        self.choice = child.options

    def forward(self, images):
        x = self.stem(images)
        for site, option in self.choice.items():
            x = F.relu(x)
            x = x if option == "skip" else self.edges[f"{site}-{option}"](x)
        return self.head(self.dropout(x).mean(dim=(2, 3)))


def by_select(make=Edges, **more):
    return cw.Supernet(make, SPACE, select=lambda module, child: module.choose(child), **more)


def images(count=60, seed=0, size=5):
    """Floats `[image, 1, size, size]` of 3 classes, each with a bright row of its own."""
    rng = torch.Generator().manual_seed(seed)
    pictures = torch.rand(count, 1, size, size, generator=rng)
    labels = torch.arange(count) % 3
    pictures[torch.arange(count), 0, labels] += 1
    return pictures, labels
