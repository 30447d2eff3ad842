"""Which children a job trains whose children are found: from a stored super-net to an affinity, and to a group.

Always from one copy, by arithmetic in float64, so that the jobs of one partition agree on it, whoever does them where.
"""

from itertools import islice
from pathlib import Path

import numpy as np

from commonweight.errors import StoreError
from commonweight.net import gradient_similarity
from commonweight.ranking import curve_correlation, mutual_help, trained_mask
from commonweight.sharing import by_affinity
from commonweight.study.jobs import Affinity, FoundSpec, Job
from commonweight.study.nets import make_net, weights_of_copy
from commonweight.study.store import Store
from commonweight.training import ImageSet

Kept = dict[tuple[Path, str, int, Affinity, int], np.ndarray]
"""Affinities that were read already, by what decides them: the jobs of a partition need the same one."""


def with_children(job: Job, store: Store, images: ImageSet, kept: Kept) -> Job:
    """The job with the names of its children, which are found if the job does not name them; an affinity once read is `kept`.

    Raises `ResultMissing` when the result that they are found in is not in the store, `StoreError` when it did not look at
    each of the mini-batches in question.
    """
    found = job.children
    if not isinstance(found, FoundSpec):
        return job
    source = store.job(found.job)
    decides = (store.out, found.job, found.number, found.by, found.over)
    if decides not in kept:
        kept[decides] = _affinity(found, source, store, images)
    groups = by_affinity(source.plan().children, kept[decides], found.m)
    return job.training_these(tuple(child.name for child in groups[found.group]))


def _affinity(found: FoundSpec, source: Job, store: Store, images: ImageSet) -> np.ndarray:
    """Of the source's children, [child, child]."""
    if found.by is Affinity.GRADIENTS:
        return _similarity(found, source, store, images)
    record = store.read(source)
    window = record.at(np.arange(source.mini_batches - found.over + 1, source.mini_batches + 1))
    if len(record.step) < found.over or not np.isin(window.step, record.step).all():
        raise StoreError(f"job {source.id}: it did not look at each of its last {found.over} mini-batches")
    accuracy = window.accuracy[found.number]
    if found.by is Affinity.CORRELATION:
        return curve_correlation(accuracy)
    return mutual_help(accuracy, trained_mask(window.trained, len(source.children)))


def _similarity(found: FoundSpec, source: Job, store: Store, images: ImageSet) -> np.ndarray:
    """Of gradients at the end of the source, on the first batches of an epoch that it did not train, augmented as there."""
    epochs = source.training.epochs
    net = make_net(source.of_copy(found.number), images).double()
    snapshot = store.read_snapshot(source, f"epoch-{epochs}")
    net.load_state_dict(weights_of_copy(snapshot, found.number, source.copies))
    data, augment = (source.seeds.stream(purpose).fork(epochs) for purpose in ("data", "augment"))
    batches = islice(images.epoch(source.training.batch, data, augment), found.over)
    return gradient_similarity(net, [(some.double(), labels) for some, labels in batches])[0].cpu().numpy()
