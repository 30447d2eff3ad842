"""The executor that CONTRIBUTING adds, as its page has it."""

import re
import tomllib
from pathlib import Path

_SECTION = (
    (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8").partition("## Adding an executor")[2]
)
CODE, PROJECT = (re.findall(rf"^```{word}\n(.*?)^```", _SECTION, re.M | re.S)[0] for word in ("python", "toml"))


def remote():
    """Its class."""
    names = {}
    exec(compile(CODE, "CONTRIBUTING.md", "exec"), names)
    return names["Remote"]


def install(folder):
    """Its package in this folder, as an installer leaves it there."""
    (folder / "remote.py").write_text(CODE, encoding="utf-8")
    offer(folder, "remote", **tomllib.loads(PROJECT)["project"]["entry-points"]["commonweight.executors"])


def offer(folder, package, **executors):
    """The metadata of an installed package with these executors."""
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = ["[commonweight.executors]", *(f"{name} = {value}" for name, value in executors.items())]
    (info / "entry_points.txt").write_text("\n".join(lines))
