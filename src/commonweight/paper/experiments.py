"""The programme's experiments, each from a setting: whom they train together, under which conditions, and when they look.

Every experiment looks at all that any artefact wants of it, so that no two targets ever train it twice.
"""

from collections.abc import Callable
from dataclasses import replace
from functools import partial

from commonweight.seeds import Stream
from commonweight.sharing import Kind, Partition, at_random, similar, singletons
from commonweight.study.experiments import FINETUNING_STREAM, Conditions, Experiment, Member, Setting
from commonweight.study.jobs import SharingSpec, WindowSpec
from commonweight.study.schema import DataOrder
from commonweight.training import ChildOrder, Inactive

FEW = 3  # instances of the experiments on momentum (paper §A.2.2)
BN_MOMENTA = (0.1, 0.9)  # Figure 8


def seeds(setting: Setting) -> Experiment:
    """Different initialisations, one fixed order of the children; with snapshots half-way and at the end."""
    children, half = len(setting.children), half_way(setting)
    looks = setting.conditions.looking(last_batches=2 * children, windows=(WindowSpec(epoch=half, batches=children),))
    conditions = replace(
        looks,
        snapshots=(half, setting.study.training.epochs),
        calibration_batches=setting.study.experiments.calibration_batches,
    )
    return setting.experiment("seeds", "Different seeds", (setting.children,), _seeds(setting), conditions)


def orders(setting: Setting) -> Experiment:
    """Different fixed orders of the children, one initialisation; the first instance is the first of `seeds`."""
    others = setting.experiment(
        "orders", "Different orders", (setting.children,), _one_init(setting)[1:], setting.conditions
    )
    return replace(others, instances=(seeds(setting).instances[0], *others.instances))


def orders_shuffled(setting: Setting) -> Experiment:
    """Different sequences of permutations of the children, one initialisation."""
    looks = setting.conditions.looking(last_batches=2 * len(setting.children))
    conditions = replace(looks, order=ChildOrder.SHUFFLED)
    return setting.experiment(
        "orders-shuffled", "Diff. orders (shuffle)", (setting.children,), _one_init(setting), conditions
    )


def ground_truth(setting: Setting) -> Experiment:
    """Every child trained alone from scratch, from several initialisations."""
    spec = setting.study.experiments
    members = _inits(spec.ground_truth_seeds, spec.data_order)
    conditions = replace(setting.conditions.looking(last_batches=len(setting.children)), judged=True)
    return setting.experiment("ground-truth", "Ground truth", singletons(setting.children), members, conditions)


def finetuned(setting: Setting, name: str, epoch: int) -> Experiment:
    """Every child fine-tuned alone from the snapshots of `seeds` after this epoch (paper §3.3)."""
    return setting.finetuned(name, f"Fine-tuned from epoch {epoch}", seeds(setting), epoch)


def at_random_in(setting: Setting, m: int) -> Experiment:
    """`m` groups at random, one partition for all instances (paper §4.2.1)."""
    return _grouped(setting, f"random-{m}", f"{m} random groups", random_groups(setting, m))


def similar_in(setting: Setting, m: int) -> Experiment:
    """`m` groups of children that stand together in lexicographic order (paper §4.2.2)."""
    return _grouped(setting, f"similar-{m}", f"{m} similar groups", similar(setting.children, m))


def shuffled_in_groups(setting: Setting, name: str, title: str, groups: Partition) -> Experiment:
    """Every group trained alone, each instance with an initialisation and shuffled orders of its own.

    Under a fixed order a child is always trained as many mini-batches after the same other one; here whom it follows is
    drawn anew each round, which tells the others' effects on it from the time since its own training (claim 8).
    """
    members = [replace(member, order=number) for number, member in enumerate(_seeds(setting))]
    conditions = replace(_at_the_end(setting), order=ChildOrder.SHUFFLED)
    return setting.experiment(name, title, groups, members, conditions)


def prefix(setting: Setting, k: int, factor: int = 1) -> Experiment:
    """Stem and the first `k` cells shared, for `factor` times the study's epochs (paper §4.3)."""
    name = prefix_name(k, long=factor > 1)
    conditions = _longer(_at_the_end(setting), factor)
    conditions = replace(conditions, sharing=SharingSpec(kind="prefix", k=k))
    return setting.experiment(name, f"First {k} cells shared", (setting.children,), _seeds(setting), conditions)


def seeds_long(setting: Setting) -> Experiment:
    """One instance of `seeds`, trained longer (Figure 7)."""
    conditions = _longer(_at_the_end(setting, rounds=2), setting.study.experiments.long_factor)
    return setting.experiment("seeds-long", "Trained longer", (setting.children,), _seeds(setting)[:1], conditions)


def bn_momentum(setting: Setting, momentum: float) -> Experiment:
    """A few instances with another batch-norm momentum (Figure 8)."""
    conditions = replace(
        _at_the_end(setting, rounds=2), net=setting.study.net.model_copy(update={"bn_momentum": momentum})
    )
    name = f"bn-{momentum}"
    return setting.experiment(name, f"BN momentum {momentum}", (setting.children,), _seeds(setting)[:FEW], conditions)


def no_sgd_momentum(setting: Setting) -> Experiment:
    """A few instances without SGD momentum (Figure 9)."""
    conditions = replace(
        _at_the_end(setting, rounds=2), training=setting.study.training.model_copy(update={"momentum": 0.0})
    )
    return setting.experiment("sgd-0", "SGD momentum 0", (setting.children,), _seeds(setting)[:FEW], conditions)


def other_inactive(setting: Setting) -> Experiment:
    """`seeds` with the other choice of what happens to weights that a mini-batch does not use."""
    other = Inactive.COAST if setting.study.training.inactive is Inactive.FREEZE else Inactive.FREEZE
    conditions = replace(
        setting.conditions,
        training=setting.study.training.model_copy(update={"inactive": other}),
        calibration_batches=setting.study.experiments.calibration_batches,
    )
    return setting.experiment(
        "other-inactive", f"Inactive weights {other.value}", (setting.children,), _seeds(setting), conditions
    )


def other_data_order(setting: Setting) -> Experiment:
    """`seeds` with the other choice of `experiments.data_order`; the first instance is that of `seeds` under both."""
    other = setting.study.experiments.data_order.other
    members = _inits(setting.study.experiments.instances, other)[1:]
    conditions = setting.conditions.looking(every_epoch=False)
    others = setting.experiment(
        "other-data-order", f"Data order {other.value}", (setting.children,), members, conditions
    )
    return replace(others, instances=(seeds(setting).instances[0], *others.instances))


def unshared(setting: Setting, name: str, title: str, sharing: SharingSpec) -> Experiment:
    """Everything shared but some kinds of weights, or but one edge."""
    conditions = replace(_at_the_end(setting), sharing=sharing)
    return setting.experiment(name, title, (setting.children,), _seeds(setting), conditions)


def half_way(setting: Setting) -> int:
    """The epoch after which the first snapshot is taken (paper §3.3: 100 of 200)."""
    return max(1, setting.study.training.epochs // 2)


def random_groups(setting: Setting, m: int) -> Partition:
    """The partition into `m` groups at random that all instances of a study have in common."""
    return at_random(setting.children, m, Stream(setting.study.seed).fork("partition", "random", m).generator())


def group_counts(setting: Setting) -> tuple[int, ...]:
    """The m of Table 3a between full sharing and none: powers of two below the number of children."""
    children = len(setting.children)
    return tuple(2**power for power in range(1, children.bit_length()) if 2**power < children)


def quarter(setting: Setting) -> int:
    """How many random groups make groups of about four children (paper: 16 of 64): a power of two."""
    return 2 ** ((len(setting.children) // 4).bit_length() - 1)


def shuffled_groups(setting: Setting) -> dict[str, tuple[str, Partition]]:
    """Experiments on groups of about four children under shuffled orders: title and groups, by name.

    None of a space that has no two groups of four children.
    """
    m = quarter(setting)
    if m < 2:
        return {}
    return {
        f"random-{m}-shuffled": (f"{m} random groups, shuffled orders", random_groups(setting, m)),
        f"similar-{m}-shuffled": (f"{m} similar groups, shuffled orders", similar(setting.children, m)),
    }


def prefix_name(k: int, *, long: bool) -> str:
    """The name of the experiment that shares the first `k` cells, trained long or short."""
    return f"prefix-{k}-long" if long else f"prefix-{k}"


def kinds_of_sharing(setting: Setting) -> dict[str, tuple[str, SharingSpec]]:
    """Experiments on sharing by kind of weight: title and sharing, by name."""
    edges = range(1, len(setting.study.space.build().edges) + 1)
    return {
        "unshared-norm": ("BN not shared", SharingSpec(kind="all-but", kinds=(Kind.NORM,))),
        "unshared-conv": ("Convolutions not shared", SharingSpec(kind="all-but", kinds=(Kind.CONV,))),
        **{
            f"unshared-edge-{edge}": (f"Edge {edge} not shared", SharingSpec(kind="all-but", edges=(edge,)))
            for edge in edges
        },
        "only-conv": ("Only convolutions shared", SharingSpec(kind="all-but", kinds=(Kind.NORM, Kind.LINEAR))),
    }


def catalogue(setting: Setting) -> dict[str, Callable[[], Experiment]]:
    """How to make every experiment of the programme, by name, for this study."""
    factor, cells = setting.study.experiments.long_factor, range(setting.study.net.cells + 1)
    half, end = half_way(setting), setting.study.training.epochs
    return {
        "seeds": partial(seeds, setting),
        "orders": partial(orders, setting),
        "orders-shuffled": partial(orders_shuffled, setting),
        "ground-truth": partial(ground_truth, setting),
        "finetuned-half": partial(finetuned, setting, "finetuned-half", half),
        "finetuned-end": partial(finetuned, setting, "finetuned-end", end),
        **{f"random-{m}": partial(at_random_in, setting, m) for m in group_counts(setting)},
        **{f"similar-{m}": partial(similar_in, setting, m) for m in group_counts(setting)},
        **{
            name: partial(shuffled_in_groups, setting, name, title, groups)
            for name, (title, groups) in shuffled_groups(setting).items()
        },
        **{prefix_name(k, long=True): partial(prefix, setting, k, factor) for k in cells},
        **{prefix_name(k, long=False): partial(prefix, setting, k) for k in cells},
        "seeds-long": partial(seeds_long, setting),
        **{f"bn-{momentum}": partial(bn_momentum, setting, momentum) for momentum in BN_MOMENTA},
        "sgd-0": partial(no_sgd_momentum, setting),
        "other-inactive": partial(other_inactive, setting),
        "other-data-order": partial(other_data_order, setting),
        **{
            name: partial(unshared, setting, name, title, sharing)
            for name, (title, sharing) in kinds_of_sharing(setting).items()
        },
    }


def _grouped(setting: Setting, name: str, title: str, groups: Partition) -> Experiment:
    """Every group trained alone; one of a single child is that child's ground truth, where it has this initialisation."""
    experiment = setting.experiment(name, title, groups, _seeds(setting), _at_the_end(setting))
    if all(len(group) > 1 for group in groups):
        return experiment
    alone = [{part.job.children: part for part in parts} for parts in ground_truth(setting).instances]
    instances = tuple(
        tuple(alone[init].get(part.job.children, part) for part in parts) if init < len(alone) else parts
        for init, parts in enumerate(experiment.instances)
    )
    return replace(experiment, instances=instances)


def _at_the_end(setting: Setting, rounds: int = 1) -> Conditions:
    """Looked at after each mini-batch of the last rounds of all children: one for Table 3, two for Figures 5 to 9."""
    return setting.conditions.looking(every_epoch=False, last_batches=rounds * len(setting.children))


def _longer(conditions: Conditions, factor: int) -> Conditions:
    epochs = conditions.training.epochs * factor
    return replace(conditions, training=conditions.training.model_copy(update={"epochs": epochs}))


def _seeds(setting: Setting) -> list[Member]:
    return _inits(setting.study.experiments.instances, setting.study.experiments.data_order)


def _one_init(setting: Setting) -> list[Member]:
    spec = setting.study.experiments
    return [Member(init=0, order=number, data=_data(number, spec.data_order)) for number in range(spec.instances)]


def _inits(count: int, data_order: DataOrder) -> list[Member]:
    return [Member(init=number, data=_data(number, data_order)) for number in range(count)]


def _data(instance: int, data_order: DataOrder) -> int:
    """The number of an instance's stream of data order and augmentation: 0, or its own, which is not fine-tuning's.

    The first instance has number 0 under both choices.
    """
    return 0 if data_order is DataOrder.COMMON or instance == 0 else instance + FINETUNING_STREAM
