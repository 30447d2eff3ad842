"""What a CUDA device would be told; there is none here, but PyTorch's settings are there without one."""

import os
from contextlib import contextmanager

import pytest
import torch
from tiny import tiny_study

from commonweight.sharing import singletons
from commonweight.study import calibration, work
from commonweight.study.cuda import exact
from commonweight.study.executors import Finished, Inline, Task
from commonweight.study.setting import Member, settle
from commonweight.study.work import Runtime, Worker

EXACT = {
    "products": "ieee",
    "convolutions": "ieee",
    "deterministic": True,
    "benchmark": False,
    "debug mode": 1,  # PyTorch's number for "warn"
}
FAST = {"products": "tf32", "convolutions": "tf32", "deterministic": False, "benchmark": True, "debug mode": 0}


def settings():
    backends = torch.backends
    return {
        "products": backends.cuda.matmul.fp32_precision,
        "convolutions": backends.cudnn.conv.fp32_precision,
        "deterministic": backends.cudnn.deterministic,
        "benchmark": backends.cudnn.benchmark,
        "debug mode": torch.get_deterministic_debug_mode(),
    }


def choose(values):
    """Set all of these but the debug mode."""
    torch.backends.cuda.matmul.fp32_precision = values["products"]
    torch.backends.cudnn.conv.fp32_precision = values["convolutions"]
    torch.backends.cudnn.deterministic = values["deterministic"]
    torch.backends.cudnn.benchmark = values["benchmark"]


@pytest.fixture
def fast(monkeypatch):
    """A process whose user has chosen speed."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", "")
    monkeypatch.delenv("CUBLAS_WORKSPACE_CONFIG")
    before = settings()
    choose(FAST)
    assert settings() == FAST
    yield
    choose(before)


@pytest.mark.parametrize("device", ["cuda", "cuda:1"])
@pytest.mark.usefixtures("fast")
def test_a_cuda_device_computes_in_float32_and_deterministically(monkeypatch, device):
    with exact(device):
        assert settings() == EXACT
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":4096:8"
    assert settings() == FAST
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":16:8")
    with exact(device):
        assert os.environ["CUBLAS_WORKSPACE_CONFIG"] == ":16:8"  # the user's own
    with pytest.raises(ZeroDivisionError), exact(device):
        _ = 1 / 0
    assert settings() == FAST


@pytest.mark.usefixtures("fast")
def test_elsewhere_nothing_is_touched():
    with exact("cpu"):
        assert settings() == FAST
        assert "CUBLAS_WORKSPACE_CONFIG" not in os.environ


@pytest.mark.usefixtures("fast")
def test_a_runtime_of_a_cuda_device_is_exact_with_its_threads():
    with Runtime(device="cuda", threads=2).threaded():
        assert settings() == EXACT
        assert torch.get_num_threads() == 2
    assert settings() == FAST
    assert torch.get_num_threads() == 1  # tests/conftest.py


def test_whatever_computes_does_so_inside(monkeypatch, tmp_path):
    """Jobs and the timing of them: the device is asked for before any net is made, and let go after all."""
    story, make = [], work.make_engine

    def made(*args):
        story.append("net")
        return make(*args)

    @contextmanager
    def watched(device):
        story.append(device)
        yield
        story.append("done")

    monkeypatch.setattr(work, "exact", watched)
    monkeypatch.setattr(work, "make_engine", made)
    monkeypatch.setattr(calibration, "make_engine", made)
    setting = settle(tiny_study())
    job = setting.experiment("x", singletons(setting.children), [Member(0)], setting.conditions).jobs[0]
    assert isinstance(list(Inline().run([Task(job, setting.study.data, tmp_path)]))[-1], Finished)
    assert story == ["cpu", "net", "done"]
    story.clear()
    calibration.estimate([job], Worker(setting.study.data, Runtime()))
    assert (story[0], {*story[1:-1]}, story[-1]) == ("cpu", {"net"}, "done")
