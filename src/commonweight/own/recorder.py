"""A recorder for training loops that are not ours: it validates children now and then and writes what `rank` reads."""

import csv
import io
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from commonweight.errors import UsageError
from commonweight.own.calling import in_mode
from commonweight.own.declared import Supernet
from commonweight.own.feeding import first, held
from commonweight.own.module_engine import SWEEP_IMAGES, right_answers
from commonweight.space import Chosen


class Recorder:
    """Called after every mini-batch of a training loop; after each `every`-th it validates the children of `net`.

    `module` is the module that the loop trains, by default the one that `net` was declared with. `children` are children
    or their names, by default all of the space; `validation` is what `judge` takes, and of its images the first
    `sweep_images` are used. Accuracies go to `out`, a table of moments and children for `commonweight rank`, one whole line
    for each moment, flushed to the disk: what a stopped loop has written can be read. The module's modes are put back, and
    its buffers do not move; with `select`, its choice is afterwards that of the child just trained, where the loop tells it.

    Raises `UsageError` when `out` exists already, and when the loop names the child just trained for some moments only.

    >>> import pathlib, torch
    >>> net = cw.Supernet(torch.nn.Linear(4, 2), cw.Choices({"sign": [-1, 1]}), forward=lambda m, x, c: c["sign"] * m(x))
    >>> record = cw.Recorder(net, (torch.ones(5, 4), torch.tensor([0, 0, 0, 1, 1])), every=2, out="log.csv")
    >>> for batch in range(4):
    ...     record()
    >>> pathlib.Path("log.csv").read_text().split()[0]
    'step,sign=-1,sign=1'
    """

    def __init__(
        self,
        net: Supernet,
        validation: Any,
        children: Sequence[Chosen | str] | None = None,
        *,
        every: int = 1,
        out: Path | str = "ranks.csv",
        module: nn.Module | None = None,
        sweep_images: int | None = None,
    ) -> None:
        module = net.module if module is None and isinstance(net.module, nn.Module) else module
        if module is None:
            raise UsageError("net was declared with what makes a module; give the one that the loop trains as module=")
        if every < 1:
            raise UsageError(f"every is {every}; expected at least 1, a number of mini-batches")
        self.net, self.module, self.every, self.out = net, module, every, Path(out)
        given = net.space.children() if children is None else children
        self.children = tuple(net.space.child(one) if isinstance(one, str) else one for one in given)
        if len(set(self.children)) < len(self.children):
            raise UsageError("a child stands twice among those to record; expected each once")
        device = next(module.parameters()).device
        self._validation = first(held(validation, "validation", device), sweep_images)
        self._step = 0
        self._named: bool | None = None  # whether the loop tells the child just trained
        if self.out.exists():
            raise UsageError(f"{self.out} exists already; remove it, or give another name as out=")

    def __call__(self, child: Chosen | str | None = None) -> None:
        """A mini-batch has been trained, of this child if the loop says so."""
        self._step += 1
        if self._step % self.every:
            return
        child = self.net.space.child(child) if isinstance(child, str) else child
        if self._named not in (None, child is not None):
            raise UsageError("the child just trained was told for some moments only; expected for all of them, or none")
        images, labels = self._validation
        with in_mode(self.module, False), torch.inference_mode():
            logits = partial(self.net.call, self.module)
            accuracy = right_answers(logits, images.split(SWEEP_IMAGES), labels, self.children)[0].tolist()
        if child is not None and self.net.select is not None:
            self.net.select(self.module, child)
        told = [] if child is None else [child.name]
        if self._named is None:
            self._write(["step", *(["trained"] if told else []), *(one.name for one in self.children)])
        self._named = child is not None
        self._write([self._step, *told, *accuracy])

    def _write(self, cells: list[Any]) -> None:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        with self.out.open("ab") as file:
            file.write(line.getvalue().encode())  # one write of the whole line
            file.flush()
            os.fsync(file.fileno())
