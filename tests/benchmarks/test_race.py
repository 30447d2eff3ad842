"""Who does how much in a race of one thread, by racers that do nothing."""

from dataclasses import replace

import pytest
from contenders import CHANNELS_LAST, NCHW, PLAIN, VMAP, Contender, Side
from race import Field, one_thread
from shapes import CHILDREN, CORNERS, Shape, Work, shape

from commonweight.space import Child

BUILD = Contender("native some", Side.NATIVE, NCHW.prepare)
SIZES = replace(shape("tiny"), children=CORNERS, second=CORNERS[:1], second_repeats=1)


class Still:
    """A racer whose turns take a second, added to the turns that all made."""

    def __init__(self, name: str, turns: list[tuple[str, Child]]) -> None:
        self._name, self._turns = name, turns

    def prepare(self, *_: object) -> None: ...

    def turn(self, child: Child) -> float:
        self._turns.append((self._name, child))
        return 1.0


def field(turns: list[tuple[str, Child]]) -> Field:
    return {each.name: (each, Still(each.name, turns)) for each in (*PLAIN, BUILD, VMAP)}


def run(sizes: Shape, work: Work) -> tuple[dict[str, dict[str, list[float]]], list[tuple[str, Child]]]:
    turns: list[tuple[str, Child]] = []
    return one_thread(sizes, work, 3, field(turns), lambda _: None), turns


def test_plain_opponents_and_builds_meet_on_the_same_children_and_repeats():
    found, turns = run(SIZES, Work.COPIES)
    for name, copies in ((NCHW.name, 2), (CHANNELS_LAST.name, 2), (BUILD.name, 10)):
        assert found[name] == {str(child): [1e3 / copies] * 3 for child in CORNERS}
    assert found[VMAP.name] == {str(CORNERS[0]): [1e3 / 10]}
    first = [name for name, child in turns if child == CORNERS[1]]
    assert first == [NCHW.name, CHANNELS_LAST.name, BUILD.name] * 4  # in turns, the first round left out


@pytest.mark.parametrize("name", ["tiny", "quick", "paper"])
def test_both_plain_opponents_train_as_many_copies(name: str):
    assert NCHW.copies(shape(name)) == CHANNELS_LAST.copies(shape(name))
    assert NCHW.children(shape(name)) == CHANNELS_LAST.children(shape(name)) == BUILD.children(shape(name))


def test_a_sweep_is_timed_once_a_round_and_not_by_those_who_have_none():
    found, turns = run(SIZES, Work.SWEEP)
    assert found == {name: {str(CHILDREN[0]): [1e3] * 3} for name in (NCHW.name, CHANNELS_LAST.name, BUILD.name)}
    assert len(turns) == 3 * 4
