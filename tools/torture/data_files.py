"""Data files as no program would write them, through the readers that a study, `rank` and `judge` use."""

import gzip
import io
import json
import pickle
import shutil
import tarfile
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from commonweight.elsewhere import read_ranks, worth_of_all
from commonweight.images import load_raw, write_npz
from commonweight.own.feeding import held
from tools.torture.fuzz import damaged, temporary, tries
from tools.torture.outcome import Outcome
from tools.torture.world import World, write_images

MANY = 100  # files of one attack
WORTH = 0.05  # of the tables that are accepted, which are also judged
TEXTS = (
    b"nan",
    b"inf",
    b"-1",
    b"1e999",
    b",,",
    b'"',
    b"\n\n",
    b"\x00",
    b"\xff",
    b"9" * 5000,
    b"[" * 3000,
    b"{",
    b"null",
)
CIFAR = [*(f"data_batch_{number}" for number in range(1, 6)), "test_batch"]


def odd_data(world: World, number: int, rng: np.random.Generator) -> list[Outcome]:  # noqa: ARG001
    """A hundred files of one format after another."""
    folder = Path(temporary("torture-data-"))
    kinds = [kind for kind in KINDS if kind != "parquet" or find_spec("pyarrow")]
    try:
        kind = kinds[number % len(kinds)]
        (folder / "good").mkdir()
        KINDS[kind](folder / "good")
        outcomes = tries(partial(_read, kind, folder), rng.integers(2**32, size=2).tolist(), MANY)
        return [Outcome(one.fate, one.told and f"{kind}: {one.told}") for one in outcomes]
    finally:
        shutil.rmtree(folder)


def _read(kind: str, folder: Path, rng: np.random.Generator) -> None:
    odd = folder / "odd"
    shutil.rmtree(odd, ignore_errors=True)
    shutil.copytree(folder / "good", odd)
    files = sorted(path for path in odd.rglob("*") if path.is_file())
    path = files[rng.integers(len(files))]
    path.write_bytes(damaged(path.read_bytes(), rng, TEXTS))
    match kind:
        case "npz":
            held(odd / "images.npz", "train", "cpu")
        case "csv" | "json":
            found, _ = read_ranks([odd / f"log.{kind}"], odd / f"truth.{kind}")
            if rng.random() < WORTH:
                worth_of_all(found, None)
        case "archive":
            load_raw("cifar10", path)
        case "arrays":
            load_raw("npz", path)
        case _:
            load_raw({"pickle": "cifar10", "binary": "cifar10", "png": "images"}.get(kind, kind), odd)


def _idx(folder: Path) -> None:
    write_images(folder / "files", np.random.default_rng(0))
    for path in sorted((folder / "files").iterdir()):
        content = path.read_bytes()
        (folder / path.name).with_suffix(".gz" if "t10k" in path.name else "").write_bytes(
            gzip.compress(content) if "t10k" in path.name else content
        )
    shutil.rmtree(folder / "files")


def _binary(folder: Path) -> None:
    for name in CIFAR:
        rows = np.random.default_rng(0).integers(0, 10, (3, 3073), np.uint8)
        (folder / f"{name}.bin").write_bytes(rows.tobytes())


def _pickle(folder: Path) -> None:
    for name in CIFAR:
        content = {b"labels": [0, 1, 2], b"data": np.random.default_rng(0).integers(0, 256, (3, 3072), np.uint8)}
        (folder / name).write_bytes(pickle.dumps(content, protocol=2))


def _archive(folder: Path) -> None:
    inner = folder / "cifar-10-batches-bin"
    inner.mkdir()
    _binary(inner)
    with tarfile.open(folder / "cifar-10-binary.tar.gz", "w:gz") as archive:
        archive.add(inner, inner.name)
    shutil.rmtree(inner)


def _png(folder: Path) -> None:
    for part in ("train", "test"):
        for name in ("cat", "dog"):
            (folder / part / name).mkdir(parents=True)
            for number in range(2):
                (folder / part / name / f"{number}.png").write_bytes(_picture(number))


def _parquet(folder: Path) -> None:
    import pyarrow as pa  # noqa: PLC0415 - an extra
    import pyarrow.parquet as pq  # noqa: PLC0415

    rows = [{"bytes": _picture(number), "path": None} for number in range(3)]
    picture = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table({"img": pa.array(rows, picture), "label": [0, 1, 1]})
    for part in ("train", "test"):
        pq.write_table(table, folder / f"{part}-00000-of-00001.parquet")


def _npz(folder: Path) -> None:
    rng = np.random.default_rng(0)
    with (folder / "images.npz").open("wb") as file:
        np.savez_compressed(file, images=rng.random((4, 1, 5, 5), np.float32), labels=np.array([0, 1, 1, 0]))


def _arrays(folder: Path) -> None:
    rng = np.random.default_rng(0)
    part = rng.integers(0, 256, (4, 5, 5), np.uint8), np.array([0, 1, 1, 0])
    write_npz(folder / "arrays.npz", *part, *part)


def _csv(folder: Path) -> None:
    (folder / "log.csv").write_text("step,111,112,121\n1,0.5,0.61,0.72\n2,0.55,0.6,0.7\n", encoding="utf-8")
    (folder / "truth.csv").write_text("child,accuracy\n111,0.6\n112,0.7\n121,0.8\n", encoding="utf-8")


def _json(folder: Path) -> None:
    log: Any = {"111": [0.5, 0.55], "112": [0.61, 0.6], "121": [0.72, 0.7]}
    (folder / "log.json").write_text(json.dumps(log), encoding="utf-8")
    (folder / "truth.json").write_text('{"111": 0.6, "112": 0.7, "121": 0.8}', encoding="utf-8")


def _picture(seed: int) -> bytes:
    content = io.BytesIO()
    pixels = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), np.uint8)
    Image.fromarray(pixels).save(content, "png")
    return content.getvalue()


KINDS = {
    "idx": _idx,
    "binary": _binary,
    "pickle": _pickle,
    "archive": _archive,
    "png": _png,
    "parquet": _parquet,
    "npz": _npz,
    "arrays": _arrays,
    "csv": _csv,
    "json": _json,
}
"""Formats, each with what writes a good one into a folder."""
