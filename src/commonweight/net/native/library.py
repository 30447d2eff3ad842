"""Finding and loading the native part, and what crosses into it (`program.h` describes the same)."""

import ctypes
import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from pathlib import Path
from typing import Any

from torch import Tensor

FLAVOURS = ("portable", "avx2", "avx512")  # by the number that the library gives for this processor
MAX_INPUTS = 8


class StepKind(IntEnum):
    """What a step does."""

    LOAD = 0
    SUM = 1
    SEPARABLE = 2
    POINTWISE = 3
    DENSE = 4
    MAX_POOL = 5
    AVERAGE_POOL = 6
    HEAD = 7
    SEPARABLE_BACK = 8
    POINTWISE_BACK = 9
    DENSE_BACK = 10
    MAX_POOL_BACK = 11
    AVERAGE_POOL_BACK = 12
    SUM_BACK = 13
    FOLD = 14
    SEPARABLE_EVAL = 15
    POINTWISE_EVAL = 16
    DENSE_EVAL = 17
    MAX_POOL_EVAL = 18
    AVERAGE_POOL_EVAL = 19
    HEAD_EVAL = 20
    STRIDED = 21
    STRIDED_BACK = 22
    STRIDED_EVAL = 23
    HALVED = 24
    HALVED_BACK = 25
    AVERAGE = 26
    AVERAGE_BACK = 27
    NORM = 28
    NORM_BACK = 29
    NORM_EVAL = 30


def _pointers(*names: str) -> list[tuple[str, Any]]:
    return [(name, ctypes.c_void_p) for name in names]


class Step(ctypes.Structure):
    """One step of a program."""

    _fields_ = (
        ("kind", ctypes.c_int32),
        ("kernel", ctypes.c_int32),
        ("dilation", ctypes.c_int32),
        ("relu", ctypes.c_int32),
        ("inputs", ctypes.c_int32),
        ("channels_in", ctypes.c_int32),
        ("channels_out", ctypes.c_int32),
        ("halvings", ctypes.c_int32),
        ("momentum", ctypes.c_float),
        ("d_add", ctypes.c_int32 * MAX_INPUTS),
        *((name, ctypes.c_void_p * MAX_INPUTS) for name in ("in", "in_factor", "in_shift", "d_in")),
        *_pointers("out", "d_out", "middle", "spatial", "mixing", "d_spatial", "d_mixing"),
        *_pointers("gamma", "beta", "d_gamma", "d_beta", "mean", "variance"),
        *_pointers("inverse", "centre", "factor", "shift", "folded", "right"),
    )


class Batch(ctypes.Structure):
    """What changes from call to call."""

    _fields_ = (
        ("images", ctypes.c_void_p),
        ("strides", ctypes.c_int64 * 4),
        ("labels", ctypes.c_void_p),
        ("count", ctypes.c_int32),
        ("height", ctypes.c_int32),
        ("width", ctypes.c_int32),
        ("copy", ctypes.c_int32),
    )

    @classmethod
    def of(cls, images: Tensor, labels: Tensor) -> "Batch":
        """Copy 0 on float32 images `[image, channel, height, width]` and contiguous int64 labels, which must outlive it."""
        return cls(
            images=images.data_ptr(),
            strides=(ctypes.c_int64 * 4)(*images.stride()),
            labels=labels.data_ptr(),
            count=len(images),
            height=images.shape[2],
            width=images.shape[3],
        )


@dataclass(frozen=True)
class Library:
    """A loaded build of the native part; `lanes` images fit one of its vectors."""

    flavour: str
    lanes: int
    handle: ctypes.CDLL

    def run(self, steps: "ctypes.Array[Step]", batch: Batch) -> None:
        """Perform all steps, in order, for one copy. Raises `RuntimeError` at a step that this build has no code for."""
        done = self.handle.commonweight_run(steps, len(steps), ctypes.byref(batch))
        if done != len(steps):
            step = steps[done]
            raise RuntimeError(
                f"the {self.flavour} build cannot perform step {done}: kind {step.kind}, kernel {step.kernel}, "
                f"dilation {step.dilation}; stages.py must not lay it out"
            )

    def sgd(self, moves: Sequence[tuple[Tensor, Tensor, Tensor]], lr: float, momentum: float, decay: float) -> None:
        """v ← momentum · v + (g + decay · w), then w ← w − lr · v, for each (w, g, v): contiguous float32 on the CPU."""
        pointers = ctypes.c_void_p * len(moves)
        columns = [pointers(*(move[place].data_ptr() for move in moves)) for place in range(3)]
        sizes = (ctypes.c_int64 * len(moves))(*(weight.numel() for weight, _, _ in moves))
        numbers = [ctypes.c_float(number) for number in (lr, momentum, decay)]
        self.handle.commonweight_sgd(*columns, sizes, len(moves), *numbers)


@cache
def find_library(flavour: str | None = None) -> tuple[Library | None, str]:
    """The best build for this processor, or the build of this flavour; and in words which it is, or why there is none.

    The environment variable `COMMONWEIGHT_NATIVE` chooses a flavour; `off` chooses none.
    """
    wanted = flavour or os.environ.get("COMMONWEIGHT_NATIVE", "")
    if wanted == "off":
        return None, "the native part is switched off by COMMONWEIGHT_NATIVE=off"
    if wanted and wanted not in FLAVOURS:
        return None, f"COMMONWEIGHT_NATIVE={wanted!r} is none of {', '.join(FLAVOURS)}, off"
    portable = _load("portable")
    if portable is None:
        return None, "the native part was not built when the package was installed (a C++ compiler builds it)"
    best = portable.commonweight_processor()
    if wanted and FLAVOURS.index(wanted) > best:
        return None, f"this processor does not run the {wanted} build"
    for name in [wanted] if wanted else reversed(FLAVOURS[: best + 1]):
        handle = _load(name)
        if handle is not None:
            return Library(name, _lanes(handle), handle), f"native part, {name} build, {_lanes(handle)} images a vector"
    return None, f"the {wanted} build of the native part is missing"


def _load(flavour: str) -> ctypes.CDLL | None:
    """The build of this flavour, or None when it is not there, cannot be loaded, or is of another version of the package."""
    for path in sorted(Path(__file__).parent.glob(f"_{flavour}.*")):
        if path.suffix not in (".so", ".dylib", ".pyd", ".dll"):
            continue
        try:
            handle = ctypes.CDLL(str(path))
            _ = handle.commonweight_run, handle.commonweight_sgd
            handle.commonweight_layout.restype = ctypes.c_char_p
        except (OSError, AttributeError):
            continue
        if _layout(handle) == layout(_lanes(handle)):
            return handle
    return None


def _layout(handle: ctypes.CDLL) -> str:
    return handle.commonweight_layout().decode()


def _lanes(handle: ctypes.CDLL) -> int:
    """Images in one vector of the build: the first number that it says of itself."""
    return int(_layout(handle).split(maxsplit=2)[1])


def layout(lanes: int) -> str:
    """What a build of this version says of itself: lanes, kinds, and name, offset and size of every field."""

    def fields(made: type[ctypes.Structure]) -> str:
        places = {field[0]: getattr(made, field[0]) for field in made._fields_}
        return " ".join([made.__name__, *(f"{name}@{field.offset}+{field.size}" for name, field in places.items())])

    kinds = " ".join(["kinds", *(f"{kind.name}={kind.value}" for kind in StepKind)])
    return "\n".join([f"lanes {lanes}", kinds, fields(Step), fields(Batch)])
