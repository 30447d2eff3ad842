"""Ways to rank all children, each with what it costs: whatever the records of the catalogue allow (not in the paper)."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np

from commonweight.net import DataShape, SuperNet
from commonweight.paper.experiments import (
    FINETUNED_END,
    FINETUNED_HALF,
    FOUND,
    OTHER_BATCH,
    PREFIX,
    RANDOM,
    SEEDS,
    SHORTER,
    SIMILAR,
    TRUTH,
    UNSHARED_NORM,
    unshared_norm,
)
from commonweight.paper.finetuning import STEPS
from commonweight.paper.hidden import AS_TRAINED, OF_THE_BATCH, under_statistics
from commonweight.paper.instability import KEPT
from commonweight.paper.planned import Family, FineTuned, FromScratch
from commonweight.paper.views import View, all_of, of_study
from commonweight.ranking import just_trained, mean_of_last, ranks
from commonweight.seeds import Stream
from commonweight.sharing import share_all
from commonweight.study.jobs import FinalAccuracy
from commonweight.study.setting import Measured, Setting

READ = "super-nets as trained"
STATISTICS = "super-nets under other statistics"
TUNED = "super-nets, then fine-tuning"
PRUNED = "super-nets, pruning, then the survivors alone"
LESS = "less sharing: groups, fewer cells"
SHORT = "ground truth cut short"
TUNED_PART, ALONE_PART = (2, 4), (4, 8)  # one child of so many survives, to be fine-tuned or to be trained alone


@dataclass(frozen=True, eq=False)
class Way:
    """One way to rank all children; `accuracy` `[instance, child]` is what an instance ranks them by.

    `cost` is what one instance trains, in child-epochs: mini-batches, whichever child each of them trains, over those of an
    epoch. Mini-batches of recalibration count as if they trained. `passes` are validations of each child on the sweeps'
    images, in the mean over children; they are no part of the cost. `alone`: instance i is made of initialisation i of
    ground truth, counted round where these are fewer, and must not be compared with it.
    """

    family: str
    name: str
    cost: float
    passes: float
    accuracy: np.ndarray
    alone: bool = False
    without: int = 0


Ways = View[list[Way]]


def training_cost(planned: FromScratch, setting: Setting) -> float:
    """Child-epochs of one instance: each group is trained for all epochs, and a child in no group as children alone are.

    What it takes to find groups is a part of it.
    """
    if planned.found is not None:
        return planned.found.m * planned.found.epochs(setting) + planned.found.child_epochs(setting)
    own = planned.conditions(setting).training.epochs
    single = own if planned.alone is None else planned.alone.conditions(setting).training.epochs
    return float(sum(single if len(group) == 1 else own for group in planned.groups(setting)))


def parameter_counts(setting: Setting) -> np.ndarray:
    """Trained parameters of each child `[child]`, but for a number that all have in common (images decide it)."""
    study, children = setting.study, setting.children
    of_any_images = DataShape(image_channels=1, classes=2)
    plan = share_all(children, study.net.cells, tail=study.net.has_tail)
    net = SuperNet(plan, study.net, of_any_images, [Stream(study.seed)])
    return np.array([sum(weight.numel() for weight in net.path(child).parameters) for child in children], dtype=float)


def _length(planned: FromScratch, setting: Setting) -> str:
    """`12 epochs`; where batches are others than the study's, `12 epochs in batches of 32`."""
    training = planned.conditions(setting).training
    batches = "" if training.batch == setting.study.training.batch else f" in batches of {training.batch}"
    return f"{training.epochs} epochs{batches}"


def _doubled(most: int) -> list[int]:
    """1, 2, 4 … below `most`, and `most`."""
    return [*(2**power for power in range(most.bit_length()) if 2**power < most), most]


def _under_statistics(shared: FromScratch, apart: FromScratch) -> Ways:
    """The last moment of super-nets under each kind of statistics."""

    def ways(read: tuple[Mapping[str, np.ndarray], np.ndarray], setting: Setting) -> list[Way]:
        under, kept = read
        training, length, cost = (
            shared.conditions(setting).training,
            _length(shared, setting),
            training_cost(shared, setting),
        )
        again = setting.study.experiments.calibration_batches / -(-setting.train_images // training.batch)
        found = [Way(READ, f"{length}, last moment", cost, 1, under[AS_TRAINED])]
        for how, accuracy in under.items():
            if how != AS_TRAINED:
                more = 0 if how == OF_THE_BATCH else again * len(setting.children)
                found.append(Way(STATISTICS, f"{length}, statistics {how}", cost + more, 1, accuracy))
        return [*found, Way(STATISTICS, f"{length}, statistics {KEPT}", training_cost(apart, setting), 1, kept)]

    return all_of(under_statistics(shared), apart.last()).then(ways)


def _of_last_round(family: str, words: str, cost: float, window: Measured) -> list[Way]:
    """Readings of the last round of all children, but the last moment."""
    moments = len(window.step)
    return [
        Way(family, f"{words}, mean of last {moments}", cost, moments, mean_of_last(window.accuracy, moments)),
        Way(family, f"{words}, just after training", cost, 1, just_trained(window.accuracy, window.trained)),
    ]


def _readings(read: tuple[Measured, np.ndarray, Measured], setting: Setting) -> list[Way]:
    window, epochs, kept = read
    cost, length, last = training_cost(SEEDS, setting), _length(SEEDS, setting), epochs.shape[1]
    return [
        *_of_last_round(READ, length, cost, window),
        Way(READ, f"{length}, mean of last {last} epochs", cost, last, mean_of_last(epochs, last)),
        *_of_last_round(STATISTICS, f"{length}, statistics {KEPT}", training_cost(UNSHARED_NORM, setting), kept),
    ]


def _survive(accuracy: np.ndarray, kept: int, after: np.ndarray) -> np.ndarray:
    """What ranks the `kept` best children by `after` in front of all others by `accuracy`: all `[instance, child]`.

    Of children that tie at the cut the lower index survives. Example: of accuracies 0.2, 0.5, 0.4 two survive, which reach
    0.6 and 0.7: by 0.2, 2.6, 2.7 the third child is the best.
    """
    return np.where(ranks(accuracy) <= kept, 2 + after, accuracy)  # accuracies are at most 1


def _surviving(children: int, shares: Sequence[int]) -> list[int]:
    """How many survive, the most first: one child of so many, rounded up."""
    return sorted({-(-children // share) for share in shares}, reverse=True)


def _fine_tuned(tuned: FineTuned) -> Ways:
    """All children fine-tuned from a snapshot, or those alone that were best by the mean of the round before it."""

    def ways(read: tuple[Measured, Measured], setting: Setting) -> list[Way]:
        before, after = read
        children, epoch, epochs = len(setting.children), tuned.epoch.of(setting), setting.study.training.epochs
        words = f"{epochs} epochs" if epoch == epochs else f"{epoch} of {epochs} epochs"
        reading, most, found = before.accuracy.mean(axis=1), after.accuracy.shape[1], []
        for steps in sorted({*(s for s in STEPS if s < most), most}):
            last, mean = after.accuracy[:, steps - 1], after.accuracy[:, :steps].mean(axis=1)
            cost = epoch + steps * children / setting.batches_per_epoch
            then = f"{words}, all fine-tuned on {steps} mini-batches"
            found.append(Way(TUNED, then, cost, 1, last))
            if steps > 1:
                found.append(Way(TUNED, f"{then}, mean of these", cost, steps, mean))
            for kept in _surviving(children, TUNED_PART):
                then = f"{words}, best {kept} fine-tuned on {steps} mini-batches"
                cost = epoch + steps * kept / setting.batches_per_epoch
                passes = len(before.step) + kept / children
                found.append(Way(PRUNED, then, cost, passes, _survive(reading, kept, last)))
        return found

    return all_of(tuned.source.window(until=tuned.epoch), tuned.every_batch()).then(ways)


def _survivors_alone(planned: FromScratch) -> Ways:
    """Children that were best by the validation batch's statistics, each trained alone for some of its epochs."""

    def ways(read: tuple[np.ndarray, np.ndarray], setting: Setting) -> list[Way]:
        shared, alone = read
        children, (seeds, epochs), found = len(setting.children), alone.shape[:2], []
        for kept in _surviving(children, ALONE_PART):
            for trained in _doubled(epochs):
                name = f"{_length(planned, setting)}, best {kept} alone for {trained} of {epochs} epochs"
                cost = training_cost(planned, setting) + kept * trained
                after = alone[np.arange(len(shared)) % seeds, trained - 1]
                passes = 1 + kept / children
                found.append(Way(PRUNED, name, cost, passes, _survive(shared, kept, after), alone=True))
        return found

    return all_of(planned.final(FinalAccuracy.UNDER_BATCH_STATISTICS), TRUTH.after_epochs()).then(ways)


def _sharing_less(planned: FromScratch) -> Ways:
    """The last moment, and the mean of the last round; which child a mini-batch trains, every group decides for itself."""

    def ways(window: Measured, setting: Setting) -> list[Way]:
        words, cost, moments = planned.title.lower(), training_cost(planned, setting), len(window.step)
        without = 0 if planned.found is None else 1
        mean = mean_of_last(window.accuracy, moments)
        return [
            Way(LESS, f"{words}, last moment", cost, 1, window.accuracy[:, -1], without=without),
            Way(LESS, f"{words}, mean of last {moments}", cost, moments, mean, without=without),
        ]

    return planned.window().then(ways)


def _cut_short(after: np.ndarray, setting: Setting) -> list[Way]:
    epochs, children = after.shape[1], len(setting.children)
    return [
        Way(SHORT, f"every child alone for {n} of {epochs} epochs", children * n, 1, after[:, n - 1], alone=True)
        for n in _doubled(epochs)[:-1]
    ]


def _of_each(family: Family[int], ways: Callable[[FromScratch], Ways]) -> Ways:
    return family.each(ways).then(lambda each, _: list(chain.from_iterable(each.values())))


def _where_possible(ways: Ways) -> Ways:
    """None in a study that cannot have these."""
    return of_study(lambda setting: View(lambda _: {}, lambda _: []) if ways.refused(setting) else ways)


def _both(planned: FromScratch) -> Ways:
    return _under_statistics(planned, unshared_norm(planned))


EVERY_WAY: Ways = all_of(
    _under_statistics(SEEDS, UNSHARED_NORM),
    _of_each(SHORTER, _both),
    _of_each(OTHER_BATCH, _both),
    all_of(SEEDS.window(), SEEDS.last_epochs(), UNSHARED_NORM.window()).then(_readings),
    _fine_tuned(FINETUNED_HALF),
    _fine_tuned(FINETUNED_END),
    _survivors_alone(SEEDS),
    _of_each(SHORTER, _survivors_alone),
    _of_each(PREFIX, _sharing_less),
    _of_each(RANDOM, _sharing_less),
    _of_each(SIMILAR, _sharing_less),
    *(_where_possible(_of_each(family, _sharing_less)) for family in FOUND.values()),
    TRUTH.after_epochs().then(_cut_short),
).then(lambda several, _: list(chain.from_iterable(several)))
"""Every way that a study's records allow, each under a name of its own."""
