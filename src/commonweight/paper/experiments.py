"""The paper's experiments (§3.2), each from a setting."""

from collections.abc import Callable

from commonweight.sharing import singletons
from commonweight.study.experiments import Experiment, Member, Setting
from commonweight.training import ChildOrder


def seeds(setting: Setting) -> Experiment:
    """Different initialisations, one fixed order of the children."""
    members = [Member(init=instance) for instance in range(setting.study.experiments.instances)]
    return setting.experiment("seeds", "Different seeds", (setting.children,), ChildOrder.FIXED, members)


def orders(setting: Setting) -> Experiment:
    """Different fixed orders of the children, one initialisation."""
    return setting.experiment("orders", "Different orders", (setting.children,), ChildOrder.FIXED, _one_init(setting))


def orders_shuffled(setting: Setting) -> Experiment:
    """Different sequences of permutations of the children, one initialisation."""
    return setting.experiment(
        "orders-shuffled", "Diff. orders (shuffle)", (setting.children,), ChildOrder.SHUFFLED, _one_init(setting)
    )


def ground_truth(setting: Setting) -> Experiment:
    """Every child trained alone from scratch, from several initialisations."""
    members = [Member(init=instance) for instance in range(setting.study.experiments.ground_truth_seeds)]
    groups = singletons(setting.children)
    return setting.experiment("ground-truth", "Ground truth", groups, ChildOrder.FIXED, members, judged=True)


def _one_init(setting: Setting) -> list[Member]:
    return [Member(init=0, order=instance) for instance in range(setting.study.experiments.instances)]


EXPERIMENTS: dict[str, Callable[[Setting], Experiment]] = {
    "seeds": seeds,
    "orders": orders,
    "orders-shuffled": orders_shuffled,
    "ground-truth": ground_truth,
}
"""Every experiment by its name."""
