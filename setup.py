"""Builds the native engine when a C++ compiler is there; the package works without it. All else is in pyproject.toml."""

import platform
import sys

from setuptools import Extension, setup

SOURCE = "src/commonweight/net/native/engine.cpp"
NAMES = (
    "lanes",
    "tiles",
    "depthwise",
    "mixing",
    "norm",
    "activate",
    "pool",
    "program",
    "units",
    "frame",
    "head",
    "eval",
)
HEADERS = [f"src/commonweight/net/native/{name}.h" for name in NAMES]
COMMON = ["-std=c++17", "-O3", "-fno-math-errno", "-g0", "-Wno-psabi", "-Wno-ignored-attributes"]
FLAVOURS = {"portable": []}
if platform.machine().lower() in ("x86_64", "amd64"):
    # One build for each kind of processor; the best is chosen when the package runs (net/native/library.py).
    FLAVOURS["avx2"] = ["-mavx2", "-mfma"]
    FLAVOURS["avx512"] = [
        "-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma", "-mprefer-vector-width=512",
    ]  # fmt: skip

# Plain shared libraries, opened with ctypes: no Python or PyTorch header is needed. MSVC lacks vector extensions.
extensions = [] if sys.platform == "win32" else [
    Extension(
        f"commonweight.net.native._{flavour}",
        sources=[SOURCE],
        depends=HEADERS,
        extra_compile_args=[*COMMON, *flags],
        language="c++",
        optional=True,
    )
    for flavour, flags in FLAVOURS.items()
]  # fmt: skip

setup(ext_modules=extensions, options={"build_ext": {"parallel": True}})
