"""Slots of every child at every site, from the paper's words rather than from the code's sets."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commonweight.errors import UsageError
from commonweight.sharing import (
    HEAD,
    STEM,
    Kind,
    Place,
    SharingPlan,
    Site,
    share_all,
    share_all_but,
    share_none,
    share_prefix,
    sites,
)
from commonweight.space import SearchSpace

PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())
GROUP = tuple(map(PAPER.child, ("424", "143", "344", "144")))  # not in lexicographic order: a place is a slot
CELLS = 4


def paper_sites():
    """(name, cell) of the network of §3.1 from the image to the logits: stem, 4 cells of input and 3 edges, head."""
    inside = [(f"cell{cell}.{part}", cell) for cell in range(4) for part in ("pre", "edge0", "edge1", "edge2")]
    return [("stem", None), *inside, ("head", None)]


def held(name: str) -> tuple[str, ...]:
    """The kinds of weight at a site: appendix A.1 has convolutions and normalisations, and one linear classifier."""
    return ("linear",) if name == "head" else ("conv", "norm")


def slots(plan: SharingPlan, child) -> dict[tuple[str, str], int]:
    """By the names of site and kind."""
    return {(site.name, kind.value): plan.slot(child, site, kind) for site in plan.sites for kind in site.kinds}


def whole_sites(by_site: dict[str, int]) -> dict[tuple[str, str], int]:
    """The same slot for all kinds of a site."""
    return {(name, kind): slot for name, slot in by_site.items() for kind in held(name)}


def test_sites_stand_from_the_image_to_the_logits():
    assert [(site.name, site.cell) for site in sites(PAPER, CELLS)] == paper_sites()
    assert share_all(CHILDREN, CELLS).sites == sites(PAPER, CELLS)
    assert sites(SearchSpace(1), 1) == (STEM, Site(Place.PRE, 0), Site(Place.EDGE, 0, 0), HEAD)


@pytest.mark.parametrize("children", [CHILDREN, GROUP])
def test_full_sharing_has_one_slot(children):
    plan = share_all(children, CELLS)
    assert all(slots(plan, child) == whole_sites({name: 0 for name, _ in paper_sites()}) for child in children)


@pytest.mark.parametrize("children", [CHILDREN, GROUP])
@pytest.mark.parametrize("k", range(5))
def test_prefix_sharing(children, k):
    """§4.3: stem and the first k cells are shared; the other cells and the head are one copy per child."""
    plan = share_prefix(children, CELLS, k)
    for number, child in enumerate(children):
        expected = {
            name: 0 if name == "stem" or (cell is not None and cell < k) else number for name, cell in paper_sites()
        }
        assert slots(plan, child) == whole_sites(expected)


@pytest.mark.parametrize("children", [CHILDREN, GROUP])
def test_no_sharing_gives_every_child_its_own_slot_everywhere(children):
    plan = share_none(children, CELLS)
    for number, child in enumerate(children):
        assert slots(plan, child) == whole_sites({name: number for name, _ in paper_sites()})


# ------------------------------------------------------------------ by kind of weight


@pytest.mark.parametrize(
    ("kinds", "edges", "private"),
    [
        ({Kind.NORM}, (), lambda weight: weight.endswith("norm")),
        ({Kind.CONV}, (), lambda weight: weight.endswith("conv")),
        ({Kind.NORM, Kind.LINEAR}, (), lambda weight: not weight.endswith("conv")),
        ((), {1}, lambda weight: "edge1" in weight),
        ([Kind.LINEAR], [2, 0], lambda weight: re.search("head|edge0|edge2", weight)),
    ],
    ids=["BN not shared", "convolutions not shared", "only convolutions shared", "one edge not shared", "a mixture"],
)
@pytest.mark.parametrize("children", [CHILDREN, GROUP])
def test_sharing_by_kind_of_weight(children, kinds, edges, private):
    plan = share_all_but(children, CELLS, kinds, edges)
    for number, child in enumerate(children):
        for (name, kind), slot in slots(plan, child).items():
            assert slot == (number if private(f"{name} {kind}") else 0)


@given(st.sets(st.sampled_from(Kind)), st.sets(st.integers(0, 2)), st.integers(1, 4))
def test_kinds_and_edges_add_up(kinds, edges, cells):
    """A weight is private when its kind is or its edge is; the order and repetition of what is asked do not matter."""
    plan = share_all_but(GROUP, cells, kinds, edges)
    by_kind = [share_all_but(GROUP, cells, kinds={kind}).private for kind in kinds]
    by_edge = [share_all_but(GROUP, cells, edges={edge}).private for edge in edges]
    assert plan.private == frozenset().union(*by_kind, *by_edge)
    assert plan == share_all_but(iter(GROUP), cells, [*kinds, *kinds], sorted(edges, reverse=True))


def test_nothing_and_everything_but():
    assert share_all_but(GROUP, CELLS) == share_all(GROUP, CELLS)
    assert share_all_but(GROUP, CELLS, Kind) == share_none(GROUP, CELLS)


@pytest.mark.parametrize("edge", [-1, 3])
def test_an_edge_that_the_cell_does_not_have(edge):
    with pytest.raises(UsageError, match=rf"edge {edge} is not in a cell of 3 edges; expected 0 … 2"):
        share_all_but(GROUP, CELLS, edges=[0, edge])


def test_private_weights_of_ones_own():
    """Only what the second cell normalises its input by."""
    plan = SharingPlan(GROUP, CELLS, frozenset([(Site(Place.PRE, 1), Kind.NORM)]))
    for number, child in enumerate(GROUP):
        for weight, slot in slots(plan, child).items():
            assert slot == (number if weight == ("cell1.pre", "norm") else 0)


# ------------------------------------------------------------------ children, and what is refused


def test_iterators_of_children_are_fine():
    assert share_all(iter(GROUP), CELLS).children == GROUP
    assert share_none(iter(GROUP), CELLS).children == GROUP
    assert share_prefix(iter(GROUP), CELLS, 2).children == GROUP


def test_position_and_space():
    plan = share_prefix(GROUP, CELLS, 1)
    assert [plan.position(child) for child in GROUP] == [0, 1, 2, 3]
    assert plan.space == PAPER


@pytest.mark.parametrize("k", [-1, 5])
def test_a_prefix_longer_than_the_network(k):
    with pytest.raises(UsageError, match=rf"prefix sharing of k = {k} cells; a network of 4 cells allows 0 … 4"):
        share_prefix(CHILDREN, CELLS, k)


def test_a_child_that_is_not_in_the_plan():
    plan = share_prefix(GROUP, CELLS, 2)
    with pytest.raises(UsageError, match="child 111 is not one of the 4 children of this plan"):
        plan.slot(PAPER.child("111"), STEM, Kind.CONV)
    with pytest.raises(UsageError, match="child 143 is not one of the 4 children"):
        plan.position(SearchSpace(2, ("a", "b", "c", "d")).child("143"))


@pytest.mark.parametrize(
    "make", [share_all, share_none, share_all_but, lambda children, cells: share_prefix(children, cells, 1)]
)
@pytest.mark.parametrize(
    ("children", "cells", "message"),
    [
        ((), 4, "has no children; give it at least one"),
        ((GROUP[0], GROUP[1], GROUP[0]), 4, "names a child twice"),
        ((GROUP[0], SearchSpace(1).child("1")), 4, "come from different search spaces"),
    ],
)
def test_impossible_plans(make, children, cells, message):
    with pytest.raises(UsageError, match=message):
        make(children, cells)


def test_a_network_without_cells():
    with pytest.raises(UsageError, match="a network has 0 cells; it needs at least 1"):
        share_all(GROUP, 0)


UNKNOWN = [
    (Site(Place.EDGE, 4, 0), Kind.CONV, "site cell4.edge0 is not in a network of 4 cells"),
    (Site(Place.EDGE, 0, 3), Kind.NORM, "site cell0.edge3 is not in a network of 4 cells"),
    (Site(Place.PRE, 9), Kind.LINEAR, "site cell9.pre is not in a network of 4 cells"),
    (HEAD, Kind.CONV, "site head holds no weights of kind conv; it holds linear"),
    (STEM, Kind.LINEAR, "site stem holds no weights of kind linear; it holds conv and norm"),
]


@pytest.mark.parametrize(("site", "kind", "message"), UNKNOWN)
def test_weights_that_the_network_does_not_have(site, kind, message):
    with pytest.raises(UsageError, match=message):
        SharingPlan(GROUP, 4, frozenset([(STEM, Kind.CONV), (site, kind)]))
    with pytest.raises(UsageError, match=message):
        share_none(GROUP, 4).slot(GROUP[0], site, kind)
