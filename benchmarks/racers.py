"""A contender at work, in this process or in one of its own: prepared for a work, then timed turn by turn."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from contenders import Contender, Turn
from shapes import Shape, Work

from commonweight.space import Child

SCRIPT = Path(__file__).with_name("worker.py")
AVX2_ONLY = {"ATEN_CPU_CAPABILITY": "avx2", "ONEDNN_MAX_CPU_ISA": "AVX2", "DNNL_MAX_CPU_ISA": "AVX2"}
"""What keeps PyTorch and oneDNN, when they start under it, from a processor's AVX-512."""


class Racer(Protocol):
    """What a race times."""

    def prepare(self, contender: Contender, work: Work, children: Sequence[Child], copies: int) -> None:
        """For turns of these children; what was prepared before is gone."""
        ...

    def turn(self, child: Child) -> float:
        """Seconds of one turn."""
        ...


class Here:
    """In this process."""

    def __init__(self, sizes: Shape) -> None:
        self._sizes = sizes
        self._turn: Turn | None = None

    def prepare(self, contender: Contender, work: Work, children: Sequence[Child], copies: int) -> None:
        self._turn = None  # its memory first
        self._turn = contender.prepare(self._sizes, work, children, copies)

    def turn(self, child: Child) -> float:
        assert self._turn is not None, "prepare comes before turn"
        begin = time.perf_counter()
        self._turn(child)
        return time.perf_counter() - begin


class Away:
    """In a process of its own (`worker.py`), which inherits the environment and more; its clock times the turns.

    It waits asleep between turns. Raises `RuntimeError` when the process ends before it answers, or when more
    environment does not keep PyTorch to AVX2.
    """

    def __init__(self, sizes: Shape, more: Mapping[str, str] = {}) -> None:
        words = [sys.executable, str(SCRIPT), sizes.name]
        environment = {**os.environ, **more}
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(words, stdin=pipe, stdout=pipe, text=True, env=environment)
        self._limited = bool(more)

    def __enter__(self) -> Self:
        try:
            capability = self.hear()
            if self._limited and capability != "AVX2":
                raise RuntimeError(f"PyTorch's CPU capability under {AVX2_ONLY} is {capability}, expected AVX2")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def prepare(self, contender: Contender, work: Work, children: Sequence[Child], copies: int) -> None:
        self.tell("prepare", contender.name, work.name, [str(child) for child in children], copies)
        self.hear()

    def turn(self, child: Child) -> float:
        self.tell("turn", str(child))
        return self.hear()

    def threads(self, count: int) -> None:
        """PyTorch's, from now on; it starts with one."""
        self.tell("threads", count)
        self.hear()

    def peak_mb(self) -> float:
        """Peak memory so far above an interpreter with PyTorch and commonweight imported, MB."""
        self.tell("peak")
        return self.hear()

    def tell(self, *command: object) -> None:
        """A command of `worker.py`; its answer is heard later, so that several workers can be at it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()

    def hear(self) -> Any:
        """The next answer."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"a worker ended, its message stands above: {self._process.args}")
        return json.loads(line)
