"""Spaces of a user's own against itertools, and what they refuse."""

import csv
import io
import itertools

import numpy as np
import pytest

from commonweight.elsewhere.accuracy_tables import read_grids, wide_table
from commonweight.errors import UsageError
from commonweight.space import Choices, Chosen, SearchSpace, Space
from commonweight.space import choices as module

SITES = {"edge0": ["conv3", "conv5", "skip"], "edge1": ["conv3", "skip"], "width": [8, 16, 0.5]}
EVERY = Choices(SITES)


def same(child):
    return child["edge0"] == child["edge1"] or child["width"] == 16


def expected(valid=lambda options: True):  # noqa: ARG005
    chosen = (dict(zip(SITES, options, strict=True)) for options in itertools.product(*SITES.values()))
    return ["/".join(map(str, options.values())) for options in chosen if valid(options)]


def test_every_child_in_lexicographic_order():
    children = list(EVERY.children())
    assert [child.name for child in children] == expected()
    assert children == sorted(children)
    assert EVERY.size == EVERY.combinations == len(children) == len(set(children)) == 18
    assert [EVERY.child(child.name) for child in children] == children


def test_only_valid_children():
    space = Choices(SITES, valid=same)
    names = expected(lambda o: o["edge0"] == o["edge1"] or o["width"] == 16)
    assert [child.name for child in space.children()] == names
    assert (space.size, space.combinations) == (len(names), 18)
    with pytest.raises(UsageError, match=r"^child conv3/skip/8 is not valid in this space; choose one"):
        space.child("conv3/skip/8")


def test_a_child_tells_its_options():
    child = EVERY.child("conv5/skip/0.5")
    assert (child["edge0"], child["edge1"], child["width"]) == ("conv5", "skip", 0.5)
    assert child.options == {"edge0": "conv5", "edge1": "skip", "width": 0.5}
    assert child.with_option("edge1", "conv3").name == str(child.with_option("edge1", "conv3")) == "conv5/conv3/0.5"
    with pytest.raises(
        UsageError, match=r"^no site 'edge2'; did you mean 'edge1'\?; this space has edge0, edge1, width$"
    ):
        child["edge2"]
    with pytest.raises(UsageError, match=r"^site 'edge1' has no option 'conv5'; expected one of"):
        child.with_option("edge1", "conv5")


def test_spaces_and_children_are_values():
    again = Choices({site: tuple(options) for site, options in SITES.items()})
    assert (again, hash(again)) == (EVERY, hash(EVERY))
    assert again.child("conv3/skip/8") == EVERY.child("conv3/skip/8")
    turned = Choices(dict(reversed(SITES.items())))
    assert turned != EVERY  # the order of the sites is the order of the names
    with pytest.raises(TypeError):
        again.sites["edge0"] = ()  # pyright: ignore[reportIndexIssue]
    SITES_LATER = {"a": [1, 2]}
    space = Choices(SITES_LATER)
    SITES_LATER["a"].append(3)
    assert space.size == 2


def test_both_spaces_are_one_protocol():
    spaces: list[Space] = [EVERY, SearchSpace()]
    for space in spaces:
        assert space.child(next(space.children()).name) == next(space.children())
        assert len(space.sample(5, np.random.default_rng(0))) == 5 < space.size


@pytest.mark.parametrize("counted", [True, False], ids=["counted", "drawn"])
def test_a_sample_is_uniform_over_the_valid(counted, monkeypatch):
    """Chi-square of 3,000 draws of one child against equal shares: its 99.9 % quantile with 10 degrees is 29.6."""
    space = Choices(SITES, valid=same)
    if not counted:
        monkeypatch.setattr(Choices, "combinations", 2**21)
    rng = np.random.default_rng(5)
    drawn = [space.sample(1, rng)[0].name for _ in range(3000)]
    names = expected(lambda o: o["edge0"] == o["edge1"] or o["width"] == 16)
    counts = np.array([drawn.count(name) for name in names])
    assert counts.sum() == 3000
    share = 3000 / len(names)
    assert ((counts - share) ** 2 / share).sum() < 29.6
    several = space.sample(6, rng)
    assert len(set(several)) == 6
    assert list(several) == sorted(several)


def test_a_large_space_is_drawn_from():
    space = Choices({f"s{number}": range(10) for number in range(30)})
    assert space.size == 10**30
    assert len(set(space.sample(100, np.random.default_rng(1)))) == 100


def test_too_rare_children_are_refused(monkeypatch):
    monkeypatch.setattr(module, "TRIES", 5)
    space = Choices(
        {f"s{number}": range(10) for number in range(30)}, valid=lambda child: child["s0"] == child["s1"] == 0
    )
    with pytest.raises(
        UsageError, match=r"different valid children in 20 draws, and 4 were asked for; valid ones are too"
    ):
        space.sample(4, np.random.default_rng(1))
    with pytest.raises(UsageError, match=rf"^which of {10**30} combinations are valid .* draw children with sample$"):
        space.children()
    with pytest.raises(UsageError, match=r"^cannot draw 19 different children from a space of 18$"):
        EVERY.sample(19, np.random.default_rng(1))


@pytest.mark.parametrize(
    ("sites", "message"),
    [
        ({}, "a space without sites; give at least one"),
        ({"a": []}, r"site 'a' has options \[\]; expected a list"),
        ({"a": "conv3"}, "site 'a' has options 'conv3'; expected a list"),
        ({"a": ["x", "x"]}, "site 'a' has option 'x' twice"),
        ({"a": [1, "1"]}, "site 'a' has option '1' twice"),
        ({"a": [1, 1.0]}, "site 'a' has option 1 twice"),
        ({"a": [None]}, "site 'a': option None; expected a word or a finite number"),
        ({"a": [float("nan")]}, "site 'a': option nan; expected a word or a finite number"),
        *(({"a": [f"x{bad}y"]}, "option of site 'a' .*; expected a word without blanks") for bad in "/,; \n\t='\""),
        ({"a": [""]}, "option of site 'a' ''; expected a word"),
        ({"a b": ["x"]}, "site 'a b'; expected a word"),
        ({3: ["x"]}, "site 3; expected a word"),
    ],
)
def test_impossible_spaces(sites, message):
    with pytest.raises(UsageError, match=rf"^{message}"):
        Choices(sites)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conv3/skip", "expected an option for each of 3 sites, like 'conv3/conv3/8'"),
        ("conv3/skip/9", "site 'width' has no option '9'; expected one of 8, 16, 0.5"),
        (
            "cnv3/skip/8",
            r"site 'edge0' has no option 'cnv3'; did you mean 'conv3'\?; expected one of conv3, conv5, skip",
        ),
    ],
)
def test_names_of_no_child(name, message):
    with pytest.raises(UsageError, match=rf"^'{name}' names no child of this space: {message}$"):
        EVERY.child(name)


def test_places_of_no_child():
    with pytest.raises(UsageError, match=r"^places \(0, 0, 3\) are no child of this space: expected one below each of"):
        Chosen(EVERY, (0, 0, 3))


@pytest.mark.parametrize("sites", [SITES, {"kernel": [3, 5, 7]}, {"width": [0.25, 0.5, 1.0]}, {"on": [True, False, 2]}])
def test_names_come_through_a_table(sites, tmp_path):
    """The header of a recorder's table is read by `rank`, also where the options of a single site are numbers."""
    children = list(Choices(sites).children())
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerows([["step", *(child.name for child in children)], [1, *np.linspace(0.1, 0.9, len(children))]])
    path = tmp_path / "log.csv"
    path.write_text(text.getvalue())
    ((grid,),) = read_grids(path).values()
    assert wide_table(grid).children == tuple(child.name for child in children)
    assert [Choices(sites).child(child.name) for child in children] == children
