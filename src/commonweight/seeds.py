"""Named random streams: whoever needs random numbers is handed a stream, and nothing reads or sets a global seed.

A stream is a study's seed and a path of names. Its generator depends on these alone, so drawing more from one stream
never shifts another: the initialisation, the child order, the data order and the augmentation can change one at a time.
"""

import hashlib
import json
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Stream:
    """A value that names a source of random numbers; `generator()` starts it from its beginning each time."""

    seed: int
    path: tuple[str | int, ...] = ()

    def fork(self, *names: str | int) -> "Stream":
        """The stream below this one with these names; other names give independent numbers."""
        return Stream(self.seed, self.path + names)

    def generator(self) -> np.random.Generator:
        """A NumPy generator (PCG64) seeded by SHA-256 of the seed and the path."""
        digest = hashlib.sha256(json.dumps([self.seed, *self.path]).encode()).digest()
        return np.random.Generator(np.random.PCG64(np.frombuffer(digest, dtype="<u4")))
