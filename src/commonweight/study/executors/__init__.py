"""Executors: where jobs run. One contract, held by one test suite, for all of them; chosen by name."""

from commonweight.study.executors.agenda import Agenda
from commonweight.study.executors.contract import (
    Advanced,
    Event,
    Executor,
    Factory,
    Failed,
    Finished,
    Noted,
    Started,
    Task,
)
from commonweight.study.executors.inline import Inline
from commonweight.study.executors.local import Local
from commonweight.study.executors.registry import executor_names, make_executor

__all__ = [
    "Advanced",
    "Agenda",
    "Event",
    "Executor",
    "Factory",
    "Failed",
    "Finished",
    "Inline",
    "Local",
    "Noted",
    "Started",
    "Task",
    "executor_names",
    "make_executor",
]
