"""The training loop. Ground truth, groups, super-nets and fine-tuning all run through `train`."""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Generic, TypeVar

from torch import Tensor

from commonweight.errors import UsageError
from commonweight.net import AnyEngine, Trainable
from commonweight.seeds import Stream
from commonweight.space import AnyChild
from commonweight.training.divergence import require_finite
from commonweight.training.mini_batches import Batches
from commonweight.training.order import ChildOrder
from commonweight.training.recipe import Moments, Recipe
from commonweight.training.sgd import SGD

C = TypeVar("C", bound=AnyChild)


@dataclass(frozen=True)
class Streams:
    """The three random streams of a run; the fourth, initialisation, made the net."""

    order: Stream
    data: Stream
    augment: Stream


@dataclass(frozen=True)
class Trained(Generic[C]):
    """Mini-batch number `step` (from 1) has trained `child`."""

    step: int
    child: C


@dataclass(frozen=True)
class Swept:
    """Children were validated after `step` mini-batches: accuracy `[copy, child]` in [0, 1], still on the device."""

    step: int
    accuracy: Tensor


@dataclass(frozen=True)
class Snapshot:
    """Weights, batch-norm statistics and momentum after `step` mini-batches, by the names of the net's `state_dict`.

    Parameters that no mini-batch has trained yet have no momentum.
    """

    step: int
    weights: dict[str, Tensor]
    momentum: dict[str, Tensor]


@dataclass(frozen=True)
class Course(Generic[C]):
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
    validated: Sequence[C] | None = None


def train(  # noqa: PLR0917
    engine: AnyEngine[C],
    images: Batches,
    recipe: Recipe,
    course: Course[C],
    streams: Streams,
    start: Snapshot | None = None,
    due: Callable[[], bool] = lambda: False,
) -> Iterator[Trained[C] | Swept | Snapshot]:
    """Train the engine's net by the recipe, one child per mini-batch, and yield what happens, in order.

    All copies see the same batches and train the same child. From a `start` (its weights, momentum and place in the run,
    wherever in an epoch that is) the run goes on exactly as if it had never stopped. Between any two mini-batches a snapshot
    is `due` when that says so: it is asked after each, and its answers change nothing else.

    Raises `UsageError` for a snapshot of another net or outside the run, and `DivergedError` when at the end of an epoch, or
    of the run, or where a snapshot is due the net is not finite any more: before its snapshot.
    """
    net, children = engine.net, engine.net.plan.children
    per_epoch = images.batches_per_epoch(recipe.batch)
    total = recipe.steps(per_epoch, course.stop_after)
    visits = course.order.visits(len(children), total, streams.order)
    moments = course.moments.steps(total, per_epoch)
    validation = images.validation(course.sweep_images)
    validated = children if course.validated is None else course.validated
    whole = total // per_epoch
    late = [epoch for epoch in course.snapshots if not 1 <= epoch <= whole]
    if late:
        raise UsageError(f"a snapshot after epoch {late[0]} of a run of {whole}; expected 1 … {whole}")
    wanted = {epoch * per_epoch for epoch in course.snapshots}
    sgd = SGD(recipe)
    begun = 0 if start is None else _restore(net, sgd, start, total)
    for epoch in range(begun // per_epoch, -(-total // per_epoch)):
        lr = recipe.lr_at(epoch)
        first, last = max(begun, epoch * per_epoch), min(total, (epoch + 1) * per_epoch)
        seen = first - epoch * per_epoch
        batches = images.epoch(recipe.batch, streams.data.fork(epoch), streams.augment.fork(epoch), seen=seen)
        for step, (batch, labels) in enumerate(islice(batches, last - first), start=first + 1):
            child = children[visits[step - 1]]
            train_step(engine, sgd, child, batch, labels, lr)
            yield Trained(step, child)
            if step in moments:
                yield Swept(step, engine.sweep(*validation, validated, course.moments.precision))
            keep = step in wanted or (step < total and due())
            if keep or step == last:
                require_finite(net, sgd, step)
            if keep:
                yield _save(net, sgd, step)


def train_step(  # noqa: PLR0917
    engine: AnyEngine[C], sgd: SGD, child: C, batch: Tensor, labels: Tensor, lr: float
) -> None:
    """One mini-batch trains one child in every copy; only what the child uses gets a gradient.

    Raises `UsageError` for one image of one pixel: a single number has no deviation to be normalised by.
    """
    if batch[:, :1].numel() == 1:
        raise UsageError(
            "a mini-batch of one image of 1 × 1 pixel has no batch-norm statistics; expected at least two pixels in all: "
            "choose a training.batch that leaves no single image over, or larger images"
        )
    sgd.step(engine, engine.gradients(batch, labels, child), lr)


def _save(net: Trainable[Any], sgd: SGD, step: int) -> Snapshot:
    weights = {name: value.detach().cpu().clone() for name, value in net.state_dict().items()}
    momentum = {name: sgd.velocity[p].cpu().clone() for name, p in net.named_parameters() if p in sgd.velocity}
    return Snapshot(step, weights, momentum)


def _restore(net: Trainable[Any], sgd: SGD, start: Snapshot, total: int) -> int:
    ours = {name: value.shape for name, value in net.state_dict().items()}
    theirs = {name: value.shape for name, value in start.weights.items()}
    momentum = {name: value.shape for name, value in start.momentum.items()}
    if theirs != ours or not momentum.items() <= ours.items():
        wrong = min(name for name, _ in (ours.items() ^ theirs.items()) | (momentum.items() - ours.items()))
        raise UsageError(f"the snapshot is of another net: {wrong} differs; start the net that it was made with")
    if not 0 <= start.step < total:
        raise UsageError(f"the snapshot is after mini-batch {start.step}; a run of {total} cannot go on there")
    net.load_state_dict(start.weights)
    for name, parameter in net.named_parameters():
        if name in start.momentum:
            sgd.velocity[parameter] = start.momentum[name].to(parameter.device, copy=True)
    return start.step
