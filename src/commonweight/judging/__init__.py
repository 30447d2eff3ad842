"""What the ranks of a user's own super-net are worth: trained by the loop, and judged as ranks from elsewhere are."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch.utils.data import DataLoader

from commonweight.elsewhere.truth_tables import Truth
from commonweight.errors import UsageError
from commonweight.judging.all_trials import AllTrials
from commonweight.judging.how_trained import HowTrained
from commonweight.judging.judged import Judged
from commonweight.judging.judged_children import judged_children
from commonweight.judging.trials import Trial, run_trial
from commonweight.judging.untrained import untrained_ranks
from commonweight.own import Supernet, batches_of, import_supernet, private_sites
from commonweight.space import Chosen
from commonweight.study.work import resolve_device
from commonweight.training import Augmentation, ChildOrder, Inactive, Recipe

__all__ = ["HowTrained", "Judged", "Trial", "judge", "run_trial"]

PROBED = 32  # images of a probe; a batch of its own for batch norm


def judge(
    net: Supernet | str,
    train: Any = None,
    validation: Any = None,
    *,
    children: int | Sequence[Chosen | str] = 1000,
    truth: Any = None,
    instances: int = 3,
    epochs: int = 20,
    batch: int | None = None,
    lr: float = 0.025,
    lr_min: float = 0.001,
    momentum: float = 0.9,
    weight_decay: float = 1e-3,
    inactive: str = "freeze",
    order: str = "shuffled",
    window: int = 16,
    groups: int = 1,
    private: Sequence[str] = (),
    augment: Augmentation | None = None,
    sweep_images: int | None = None,
    seed: int = 0,
    device: str = "auto",
    out: Path | str | None = None,
    command: str = "",
) -> Judged:
    """What the ranks of a super-net of your own are worth: it is trained `instances` times, and its children are ranked.

    - `net`: a `Supernet`, or its name, `"my_space.py:net"` or `"package.module:net"`. With a name and `out`, each instance is
      stored there with its weights when it is done, and the same call goes on after those that are there; a change of the
      file's text, or of the data, is another instance.
    - `train`, `validation`: loaders, pairs of arrays, `.npz` files, or the name of data that ships (`"fashion14"`); by
      default what the named file calls `train`, `validation` and `truth`.
    - `children`: how many to judge, drawn at random from the space, or which; all of the space are trained where it has up
      to 65,536, else as many as there are mini-batches. `truth`: their ground truth, higher is better, as a file or a
      mapping from names to numbers; without it only the stability of the ranks is known.
    - `epochs`, `batch` (64; a loader has its own), `lr` to `lr_min` by cosine, `momentum`, `weight_decay`: SGD. `inactive`:
      `"freeze"` or `"coast"`, what weights do that a mini-batch does not use. `order`: in which children are trained,
      `"fixed"`, `"shuffled"` or `"uniform"`.
    - `window`: so many last mini-batches are each followed by a sweep of the children, on `sweep_images` validation images.
      A window shorter than the number of children does not read each just after it was trained.
    - `groups`: of children, drawn at random, each trained alone with a module of its own. `private`: sites at which each
      child has weights of its own.
    - `seed` decides everything drawn; `device` is `"auto"`, `"cpu"`, `"cuda"` or `"cuda:n"`. `out`: a folder for a report;
      `command`, what it says makes it again.

    A bar on standard error shows progress where that is a terminal. Raises `UsageError`, `DataError` or `DivergedError`.

    >>> import torch
    >>> space = cw.Choices({"a": ["relu", "tanh"], "b": ["relu", "tanh"]})
    >>> class Net(torch.nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.body, self.head = torch.nn.Linear(196, 8), torch.nn.Linear(8, 10)
    ...     def forward(self, x, child):
    ...         x = getattr(torch, child["a"])(self.body(x.flatten(1)))
    ...         return self.head(getattr(torch, child["b"])(x - 0.5))
    >>> net = cw.Supernet(Net, space, forward=lambda module, x, child: module(x, child))
    >>> verdict = cw.judge(net, train="fashion14", epochs=1, batch=1000, instances=2, sweep_images=100)
    >>> verdict.accuracy.shape  # [instance, moment, child]
    (2, 10, 4)
    """
    imported = None
    if isinstance(net, str):
        imported = import_supernet(net)
        net = imported.net
        truth = imported.data.get("truth") if truth is None else truth
        if train is None:
            train, validation = imported.data.get("train"), imported.data.get("validation")
    if train is None:
        raise UsageError("no training data; give train and validation, or a file that has them under these names")
    if isinstance(train, DataLoader):
        if batch is not None:
            raise UsageError(f"batch is {batch} for a DataLoader, which makes its own; leave batch out")
        batch = max(2, train.batch_size or 64)
    recipe = Recipe(epochs, batch or 64, lr, lr_min, momentum, weight_decay, _member(Inactive, inactive, "inactive"))
    how = HowTrained(
        recipe, _member(ChildOrder, order, "order"), window, groups, frozenset(private), seed, instances, sweep_images
    )
    where = resolve_device(device)
    data = batches_of(train, validation, augment or Augmentation(), where)
    population = judged_children(net.space, children, truth, how.stream.fork("judged").generator())
    images, labels = data.validation(sweep_images)
    probed = images[:PROBED]
    sharing = net.sharing(probed)
    if int(labels.max()) >= sharing.classes:
        raise UsageError(
            f"label {int(labels.max())} among validation labels, and the module has {sharing.classes} classes"
        )
    private_sites(how.private, sharing)
    untrained = untrained_ranks(net, probed, population.children)
    work = AllTrials(net, sharing, data, population.children, how, where)
    trials = work.stored(imported, Path(out)) if imported is not None and out is not None else work.done()
    by_batch = [trial.by_batch for trial in trials if trial.by_batch is not None]
    found = Judged(
        population=population,
        accuracy=np.stack([trial.accuracy for trial in trials]),
        step=trials[0].step,
        trained=np.stack([trial.trained for trial in trials]),
        by_batch=np.stack(by_batch) if by_batch else None,
        untrained=untrained,
        sharing=sharing,
        modules=tuple(trial.modules for trial in trials),
        told=(population.told, *_truth(population.truth), *_told(how, len(images), work.steps)),
        command=command or "commonweight.judge(…) in Python",
    )
    if out is not None:
        found.report(out)
    return found


def _truth(truth: Truth | None) -> tuple[str, ...]:
    return () if truth is None or not truth.how else (f"{truth.how[:1].upper()}{truth.how[1:]}.",)


def _told(how: HowTrained, images: int, steps: int) -> tuple[str, ...]:
    """How the instances were trained, in sentences."""
    recipe = how.recipe
    parts = [f"Each of {how.instances} instances was trained for {recipe.epochs} epochs, {steps:,} mini-batches"]
    parts += [f"in each of {how.groups} groups drawn at random"] if how.groups > 1 else []
    parts += [f"with private weights at {', '.join(sorted(how.private))}"] if how.private else []
    parts.append(f"children in {how.order.value} order, inactive weights {recipe.inactive.value}")
    last = min(how.window, steps)
    swept = f"Accuracies are those on {images:,} validation images after each of the last {last} mini-batches."
    return f"{', '.join(parts)}.", swept


def _member(words: Any, word: str, what: str) -> Any:
    try:
        return words(word)
    except ValueError:
        raise UsageError(f"{what} is {word!r}; expected one of {', '.join(one.value for one in words)}") from None
