"""The machine's own limits, measured with the engine's instruction set: `python benchmarks/peak.py`."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import which

from commonweight.net import find_library

SOURCE = Path(__file__).with_name("peak.cpp")
FLAGS = {  # as setup.py builds the engine
    "portable": [],
    "avx2": ["-mavx2", "-mfma"],
    "avx512": ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512"],
}


@dataclass(frozen=True)
class Peak:
    """Of one core: multiply-adds in 10⁹/s, traffic in GB/s (`read`, `write`, `copy`) within L2 and with memory."""

    gmac: float
    cache: dict[str, float]
    memory: dict[str, float]


def measure() -> Peak:
    """Builds the loops and runs them. Raises `RuntimeError` without a compiler or a native engine."""
    library, reason = find_library()
    compiler = next((path for name in ("g++", "clang++", "c++") if (path := which(name))), None)
    if library is None or compiler is None:
        raise RuntimeError(f"no peak to measure: {reason if library is None else 'no C++ compiler'}")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "peak"
        flags = ["-std=c++17", "-O3", "-Wno-psabi", "-Wno-ignored-attributes", *FLAGS[library.flavour]]
        subprocess.run([compiler, *flags, str(SOURCE), "-o", str(program)], check=True)
        done = subprocess.run([str(program)], check=True, capture_output=True, text=True)
    return Peak(**json.loads(done.stdout))


if __name__ == "__main__":
    print(measure())
