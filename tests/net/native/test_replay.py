"""The native part in another process, and `benchmarks/arm.py` that runs it there, tried with a build for this processor."""

import contextlib
import ctypes
import math
import shutil
import sys
from collections.abc import Iterator
from dataclasses import replace

import arm
import oracle
import pytest
import torch
from arm import Case, Found
from replay import Replay, ReplayError, flags, replaying

from commonweight.net import Combine, Frame, Native, find_library
from commonweight.net.native.library import Batch, Step, StepKind
from commonweight.net.native.memory import Value, step
from commonweight.sharing import share_all
from commonweight.space import Child, SearchSpace

pytestmark = [
    oracle.needs_native,
    pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ to build the native part with"),
]
CHILDREN = tuple(SearchSpace().children())


@pytest.fixture(scope="module")
def library() -> Iterator[Replay]:
    with replaying("g++") as library:
        yield library


def pixels(library: Replay, count: int) -> Value:
    """One block of one channel."""
    return Value(1, torch.zeros(1, 1, count, library.lanes))


def test_every_kind_of_step_fits_pytorch(library):
    of_every_stage = ("max_pool_3x3", "sep_conv_5x5", "dil_conv_5x5"), ("dil_conv_5x5", "skip_connect", "avg_pool_3x3")
    of_the_bench = (("nor_conv_3x3", "none", "avg_pool_3x3_alone"),)
    children, others = (
        tuple(Child(arm.SPACE, tuple(1 + arm.SPACE.primitives.index(name) for name in names)) for names in every)
        for every in (of_every_stage, of_the_bench)
    )
    bench = Case(4, (3, 5), (21,), combine=Combine.LAST, frame=Frame.NAS_BENCH_201, children=others)
    rows = [*arm.compared(library, [Case(5, (3, 5), (21,), copies=2, children=children), bench])]
    of_each_case = [("gradients", True), ("running statistics", True), ("right answers", True)]
    assert [(found.what, found.fits) for _, found in rows] == [
        *of_each_case,
        *of_each_case,
        ("weights and velocities", True),
    ]
    assert library.performed == set(StepKind)


def test_the_cases_fill_the_last_block_in_every_way():
    for lanes in (4, 8, 16):
        *_, fills = arm.cases(lanes)
        assert {count % lanes for count in fills.batches} == set(range(lanes))
        assert all(count > lanes for count in fills.batches)


def test_the_other_process_computes_what_a_library_here_does(library):
    here, _ = find_library("portable")
    nets = [oracle.make_net(share_all(CHILDREN[:3], 2), copies=2).float() for _ in range(2)]
    engines = [Native(net, one) for net, one in zip(nets, (library, here), strict=True)]
    images, labels = oracle.random_batch(19)
    found = [dict(engine.gradients(images.float(), labels, CHILDREN[1])) for engine in engines]
    for first, second in zip(*(one.values() for one in found), strict=True):
        torch.testing.assert_close(first, second, rtol=1e-4, atol=1e-5)
    assert torch.equal(*(engine.sweep(images.float(), labels, CHILDREN[:3]) for engine in engines))


# ------------------------------------------------------------------ what is refused


def test_other_lanes_are_refused(library):
    value = pixels(library, 4)
    steps = (Step * 1)(step(StepKind.SUM, [value], value.data, 1))
    wrong = replace(library, lanes=2 * library.lanes)
    with pytest.raises(ReplayError, match=f"laid out for lanes {wrong.lanes}, this build has lanes {library.lanes};"):
        wrong.run(steps, Batch(count=1, height=2, width=2))


def test_an_address_that_no_tensor_holds_is_refused(library):
    memory = ctypes.create_string_buffer(4096)
    steps = (Step * 1)(Step(kind=StepKind.SUM, out=ctypes.addressof(memory)))
    with pytest.raises(ReplayError, match="is in no tensor whose address was asked for"):
        library.run(steps, Batch(count=1, height=2, width=2))


def test_a_kernel_that_writes_outside_its_tensor_is_noticed(library):
    steps = (Step * 1)(step(StepKind.SUM, [pixels(library, 4)], pixels(library, 3).data, 1))
    with pytest.raises(ReplayError, match=r"ended with 2 .*: a kernel wrote outside its tensors"):
        library.run(steps, Batch(count=1, height=2, width=2))


def test_a_compiler_that_fails_says_why():
    with pytest.raises(ReplayError, match=r"ended with 1: .*--no-such-option"), replaying("g++ --no-such-option"):
        pass


def test_the_portable_flags_suit_any_processor():
    assert "-O3" in flags()
    assert not [flag for flag in flags() if flag.startswith("-m")]


# ------------------------------------------------------------------ the verdict


@pytest.mark.parametrize(
    ("error", "fits"), [(0.5, True), (1.0, True), (1.1, False), (math.nan, False), (math.inf, False)]
)
def test_what_fits(error, fits):
    text, whole = arm.report([("a case", Found("gradients", 0, 1)), ("another", Found("gradients", error, 1))])
    assert whole is fits
    assert ("differs" in text) is not fits


def test_a_gradient_that_is_missing_or_nan_is_not_near():
    truth = {"weight": torch.ones(3), "bias": torch.ones(2)}
    assert arm.distance(truth, truth) == 0
    assert arm.distance({"weight": torch.ones(3)}, truth) == math.inf
    assert math.isnan(arm.distance(truth | {"bias": torch.tensor([1, math.nan])}, truth))


@pytest.mark.parametrize(("error", "code"), [(0.5, 0), (1.5, 1)])
def test_the_script_fails_where_something_differs(library, monkeypatch, capsys, error, code):
    monkeypatch.setattr(sys, "argv", ["arm.py", "--compiler", "g++", "--emulator", ""])
    monkeypatch.setattr(arm, "replaying", lambda *_: contextlib.nullcontext(replace(library, performed=set(StepKind))))
    monkeypatch.setattr(arm, "compared", lambda *_: [("a case", Found("gradients", error, 1))])
    with pytest.raises(SystemExit) as ended:
        arm.main()
    assert ended.value.code == code
    assert "a case | gradients" in capsys.readouterr().out


def test_the_script_fails_where_no_case_performs_a_kind(library, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["arm.py", "--compiler", "g++", "--emulator", ""])
    left = replace(library, performed={kind for kind in StepKind if kind is not StepKind.FOLD})
    monkeypatch.setattr(arm, "replaying", lambda *_: contextlib.nullcontext(left))
    monkeypatch.setattr(arm, "compared", lambda *_: [("a case", Found("gradients", 0, 1))])
    with pytest.raises(SystemExit) as ended:
        arm.main()
    assert ended.value.code == 1
    assert "no case performs FOLD" in capsys.readouterr().out


def test_the_script_says_what_is_missing(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["arm.py", "--compiler", "no-compiler -O3", "--emulator", "no-emulator"])
    with pytest.raises(SystemExit, match=r"missing: no-compiler, no-emulator; .*apt-get install"):
        arm.main()
