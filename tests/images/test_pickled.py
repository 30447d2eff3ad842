"""Pickles of both Pythons are read; those that name anything but arrays are refused and do nothing."""

import os
import pickle
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from images.making import dump_python2

from commonweight.errors import DataError
from commonweight.images.pickled import read_pickled_dict

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
NUMBERS = hnp.boolean_dtypes() | hnp.integer_dtypes() | hnp.unsigned_integer_dtypes() | hnp.floating_dtypes()


@given(array=hnp.arrays(NUMBERS, hnp.array_shapes(max_dims=3, min_side=1)), protocol=st.sampled_from(PROTOCOLS))
def test_arrays_of_numbers_come_back(array, protocol):
    for whole in (array, np.asfortranarray(array)):
        read = read_pickled_dict(pickle.dumps({"data": whole, b"labels": [1, 2]}, protocol))
        assert read["labels"] == [1, 2]
        assert read["data"].dtype == array.dtype
        assert read["data"].shape == array.shape
        assert read["data"].tobytes() == array.tobytes()  # also NaNs


def test_python_2():
    array = np.arange(600, dtype=np.uint8).reshape(2, 300)
    read = read_pickled_dict(dump_python2({"data": array, "labels": [3, 900], "batch_label": "a batch"}))
    assert np.array_equal(read.pop("data"), array)
    assert read == {"labels": [3, 900], "batch_label": b"a batch"}


class Touch:
    """Unpickled as it wants to be, it makes a file."""

    def __init__(self, path, call=os.system):
        self.path, self.call = path, call

    def __reduce__(self):
        return self.call, ((f"touch {self.path}" if self.call is os.system else self.path),)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_command_is_refused_and_does_not_run(tmp_path, protocol):
    mark = tmp_path / "mark"
    bad = pickle.dumps({"data": Touch(mark)}, protocol)
    with pytest.raises(DataError, match=r"names '(posix|nt)\.system', which arrays do not need; do not use"):
        read_pickled_dict(bad)
    assert not mark.exists()
    pickle.loads(bad)  # it would have
    assert mark.exists()


NAMES = "posix system, builtins eval, __builtin__ eval, numpy load, numpy.core.multiarray scalar, numpy core.x, numpy matrix"
NAMES += ", commonweight.images.pickled io.BytesIO, collections OrderedDict, _codecs decode"


@pytest.mark.parametrize("name", NAMES.split(", "))
def test_any_other_global_is_named_and_refused(name):
    module, word = name.split()
    stack = b"\x80\x04\x8c" + bytes([len(module)]) + module.encode() + b"\x8c" + bytes([len(word)]) + word.encode()
    for data in (f"c{module}\n{word}\n.".encode(), stack + b"\x93."):
        with pytest.raises(DataError, match=f"names '{module}.{word}'"):
            read_pickled_dict(data)


def test_extensions_persistent_ids_and_other_objects_are_refused():
    for data in (b"Pname\n.", b"\x82\x01.", b"\x80\x05\x97.", pickle.dumps({"data": Path()}), pickle.dumps(Decimal(1))):
        with pytest.raises(DataError) as caught:
            read_pickled_dict(data)
        assert "\n" not in str(caught.value)


ODD = [
    np.array([{}], object),
    np.array(["word"]),
    np.array([b"word"]),
    np.array(["2000-01-01"], "M8[D]"),
    np.zeros(1, "u1,f4"),
    np.zeros(1, "V8"),
    np.zeros(1, complex),
]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("array", ODD, ids=lambda array: str(array.dtype))
def test_arrays_of_other_than_numbers_are_refused(array, protocol):
    with pytest.raises(DataError, match=r"names|got an array of dtype '.*', expected numbers such as 'u1'"):
        read_pickled_dict(pickle.dumps({"data": array}, protocol))


def test_what_stands_in_for_numpy_cannot_be_bent():
    make, kind = b"cnumpy.core.multiarray\n_reconstruct\n", b"cnumpy\ndtype\n"
    for data in (
        b"cnumpy\nndarray\n(K\x01tR.",  # a call
        b"\x80\x02cnumpy\nndarray\n}b.",  # a state for a class
        b"\x80\x02" + make + b"}U\x05arrayK\x01sb.",
        b"\x80\x02" + kind + b"NU\x05dtypeK\x01s\x86b.",
        b"\x80\x02" + kind + b"U\x02u1\x85R(K\x03U\x01xtb.",  # no such byte order
        b"\x80\x02}U\x04data"
        + make
        + b")R(K\x01J\xff\xff\xff\x7f\x85"
        + kind
        + b"U\x02u1\x85R\x89U\x01xtbs.",  # one byte
    ):
        with pytest.raises(DataError) as caught:
            read_pickled_dict(data)
        assert "\n" not in str(caught.value)
    assert read_pickled_dict(pickle.dumps({"data": np.arange(3)}))["data"].tolist() == [0, 1, 2]  # as before


def test_a_pickle_cut_anywhere_is_refused():
    content = {"data": np.arange(4, dtype=np.uint8), "labels": [1, 2]}
    for whole in (dump_python2({"data": np.zeros((2, 2), np.uint8)}), *(pickle.dumps(content, p) for p in PROTOCOLS)):
        read_pickled_dict(whole)
        for length in range(len(whole)):
            with pytest.raises(DataError):
                read_pickled_dict(whole[:length])


def test_another_value_and_another_key_are_refused():
    with pytest.raises(DataError, match="got a pickle of list, expected a dict"):
        read_pickled_dict(pickle.dumps([1]))
    with pytest.raises(DataError, match="got a int for a name in the pickle"):
        read_pickled_dict(pickle.dumps({1: 2}))
