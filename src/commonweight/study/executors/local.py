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
from commonweight.study.executors.agenda import Agenda
from commonweight.study.executors.contract import Event, Failed, Finished, Started, Task
from commonweight.study.executors.wire import decode_event, encode_task
from commonweight.study.failures import Cause
from commonweight.study.jobs import Job
from commonweight.study.work import Runtime

LOG_TAIL = 4000  # bytes of a dead worker's standard error that its trace keeps


@dataclass(frozen=True)
class Local:
    """An `Executor` of `workers` processes, each with the runtime's device and threads.

    They end at once when this process does, however it dies.
    """

    workers: int
    runtime: Runtime = Runtime()

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise UsageError(f"{self.workers} workers; expected at least 1 (the executor inline has none)")

    def run(self, tasks: Sequence[Task]) -> Iterator[Event]:
        agenda, pool = Agenda(tasks), _Pool(self.workers, self.runtime)
        try:
            while agenda.left:
                while agenda.ready and (process := pool.idle()):
                    process.give(agenda.take())
                for event in pool.events():
                    yield from agenda.note(event)
        finally:
            pool.stop()


def make_local(runtime: Runtime, workers: int | None) -> Local:
    """The `Factory` of local: a worker for each core, or one on a GPU, when their number is left to it."""
    most = 1 if runtime.device.startswith("cuda") else cores()
    return Local(most if workers is None else workers, runtime)


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(eq=False)
class _Pool:
    """At most `most` worker processes, begun when there is work for them and alive until the pool is stopped."""

    most: int
    runtime: Runtime
    _processes: "list[_Process]" = field(default_factory=list, init=False)
    _lines: "SimpleQueue[tuple[_Process, str | None]]" = field(default_factory=SimpleQueue, init=False)

    def idle(self) -> "_Process | None":
        """A process with nothing to do, a new one if need be; None when there are as many as there may be."""
        for process in self._processes:
            if process.idle:
                return process
        if len(self._processes) == self.most:
            return None
        self._processes.append(_Process(self.runtime, self._lines))
        return self._processes[-1]

    def events(self) -> list[Event]:
        """Wait for what a process says next; one that has died makes room for another."""
        process, line = self._lines.get()
        events = process.events(line)
        if line is None:
            self._processes.remove(process)
            process.stop()
        return events

    def stop(self) -> None:
        """End all processes now."""
        for process in self._processes:
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
        importable = os.pathsep.join(sys.path)  # a primitive of one's own is where this process finds it
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed by stop()
        self._popen = subprocess.Popen(
            [sys.executable, "-m", "commonweight.study.lifeline", self.runtime.model_dump_json()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env={**os.environ, "OMP_NUM_THREADS": threads, "PYTHONPATH": importable},
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

    @property
    def idle(self) -> bool:
        """Whether it can be given a task."""
        return self.task is None and self._popen.poll() is None

    def events(self, line: str | None) -> list[Event]:
        """The events that this line tells of; a death is the failure of the task that the process was at, if any."""
        if self.task is None:
            return []
        event = self._death(self.task.job) if line is None else decode_event(line, self.task.job)
        events = [event] if self.begun or isinstance(event, Started) else [Started(event.job), event]
        self.begun = True
        if isinstance(event, Finished | Failed):
            self.task = None
        return events

    def stop(self) -> None:
        """End the process now, whatever it is doing."""
        self._popen.kill()
        self._popen.wait()
        self._reader.join()
        for stream in (self._popen.stdin, self._popen.stdout):
            with suppress(BrokenPipeError):
                self._stream(stream).close()
        self._log.close()

    def _death(self, job: Job) -> Failed:
        code = self._popen.wait()
        how = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        self._log.seek(0)
        tail = self._log.read()[-LOG_TAIL:].decode(errors="replace")
        trace = tail or "the process wrote nothing to standard error"
        return Failed(job, f"its worker process {how}", trace, Cause.LOST)

    def _read(self, stdout: IO[str]) -> None:
        for line in stdout:
            if line.endswith("\n"):  # else it was killed in the middle of the line
                self.lines.put((self, line))
        self.lines.put((self, None))

    @staticmethod
    def _stream(stream: IO[str] | None) -> IO[str]:
        assert stream is not None
        return stream
