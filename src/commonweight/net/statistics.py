"""Sweeps under other batch-norm statistics than those that training left behind ("hidden choices", not in the paper)."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import Enum

import torch
from torch import Tensor

from commonweight.errors import UsageError
from commonweight.net.layers import Norm
from commonweight.net.supernet import Plain, SuperNet
from commonweight.net.sweep import right_answers, sweep
from commonweight.net.units import unit_names
from commonweight.space import Child


class Statistics(Enum):
    """What normalises the validation images: see `sweep_under`."""

    AS_TRAINED = "as-trained"
    BATCH = "batch"
    RECALIBRATED = "recalibrated"


def sweep_under(  # noqa: PLR0917
    net: SuperNet,
    statistics: Statistics,
    images: Tensor,
    labels: Tensor,
    children: Sequence[Child],
    batch: int,
    calibration: Sequence[Tensor],
) -> Tensor:
    """Accuracies `[copy, child]` in [0, 1], float64, on the device; images `[image, channel, height, width]`.

    - `AS_TRAINED`: by the running statistics that the net has: `sweep`.
    - `BATCH`: every `batch` validation images, in their order, by their own mean and biased variance, as in training.
      What does not fill a batch joins the last one: 25 images in batches of 10 are one of 10 and one of 15, and fewer than
      `batch` images are one batch.
    - `RECALIBRATED`: by the mean over the `calibration` batches (of any size, each counts once) of the batch means and of
      the unbiased batch variances. Each child gathers them alone, while it normalises these batches as in training.

    Through PyTorch, whatever the engine. A child's numbers do not depend on the other children, and nothing of the net
    changes, not even its mode. Raises `UsageError` for batches of less than 2 images and for a recalibration without
    batches.
    """
    match statistics:
        case Statistics.AS_TRAINED:
            return sweep(net, images, labels, children)
        case Statistics.BATCH:
            return _by_batch(net, images, labels, children, batch)
        case Statistics.RECALIBRATED:
            if not calibration:
                raise UsageError("recalibrated statistics need at least one calibration batch, got none")
            accuracy = torch.zeros(net.copies, len(children), dtype=torch.float64, device=labels.device)
            for place, child in enumerate(children):
                accuracy[:, place] = _recalibrated(net, images, labels, child, calibration)
            return accuracy


def _by_batch(net: SuperNet, images: Tensor, labels: Tensor, children: Sequence[Child], batch: int) -> Tensor:
    if min(batch, len(images)) < 2:
        raise UsageError(f"statistics of batches of {min(batch, len(images))} images; a batch needs at least 2")
    whole = [batch] * (len(images) // batch - 1)
    sizes = [*whole, len(images) - sum(whole)]
    norms = _norms(net, children)
    with torch.inference_mode(), _scratch_statistics(net, norms):
        for norm in norms:
            norm.train()
        right = right_answers(net, zip(images.split(sizes), labels.split(sizes), strict=True), children)
    return right.T.to(torch.float64) / len(images)


def _recalibrated(net: SuperNet, images: Tensor, labels: Tensor, child: Child, calibration: Sequence[Tensor]) -> Tensor:
    """Of one child, `[copy]`."""
    norms = _norms(net, [child])
    with torch.inference_mode(), _scratch_statistics(net, norms):
        for number, some_images in enumerate(calibration, start=1):
            for norm in norms:
                norm.train()
                norm.momentum = 1 / number  # m_n = m_(n-1) + (x_n - m_(n-1)) / n: the mean of all so far
            net.send(child, some_images, Plain(net))
        return sweep(net, images, labels, [child])[:, 0]


def _norms(net: SuperNet, children: Sequence[Child]) -> list[Norm]:
    """The normalisations that any of the children uses."""
    units = [net.units[name] for child in children for name in unit_names(net.plan, child)]
    return list(dict.fromkeys(layer for unit in units for layer in unit.modules() if isinstance(layer, Norm)))


@contextmanager
def _scratch_statistics(net: SuperNet, norms: Sequence[Norm]) -> Iterator[None]:
    """The net in eval mode, and these layers with zeros to gather statistics in.

    The layers' own statistics are set aside untouched and put back however the body ends: the very same tensors, as a
    native engine holds their addresses.
    """
    was_training = net.training
    kept = [(norm, norm.running_mean, norm.running_var, norm.momentum) for norm in norms]
    try:
        net.eval()
        for norm in norms:
            norm.running_mean, norm.running_var = (
                torch.zeros_like(norm.running_mean),
                torch.zeros_like(norm.running_var),
            )
        yield
    finally:
        for norm, mean, variance, momentum in kept:
            norm.running_mean, norm.running_var, norm.momentum = mean, variance, momentum
        net.train(was_training)
