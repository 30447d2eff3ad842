"""The order of tasks, against a search through all of them at every step."""

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tiny import make_job

from commonweight.errors import UsageError
from commonweight.study.executors import Advanced, Agenda, Failed, Finished, Noted, Started, Task
from commonweight.study.failures import Cause
from commonweight.study.schema import DataSpec

JOBS = [make_job(init=(number,)) for number in range(9)]
IDS = [job.id for job in JOBS]


def task(number, *after):
    """The job of this number after those of these numbers."""
    return Task(JOBS[number], DataSpec(name="idx"), Path(), tuple(IDS[source] for source in after))


def number_of(item):
    return IDS.index(item.job.id)


@st.composite
def runs(draw):
    """Tasks in any order, each after some of those with lower numbers; and which of them fail when they are tried."""
    count = draw(st.integers(0, len(JOBS)))
    after = [draw(st.sets(st.integers(0, number - 1), max_size=3)) if number else set() for number in range(count)]
    order = draw(st.permutations(range(count)))
    return after, order, draw(st.sets(st.integers(0, len(JOBS))))


@given(runs(), st.integers(1, 4), st.randoms(use_true_random=False))
def test_any_tasks_of_any_fate_in_any_number_of_hands(run, hands, chance):
    after, order, bad = run
    agenda = Agenda([task(number, *after[number]) for number in order])
    running, finished, failed, waiting = [], set(), {}, list(order)
    while agenda.left:
        while len(running) < hands:
            free = [number for number in waiting if after[number] <= finished]
            assert agenda.ready == bool(free)
            if not free:
                break
            assert number_of(agenda.take()) == free[0]
            waiting.remove(free[0])
            running.append(free[0])
        number = running.pop(chance.randrange(len(running)))
        event = Failed(JOBS[number], "bad", "") if number in bad else Finished(JOBS[number], 1.0)
        told = agenda.note(event)
        assert told[0] is event
        (failed.setdefault(number, None) if number in bad else finished.add(number))
        lost = set()
        while more := {
            other
            for other in waiting
            if after[other] <= finished | failed.keys() and after[other] & failed.keys() and other not in lost
        }:
            lost |= more
            failed |= dict.fromkeys(more)
        waiting = [other for other in waiting if other not in lost]
        pairs = list(zip(told[1::2], told[2::2], strict=True))
        assert sorted(number_of(end) for _, end in pairs) == sorted(lost)
        for start, end in pairs:
            assert start == Started(end.job)
            (source,) = re.fullmatch("job (.*), from which it starts, failed", end.reason).groups()
            assert IDS.index(source) in after[number_of(end)] & failed.keys()
            assert end.trace == ""
    assert (running, waiting) == ([], [])
    assert not agenda.ready


def test_by_hand():
    """A diamond and one alone; of those that may begin, the first in the order given."""
    agenda = Agenda([task(3, 1, 2), task(2, 0), task(1, 0), task(0), task(4)])
    assert number_of(agenda.take()) == 0
    assert agenda.note(Started(JOBS[0])) == [Started(JOBS[0])]
    assert agenda.note(Advanced(JOBS[0], 1, 2)) == [Advanced(JOBS[0], 1, 2)]
    assert number_of(agenda.take()) == 4
    assert not agenda.ready
    with pytest.raises(IndexError):
        agenda.take()
    agenda.note(Finished(JOBS[0], 1.0))
    assert [number_of(agenda.take()) for _ in range(2)] == [2, 1]
    agenda.note(Finished(JOBS[1], 1.0))
    assert not agenda.ready
    told = agenda.note(Failed(JOBS[2], "why", "trace"))
    reason = f"job {IDS[2]}, from which it starts, failed"
    assert told == [Failed(JOBS[2], "why", "trace"), Started(JOBS[3]), Failed(JOBS[3], reason, "", Cause.SOURCE)]
    assert agenda.left
    agenda.note(Finished(JOBS[4], 1.0))
    assert not agenda.left


def test_a_task_that_was_lost_begins_again_once_and_who_watches_sees_one_beginning():
    agenda = Agenda([task(0), task(1, 0), task(2)])
    lost = [Failed(JOBS[number], "its worker died", "trace", Cause.LOST) for number in range(3)]
    first = agenda.take()
    assert agenda.note(Started(JOBS[0])) == [Started(JOBS[0])]
    assert number_of(agenda.take()) == 2
    assert not agenda.ready
    assert agenda.note(lost[0]) == [Noted(JOBS[0], "its worker died; it is tried once more")]
    assert agenda.ready
    assert agenda.take() is first
    assert agenda.note(Started(JOBS[0])) == []
    assert agenda.note(Advanced(JOBS[0], 1, 2)) == [Advanced(JOBS[0], 1, 2)]
    assert agenda.note(lost[2]) == [Noted(JOBS[2], "its worker died; it is tried once more")]  # each task has its own
    assert number_of(agenda.take()) == 2
    assert agenda.note(Finished(JOBS[2], 1.0)) == [Finished(JOBS[2], 1.0)]
    told = agenda.note(lost[0])
    assert told[0] is lost[0]
    assert [number_of(event) for event in told] == [0, 1, 1]
    assert not agenda.left


@pytest.mark.parametrize("cause", [Cause.ERROR, Cause.DIVERGED])
def test_an_exception_is_a_failure_at_once(cause):
    agenda, failed = Agenda([task(0)]), Failed(JOBS[0], "why", "trace", cause)
    agenda.take()
    assert agenda.note(failed) == [failed]
    assert not agenda.left


def test_a_long_chain_fails_from_its_beginning():
    jobs = [make_job(init=(number,)) for number in range(2000)]
    before = [(), *((job.id,) for job in jobs)]
    agenda = Agenda([Task(job, DataSpec(name="idx"), Path(), after) for job, after in zip(jobs, before, strict=False)])
    agenda.take()
    told = agenda.note(Failed(jobs[0], "why", ""))
    assert [event.job for event in told[::2]] == jobs
    assert not agenda.left


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([task(0), task(1), task(0)], f"job {IDS[0]} is two of the tasks; expected each job once"),
        ([task(0), task(1, 0, 2)], f"job {IDS[1]} comes after {IDS[2]}, which is no job of this run"),
        ([task(0), task(1, 1)], f"jobs {IDS[1]} wait for each other"),
        ([task(0, 2), task(1, 0), task(2, 1)], r"jobs (\w{16}, ){2}\w{16} wait for each other"),
    ],
)
def test_tasks_without_an_order_are_refused(tasks, message):
    with pytest.raises(UsageError, match=f"^{message}"):
        Agenda(tasks)
