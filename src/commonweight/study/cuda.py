"""What a CUDA device is told before it computes: float32 is float32, and the same work gives the same bits."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

SETTINGS = (
    (torch.backends.cuda.matmul, "fp32_precision", "ieee"),  # not TF32, which has 10 of float32's 23 bits
    (torch.backends.cudnn.conv, "fp32_precision", "ieee"),  # pyright: ignore[reportAttributeAccessIssue] - made at run time
    (torch.backends.cudnn, "deterministic", True),
    (torch.backends.cudnn, "benchmark", False),  # which algorithm is the fastest differs from run to run
)
"""Never `allow_tf32` beside them: PyTorch raises when the two ways are mixed."""


@contextmanager
def exact(device: str) -> Iterator[None]:
    """On a CUDA device PyTorch computes float32 without TF32 inside, by deterministic algorithms; elsewhere it is left alone.

    An operation that has no deterministic algorithm warns by its name. What was set before is put back afterwards, save
    for the environment's `CUBLAS_WORKSPACE_CONFIG`, which cuBLAS reads once and which is set where it was not. What
    it costs, and whether bits are the same then, has not been measured.
    """
    if torch.device(device).type != "cuda":
        yield
        return
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = [getattr(owner, name) for owner, name, _ in SETTINGS]
    mode = torch.get_deterministic_debug_mode()
    try:
        for owner, name, value in SETTINGS:
            setattr(owner, name, value)
        torch.set_deterministic_debug_mode("warn")
        yield
    finally:
        torch.set_deterministic_debug_mode(mode)
        for (owner, name, _), value in zip(SETTINGS, before, strict=True):
            setattr(owner, name, value)
