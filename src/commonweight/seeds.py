"""Named random streams: whoever needs random numbers is handed a stream, and nothing reads or sets a global seed.

A stream is a study's seed and a path of names, and seed and path alone decide its generator. So drawing more from one
stream never shifts another: the initialisation, the child order, the data order and the augmentation can change one at a
time. Example: `Stream(7).fork("init", 2)` is `Stream(7, ("init", 2))`, and no draw from it moves `Stream(7).fork("data")`.
"""

import hashlib
import json
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stream:
    """A value that names a sequence of random numbers; each `generator()` starts at the beginning of the sequence."""

    seed: int
    path: tuple[str | int, ...] = ()

    def fork(self, *names: str | int) -> "Stream":
        """The stream whose path is this stream's path and then these names; other names give independent numbers."""
        return Stream(self.seed, self.path + names)

    def generator(self) -> np.random.Generator:
        """A NumPy generator (PCG64) seeded by SHA-256 of the seed and the path."""
        digest = hashlib.sha256(json.dumps([self.seed, *self.path]).encode()).digest()
        return np.random.Generator(np.random.PCG64(np.frombuffer(digest, dtype="<u4")))
