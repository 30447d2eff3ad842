"""Pickles without trust: a dict of plain values and NumPy arrays is read, and nothing else can be named.

The Python versions of CIFAR are pickles. `pickle.Unpickler` reads them with an allow-list: the few globals that an array
is made of lead to the stand-ins below, which check what they get and build the array themselves; any other global is
refused before it is looked up. NumPy's own functions never see the file, for they believe what it says of an array's
dtype. (A file can still ask for more memory than there is.) Pickles of Python 2, as CIFAR is published, and of Python 3
are read, up to protocol 5.
"""

import io
import pickle
import re
from typing import Any, NoReturn

import numpy as np

from commonweight.errors import DataError

PLAIN = re.compile("[<>=|]?[?biuf][1248]?")
"""The dtypes admitted: numbers. An object or void array would hold more than its bytes."""

EXPECTED = "expected a dict of plain values and arrays"


def read_pickled_dict(data: bytes) -> dict[str, Any]:
    """The dict of a pickle, its keys as text; strings of Python 2 are bytes, arrays are read-only.

    Raises `DataError` when the pickle is damaged, holds something else than a dict, names a global beyond those of
    arrays, or holds an array of other than numbers.
    """
    try:
        found = _Unpickler(io.BytesIO(data), encoding="bytes").load()
    except DataError:
        raise
    except Exception as error:  # damage can raise anything, says the module's own documentation
        raise DataError(f"got a damaged pickle ({_one_line(error)}), {EXPECTED}") from None
    if not isinstance(found, dict):
        raise DataError(f"got a pickle of {type(found).__name__}, {EXPECTED}")
    return {_text(key): value.array if isinstance(value, _Array) else value for key, value in found.items()}


class _DType:
    """Stands in for `numpy.dtype`: made from a code such as `u1`; its byte order comes as a state."""

    def __init__(self, code: str | bytes, *_align_copy: object) -> None:
        code = _text(code)
        if not PLAIN.fullmatch(code):
            raise DataError(f"got an array of dtype {code[:40]!r}, expected numbers such as 'u1'")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(_text(state[1]))  # type: ignore[arg-type]


class _Array:
    """Stands in for `_reconstruct`, which makes an empty array; shape, dtype and bytes come as a state."""

    array: np.ndarray | None = None

    def __init__(self, *_kind_shape_code: object) -> None:
        pass

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _version, shape, kind, columns_first, content = state
        self.array = _array(content, kind, shape, "F" if columns_first else "C")


class _Buffer(_Array):
    """Stands in for `_frombuffer`, the same in one call: protocol 5."""

    def __init__(self, content: bytes | bytearray, kind: _DType, shape: tuple[int, ...], order: str) -> None:
        self.array = _array(content, kind, shape, order)


class _Bytes:
    """Stands in for `_codecs.encode`, by which Python 3 writes bytes in protocols up to 2."""

    def __new__(cls, text: str, encoding: str) -> bytes:
        if encoding != "latin1":
            raise ValueError(f"bytes as {encoding!r}")
        return text.encode("latin-1")


class _NDArray:
    """Stands in for `numpy.ndarray`, which is only ever an argument."""

    def __init__(self, *_anything: object) -> None:
        raise DataError(f"got a call of numpy.ndarray, {EXPECTED}")


STAND_INS = {
    ("numpy", "ndarray"): _NDArray,
    ("numpy", "dtype"): _DType,
    ("_codecs", "encode"): _Bytes,
    **{(f"numpy.{core}.multiarray", "_reconstruct"): _Array for core in ("core", "_core")},  # NumPy 1, NumPy 2
    **{(f"numpy.{core}.numeric", "_frombuffer"): _Buffer for core in ("core", "_core")},
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str, /) -> type:
        stand_in = STAND_INS.get((module, name))
        if stand_in is None:
            _refuse(module, name)
        return stand_in


def _refuse(module: str, name: str) -> NoReturn:
    got = f"{module}.{name}"[:80]
    raise DataError(
        f"got a pickle that names {got!r}, which arrays do not need; do not use a file that was tampered with"
    )


def _array(content: bytes | bytearray, kind: _DType, shape: tuple[int, ...], order: str) -> np.ndarray:
    """A read-only view of the bytes; raises ValueError when they are not as many as the shape says."""
    return np.frombuffer(bytes(content), kind.dtype).reshape(shape, order="F" if order == "F" else "C")


def _text(word: object) -> str:
    if isinstance(word, bytes):
        return word.decode("latin-1")
    if isinstance(word, str):
        return word
    raise DataError(f"got a {type(word).__name__} for a name in the pickle, {EXPECTED}")


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:120] or type(error).__name__
