"""Which experiments artefacts and claims need, by study, and when a study cannot have them."""

from collections.abc import Callable

from commonweight.paper.experiments import group_counts, half_way, kinds_of_sharing, prefix_name, quarter
from commonweight.study.experiments import Setting

Names = Callable[[Setting], tuple[str, ...]]
Refusal = Callable[[Setting], str | None]


def always(*names: str) -> Names:
    """These experiments, whatever the study."""
    return lambda setting: names  # noqa: ARG005


def groups(setting: Setting) -> tuple[str, ...]:
    """Every number of groups, at random and by similarity."""
    kinds = (f"{kind}-{m}" for kind in ("random", "similar") for m in group_counts(setting))
    return ("seeds", "ground-truth", *kinds)


def random_quarter(setting: Setting) -> tuple[str, ...]:
    """Random groups of about four children, and full sharing beside them."""
    return ("seeds", "ground-truth", f"random-{quarter(setting)}")


def prefixes(*lengths: bool) -> Names:
    """Prefix sharing of every k, long (True), short (False) or both."""

    def names(setting: Setting) -> tuple[str, ...]:
        cells = range(setting.study.net.cells + 1)
        return ("ground-truth", *(prefix_name(k, long=long) for long in lengths for k in cells))

    return names


def kinds(setting: Setting) -> tuple[str, ...]:
    """Sharing by kind of weight."""
    return ("seeds", "ground-truth", *kinds_of_sharing(setting))


def _window(rounds: int, epochs: Callable[[Setting], int]) -> Refusal:
    """Each of the last `rounds` rounds of all children is looked at; the run must be so long."""

    def refusal(setting: Setting) -> str | None:
        wanted, have = rounds * len(setting.children), epochs(setting) * setting.batches_per_epoch
        if have >= wanted:
            return None
        return (
            f"it looks at each of {wanted} mini-batches ({rounds} × {len(setting.children)} children), and this "
            f"study trains {have} up to there; raise training.epochs"
        )

    return refusal


ONE_ROUND = _window(1, lambda setting: setting.study.training.epochs)
TWO_ROUNDS = _window(2, lambda setting: setting.study.training.epochs)
HALF_ROUND = _window(1, half_way)


def groups_of_four(setting: Setting) -> str | None:
    """There must be two groups of four children at least."""
    children = len(setting.children)
    return None if children >= 8 else f"it needs groups of four children, and this space has only {children} children"


def first_refusal(refusals: tuple[Refusal, ...], setting: Setting) -> str | None:
    """The first reason why the study cannot have it; None when it can."""
    reasons = (refusal(setting) for refusal in refusals)
    return next((reason for reason in reasons if reason), None)
