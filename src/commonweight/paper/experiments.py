"""The experiments of the catalogue: whom they train together, and under which conditions. When they look, their views say."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from typing import TypeVar

from commonweight.paper.looks import END, HALF, Looks
from commonweight.paper.planned import Family, FineTuned, Found, FromScratch
from commonweight.paper.views import View
from commonweight.seeds import Stream
from commonweight.sharing import Kind, Partition, at_random, similar, singletons
from commonweight.study.jobs import Affinity, SharingSpec
from commonweight.study.schema import DataOrder
from commonweight.study.setting import FINETUNING_STREAM, Conditions, Measured, Member, Setting
from commonweight.training import ChildOrder, Inactive

T = TypeVar("T")
FEW = 3  # instances of the experiments on momentum (paper §A.2.2)
BN_MOMENTA = (0.1, 0.9)  # Figure 8
OWN_NORM = SharingSpec(kind="all-but", kinds=(Kind.NORM,))  # statistics, and the stem's scale and shift


# Members


def initialisations(setting: Setting) -> list[Member]:
    """As many initialisations as the study has instances, one fixed order."""
    return _inits(setting.study.experiments.instances, setting.study.experiments.data_order)


def of_ground_truth(setting: Setting) -> list[Member]:
    """As many initialisations as ground truth has."""
    return _inits(setting.study.experiments.ground_truth_seeds, setting.study.experiments.data_order)


def of_the_other_data_order(setting: Setting) -> list[Member]:
    """`initialisations` under the choice of `experiments.data_order` that the study did not make."""
    return _inits(setting.study.experiments.instances, setting.study.experiments.data_order.other)


def child_orders(setting: Setting) -> list[Member]:
    """One initialisation, as many orders of the children as the study has instances."""
    spec = setting.study.experiments
    return [Member(init=0, order=number, data=_data(number, spec.data_order)) for number in range(spec.instances)]


def with_orders_of_their_own(setting: Setting) -> list[Member]:
    """`initialisations`, each with an order of the children of its own."""
    return [replace(member, order=number) for number, member in enumerate(initialisations(setting))]


def few(setting: Setting) -> list[Member]:
    """The first `FEW` of `initialisations`."""
    return initialisations(setting)[:FEW]


def after_the_first(setting: Setting) -> list[Member]:
    """`initialisations` but the first."""
    return initialisations(setting)[1:]


def one(setting: Setting) -> list[Member]:
    """The first of `initialisations`."""
    return initialisations(setting)[:1]


def _inits(count: int, data_order: DataOrder) -> list[Member]:
    return [Member(init=number, data=_data(number, data_order)) for number in range(count)]


def _data(instance: int, data_order: DataOrder) -> int:
    """The number of an instance's stream of data order and augmentation: 0, or its own, which is not fine-tuning's.

    The first instance has number 0 under both choices.
    """
    return 0 if data_order is DataOrder.COMMON or instance == 0 else instance + FINETUNING_STREAM


# Groups


def random_groups(setting: Setting, m: int) -> Partition:
    """The partition into `m` groups at random that all instances of a study have in common."""
    return at_random(setting.children, m, Stream(setting.study.seed).fork("partition", "random", m).generator())


def similar_groups(setting: Setting, m: int) -> Partition:
    """The partition into `m` groups of children that stand together in lexicographic order."""
    return similar(setting.children, m)


def group_counts(setting: Setting) -> tuple[int, ...]:
    """The m of Table 3a between full sharing and none: powers of two below the number of children."""
    children = len(setting.children)
    return tuple(2**power for power in range(1, children.bit_length()) if 2**power < children)


def quarter(setting: Setting) -> int:
    """How many random groups make groups of about four children (paper: 16 of 64): a power of two."""
    return 2 ** ((len(setting.children) // 4).bit_length() - 1)


def no_groups_of_four(setting: Setting) -> str | None:
    """There must be two groups of four children at least."""
    children = len(setting.children)
    return None if children >= 8 else f"it needs groups of four children, and this space has only {children} children"


def found_counts(setting: Setting) -> tuple[int, ...]:
    """The m of groups found from data: `quarter`, and a quarter of it (16 and 4 for the paper's 64 children)."""
    return () if no_groups_of_four(setting) else tuple(m for m in (quarter(setting) // 4, quarter(setting)) if m > 1)


# Lengths and batches


def shorter(setting: Setting) -> list[int]:
    """A quarter and a half of the study's epochs, as far as they are fewer."""
    epochs = setting.study.training.epochs
    return sorted({max(1, epochs // 4), max(1, epochs // 2)} - {epochs})


def other_batches(setting: Setting) -> list[int]:
    """Half and twice the study's batch, as far as its mini-batches are then others; one image has no statistics."""
    own, images = setting.study.training.batch, setting.train_images
    return [size for size in (own // 2, 2 * own) if size >= 2 and min(size, images) != min(own, images)]


# Conditions


def at_equal_cost(found: Found) -> Callable[[Setting], Conditions]:
    """The study's own, but so many epochs fewer that groups and finding cost no more than groups that need no finding."""
    return lambda setting: training(epochs=found.epochs(setting))(setting)


def shuffled(setting: Setting) -> Conditions:
    """A new permutation of the children in every round."""
    return replace(setting.conditions, order=ChildOrder.SHUFFLED)


def longer(setting: Setting) -> Conditions:
    """`experiments.long_factor` times the study's epochs."""
    return training(epochs=setting.study.training.epochs * setting.study.experiments.long_factor)(setting)


def alone(setting: Setting) -> Conditions:
    """As many epochs as a child alone is trained."""
    return training(epochs=setting.alone_epochs)(setting)


def briefly(setting: Setting) -> Conditions:
    """So many mini-batches that all children that are ranked cost what a super-net does, at the rates of so many epochs."""
    updates = max(1, setting.updates(len(setting.children)))
    return replace(training(epochs=-(-updates // setting.batches_per_epoch))(setting), stop_after=updates)


def other_inactive(setting: Setting) -> Conditions:
    """The other choice of what happens to weights that a mini-batch does not use."""
    own = setting.study.training.inactive
    return training(inactive=Inactive.COAST if own is Inactive.FREEZE else Inactive.FREEZE)(setting)


def training(**changed: object) -> Callable[[Setting], Conditions]:
    """The study's own, with these fields of its `training` changed."""

    def conditions(setting: Setting) -> Conditions:
        return replace(setting.conditions, training=replace(setting.study.training, **changed))

    return conditions


def sharing(spec: SharingSpec) -> Callable[[Setting], Conditions]:
    """The study's own, but shared so."""
    return lambda setting: replace(setting.conditions, sharing=spec)


# Experiments

SEEDS = FromScratch("seeds", "Different seeds", initialisations)
ORDERS = FromScratch("orders", "Different orders", child_orders, first=SEEDS)
ORDERS_SHUFFLED = FromScratch("orders-shuffled", "Diff. orders (shuffle)", child_orders, conditions=shuffled)
TRUTH = FromScratch(
    "ground-truth", "Ground truth", of_ground_truth, lambda setting: singletons(setting.children), alone
)
BRIEFLY_ALONE = FromScratch(  # each instance costs what a super-net of all children does
    "briefly-alone", "Every child briefly alone", initialisations, lambda setting: singletons(setting.children), briefly
)
FINETUNED_HALF = FineTuned("finetuned-half", "Fine-tuned from half-way", SEEDS, HALF)
FINETUNED_END = FineTuned("finetuned-end", "Fine-tuned from the end", SEEDS, END)
SEEDS_LONG = FromScratch("seeds-long", "Trained longer", one, conditions=longer)  # Figure 7
NO_SGD_MOMENTUM = FromScratch("sgd-0", "SGD momentum 0", few, conditions=training(momentum=0.0))  # Figure 9
OTHER_INACTIVE = FromScratch(
    "other-inactive",
    "Inactive weights the other way",
    initialisations,
    conditions=other_inactive,
    also=Looks(every_epoch=True),  # as the jobs did that people have trained
)
OTHER_DATA_ORDER = FromScratch("other-data-order", "The other data order", of_the_other_data_order, first=SEEDS)
UNSHARED_NORM = FromScratch("unshared-norm", "BN not shared", initialisations, conditions=sharing(OWN_NORM))
UNSHARED_CONV = FromScratch(
    "unshared-conv",
    "Convolutions not shared",
    initialisations,
    conditions=sharing(SharingSpec(kind="all-but", kinds=(Kind.CONV,))),
)
ONLY_CONV = FromScratch(
    "only-conv",
    "Only convolutions shared",
    initialisations,
    conditions=sharing(SharingSpec(kind="all-but", kinds=(Kind.NORM, Kind.LINEAR))),
)


def _in_groups(kind: str, partition: Callable[[Setting, int], Partition]) -> Callable[[int], FromScratch]:
    """By m: each group of one partition for all instances trained together (paper §4.2.1 and §4.2.2)."""

    @cache
    def planned(m: int) -> FromScratch:
        return FromScratch(
            f"{kind}-{m}", f"{m} {kind} groups", initialisations, lambda setting: partition(setting, m), alone=TRUTH
        )

    return planned


def _in_groups_shuffled(kind: str, partition: Callable[[Setting, int], Partition]) -> Callable[[int], FromScratch]:
    """By m: the same groups under shuffled orders, each instance with an initialisation and orders of its own.

    Under a fixed order a child is always trained as many mini-batches after the same other one; here whom it follows is
    drawn anew each round, which tells the others' effects on it from the time since its own training (claim 8).
    """

    @cache
    def planned(m: int) -> FromScratch:
        name, title = f"{kind}-{m}-shuffled", f"{m} {kind} groups, shuffled orders"
        return FromScratch(name, title, with_orders_of_their_own, lambda setting: partition(setting, m), shuffled)

    return planned


@cache
def _found(by: Affinity, m: int) -> FromScratch:
    """`m` groups found in the first instance of `SEEDS`, tried on the others at the cost of `RANDOM` (not in the paper)."""
    found = Found(SEEDS, by, m)
    return FromScratch(
        f"found-{by.value}-{m}",
        f"{m} groups found by {by.value}",
        after_the_first,
        conditions=at_equal_cost(found),
        found=found,
    )


@cache
def _prefix(k: int) -> FromScratch:
    """Stem and the first `k` cells shared (paper §4.3)."""
    spec = SharingSpec(kind="prefix", k=k)
    return FromScratch(f"prefix-{k}", f"First {k} cells shared", initialisations, conditions=sharing(spec))


@cache
def _prefix_long(k: int) -> FromScratch:
    """The same, trained longer."""
    spec = SharingSpec(kind="prefix", k=k)
    return FromScratch(
        f"prefix-{k}-long",
        f"First {k} cells shared, trained longer",
        initialisations,
        conditions=lambda setting: replace(longer(setting), sharing=spec),
    )


@cache
def _bn_momentum(momentum: float) -> FromScratch:
    """A few instances with another batch-norm momentum (Figure 8)."""

    def conditions(setting: Setting) -> Conditions:
        return replace(setting.conditions, net=replace(setting.study.net, bn_momentum=momentum))

    return FromScratch(f"bn-{momentum}", f"BN momentum {momentum}", few, conditions=conditions)


@cache
def _unshared_edge(edge: int) -> FromScratch:
    """Everything shared but the weights of one edge, counted from 1."""
    spec = SharingSpec(kind="all-but", edges=(edge,))
    return FromScratch(f"unshared-edge-{edge}", f"Edge {edge} not shared", initialisations, conditions=sharing(spec))


@cache
def _epochs(epochs: int) -> FromScratch:
    """Different seeds trained for so many epochs, the learning rate along the whole cosine."""
    return FromScratch(f"epochs-{epochs}", f"{epochs} epochs", initialisations, conditions=training(epochs=epochs))


@cache
def _batch(batch: int) -> FromScratch:
    """Different seeds in mini-batches of so many images: as many epochs, and the same learning rate."""
    return FromScratch(f"batch-{batch}", f"Batches of {batch}", initialisations, conditions=training(batch=batch))


@cache
def unshared_norm(planned: FromScratch) -> FromScratch:
    """An experiment of fully shared super-nets once more, as `UNSHARED_NORM` is that of `SEEDS`."""

    def conditions(setting: Setting) -> Conditions:
        return replace(planned.conditions(setting), sharing=OWN_NORM)

    name, title = f"{planned.name}-unshared-norm", f"{planned.title}, BN not shared"
    return FromScratch(name, title, planned.members, conditions=conditions)


RANDOM = Family(_in_groups("random", random_groups), group_counts)
SIMILAR = Family(_in_groups("similar", similar_groups), group_counts)
RANDOM_SHUFFLED = Family(_in_groups_shuffled("random", random_groups), group_counts)
SIMILAR_SHUFFLED = Family(_in_groups_shuffled("similar", similar_groups), group_counts)
PREFIX = Family(_prefix, lambda setting: range(setting.study.net.cells + 1))
PREFIX_LONG = Family(_prefix_long, lambda setting: range(setting.study.net.cells + 1))
FOUND = {by: Family(partial(_found, by), found_counts) for by in Affinity}
BN_MOMENTUM = Family(_bn_momentum, lambda setting: BN_MOMENTA)  # noqa: ARG005
SHORTER = Family(_epochs, shorter)
OTHER_BATCH = Family(_batch, other_batches)
UNSHARED_EDGE = Family(_unshared_edge, lambda setting: range(1, len(setting.study.space.edges) + 1))


def at_found_counts(family: Family[int]) -> View[dict[int, Measured]]:
    """The last round of the members of a family of groups that `FOUND` has too, by m."""
    each = replace(family, keys=found_counts).each(FromScratch.window)
    return View(each.looks, each.read, lambda setting: no_groups_of_four(setting) or each.refused(setting))


def in_fours(family: Family[int], look: Callable[[FromScratch], View[T]]) -> View[T]:
    """A view of the member whose groups have about four children; a study of fewer than 8 children cannot have it."""
    return family.only(look, quarter, no_groups_of_four)
