"""What a package shows without importing it: each name is fetched when it is first asked for (PEP 562)."""

import sys
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def on_demand(package: str, homes: Mapping[str, str]) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The functions `__getattr__` and `__dir__` of a package: names with the modules they are at home in, and submodules.

    Example: with `{"run": "commonweight.api"}` the first `commonweight.run` imports `commonweight.api`, and torch with it;
    `import commonweight` alone, which `commonweight --version` does, imports neither. They stand in a module of their own,
    since `help` shows all functions that a package defines itself.
    """
    here = vars(sys.modules[package])

    def find(name: str) -> Any:
        if name in homes:
            here[name] = getattr(import_module(homes[name]), name)
            return here[name]
        submodule = f"{package}.{name}"
        try:
            if not name.startswith("_"):
                return import_module(submodule)
        except ModuleNotFoundError as error:
            if error.name != submodule:
                raise
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return find, lambda: sorted({*here, *homes})


def later(folder: str, name: str) -> Callable[..., Any]:
    """A function of a later folder of the house, fetched when it is called for.

    Only for how something shows itself: `table.to_markdown()` is a method of `paper`'s `Table`, and the form is `report`'s.
    """
    return getattr(import_module(f"commonweight.{folder}"), name)
