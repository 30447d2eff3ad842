"""Which build is found, the words that say why there is none, and that both sides of the door mean the same."""

import ctypes
import importlib
import re
from types import SimpleNamespace

import oracle
import pytest
import torch

from commonweight.net import find_library
from commonweight.net.native.library import FLAVOURS, Batch, Step, StepKind
from commonweight.net.native.memory import Value, step

loading = importlib.import_module("commonweight.net.native.library")


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
        handle = SimpleNamespace(commonweight_processor=lambda: processor, commonweight_layout=lambda: b"lanes 4\n")
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
    assert words == f"native part, {best} build, 4 images a vector"


@pytest.mark.parametrize("flavour", FLAVOURS)
def test_the_one_that_is_chosen(choose, machine, flavour):
    machine(*FLAVOURS, processor=2)
    choose(flavour)
    library, words = find_library()
    assert library is not None
    assert (library.flavour, words) == (flavour, f"native part, {flavour} build, 4 images a vector")


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


# ------------------------------------------------------------------ both sides alike


@oracle.libraries
def test_a_build_says_what_it_is_made_of(library):
    """Lanes, kinds, and every field's name, offset and size, as Python's own structures have them."""
    said = library.handle.commonweight_layout().decode().splitlines()
    assert said[0] == f"lanes {library.lanes}"
    assert said[1].split()[1:] == [f"{kind.name}={kind.value}" for kind in StepKind]
    for line, made in zip(said[2:], (Step, Batch), strict=True):
        assert line.split()[0] == made.__name__
        fields = [re.fullmatch(r"(\w+)@(\d+)\+(\d+)", word).groups() for word in line.split()[1:]]
        ours = [(name, getattr(made, name)) for name, _ in made._fields_]
        assert [(name, str(field.offset), str(field.size)) for name, field in ours] == fields
    assert loading.layout(library.lanes).splitlines() == said


@oracle.libraries
def test_a_vector_is_one_register(library):
    assert library.lanes == {"portable": 4, "avx2": 8, "avx512": 16}[library.flavour]


@oracle.needs_native
@pytest.mark.parametrize("change", ["longer", "swapped"])
def test_a_build_of_another_version(monkeypatch, change):
    """Whose steps have other fields, or the same bytes under other names: reading them would be reading garbage."""
    fields = [*Step._fields_]
    if change == "longer":
        fields.append(("more", ctypes.c_int64))
    else:
        place = [name for name, _ in fields].index("gamma")
        fields[place : place + 2] = reversed(fields[place : place + 2])
    other = type("Step", (ctypes.Structure,), {"_fields_": fields})
    assert find_library()[0] is not None
    find_library.cache_clear()
    monkeypatch.setattr(loading, "Step", other)
    assert find_library()[0] is None


@oracle.libraries
@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": len(StepKind)}, r"cannot perform step 1: kind 31, kernel 1, dilation 1"),
        ({"kind": StepKind.SEPARABLE, "kernel": 4}, r"cannot perform step 1: kind 2, kernel 4, dilation 1"),
        ({"kind": StepKind.SEPARABLE_BACK, "kernel": 3, "dilation": 3}, r"kind 8, kernel 3, dilation 3"),
        ({"kind": StepKind.SEPARABLE_EVAL, "kernel": 9}, r"kind 15, kernel 9, dilation 1"),
    ],
)
def test_a_step_without_code_is_an_error(library, wrong, words):
    """The steps before it are performed, nothing after it is."""
    value = Value(1, torch.ones(1, 1, 1, library.lanes))
    first, last = (torch.zeros(1, 1, 1, library.lanes) for _ in range(2))
    steps = [step(StepKind.SUM, [value], out, 1) for out in (first, last, last)]
    for name, number in wrong.items():
        setattr(steps[1], name, number)
    batch = Batch(count=1, height=1, width=1)
    with pytest.raises(RuntimeError, match=words):
        library.run((Step * 3)(*steps), batch)
    assert first.flatten().tolist() == [1.0] + [0.0] * (library.lanes - 1)
    assert not last.any()
