"""What artefacts and claims are computed from: the records of the experiments, and the random numbers of a report."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from commonweight.seeds import Stream
from commonweight.study.setting import Measured, Setting
from commonweight.values import brief

Randomness = Callable[..., np.random.Generator]
"""Random numbers for a purpose that is named in a few words."""


@dataclass(frozen=True)
class Evidence:
    """The measured experiments by name, which views read."""

    __repr__ = brief

    setting: Setting
    measured: Mapping[str, Measured]


def report_stream(setting: Setting) -> Randomness:
    """The study's own random numbers for its reports: for one purpose the same in every report."""
    return lambda *purpose: Stream(setting.study.seed).fork("report", *purpose).generator()
