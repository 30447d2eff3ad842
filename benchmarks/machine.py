"""What the machine is, how busy it is, and how much memory this process took."""

import os
import platform
import sys
from functools import cache
from pathlib import Path

import torch

from commonweight.net import Library, find_library
from commonweight.net.native.library import FLAVOURS

BUSY = 0.5  # load average above which times are not to be trusted


@cache
def builds() -> tuple[Library, ...]:
    """The builds of the native part that this processor can run, the best first; none where none was built."""
    found = [find_library(flavour)[0] for flavour in reversed(FLAVOURS)]
    return tuple(library for library in found if library is not None)


def facts() -> dict[str, object]:
    """Processor, builds, versions and load average; warns on stderr when something else is running."""
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else -1.0
    if load > BUSY:
        print(f"warning: load average {load:.2f}; these times are not those of a quiet machine", file=sys.stderr)
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "native builds": ", ".join(library.flavour for library in builds()) or f"none ({find_library()[1]})",
        "torch": torch.__version__,
        "torch CPU capability": torch.backends.cpu.get_cpu_capability(),
        "python": platform.python_version(),
        "threads": torch.get_num_threads(),
        "load average at the start": round(load, 2),
    }


def _processor() -> str:
    path = Path("/proc/cpuinfo")
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    facts = dict(line.split(":", 1) for line in lines if ":" in line)
    facts = {key.strip(): value.strip() for key, value in facts.items()}
    if "model name" not in facts:
        return platform.processor() or platform.machine()
    return f"{facts['model name']} (family {facts.get('cpu family')}, model {facts.get('model')})"


def start_memory() -> int:
    """Resident bytes now; from here on `peak_memory` counts. 0 where the system does not tell."""
    clear = Path("/proc/self/clear_refs")
    if not clear.exists():
        return 0
    clear.write_text("5", encoding="ascii")  # the high-water mark falls to what is resident now
    return _status("VmRSS")


def peak_memory() -> int:
    """The most resident bytes since `start_memory`."""
    return _status("VmHWM") if Path("/proc/self/status").exists() else 0


def _status(key: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{key}:"):
            return int(line.split()[1]) * 1024
    return 0
