"""The torture suite: a sample of it loses nothing, and it sees what is broken on purpose."""

import re
import subprocess
import sys
import time
from collections import Counter
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from commonweight.errors import DataError
from commonweight.study.job_folder import JobFolder
from tools.torture import calls, damage, fuzz
from tools.torture.__main__ import FAULTS, attack
from tools.torture.apart import KILLED, UNEXPECTED, Apart, offspring
from tools.torture.outcome import COLUMNS, Fate, Fault, Outcome, Tally
from tools.torture.world import World

ROOT = Path(__file__).parents[3]
NOT_IN_THE_SAMPLE = {"ray", "kill-workers"}  # which start processes that import PyTorch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the suite forks, and reads /proc")


@pytest.mark.torture
def test_a_sample_loses_nothing():
    kinds = [word for fault in FAULTS if fault.kind not in NOT_IN_THE_SAMPLE for word in ("--kind", fault.kind)]
    ended = subprocess.run(
        [sys.executable, "-m", "tools.torture", "--tries", "1", *kinds],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, "lost: " in ended.stderr) == (0, False), ended.stderr
    rows = ended.stdout.splitlines()[2:]
    assert [row.split(" | ")[0] for row in rows] == [
        f"| {fault.words}" for fault in FAULTS if fault.kind not in NOT_IN_THE_SAMPLE
    ]
    assert all(row.endswith(" 0 |") for row in rows)


def test_the_page_has_the_suites_columns_and_kinds():
    page = (ROOT / "docs" / "reliability.md").read_text(encoding="utf-8")
    table = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")]
    start = table.index(list(COLUMNS))
    rows = {row[0]: [int(number.replace(",", "")) for number in row[1:]] for row in table[start + 2 :][: len(FAULTS)]}
    assert list(rows) == [fault.words for fault in FAULTS]
    assert all(tries == survived + noticed + lost for tries, survived, noticed, lost in rows.values())
    assert re.search(r"python -m tools\.torture --seed \d+", page)


def test_the_table():
    tally = Tally()
    tally.add(FAULTS[0], [Outcome(Fate.SURVIVED)] * 1000 + [Outcome(Fate.NOTICED)] * 2 + [Outcome.lost("why")])
    assert tally.lost == 1
    assert tally.told(FAULTS[0]) == "1000 survived, 2 noticed, 1 lost"
    assert tally.table().splitlines() == [
        "| fault | tries | survived | noticed | lost |",
        "| --- | ---: | ---: | ---: | ---: |",
        f"| {FAULTS[0].words} | 1,003 | 1,000 | 2 | 1 |",
    ]


def test_an_attack_is_repeated_by_its_number(tmp_path, capsys):
    drawn = {}

    def lost(world, number, rng):  # noqa: ARG001
        drawn.setdefault(number, []).append(rng.integers(10**9))
        return [Outcome.lost("why")]

    for numbers in (range(4), range(2, 3)):
        attack(World(tmp_path, 0.0), Fault("one", "a fault", lost, 1), 5, numbers, Tally())
    assert drawn[2][0] == drawn[2][1]
    assert len({values[0] for values in drawn.values()}) == 4
    assert "a fault: why; repeat with --seed 5 --kind one --first 2 --tries 1" in capsys.readouterr().err


# -------------------------------------------------------------------------- processes


def hanging():
    time.sleep(100)
    return 0


def leaving():
    subprocess.Popen(["sleep", "100"], start_new_session=True)
    return 0


def test_how_a_deed_ends():
    def told():
        print("out")
        print("err", file=sys.stderr)
        return 3

    ended = Apart(told).ended()
    assert (ended.code, ended.out, ended.err, ended.wrong) == (3, "out\n", "err\n", "")
    ended = Apart(lambda: 1 // 0).ended()
    assert ended.code == UNEXPECTED
    assert ended.wrong == "traceback: ['ZeroDivisionError: integer division or modulo by zero']"
    assert Apart(lambda: bytearray(1 << 40)[0]).ended().wrong == "traceback: ['MemoryError']"
    assert Apart(hanging).ended(0.1).wrong == "it hung"
    run = Apart(hanging)
    run.kill()
    assert (run.ended().code, offspring(run.process)) == (KILLED, [])


def test_a_process_that_is_left_over_is_a_hang_and_ended(monkeypatch):
    monkeypatch.setattr("tools.torture.apart.LEFT_SECONDS", 0.2)
    run = Apart(leaving)
    assert run.ended().wrong == "it hung"
    deadline = time.monotonic() + 60
    while offspring(run.process):
        assert time.monotonic() < deadline


def test_tries_of_files(monkeypatch):
    """Even a try that hangs and one that kills its process are one lost try each."""
    monkeypatch.setattr(fuzz, "SECONDS", 1.0)

    def one(rng):
        match int(rng.integers(10**9)) % 5:
            case 0:
                raise DataError("one line")
            case 1:
                raise DataError("two\nlines")
            case 2:
                raise ZeroDivisionError
            case 3:
                Apart(hanging).wait(100)

    seeds, many = [3, 4], 12
    expected = [int(np.random.default_rng([*seeds, number]).integers(10**9)) % 5 for number in range(many)]
    outcomes = fuzz.tries(one, seeds, many)
    fates = {0: Fate.NOTICED, 4: Fate.SURVIVED}
    assert [outcome.fate for outcome in outcomes] == [fates.get(case, Fate.LOST) for case in expected]
    words = {1: "not one line", 2: "ZeroDivisionError", 3: "the process ended with -14"}
    for case, outcome in zip(expected, outcomes, strict=True):
        assert words.get(case, "") in outcome.told
    assert set(expected) == set(range(5))


# -------------------------------------------------------------------------- what is broken on purpose is seen


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World.make(tmp_path_factory.mktemp("torture"))


@pytest.fixture(autouse=True)
def _tidy(request):
    yield
    if "world" in request.fixturenames:
        request.getfixturevalue("world").tidy()


def fates(outcomes):
    return Counter(outcome.fate for outcome in outcomes)


def test_a_changed_byte_of_a_result_is_a_difference(world):
    out = world.fresh(world.whole)
    assert world.difference(out) == ""
    path = next(out.glob("jobs/*/accuracy.safetensors"))
    path.write_bytes(path.read_bytes()[:-1] + b"\0")
    assert world.difference(out) == f"{path.relative_to(out)} differs"
    path.unlink()
    assert world.difference(out) == f"{path.relative_to(out)} differs"


def test_swapped_jobs_that_pass_for_each_other_are_lost(world, monkeypatch):
    swap = partial(damage.replaced, world, 0, np.random.default_rng(0))
    assert fates(swap()) == {Fate.NOTICED: 1}
    monkeypatch.setattr(JobFolder, "verify", lambda self: None)  # noqa: ARG005
    (outcome,) = swap()
    assert outcome.fate is Fate.LOST


def test_damage_that_no_checksum_tells_is_seen_by_its_bytes(world, monkeypatch):
    out = world.fresh(world.whole)
    path = sorted(out.glob("jobs/*/snapshot-*.safetensors"))[0]
    content = path.read_bytes()
    path.write_bytes(content[:-4] + bytes([content[-4] ^ 1]) + content[-3:])  # the last bit of a float
    monkeypatch.setattr("commonweight.study.checksums.Checksum.read", lambda self, path: path.read_bytes())  # noqa: ARG005
    assert world.undamaged(out) == ""
    assert world.healed(out) == f"{path.relative_to(out)} differs"


def test_a_result_that_is_not_made_beside_its_place_is_lost_to_a_kill(world, monkeypatch):
    @contextmanager
    def in_place(path):
        yield path

    monkeypatch.setattr("commonweight.study.store.unfinished", in_place)
    names = calls.names_of(world)  # of this way to write
    (world.folder / "calls.txt").rename(world.folder / "in-place.txt")
    writes = [place for place, name in enumerate(names) if name == "file.write"]
    found = set()
    for place in writes[2:6]:  # behind the study and a checkpoint
        out = world.fresh()
        assert world.run(out, calls.Trap(out, place).set).ended().code == KILLED
        found.add(world.undamaged(out) != "")
    assert True in found
