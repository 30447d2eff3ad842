"""A super-net of the user's own by its name: `my_space.py:net`, or `package.module:net`."""

import hashlib
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from commonweight.errors import UsageError, nearest
from commonweight.own.declared import Supernet

EXPECTED = "expected FILE.py:NAME or PACKAGE.MODULE:NAME, for example my_space.py:net"
DATA = ("train", "validation", "truth")


@dataclass(frozen=True, eq=False)
class Imported:
    """A super-net that was named, what else its file offers, and the text of its file and of those beside it that it imports.

    `sources` are SHA-256 digests of texts, by their paths below the folder of the file: what decides the super-net, so far
    as it is written there. `data` are `train`, `validation` and `truth` of the file, if it has them.
    """

    net: Supernet
    word: str
    sources: Mapping[str, str]
    data: Mapping[str, Any]


def import_supernet(word: str) -> Imported:
    """The super-net of this name: a `Supernet`, or a function without arguments that makes one.

    A file is run once, and what stands beside it can be imported by it. Raises `UsageError` in one line for what is not
    there, fails when it is run, or is no super-net.
    """
    place, _, name = word.rpartition(":")
    if not place or not name:
        raise UsageError(f"module {word!r}; {EXPECTED}")
    module = _from_file(Path(place)) if place.endswith(".py") else _by_name(place)
    if name not in vars(module):
        known = [
            one for one, value in vars(module).items() if not one.startswith("_") and not isinstance(value, ModuleType)
        ]
        raise UsageError(f"{place} has no {name!r}{nearest(name, known)}; expected a Supernet of this name")
    found = vars(module)[name]
    if not isinstance(found, Supernet) and callable(found):
        found = _told(f"{word} fails", found)
    if not isinstance(found, Supernet):
        raise UsageError(f"{word} is a {type(found).__name__}; expected a commonweight.Supernet, or what makes one")
    data = {one: vars(module)[one] for one in DATA if one in vars(module)}
    return Imported(found, word, _sources(Path(module.__file__ or "")), data)


def _from_file(path: Path) -> ModuleType:
    if not path.is_file():
        raise UsageError(f"{path}: no such file; {EXPECTED}")
    path = path.resolve()
    called = f"commonweight_own_{path.stem}_{hashlib.sha256(str(path).encode()).hexdigest()[:8]}"
    spec = importlib.util.spec_from_file_location(called, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    loader, beside = spec.loader, str(path.parent)
    sys.modules[called] = module  # dataclasses look for it there
    sys.path.insert(0, beside)
    try:
        _told(f"{path} fails", lambda: loader.exec_module(module))
    finally:
        sys.path.remove(beside)
    return module


def _by_name(name: str) -> ModuleType:
    return _told(f"{name} cannot be imported", lambda: importlib.import_module(name))


def _told(what: str, run: Any) -> Any:
    """What the user's code gives; its error as one line, with the line of their file where it happened."""
    try:
        return run()
    except UsageError:
        raise
    except Exception as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename.endswith(".py")]
        where = f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else ""
        raise UsageError(f"{what}: {type(error).__name__}: {' '.join(str(error).split())}{where}") from error


def _sources(path: Path) -> dict[str, str]:
    """Digests of the file and of all modules that are loaded from its folder or below, but for installed packages."""
    path = path.resolve()
    loaded = {
        Path(found).resolve() for module in list(sys.modules.values()) if (found := getattr(module, "__file__", None))
    }
    below = {one for one in loaded if one.suffix == ".py" and one.is_relative_to(path.parent)}
    own = {one for one in below if "site-packages" not in one.relative_to(path.parent).parts} | {path}
    texts = {str(one.relative_to(path.parent)): one.read_bytes() for one in own if one.is_file()}
    return {name: hashlib.sha256(texts[name]).hexdigest() for name in sorted(texts)}
