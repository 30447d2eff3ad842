"""A run's accuracies and GT-Tau as scalars for TensorBoard."""

from collections.abc import Sequence
from importlib import import_module
from math import isnan
from pathlib import Path
from typing import Any

from commonweight.errors import UsageError
from commonweight.paper import Scalars

EVENTS = "events.out.tfevents.*"


def require_tensorboard() -> Any:
    """PyTorch's module that writes for it; raises `UsageError` when TensorBoard is not installed."""
    try:
        return import_module("torch.utils.tensorboard")
    except ImportError:
        raise UsageError(
            "--tensorboard needs TensorBoard, which is not installed: pip install 'commonweight[tensorboard]'"
        ) from None


def write_scalars(runs: Sequence[Scalars], folder: Path) -> None:
    """A run of TensorBoard for each instance, `<experiment>/<instance>`, each tag's values by mini-batch.

    Event files of an earlier export are replaced: TensorBoard would show both. Wall times are those of the steps, so the same
    records give the same scalars. Raises `UsageError` as `require_tensorboard` does.
    """
    writer_of = require_tensorboard().SummaryWriter
    for run in runs:
        place = folder / run.experiment / f"{run.instance}"
        for earlier in place.glob(EVENTS):
            earlier.unlink()
        with writer_of(place) as writer:
            for tag, values in run.values.items():
                for step, value in zip(run.step.tolist(), values.tolist(), strict=True):
                    if not isnan(value):  # an undefined tau is no point
                        writer.add_scalar(tag, value, step, walltime=float(step))
