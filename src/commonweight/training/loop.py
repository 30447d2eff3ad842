"""The training loop. Ground truth, groups, super-nets and fine-tuning all run through `train`."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from torch import Tensor

from commonweight.errors import UsageError
from commonweight.net import Engine, SuperNet
from commonweight.seeds import Stream
from commonweight.space import Child
from commonweight.training.divergence import require_finite
from commonweight.training.image_set import ImageSet
from commonweight.training.order import ChildOrder
from commonweight.training.recipe import Moments, Recipe
from commonweight.training.sgd import SGD


@dataclass(frozen=True)
class Streams:
    """The three random streams of a run; the fourth, initialisation, made the net."""

    order: Stream
    data: Stream
    augment: Stream


@dataclass(frozen=True)
class Trained:
    """Mini-batch number `step` (from 1) has trained `child`."""

    step: int
    child: Child


@dataclass(frozen=True)
class Swept:
    """Children were validated after `step` mini-batches: accuracy `[copy, child]` in [0, 1], still on the device."""

    step: int
    accuracy: Tensor


@dataclass(frozen=True)
class Snapshot:
    """Weights, batch-norm statistics and momentum after `epoch` whole epochs, by the names of `SuperNet.state_dict`.

    Parameters that no mini-batch has trained yet have no momentum.
    """

    epoch: int
    weights: dict[str, Tensor]
    momentum: dict[str, Tensor]


@dataclass(frozen=True)
class Course:
    """What a run does besides its recipe: which child it trains when, and when it sweeps or takes a snapshot.

    `sweep_images`: validation images of a sweep, None for all. `snapshots`: epochs, from 1. `stop_after`: so many
    mini-batches, wherever in the recipe's epochs that is; None for all epochs. `validated`: the children of a sweep, None for
    all that are trained.
    """

    order: ChildOrder = ChildOrder.FIXED
    moments: Moments = Moments()
    sweep_images: int | None = None
    snapshots: Collection[int] = ()
    stop_after: int | None = None
    validated: Sequence[Child] | None = None


def train(  # noqa: PLR0917
    engine: Engine, images: ImageSet, recipe: Recipe, course: Course, streams: Streams, start: Snapshot | None = None
) -> Iterator[Trained | Swept | Snapshot]:
    """Train the engine's net by the recipe, one child per mini-batch, and yield what happens, in order.

    All copies see the same batches and train the same child. From a `start` (its weights, momentum and epoch) the run
    goes on exactly as if it had never stopped. Raises `UsageError` for a snapshot of another net or outside the run, and
    `DivergedError` when at the end of an epoch, or of the run, the net is not finite any more: before its snapshot.
    """
    net, children = engine.net, engine.net.plan.children
    swept = children if course.validated is None else course.validated
    per_epoch = images.batches_per_epoch(recipe.batch)
    total = recipe.steps(per_epoch, course.stop_after)
    visits = course.order.visits(len(children), total, streams.order)
    moments = course.moments.steps(total, per_epoch)
    validation = images.validation(course.sweep_images)
    whole = total // per_epoch
    late = [epoch for epoch in course.snapshots if not 1 <= epoch <= whole]
    if late:
        raise UsageError(f"a snapshot after epoch {late[0]} of a run of {whole}; expected 1 … {whole}")
    sgd = SGD(recipe)
    first = 0 if start is None else _restore(net, sgd, start, recipe)
    for epoch in range(first, recipe.epochs):
        lr = recipe.lr_at(epoch)
        batches = images.epoch(recipe.batch, streams.data.fork(epoch), streams.augment.fork(epoch))
        left = max(0, total - epoch * per_epoch)
        for step, (batch, labels) in enumerate(islice(batches, left), start=epoch * per_epoch + 1):
            child = children[visits[step - 1]]
            train_step(engine, sgd, child, batch, labels, lr)
            yield Trained(step, child)
            if step in moments:
                yield Swept(step, engine.sweep(*validation, swept, course.moments.precision))
        if left:
            require_finite(net, sgd, min(total, (epoch + 1) * per_epoch))
        if epoch + 1 in course.snapshots:
            yield _save(net, sgd, epoch + 1)


def train_step(  # noqa: PLR0917
    engine: Engine, sgd: SGD, child: Child, batch: Tensor, labels: Tensor, lr: float
) -> None:
    """One mini-batch trains one child in every copy; only what the child uses gets a gradient.

    Raises `UsageError` for one image of one pixel: a single number has no deviation to be normalised by.
    """
    if len(batch) * batch.shape[2] * batch.shape[3] == 1:
        raise UsageError(
            "a mini-batch of one image of 1 × 1 pixel has no batch-norm statistics; expected at least two pixels in all: "
            "choose a training.batch that leaves no single image over, or larger images"
        )
    sgd.step(engine, engine.gradients(batch, labels, child), lr)


def _save(net: SuperNet, sgd: SGD, epoch: int) -> Snapshot:
    weights = {name: value.detach().cpu().clone() for name, value in net.state_dict().items()}
    momentum = {name: sgd.velocity[p].cpu().clone() for name, p in net.named_parameters() if p in sgd.velocity}
    return Snapshot(epoch, weights, momentum)


def _restore(net: SuperNet, sgd: SGD, start: Snapshot, recipe: Recipe) -> int:
    ours = {name: value.shape for name, value in net.state_dict().items()}
    theirs = {name: value.shape for name, value in start.weights.items()}
    momentum = {name: value.shape for name, value in start.momentum.items()}
    if theirs != ours or not momentum.items() <= ours.items():
        wrong = min(name for name, _ in (ours.items() ^ theirs.items()) | (momentum.items() - ours.items()))
        raise UsageError(f"the snapshot is of another net: {wrong} differs; start the net that it was made with")
    if not 0 <= start.epoch < recipe.epochs:
        raise UsageError(
            f"the snapshot is after epoch {start.epoch}; a run of {recipe.epochs} epochs cannot go on there"
        )
    net.load_state_dict(start.weights)
    for name, parameter in net.named_parameters():
        if name in start.momentum:
            sgd.velocity[parameter] = start.momentum[name].to(parameter.device, copy=True)
    return start.epoch
