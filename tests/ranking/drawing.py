"""The draws of a bootstrap, written out."""

import numpy as np


def drawn_instances(n, rng, resamples):
    """The instances of each draw, written out: the same draws as the library makes from a generator in this state."""
    return [np.repeat(np.arange(n), counts) for counts in rng.multinomial(n, [1 / n] * n, size=resamples)]
