"""Study files as no user would write them, through `load_study`: structures with odd values, and texts with odd bytes."""

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from commonweight.errors import CommonweightError
from commonweight.study.load import dump_study, load_study
from tools.torture.fuzz import damaged, temporary, tries
from tools.torture.outcome import Outcome
from tools.torture.world import World

MANY = 2000  # files of one attack
ODD: tuple[Any, ...] = (
    *(0, -1, 1, 2, 3, 10**9, 10**20, 2**63, 10**400, True, None, "", " ", "all", "1e9", "-" * 50, "x" * 5000),
    *(0.5, -0.0, 1e-320, 1e308, float("nan"), float("inf"), [], {}, [[]], {"": {}}, {"kind": "prefix", "k": 10**9}),
    *("../../etc/passwd", "/dev/zero", "\x85", "\u202e", "a: b", "```", "<script>", "none", [1] * 3000, "\U0001f600"),
)
PARTS: dict[str, dict[str, Any]] = {
    "data": {
        "name": "fashion14",
        "path": None,
        "resize": 7,
        "train_images": 64,
        "augment": {"padding": 1, "flip": True},
    },
    "space": {"nodes": 2, "primitives": ["max_pool_3x3", "sep_conv_3x3"]},
    "net": {"cells": 1, "channels": 2, "stem_multiplier": 1, "bn_momentum": 0.4},
    "training": {"epochs": 3, "batch": 16, "lr": 0.025, "order": "fixed"},
    "experiments": {"instances": 2, "last_epochs": 2, "stack": 3, "data_order": "own"},
    "sharing": {"kind": "prefix", "k": 1},
    "sample": {"children": 4},
}
WORDS = (
    b"&a",
    b"*a",
    b"!!int ",
    b"!!python/object:os.system ",
    b"? ",
    b"- " * 30,
    b"<<: ",
    b"{" * 40,
    b"[" * 3000,
    b"\t",
)
WORDS += (
    b"\xff",
    b"\xed\xa0\x80",
    b"\x00",
    b"\xef\xbb\xbf",
    b"---\n",
    b"2026-99-99",
    b"9" * 6000,
    b"0x",
    b"1_0",
    b"%YAML 9\n",
)


def odd_studies(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:  # noqa: ARG001
    """A few thousand files; one that is accepted must be written and read again as the same study."""
    folder = Path(temporary("torture-study-"))
    try:
        return tries(partial(_read, folder / "study.yaml"), rng.integers(2**32, size=2).tolist(), MANY)
    finally:
        shutil.rmtree(folder)


def _read(path: Path, rng: np.random.Generator) -> None:
    path.write_bytes(_content(rng))
    study = load_study(path)
    path.write_text(dump_study(study), encoding="utf-8")
    try:
        again = load_study(path)
    except CommonweightError as error:
        raise RuntimeError(f"what was accepted is refused when it is written: {error}") from error
    if again != study:
        raise RuntimeError(f"{study} became {again}")


def _content(rng: np.random.Generator) -> bytes:
    """A small study, changed in its structure, in its bytes, or in both."""
    chosen = [name for name in PARTS if name == "data" or rng.random() < 0.3]
    study: dict[str, Any] = {"name": "odd", **{name: dict(PARTS[name]) for name in chosen}}
    how = rng.integers(3)
    for _ in range(rng.integers(1, 3) if how != 1 else 0):
        _change(study, rng)
    text = yaml.safe_dump(study, sort_keys=False, allow_unicode=True).encode("utf-8", "surrogatepass")
    return damaged(text, rng, WORDS) if how else text


def _change(study: dict[str, Any], rng: np.random.Generator) -> None:
    """Give a key of the study, or of a section, another value or name, take it away, or put one in."""
    sections = [study, *(value for value in study.values() if isinstance(value, dict) and value)]
    section = sections[rng.integers(len(sections))]
    if not section:
        return
    key, value = list(section)[rng.integers(len(section))], ODD[rng.integers(len(ODD))]
    match rng.integers(6):
        case 0:
            del section[key]
        case 1:
            section[str(key) + "s"] = section.pop(key)
        case 2:
            section[str(value)[:50]] = value
        case 3:
            deep: Any = value
            for _ in range(rng.integers(1, 40)):
                deep = [deep] if rng.integers(2) else {"a": deep}
            section[key] = deep
        case _:
            section[key] = value
