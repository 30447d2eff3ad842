"""Primitives of one's own by import path, `my_ops:wide`: a function of a module that every process can import.

The text of the module is what a primitive is: its checksum is in the identity of every job that uses it. The module is run
from the very text that the checksum is of, once in a process, whatever else has imported it. What it imports in its turn is
taken as it is, so a change there needs a change here, or another name.
"""

import hashlib
import importlib.util
import re
import sys
from collections.abc import Callable
from functools import cache
from importlib.machinery import ModuleSpec
from typing import Any

from commonweight.errors import UsageError

IMPORT_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def is_import_path(name: str) -> bool:
    """Whether the name of a primitive is `module:function`, or `package.module:function`."""
    return IMPORT_PATH.fullmatch(name) is not None


def checksum_of(name: str) -> str:
    """The SHA-256 of the text of the module that an import path leads to, which is not run for it.

    Raises `UsageError` when there is no such module, or it is no file of Python.
    """
    return hashlib.sha256(_text(name)[1].encode()).hexdigest()


def imported(name: str) -> Callable[..., Any]:
    """The function of an import path, from the module as its text is now; raises `UsageError` when that has none."""
    found, text = _text(name)
    function = getattr(_run(found.name, text), name.partition(":")[2], None)
    if not callable(function):
        raise UsageError(f"primitive {name!r}: {found.origin} has no such function; expected one of a UnitShape")
    return function


def _text(name: str) -> tuple[ModuleSpec, str]:
    """Where the module is, and its text."""
    module = name.partition(":")[0]
    try:
        found = importlib.util.find_spec(module)
        text = None if found is None or found.loader is None else _source(found)
    except (ImportError, ValueError, SyntaxError) as error:
        raise UsageError(f"primitive {name!r}: module {module!r} cannot be found: {error}") from None
    if found is None or text is None:
        raise UsageError(
            f"primitive {name!r}: no file of Python for module {module!r}; install its package, or put its folder into "
            "PYTHONPATH"
        )
    return found, text


def _source(found: ModuleSpec) -> str | None:
    get = getattr(found.loader, "get_source", None)
    return None if get is None else get(found.name)


@cache
def _run(module: str, text: str) -> object:
    """The module of this text."""
    found = importlib.util.find_spec(module)
    assert found is not None
    made = importlib.util.module_from_spec(found)
    sys.modules.setdefault(module, made)  # where dataclasses and pickles look for what it defines
    try:
        exec(compile(text, found.origin or module, "exec"), vars(made))
    except Exception as error:
        raise UsageError(
            f"module {module!r} ({found.origin}) fails when it is run: {type(error).__name__}: {error}"
        ) from error
    return made
