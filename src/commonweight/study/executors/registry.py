"""Executors by name. Installed packages offer them as entry points, commonweight its own in the same way."""

from importlib.metadata import entry_points

from commonweight.errors import UsageError, nearest
from commonweight.study.executors.contract import Executor, Factory
from commonweight.study.work import Runtime

GROUP = "commonweight.executors"
"""Entry points of this group: the executor's name → its `Factory`."""


def executor_names() -> tuple[str, ...]:
    """The names that `make_executor` knows."""
    return tuple(sorted(entry_points(group=GROUP).names))


def make_executor(name: str, runtime: Runtime, workers: int | None = None) -> Executor:
    """The executor of this name; `workers` None leaves their number to it.

    Raises `UsageError` with the known names for an unknown one, for a name that two packages offer, for an executor that
    cannot be imported, and for what its `Factory` refuses.
    """
    offers = tuple(entry_points(group=GROUP, name=name))
    if not offers:
        names = executor_names()
        known = ", ".join(names) or "none: commonweight was installed before this version, install it again"
        raise UsageError(f"unknown executor {name!r}; known are {known}{nearest(name, names)}")
    offer, *others = offers
    if others:
        values = " and ".join(sorted(one.value for one in offers))
        raise UsageError(f"executor {name!r} is offered as {values}; uninstall all packages that offer it but one")
    try:
        factory: Factory = offer.load()
    except (ImportError, AttributeError) as error:
        raise UsageError(
            f"executor {name!r} ({offer.value}) cannot be imported: {error}; repair or uninstall its package"
        ) from error
    return factory(runtime, workers)
