"""The tables of a race, from times made up here."""

from itertools import pairwise

import engine_tables
import pytest
from shapes import CHILDREN, Work

NCHW, CHANNELS_LAST = engine_tables.PLAIN


def race(**parts: object) -> dict:
    return {"machine": {"processor": "one"}, "shapes": {"tiny": {"sizes": "tiny: small", **parts}}}


def one(**ms: float) -> dict:
    """Every work at one thread: the same milliseconds of two children for each contender, by its name."""
    return {work.name: {name: {"111": [time], "444": [time]} for name, time in ms.items()} for work in Work}


def rows(text: str) -> list[dict[str, str]]:
    """All rows of all tables, by the columns' names."""
    found, head = [], []
    for above, line in pairwise(["", *text.splitlines()]):
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("|") and not above:
            head = cells
        elif line.startswith("|") and not line.startswith("| --"):
            found.append(dict(zip(head, cells, strict=True)))
    return found


def test_a_goal_is_of_a_build_a_work_and_a_shape():
    assert engine_tables.goal("native avx512", Work.SWEEP, "quick", 14.0) == "≥ 14×"
    assert engine_tables.goal("native avx2", Work.COPIES, "paper", 3.99) == "≥ 4×, missed"
    assert engine_tables.goal("native portable", Work.COPIES, "tiny", 9.0) == "≥ 4×"
    assert engine_tables.goal("native portable", Work.SWEEP, "tiny", 9.0) == "–"
    assert engine_tables.goal("reference", Work.COPIES, "tiny", 9.0) == "–"


def test_an_engines_row_shows_both_opponents_and_counts_the_better():
    times = one(**{NCHW: 130.0, CHANNELS_LAST: 80.0, "native avx512": 10.0, "native portable": 40.0, "reference": 20.0})
    found = rows(engine_tables.markdown(race(one=times)))
    assert [row["engine"] for row in found] == ["native avx512", "native portable", "reference"] * 3
    best = found[0]
    assert (best["work"], best["shape"], best["ms"]) == (Work.COPIES.value, "tiny", "10")
    assert (best["NCHW, ms"], best["channels_last, ms"]) == ("130", "80")
    assert (best["to NCHW"], best["goal"]) == ("13.0×", "≥ 12×")  # against NCHW, whatever channels_last does
    assert (best["to channels_last"], best["to the better"]) == ("8.0×", "**8.0×**")
    assert [row["children"] for row in found[::3]] == ["2", "2", str(len(CHILDREN))]


def test_opponents_on_avx2_meet_the_builds_that_need_no_more():
    limited = {engine_tables.on_avx2(NCHW): 200.0, engine_tables.on_avx2(CHANNELS_LAST): 240.0}
    times = one(
        **{NCHW: 110.0, CHANNELS_LAST: 80.0, **limited, "native avx512": 10.0, "native avx2": 20.0, "reference": 9.0}
    )
    text = engine_tables.markdown(race(one=times))
    found = rows(text[text.index("an emulation") :])
    assert [row["engine"] for row in found] == ["native avx2"] * 3
    assert (found[0]["to NCHW"], found[0]["goal"], found[0]["to the better"]) == ("10.0×", "≥ 10×", "**10.0×**")
    assert "an emulation" not in engine_tables.markdown(
        race(one=one(**{NCHW: 1.0, CHANNELS_LAST: 1.0, "native avx2": 1.0}))
    )


def test_two_cores_are_judged_by_work_over_its_own_time():
    def reports(*rates: float) -> list[dict[str, float]]:
        return [{"turns": rate * (place + 2), "seconds": place + 2.0} for place, rate in enumerate(rates)]

    found = {
        NCHW: {"1 × 1": reports(4.0), "2 × 1": reports(3.0, 3.0), "1 × 2": reports(5.0)},
        CHANNELS_LAST: {"1 × 1": reports(5.0), "2 × 1": reports(3.0, 2.0), "1 × 2": reports(8.0)},
        "native avx2": {"1 × 1": reports(20.0), "2 × 1": reports(10.0, 6.0)},
    }
    plain, last, ours = rows(engine_tables.markdown(race(two={work.name: found for work in Work})))[:3]
    assert (plain["1 × 1"], plain["2 × 1"], plain["1 × 2"], plain["slow-down"]) == ("4", "6", "5", "1.33×")
    assert (last["slow-down"], last["ratio to the better"]) == ("2.00×", "–")
    assert (ours["1 × 2"], ours["slow-down"]) == ("–", "2.50×")
    assert ours["ratio to the better"] == "**2.0×**"  # 16 to channels_last's 8 with two threads


def test_others_stand_apart():
    times = one(**{NCHW: 30.0, CHANNELS_LAST: 15.0, "native avx2": 5.0, "torch.func.vmap": 10.0})
    compiled = {"compiled_ms": [[20.0, 19.0, 25.0]], "plain_ms": [[30.0, 30.0, 90.0]], "compile_s": [22.4]}
    found = rows(engine_tables.markdown(race(one=times, compile=compiled)))
    vmap = next(row for row in found if row.get("who") == "torch.func.vmap")
    assert (vmap["NCHW ÷ it"], vmap["the better ÷ it"], vmap["it ÷ the best engine"]) == ("3.00×", "1.50×", "2.0×")
    assert found[-1]["who"] == "torch.compile (22 s to compile)"
    assert found[-1]["NCHW ÷ it"] == "1.50×"
    failed = rows(engine_tables.markdown(race(compile={"failed": "no compiler"})))
    assert [row["NCHW ÷ it"] for row in failed] == ["no compiler"]


def test_what_was_not_measured_has_no_table():
    assert rows(engine_tables.markdown(race())) == []
    memory = {work.name: {NCHW: 47.0} for work in Work}
    assert [row["MB"] for row in rows(engine_tables.markdown(race(memory=memory)))] == ["47"] * 3


def test_into_docs(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("a\n<!-- race -->\nold\n<!-- /race -->\nb\n", encoding="utf-8")
    engine_tables.into_docs(page, "race", "new\n")
    assert page.read_text(encoding="utf-8") == "a\n<!-- race -->\n\nnew\n\n<!-- /race -->\nb\n"
    with pytest.raises(ValueError, match="no place <!-- kernels -->"):
        engine_tables.into_docs(page, "kernels", "new")
