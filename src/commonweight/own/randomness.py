"""Global generators that a user's own code draws from, at states that are ours while it runs."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch

from commonweight.seeds import Stream


class OwnRandomness:
    """PyTorch's, NumPy's and Python's global generators go on from the stream inside, and are as they were outside.

    A module's initialisation, its dropout and a loader's shuffling draw from global generators, and no argument reaches
    them. Each use goes on where the one before it stopped. Example: with `own = OwnRandomness(Stream(1))`, two times
    `with own(): torch.rand(1)` give two numbers, which no draw outside changes, and which change no draw outside.
    """

    def __init__(self, stream: Stream, device: torch.device | str = "cpu") -> None:
        seed = int(stream.generator().integers(2**32))
        self._device = torch.device(device)
        self._states: list[Any] = [
            torch.Generator().manual_seed(seed).get_state(),
            np.random.RandomState(seed).get_state(),
            random.Random(seed).getstate(),
        ]
        if self._device.type == "cuda":
            self._states.append(torch.Generator(self._device).manual_seed(seed).get_state())

    @contextmanager
    def __call__(self) -> Iterator[None]:
        outside = self._now()
        self._set(self._states)
        try:
            yield
        finally:
            self._states = self._now()
            self._set(outside)

    def _now(self) -> list[Any]:
        states: list[Any] = [torch.random.get_rng_state(), np.random.get_state(), random.getstate()]  # noqa: NPY002
        return [*states, torch.cuda.get_rng_state(self._device)] if self._device.type == "cuda" else states

    def _set(self, states: list[Any]) -> None:
        torch.random.set_rng_state(states[0])
        np.random.set_state(states[1])  # noqa: NPY002
        random.setstate(states[2])
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(states[3], self._device)
