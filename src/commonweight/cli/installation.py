"""`info`: what this installation can use."""

import platform
from importlib.metadata import version

import torch

from commonweight.cli.output import print_json, print_text
from commonweight.errors import UsageError
from commonweight.net import find_library
from commonweight.study.executors.local import cores
from commonweight.study.work import require_native


def info(*, as_json: bool) -> None:
    """Say versions, devices, and which engine runs and why."""
    library, reason = find_library()
    try:
        require_native()
        runs = "native" if library else "reference"
    except UsageError as error:
        runs, reason = "none", f"error: {error}"
    facts = {
        "commonweight": version("commonweight"),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": cores(),
        "CUDA devices": torch.cuda.device_count(),
        "engine on a CPU": runs,
        "because": reason,
    }
    if as_json:
        print_json(facts)
        return
    for name, fact in facts.items():
        print_text(f"{name}: {fact}")
