"""The house of DESIGN.md, read from the imports of every module: who may know whom, and what nobody does."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "commonweight"
LAYERS = (
    "ondemand",
    "interrupts",
    "errors",
    "frames",
    "seeds",
    "values",
    "space",
    "sharing",
    "ranking",
    "net",
    "images",
    "training",
    "own",
    "study",
    "paper",
    "report",
    "elsewhere",
    "judging",
    "api",
    "cli",
)
"""Data flows from left to right: a later layer may import an earlier one, never the reverse."""

FACE = {"": "api", "__main__": "cli"}
"""The package's own `__init__` shows what the layers up to `api` offer; `python -m commonweight` is the command line."""

THE_LOOP = tuple(f"commonweight.training.{name}" for name in ("loop", "sgd", "train", "train_step", "SGD"))

FORBIDDEN = {
    "ondemand": ("torch",),
    "interrupts": ("torch",),
    "errors": ("torch",),
    "frames": ("torch",),
    "seeds": ("torch",),
    "values": ("torch",),
    "space": ("torch",),
    "sharing": ("torch",),
    "ranking": ("torch", "pathlib", "os"),
    "net": ("torch.optim", "pathlib", "os", "json", "safetensors"),
    "images": ("torch",),
    "training": ("pathlib", "os", "rich", "tqdm", "safetensors", "json", "concurrent", "multiprocessing", "ray"),
    "own": ("torch.optim", "rich", "safetensors", "json", "concurrent", "multiprocessing", "ray"),
    "study": ("matplotlib",),
    "paper": (*THE_LOOP, "matplotlib", "torch.nn", "torch.optim"),
    "elsewhere": (*THE_LOOP, "matplotlib", "torch.nn", "torch.optim"),
    "judging": ("matplotlib", "torch.optim"),
    "elsewhere.accuracy_tables": ("torch",),
}
"""What the modules of a layer, and all that they import of commonweight, do without (the right column of the table)."""

EXCEPT = {
    ("net.native.library", "os"),  # it loads the compiled kernels
    ("net.native.library", "pathlib"),
    ("net.reference", "torch.optim"),  # whose rule its update is; schedules stay in training
}
LOADER = "net.native.library"
KERNEL = "study.lifeline"  # which loads nothing: it asks the C library of this process for one call that Python lacks

GLOBAL_SEEDS = ("torch.manual_seed", "torch.seed", "torch.cuda.manual_seed", "torch.cuda.manual_seed_all")
GLOBAL_SEEDS += ("random.seed", "numpy.random.seed", "np.random.seed", "numpy.random.set_state", "torch.set_rng_state")
GLOBAL_SEEDS += ("torch.random.set_rng_state", "torch.cuda.set_rng_state", "np.random.set_state", "random.setstate")
SWAPPED = "own.randomness"  # lends a user's code global generators at states of ours, and puts their own back


def modules(source: Path) -> dict[str, ast.Module]:
    """Every module by its name inside the package, `net.supernet`; a folder's `__init__` by the folder's, the top's `""`."""
    found = {}
    for path in sorted(source.rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text(encoding="utf-8"), str(path))
    return found


PACKAGE = modules(SOURCE)


def imports(name: str, tree: ast.Module, packages: frozenset[str]) -> Iterator[str]:
    """Full names of all that a module imports, `torch.nn` or `commonweight.net.Conv`, wherever the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:  # relative: from the folder that holds the module
                here = ["commonweight", *name.split(".")] if name else ["commonweight"]
                here = here if name in packages else here[:-1]
                base = ".".join([*here[: len(here) - node.level + 1], *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def packages_of(package: dict[str, ast.Module]) -> frozenset[str]:
    """Names of the folders."""
    return frozenset({"", *(name.rpartition(".")[0] for name in package)})


def layer_of(name: str) -> str:
    """Layer of a module by its name inside the package."""
    return FACE.get(name, name.partition(".")[0])


def target_of(imported: str, package: dict[str, ast.Module]) -> str | None:
    """The module of commonweight that an import leads to, or None: `commonweight.net.Conv` leads to `net`."""
    if imported.partition(".")[0] != "commonweight":
        return None
    parts = imported.split(".")[1:]
    while parts and ".".join(parts) not in package:
        parts.pop()
    return ".".join(parts)


def wrong_directions(package: dict[str, ast.Module]) -> list[str]:
    """Imports that point to a later layer, and modules outside all layers."""
    wrong = []
    for name, tree in package.items():
        if layer_of(name) not in LAYERS:
            wrong.append(f"{name} is in no layer of the house")
            continue
        for imported in imports(name, tree, packages_of(package)):
            target = target_of(imported, package)
            if target is None:
                continue
            known = layer_of(target) in LAYERS
            if not known or LAYERS.index(layer_of(target)) > LAYERS.index(layer_of(name)):
                wrong.append(f"{name or 'commonweight'} imports {imported}")
    return wrong


def reached(name: str, package: dict[str, ast.Module]) -> dict[str, str]:
    """All that a module imports, directly or through modules of commonweight; each with the module that says so."""
    found, todo, seen = {}, [name], set()
    while todo:
        current = todo.pop()
        seen.add(current)
        for imported in imports(current, package[current], packages_of(package)):
            found.setdefault(imported, current)
            target = target_of(imported, package)
            if target is not None and target not in seen:
                todo.append(target)
    return found


def touched(part: str, names: tuple[str, ...], package: dict[str, ast.Module]) -> list[str]:
    """Modules under `part` that import one of these names; torch also when they reach it through others."""
    wrong = []
    for module, tree in package.items():
        if module != part and not module.startswith(f"{part}."):
            continue
        direct = dict.fromkeys(imports(module, tree, packages_of(package)), module)
        for forbidden in names:
            if (module, forbidden) in EXCEPT:
                continue
            for imported, via in (reached(module, package) if forbidden == "torch" else direct).items():
                if imported == forbidden or imported.startswith(f"{forbidden}."):
                    wrong.append(f"{module} imports {imported}" + (f" through {via}" if via != module else ""))
    return wrong


def dotted(node: ast.AST) -> str:
    """`torch.manual_seed` from the tree of that expression."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def twins(package: dict[str, ast.Module]) -> set[str]:
    """Names that two files or folders have, and names that two classes have."""
    places = [name.rpartition(".")[2] for name in package]
    classes = [node.name for tree in package.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    return {name for names in (places, classes) for name, times in Counter(names).items() if times > 1}


def seeded(package: dict[str, ast.Module]) -> list[str]:
    """Modules that call, or import by name, a function that sets a global random state."""
    wrong = []
    for name, tree in package.items():
        calls = [dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)]
        for word in (*calls, *imports(name, tree, packages_of(package))):
            if word in GLOBAL_SEEDS:
                wrong.append(f"{name} uses {word}")
    return wrong


def test_imports_point_only_upwards():
    assert wrong_directions(PACKAGE) == []


@pytest.mark.parametrize("part", FORBIDDEN)
def test_a_layer_does_not_touch_what_is_not_its_own(part):
    assert touched(part, FORBIDDEN[part], PACKAGE) == []


@pytest.mark.parametrize("name", ["pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve"])
def test_nobody_pickles(name):
    found = [
        module
        for module, tree in PACKAGE.items()
        if any(imported.split(".")[0] == name for imported in imports(module, tree, packages_of(PACKAGE)))
    ]
    # Read through an allow-list, because CIFAR's Python version is pickles; nothing is ever written as one.
    assert found == (["images.pickled"] if name == "pickle" else [])


def test_nobody_seeds_a_global_generator():
    assert {told.partition(" ")[0] for told in seeded(PACKAGE)} == {SWAPPED}
    assert not [told for told in seeded(PACKAGE) if "seed" in told.partition(" uses ")[2]]


def test_one_name_is_of_one_thing():
    """CONTRIBUTING.md's table says what each word means; a file or a class of the same name would say another thing."""
    assert twins(PACKAGE) == set()


@pytest.mark.parametrize(
    "files",
    [
        {"net__a": "", "study__a": ""},
        {"net__a": "", "a": ""},
        {"net__study": "", "study__b": ""},
        {"net__a": "class A: ...", "study__b": "class A: ..."},
        {"net__a": "class A: ...\nclass B:\n    class A: ..."},
    ],
)
def test_a_twin_is_seen(files):
    assert len(twins(house(**files))) == 1


def loading(package: dict[str, ast.Module]) -> set[str]:
    """Modules that name a way to load a compiled library."""
    words = ("CDLL", "PyDLL", "cdll", "LoadLibrary", "dlopen", "load_library", "find_library")
    return {
        name
        for name, tree in package.items()
        for node in ast.walk(tree)
        if dotted(node).startswith(("ctypes.", "torch.ops.", "cffi.")) and dotted(node).split(".")[-1] in words
    }


def test_compiled_code_comes_in_by_one_door():
    """Raw pointers are the native engine's own business."""
    assert loading(PACKAGE) == {LOADER, KERNEL}
    with_ctypes = {name for name, tree in PACKAGE.items() if "ctypes" in imports(name, tree, packages_of(PACKAGE))}
    assert all(name.startswith("net.native.") for name in with_ctypes - {KERNEL})
    assert not any(
        "cffi" in imported for name, tree in PACKAGE.items() for imported in imports(name, tree, frozenset())
    )


@pytest.mark.parametrize("call", ["ctypes.CDLL('x')", "ctypes.cdll.LoadLibrary('x')", "torch.ops.load_library('x')"])
def test_a_second_door_is_seen(call):
    assert loading(house(net__a=f"import ctypes, torch\n{call}", net__b="import ctypes\nctypes.c_int")) == {"net.a"}


def test_all_files_are_read():
    """The tests above see the whole package: every layer that exists has its modules here."""
    assert len(PACKAGE) == len(list(SOURCE.rglob("*.py")))
    assert {"errors", "seeds", "space.search_space", "net.supernet", "training.loop"} <= PACKAGE.keys()
    assert "commonweight.seeds.Stream" in reached("net.supernet", PACKAGE)


LINES, CODE = 400, {".py", ".cpp", ".h", ".j2", ".css", ".js"}
"""A longer file is two files."""


def long(root: Path) -> list[str]:
    """Files of code below `src` and `tests` with more lines than a file may have."""
    code = (path for part in ("src", "tests") for path in (root / part).rglob("*") if path.suffix in CODE)
    lengths = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in code}
    return [f"{path.relative_to(root)} has {length} lines" for path, length in lengths.items() if length > LINES]


def test_no_file_is_two_files():
    assert long(SOURCE.parents[1]) == []


def test_a_long_file_is_seen(tmp_path):
    for name, lines in (("src/a/b.h", 401), ("tests/c.py", 401), ("src/d.py", 400), ("tests/e.json", 999)):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x\n" * lines)
    assert long(tmp_path) == ["src/a/b.h has 401 lines", "tests/c.py has 401 lines"]


def names_in(path: Path) -> set[str]:
    """First words of all that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {imported.split(".")[0] for imported in imports("", tree, frozenset())}


def test_the_oracle_knows_neither_commonweight_nor_the_benchmarks():
    """The plain opponent would agree with an error that it had from commonweight."""
    root = SOURCE.parents[1]
    assert names_in(root / "src/plain/opponent.py") == {"collections", "dataclasses", "functools", "torch"}
    benchmarks = {path.stem for path in (root / "benchmarks").glob("*.py")}
    for path in (root / "tests/oracle.py", *(root / "src/plain").glob("*.py")):
        assert not names_in(path) & benchmarks, path


def house(**files: str) -> dict[str, ast.Module]:
    """A small package: module name, with `__` for a dot, → text."""
    folders = {"", *(name.partition("__")[0] for name in files if "__" in name)}
    return {name.replace("__", "."): ast.parse(text) for name, text in (dict.fromkeys(folders, "") | files).items()}


@pytest.mark.parametrize(
    "files",
    [
        {"space__a": "from commonweight.net.b import x", "net__b": ""},
        {"space__a": "import commonweight.net.b", "net__b": ""},
        {"space__a": "from commonweight import net", "net__b": ""},
        {"space__a": "from ..net import b", "net__b": ""},
        {"space__a": "def f():\n    from commonweight.net import b", "net__b": ""},
        {"errors": "import commonweight"},
        {"study__a": "from commonweight import something_of_the_face"},
        {"utils": ""},
    ],
)
def test_a_wrong_direction_is_seen(files):
    package = house(**files)
    assert len(wrong_directions(package)) == 1


def test_a_right_direction_is_not():
    package = house(
        net__b="from commonweight.space import a\nfrom . import c\nfrom .c import y\nimport torch",
        net__c="",
        space__a="",
        cli="import commonweight\nfrom commonweight.net import b",
    )
    assert wrong_directions(package) == []


@pytest.mark.parametrize(
    "files",
    [
        {"space__a": "import torch"},
        {"space__a": "from torch.nn import functional"},
        {"space__a": "from torch import nn as n"},
        {"space__a": "from commonweight.seeds import x", "seeds": "import numpy, torch"},
    ],
)
def test_torch_is_seen(files):
    assert touched("space", ("torch",), house(**files)) != []


def test_torch_look_alikes_are_not():
    assert touched("space", ("torch",), house(space__a="import torchlight\nfrom numpy import torch")) == []


@pytest.mark.parametrize(
    "text",
    [
        "from commonweight.training import train",
        "from commonweight.training.loop import Streams",
        "from commonweight.training import SGD, ChildOrder",
    ],
)
def test_the_loop_in_the_paper_is_seen(text):
    package = house(training__loop="", paper__a=text, paper__b="from commonweight.training import ChildOrder, Inactive")
    assert len(touched("paper", FORBIDDEN["paper"], package)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "import torch\ntorch.manual_seed(0)",
        "def f():\n    np.random.seed(1)",
        "random.seed(3)",
        "from torch import manual_seed",
        "from numpy.random import seed",
    ],
)
def test_a_global_seed_is_seen(text):
    assert seeded(house(training__loop=text)) != []


def test_a_generator_of_ones_own_is_not():
    assert seeded(house(training__loop="np.random.default_rng(0)\ntorch.Generator().manual_seed(0)\nx.seed(1)")) == []
