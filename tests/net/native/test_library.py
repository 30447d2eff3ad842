"""Which build is found, the words that say why there is none, and that both sides of the door mean the same."""

import ctypes
import importlib
import re
from pathlib import Path
from types import SimpleNamespace

import oracle
import pytest

from commonweight.net import find_library
from commonweight.net.native.library import FLAVOURS, MAX_INPUTS, Batch, Kind, Step
from commonweight.net.native.memory import LANES

loading = importlib.import_module("commonweight.net.native.library")
SOURCES = Path(loading.__file__).parent


@pytest.fixture(autouse=True)
def choose(monkeypatch):
    """Sets COMMONWEIGHT_NATIVE; nothing is remembered from before, and nothing afterwards."""
    monkeypatch.delenv("COMMONWEIGHT_NATIVE", raising=False)
    find_library.cache_clear()
    yield lambda value: monkeypatch.setenv("COMMONWEIGHT_NATIVE", value)
    find_library.cache_clear()


@pytest.fixture
def machine(monkeypatch):
    """Pretend that these builds are there, on a processor of this kind."""

    def pretend(*there: str, processor: int) -> None:
        handle = SimpleNamespace(commonweight_processor=lambda: processor)
        monkeypatch.setattr(loading, "_load", lambda flavour: handle if flavour in there else None)

    return pretend


def test_off(choose):
    choose("off")
    assert find_library() == (None, "the native part is switched off by COMMONWEIGHT_NATIVE=off")


@pytest.mark.parametrize("value", ["avx1024", "OFF", "on"])
def test_nonsense(choose, value):
    choose(value)
    assert find_library() == (None, f"COMMONWEIGHT_NATIVE='{value}' is none of portable, avx2, avx512, off")


@pytest.mark.parametrize("value", ["", None])
@pytest.mark.parametrize(
    ("there", "processor", "best"),
    [
        (FLAVOURS, 2, "avx512"),
        (FLAVOURS, 1, "avx2"),
        (FLAVOURS, 0, "portable"),
        (("portable", "avx2"), 2, "avx2"),
        (("portable", "avx512"), 1, "portable"),
    ],
)
def test_the_best_that_runs(  # noqa: PLR0917
    choose, machine, there, processor, best, value
):
    machine(*there, processor=processor)
    if value is not None:
        choose(value)
    library, words = find_library()
    assert library is not None
    assert library.flavour == best
    assert words == f"native part, {best} build"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_one_that_is_chosen(choose, machine, flavour):
    machine(*FLAVOURS, processor=2)
    choose(flavour)
    library, words = find_library()
    assert library is not None
    assert (library.flavour, words) == (flavour, f"native part, {flavour} build")


def test_one_that_this_processor_does_not_run(choose, machine):
    machine(*FLAVOURS, processor=1)
    choose("avx512")
    assert find_library() == (None, "this processor does not run the avx512 build")


def test_one_that_was_not_built(choose, machine):
    machine("portable", processor=2)
    choose("avx2")
    assert find_library() == (None, "the avx2 build of the native part is missing")


def test_nothing_was_built(machine):
    machine(processor=2)
    library, words = find_library()
    assert library is None
    assert words == "the native part was not built when the package was installed (a C++ compiler builds it)"


def test_a_file_that_is_no_library(monkeypatch, tmp_path):
    for name in ("_portable.so", "_portable.cpython-311-x86_64-linux-gnu.so", "_portable.cpp"):
        (tmp_path / name).write_bytes(b"no library")
    monkeypatch.setattr(loading, "__file__", str(tmp_path / "library.py"))
    library, words = find_library()
    assert library is None
    assert "was not built" in words


@oracle.needs_native
def test_a_build_of_another_version(monkeypatch):
    """Whose steps have another size: reading them would be reading garbage."""

    class Longer(Step):
        _fields_ = (("more", ctypes.c_int64),)

    assert find_library()[0] is not None
    find_library.cache_clear()
    monkeypatch.setattr(loading, "Step", Longer)
    assert find_library()[0] is None


# ------------------------------------------------------------------ both sides alike


def members(text: str, opening: str) -> list[str]:
    """Names of the fields of a C++ structure, or of an enumeration's values."""
    body = re.sub("//.*", "", text.split(opening, 1)[1].split("};", 1)[0])
    if "enum" in opening:
        return re.findall(r"\w+", body)
    return re.findall(r"(\w+)(?:\[\w+\])?;", body)


def test_steps_kinds_and_batches_have_the_same_members_in_the_same_order():
    text = (SOURCES / "program.h").read_text(encoding="utf-8")
    assert members(text, "enum Kind : int32_t {") == [kind.name for kind in Kind]
    assert [kind.value for kind in Kind] == list(range(len(Kind)))
    assert members(text, "struct Step {") == [name.rstrip("_") for name, _ in Step._fields_]
    assert members(text, "struct Batch {") == [name for name, _ in Batch._fields_]
    assert f"constexpr int MAX_INPUTS = {MAX_INPUTS};" in text
    assert f"constexpr int LANES = {LANES};" in (SOURCES / "lanes.h").read_text(encoding="utf-8")


def test_every_kind_is_performed():
    text = (SOURCES / "engine.cpp").read_text(encoding="utf-8")
    assert re.findall(r"case (\w+):", text) == [kind.name for kind in Kind]
