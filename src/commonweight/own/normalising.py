"""Sweeps of a user's module by the batch-norm statistics of the validation batch, not by those that training left."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from commonweight.errors import UsageError
from commonweight.own.calling import in_mode
from commonweight.own.module_engine import right_answers
from commonweight.own.module_net import ModuleNet
from commonweight.space import Chosen


def sweep_by_batch(net: ModuleNet, images: Tensor, labels: Tensor, children: Sequence[Chosen], batch: int) -> Tensor:
    """Accuracies `[1, child]`, float64, where every `batch` images are normalised by their own statistics.

    As `sweep_under` does with `Statistics.BATCH`: what does not fill a batch joins the last one. Only PyTorch's batch norms
    do otherwise than in eval mode, and nothing of the module changes. Raises `UsageError` for batches of less than 2 images.
    """
    if min(batch, len(images)) < 2:
        raise UsageError(f"statistics of batches of {min(batch, len(images))} images; a batch needs at least 2")
    whole = [batch] * (len(images) // batch - 1)
    batches = images.split([*whole, len(images) - sum(whole)])
    with in_mode(net.module, False), torch.inference_mode(), _without_statistics(net.module):
        return right_answers(net.logits, batches, labels, children)


@contextmanager
def _without_statistics(module: nn.Module) -> Iterator[None]:
    """Batch norms that keep no running statistics, and so use the batch's."""
    norms = [part for part in module.modules() if isinstance(part, nn.modules.batchnorm._BatchNorm)]
    kept = [(norm, norm.running_mean, norm.running_var) for norm in norms]
    try:
        for norm in norms:
            norm.running_mean = norm.running_var = None
        yield
    finally:
        for norm, mean, variance in kept:
            norm.running_mean, norm.running_var = mean, variance
