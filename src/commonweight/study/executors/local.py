"""Runs jobs in worker processes on this machine."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from typing import IO

from commonweight.errors import UsageError
from commonweight.study.executors.contract import Event, Failed, Finished, Started, Task
from commonweight.study.executors.process import decode_event, encode_task
from commonweight.study.work import Runtime

LOG_TAIL = 4000  # bytes of a dead worker's standard error that its trace keeps


@dataclass(frozen=True)
class Local:
    """An `Executor` of `workers` processes, each with the runtime's device and threads."""

    workers: int
    runtime: Runtime = Runtime()

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers; expected at least 1")

    def run(self, tasks: Sequence[Task]) -> Iterator[Event]:
        waiting = list(reversed(tasks))
        lines: SimpleQueue[tuple[_Process, str | None]] = SimpleQueue()
        processes = [_Process(self.runtime, lines) for _ in range(min(self.workers, len(tasks)))]
        try:
            for process in processes:
                process.give(waiting.pop())
            running = len(processes)
            while running:
                process, line = lines.get()
                if process.task is None:
                    continue  # it died with nothing to do, and nothing is left to give it
                event = process.event(line)
                if isinstance(event, Failed) and not process.begun:
                    yield Started(event.job)  # it died before it could say so
                yield event
                process.begun = True
                if not isinstance(event, Finished | Failed):
                    continue
                process.task = None
                if not waiting:
                    running -= 1
                    continue
                if line is None:
                    processes.remove(process)
                    process.stop()
                    process = _Process(self.runtime, lines)
                    processes.append(process)
                process.give(waiting.pop())
        finally:
            for process in processes:
                process.stop()


@dataclass(eq=False)
class _Process:
    """One worker process and the task that it is at; its lines arrive in a queue, None when it has died."""

    runtime: Runtime
    lines: "SimpleQueue[tuple[_Process, str | None]]"
    task: Task | None = field(default=None, init=False)
    begun: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        threads = str(self.runtime.threads)  # read by OpenMP before Python can say anything
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "commonweight.study.executors.process", self.runtime.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "OMP_NUM_THREADS": threads},
            encoding="utf-8",
            start_new_session=True,  # Ctrl-C reaches the parent alone, which then stops its workers
        )
        self._reader = Thread(target=self._read, args=(self._stream(self._popen.stdout),), daemon=True)
        self._reader.start()

    def give(self, task: Task) -> None:
        """Hand over the next task; a process that has died meanwhile says so through its lines."""
        self.task, self.begun = task, False
        with suppress(BrokenPipeError):
            print(encode_task(task), file=self._stream(self._popen.stdin), flush=True)

    def event(self, line: str | None) -> Event:
        """The event that this line tells of; a death is the failure of the task the process was at."""
        assert self.task is not None
        if line is not None:
            return decode_event(line, self.task.job)
        code = self._popen.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._log.seek(0)
        tail = self._log.read()[-LOG_TAIL:].decode(errors="replace")
        return Failed(self.task.job, f"its worker process {how}", tail or "the process wrote nothing to standard error")

    def stop(self) -> None:
        """End the process now, whatever it is doing."""
        self._popen.kill()
        self._popen.wait()
        self._reader.join()
        for stream in (self._popen.stdin, self._popen.stdout):
            with suppress(BrokenPipeError):
                self._stream(stream).close()
        self._log.close()

    def _read(self, stdout: IO[str]) -> None:
        for line in stdout:
            if line.endswith("\n"):  # else it was killed in the middle of the line
                self.lines.put((self, line))
        self.lines.put((self, None))

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream
