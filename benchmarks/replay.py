"""The native part in another process, built for any processor: a `Library` whose calls replay.cpp performs.

Programs are laid out here, by the engine itself, in tensors of this process. A call carries the tensors that it points
to, and brings them back as the other processor left them.
"""

import bisect
import contextlib
import ctypes
import functools
import runpy
import shlex
import struct
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from commonweight.net import find_library
from commonweight.net.native import library as native
from commonweight.net.native.library import Batch, Library, Step, StepKind, layout

SOURCE = Path(__file__).with_name("replay.cpp")
NATIVE = Path(native.__file__).parent
SETUP = Path(__file__).parents[1] / "setup.py"
RUN, SGD = range(2)  # as in replay.cpp


class ReplayError(Exception):
    """A build or a call that failed, in one line."""


class Addresses(TorchFunctionMode):
    """Notes, while it is entered, every tensor whose address is asked for; keeps its storage, so none is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self._storages: dict[int, torch.UntypedStorage] = {}  # by the address where each starts
        self._starts: list[int] = []  # in order

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is Tensor.data_ptr:
            storage = args[0].untyped_storage()
            if storage.data_ptr() not in self._storages:
                self._storages[storage.data_ptr()] = storage
                bisect.insort(self._starts, storage.data_ptr())
        return func(*args, **(kwargs or {}))

    def storage(self, address: int) -> torch.UntypedStorage:
        """The storage that holds this address; raises `ReplayError` where none does."""
        place = bisect.bisect_right(self._starts, address)
        storage = self._storages[self._starts[place - 1]] if place else None
        if storage is None or address >= storage.data_ptr() + storage.nbytes():
            raise ReplayError(f"{address:#x} is in no tensor whose address was asked for since the replay began")
        return storage


@dataclass(frozen=True, kw_only=True)
class Replay(Library):
    """A build in another process; it refuses what was laid out for other lanes or fields.

    `performed` are the kinds of steps that it was given so far.
    """

    command: Sequence[str]
    addresses: Addresses
    performed: set[StepKind] = field(default_factory=set)

    def run(self, steps: "ctypes.Array[Step]", batch: Batch) -> None:
        self.performed.update(StepKind(step.kind) for step in steps)
        places = [*_pointers(type(steps)), *(ctypes.sizeof(steps) + at for at in _pointers(Batch))]
        self._call(RUN, len(steps), bytes(steps) + bytes(batch), places)

    def sgd(self, moves: Sequence[tuple[Tensor, Tensor, Tensor]], lr: float, momentum: float, decay: float) -> None:
        pointers = [tensor.data_ptr() for column in zip(*moves, strict=True) for tensor in column]
        sizes = [weight.numel() for weight, _, _ in moves]
        block = struct.pack(f"{len(pointers)}P{len(sizes)}q3f", *pointers, *sizes, lr, momentum, decay)
        self._call(SGD, len(moves), block, [8 * place for place in range(len(pointers))])

    def _call(self, function: int, count: int, block: bytes, places: Sequence[int]) -> None:
        """Have the call performed with this block of arguments, in which pointers stand at these places."""
        tensors: dict[int, torch.UntypedStorage] = {}
        pointers: list[tuple[int, int, int]] = []
        for at in places:
            (address,) = struct.unpack_from("P", block, at)
            if address:
                storage = self.addresses.storage(address)
                tensors.setdefault(storage.data_ptr(), storage)
                pointers.append((at, [*tensors].index(storage.data_ptr()), address - storage.data_ptr()))
        sizes = [storage.nbytes() for storage in tensors.values()]
        known = layout(self.lanes).encode()
        head = np.array([len(known), function, count, len(tensors), len(pointers), len(block), *sizes], np.int64)
        held = [ctypes.string_at(*tensor) for tensor in zip(tensors, sizes, strict=True)]
        message = [head.tobytes(), known, np.array(pointers, np.int64).tobytes(), block, *held]
        done = subprocess.run(self.command, input=b"".join(message), capture_output=True, check=False)
        if done.returncode or len(done.stdout) != sum(sizes):
            raise ReplayError(
                f"{shlex.join(self.command)} ended with {done.returncode} and {len(done.stdout)} bytes of {sum(sizes)}: "
                f"{done.stderr.decode(errors='replace').strip()}"
            )
        at = 0
        for start, size in zip(tensors, sizes, strict=True):
            ctypes.memmove(start, done.stdout[at : at + size], size)
            at += size


@functools.cache
def _pointers(kind: Any) -> tuple[int, ...]:
    """Where in a value of this C type pointers stand, in bytes."""
    if kind is ctypes.c_void_p:
        return (0,)
    if hasattr(kind, "_length_"):
        each = ctypes.sizeof(kind._type_)
        return tuple(each * place + at for place in range(kind._length_) for at in _pointers(kind._type_))
    if hasattr(kind, "_fields_"):
        return tuple(getattr(kind, name).offset + at for name, type_, *_ in kind._fields_ for at in _pointers(type_))
    return ()


def flags() -> list[str]:
    """What setup.py builds the portable flavour with."""
    with mock.patch("setuptools.setup") as setup:
        runpy.run_path(str(SETUP))
    names = {extension.name.rpartition("_")[2]: extension for extension in setup.call_args.kwargs["ext_modules"]}
    return names["portable"].extra_compile_args


@contextlib.contextmanager
def replaying(compiler: str, emulator: str = "") -> Iterator[Replay]:
    """The portable flavour by this compiler, run by this emulator; commands with their options.

    Programs must be laid out while this is open. Raises `ReplayError` where the portable build is missing here, for whose
    lanes programs are laid out, or the compiler fails.
    """
    here, reason = find_library("portable")
    if here is None:
        raise ReplayError(reason)
    with tempfile.TemporaryDirectory() as folder, Addresses() as addresses:
        program = f"{folder}/replay"
        alone = ["-static"] if emulator else []  # an emulator brings no libraries
        sources = [f"-I{NATIVE}", str(SOURCE), str(NATIVE / "engine.cpp")]
        command = [*shlex.split(compiler), *flags(), *alone, *sources, "-o", program]
        built = subprocess.run(command, capture_output=True, text=True, check=False)
        if built.returncode:
            raise ReplayError(f"{shlex.join(command)} ended with {built.returncode}: {built.stderr.strip()}")
        library: dict[str, Any] = vars(here) | {"flavour": f"portable by {shlex.split(compiler)[0]}"}
        yield Replay(**library, command=(*shlex.split(emulator), program), addresses=addresses)
