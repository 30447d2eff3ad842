"""How turns beside another process are counted, by racers that need no time."""

import json
import sys
import time
from collections.abc import Callable, Mapping

import cores
import pytest
import torch
import worker
from contenders import NCHW
from racers import AVX2_ONLY, Away
from shapes import CORNERS, Work, shape

from commonweight.space import Child


class Noted:
    """A racer that notes its turns and does something at some of them."""

    def __init__(self, actions: Mapping[int, Callable[[], object]]) -> None:
        self.turns: list[Child] = []
        self._actions = actions

    def prepare(self, *_: object) -> None: ...

    def turn(self, child: Child) -> float:
        self.turns.append(child)
        self._actions.get(len(self.turns), lambda: None)()
        return 0.0


class Pretended:
    """An `Away` that answers `rounds` by a report and anything else by nothing, into a list that all share."""

    def __init__(self, name: str, said: list[tuple[object, ...]]) -> None:
        self.name, self.said = name, said

    def tell(self, *command: object) -> None:
        self.said.append((self.name, *command))

    def threads(self, count: int) -> None:
        self.tell("threads", count)

    def hear(self) -> dict[str, float] | None:
        self.said.append((self.name, "heard"))
        last = [command[1] for command in self.said if command[0] == self.name and command[1] != "heard"][-1]
        return {"turns": 6, "seconds": 3.0} if last == "rounds" else None


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What `time.perf_counter` says is its last entry."""
    now = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[-1])
    return now


@pytest.mark.parametrize("on", [True, False])
def test_whole_rounds_over_their_own_time_then_on_until_a_command(
    on: bool, clock: list[float], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    waiting: list[bool] = []
    monkeypatch.setattr(worker.select, "select", lambda *_: ([sys.stdin] if waiting else [], [], []))
    racer = Noted({3: lambda: clock.append(7.0), 6: lambda: waiting.append(True)})  # 3: within the second round of two
    worker.rounds(racer, CORNERS[:2], 5.0, on)
    assert json.loads(capsys.readouterr().out) == {"turns": 4, "seconds": 7.0}
    assert racer.turns == [*CORNERS[:2]] * (3 if on else 2)


def test_nobody_is_stopped_before_all_were_counted():
    said: list[tuple[object, ...]] = []
    pair = [Pretended("a", said), Pretended("b", said)]
    reports = cores.counted(pair, CORNERS[:1], 3.0)  # pyright: ignore[reportArgumentType] - pretended
    assert reports == [{"turns": 6, "seconds": 3.0}] * 2
    order = [(name, command) for name, command, *_ in said]
    assert order[:6] == [*[(n, "rounds") for n in "ab"], *[(n, "heard") for n in "ab"], *[(n, "rest") for n in "ab"]]
    assert all(command[-1] is True for command in said if command[1] == "rounds")


def test_every_child_is_warm_in_every_process_before_any_is_counted():
    said: list[tuple[object, ...]] = []
    pair = (Pretended("a", said), Pretended("b", said))
    sizes = shape("tiny")
    found = cores.two_cores(pair, sizes, Work.COPIES, NCHW, 3.0)  # pyright: ignore[reportArgumentType] - pretended
    first = next(place for place, command in enumerate(said) if command[1] == "rounds")
    for name in "ab":
        assert [command[2] for command in said[:first] if command[:2] == (name, "turn")] == [
            str(c) for c in sizes.beside
        ]
    assert {way: len(reports) for way, reports in found.items()} == {"1 × 1": 1, "2 × 1": 2, "1 × 2": 1}
    assert all(report["turns"] == 6 * sizes.plain_copies for reports in found.values() for report in reports)


@pytest.mark.skipif("AVX" not in torch.backends.cpu.get_cpu_capability(), reason="a processor without AVX2")
def test_a_worker_is_kept_to_avx2_and_answers_in_order():
    with Away(shape("tiny"), AVX2_ONLY) as racer:
        racer.prepare(NCHW, Work.COPIES, CORNERS[:1], 1)
        assert racer.turn(CORNERS[0]) > 0
        assert racer.peak_mb() >= 0


def test_a_worker_that_is_not_kept_to_avx2_is_refused():
    with pytest.raises(RuntimeError, match="expected AVX2"):
        Away(shape("tiny"), {"ATEN_CPU_CAPABILITY": "default"}).__enter__()


def test_a_worker_that_ended_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path):
    script = tmp_path / "worker.py"
    script.write_text("raise SystemExit(1)", encoding="utf-8")
    monkeypatch.setattr("racers.SCRIPT", script)
    with pytest.raises(RuntimeError, match="a worker ended"):
        Away(shape("tiny")).__enter__()
