"""The machine's own limits, measured with the instruction set of each of the engine's builds: `python benchmarks/peak.py`."""

import json
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from shutil import which

import machine

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


def measure(flavour: str) -> Peak:
    """Builds the loops as this build of the engine and runs them. Raises `RuntimeError` without a compiler."""
    compiler = next((path for name in ("g++", "clang++", "c++") if (path := which(name))), None)
    if compiler is None:
        raise RuntimeError("no peak to measure: no C++ compiler (looked for g++, clang++ and c++)")
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder) / "peak"
        flags = ["-std=c++17", "-O3", "-Wno-psabi", "-Wno-ignored-attributes", *FLAGS[flavour]]
        subprocess.run([compiler, *flags, str(SOURCE), "-o", str(program)], check=True)
        done = subprocess.run([str(program)], check=True, capture_output=True, text=True)
    return Peak(**json.loads(done.stdout))


if __name__ == "__main__":
    for library in machine.builds():
        print(library.flavour, measure(library.flavour))
