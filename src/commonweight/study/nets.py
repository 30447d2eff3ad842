"""From a job to its net, and from a snapshot to a net's weights."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from commonweight.errors import StudyError
from commonweight.net import DataShape, SuperNet, checksum_of
from commonweight.sharing import SharingPlan
from commonweight.study.jobs import Job
from commonweight.training import ImageSet

WEIGHTS = "weights/"  # begins the names of a snapshot's weights and statistics; those of momentum begin otherwise


def make_net(job: Job, images: ImageSet, plan: SharingPlan | None = None) -> SuperNet:
    """The net that the job trains, initialised, on the images' device; or that net under another plan.

    Raises `StudyError` when a primitive of one's own is no longer what it was when the job was planned.
    """
    for name, checksum in job.own:
        if checksum_of(name) != checksum:
            raise StudyError(f"primitive {name!r} has changed since the study was planned; run the command again")
    data = DataShape(images.channels, images.classes)
    return SuperNet(plan or job.plan(), job.net, data, job.seeds.init_streams()).to(images.device)


def weights_of_copy(snapshot: Mapping[str, np.ndarray], number: int, copies: int) -> dict[str, Tensor]:
    """Weights and statistics of one of `copies` stacked copies, by the names that they have in a net of that copy alone."""
    return {
        name.removeprefix(WEIGHTS): torch.from_numpy(np.split(array, copies)[number])
        for name, array in snapshot.items()
        if name.startswith(WEIGHTS)
    }
