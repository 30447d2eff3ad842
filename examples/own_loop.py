"""A training loop of one's own, with a recorder in it: what the super-net's ranks are worth, without our loop.

    python examples/own_loop.py

Adam, two children in every step, a super-net of activations; none of this is commonweight's. The recorder is called after
each step, and `cw.rank` tells what the table that it wrote is worth. Ground truth: the same loop with one child at a time.
"""

import csv
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

import commonweight as cw
from commonweight.images import fashion14

SPACE = cw.Choices({"first": ["relu", "tanh", "sigmoid"], "second": ["relu", "tanh", "sigmoid"]})


class Activations(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(196, 32), nn.Linear(32, 32)])
        self.head = nn.Linear(32, 10)
        self.choice = None

    def forward(self, images):
        x = images.flatten(1)
        for layer, site in zip(self.layers, ("first", "second"), strict=True):
            x = getattr(torch, self.choice[site])(layer(x))
        return self.head(x)


NET = cw.Supernet(Activations, SPACE, select=lambda module, child: setattr(module, "choice", child))


def train(module, children, data, steps, after=lambda: None):
    images, labels = data
    rng, adam = torch.Generator().manual_seed(1), torch.optim.Adam(module.parameters(), 1e-3)
    for _ in range(steps):
        batch = torch.randint(len(labels), (64,), generator=rng)
        adam.zero_grad()
        for place in torch.randperm(len(children), generator=rng)[:2].tolist():
            module.choice = children[place]
            F.cross_entropy(module(images[batch]), labels[batch]).backward()
        adam.step()
        after()


def main(steps=200, every=20, out="results/own-loop.csv"):
    raw, children = fashion14(), list(SPACE.children())
    data = torch.tensor(raw.train_images) / 255, torch.tensor(raw.train_labels)
    validation = torch.tensor(raw.validation_images) / 255, torch.tensor(raw.validation_labels)
    Path(out).parent.mkdir(exist_ok=True)
    Path(out).unlink(missing_ok=True)

    module = Activations()
    record = cw.Recorder(NET, validation, every=every, out=out, module=module, sweep_images=500)
    train(module, children, data, steps, after=record)

    truth = {}
    for child in children:
        module = Activations()
        train(module, [child], data, steps)
        truth[child.name] = float((module(validation[0]).argmax(1) == validation[1]).float().mean())

    with Path(out).open() as file:
        names, *rows = csv.reader(file)
    made = cw.rank([[float(cell) for cell in row[1:]] for row in rows], truth, children=names[1:])
    table = next(one for one in made if one.name == "ranks")
    print(table.title, *(f"{row.name}: GT-Tau {row.numbers[0].value:.2f}" for row in table.rows), sep="\n")
    return table


if __name__ == "__main__":
    main()
