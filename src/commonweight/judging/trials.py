"""One instance of a judgement: a module for each group, trained by the loop and swept over its last mini-batches."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from commonweight.judging.how_trained import HowTrained, trained_children
from commonweight.own import ModuleEngine, ModuleNet, ModulePlan, SharingFound, Supernet, private_sites, sweep_by_batch
from commonweight.sharing import at_random
from commonweight.space import Chosen
from commonweight.training import Batches, Course, Streams, Swept, Trained, train


@dataclass(frozen=True, eq=False)
class Trial:
    """What one instance measured of the judged children; accuracies are fractions in [0, 1].

    `accuracy` `[moment, child]` after `step` `[moment]` mini-batches, just after one that trained the children of `trained`
    `[moment, child]`. `by_batch` `[child]`: at the end, by the statistics of validation batches; None without batch norm.
    `modules` are the trained modules, one for each group.
    """

    accuracy: np.ndarray
    step: np.ndarray
    trained: np.ndarray
    by_batch: np.ndarray | None
    modules: tuple[nn.Module, ...]


def run_trial(  # noqa: PLR0917
    net: Supernet,
    found: SharingFound,
    data: Batches,
    judged: Sequence[Chosen],
    how: HowTrained,
    number: int,
    device: torch.device | str,
    advanced: Callable[[int], None] = lambda steps: None,  # noqa: ARG005
) -> Trial:
    """Train instance `number` and sweep the judged children; `advanced` is told of each mini-batch.

    Raises what training raises, and `UsageError` for more groups than children.
    """
    recipe, streams = how.recipe, how.stream
    steps = recipe.steps(data.batches_per_epoch(recipe.batch))
    trained = trained_children(net, steps, how)
    groups = (trained,)
    if how.groups > 1:
        groups = at_random(trained, how.groups, streams.fork("partition").generator())
    places = {child: place for place, child in enumerate(judged)}
    moments = sorted(how.moments.steps(steps, data.batches_per_epoch(recipe.batch)))
    accuracy = np.full((len(moments), len(judged)), np.nan)
    just, by_batch, modules = np.zeros(accuracy.shape, dtype=bool), np.full(len(judged), np.nan), []
    for which, group in enumerate(groups):
        swept = [child for child in judged if how.groups == 1 or child in set(group)]
        columns = [places[child] for child in swept]
        init = streams.fork("init", number, which)
        plan = ModulePlan(group, private_sites(how.private, found))
        one = ModuleNet(net, found, plan, init, device, how.again)
        engine = ModuleEngine(one, streams.fork("forward", number, which))
        run = Streams(*(streams.fork(purpose, number) for purpose in ("order", "data", "augment")))
        course = Course(how.order, how.moments, how.sweep_images, validated=swept)
        child, row = group[0], 0
        for event in train(engine, data, recipe, course, run):
            match event:
                case Trained(_, child):
                    advanced(1)
                case Swept(_, measured):
                    accuracy[row, columns] = measured[0].cpu().numpy()
                    if child in places:
                        just[row, places[child]] = True
                    row += 1
        if found.batch_norm and swept:
            validation = data.validation(how.sweep_images)
            by_batch[columns] = sweep_by_batch(one, *validation, swept, recipe.batch)[0].cpu().numpy()
        modules.append(one.module)
    return Trial(accuracy, np.array(moments), just, by_batch if found.batch_norm else None, tuple(modules))
