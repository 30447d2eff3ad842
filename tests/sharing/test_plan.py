"""Slots of every child at every site, from the paper's words rather than from the code's sets."""

import itertools

import pytest

from commonweight.errors import UsageError
from commonweight.sharing import HEAD, STEM, Place, SharingPlan, Site, share_all, share_none, share_prefix, sites
from commonweight.space import SearchSpace

PAPER = SearchSpace()
CHILDREN = tuple(PAPER.children())
GROUP = tuple(map(PAPER.child, ("424", "143", "344", "144")))  # not in lexicographic order: a place is a slot
CELLS = 4


def paper_sites():
    """(name, cell) of the network of §3.1 from the image to the logits: stem, 4 cells of input and 3 edges, head."""
    inside = [(f"cell{cell}.{part}", cell) for cell in range(4) for part in ("pre", "edge0", "edge1", "edge2")]
    return [("stem", None), *inside, ("head", None)]


def slots(plan: SharingPlan, child) -> dict[str, int]:
    return {site.name: plan.slot(child, site) for site in plan.sites}


def test_sites_stand_from_the_image_to_the_logits():
    assert [(site.name, site.cell) for site in sites(PAPER, CELLS)] == paper_sites()
    assert share_all(CHILDREN, CELLS).sites == sites(PAPER, CELLS)
    assert sites(SearchSpace(1), 1) == (STEM, Site(Place.PRE, 0), Site(Place.EDGE, 0, 0), HEAD)


@pytest.mark.parametrize("children", [CHILDREN, GROUP])
def test_full_sharing_has_one_slot(children):
    plan = share_all(children, CELLS)
    assert all(slots(plan, child) == {name: 0 for name, _ in paper_sites()} for child in children)


@pytest.mark.parametrize("children", [CHILDREN, GROUP])
@pytest.mark.parametrize("k", range(5))
def test_prefix_sharing(children, k):
    """§4.3: stem and the first k cells are shared; the other cells and the head are one copy per child."""
    plan = share_prefix(children, CELLS, k)
    for number, child in enumerate(children):
        expected = {
            name: 0 if name == "stem" or (cell is not None and cell < k) else number for name, cell in paper_sites()
        }
        assert slots(plan, child) == expected


@pytest.mark.parametrize("children", [CHILDREN, GROUP])
def test_no_sharing_gives_every_child_its_own_slot_everywhere(children):
    plan = share_none(children, CELLS)
    for name, _ in paper_sites():
        assert [slots(plan, child)[name] for child in children] == list(range(len(children)))


def test_private_sites_of_ones_own():
    """Sharing by kind of weight: only the edges are private."""
    edges = frozenset(site for site in sites(PAPER, CELLS) if site.place is Place.EDGE)
    plan = SharingPlan(GROUP, CELLS, edges)
    for (number, child), site in itertools.product(enumerate(GROUP), plan.sites):
        assert plan.slot(child, site) == (number if site.name.rpartition(".")[2].startswith("edge") else 0)


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
        plan.slot(PAPER.child("111"), STEM)
    with pytest.raises(UsageError, match="child 143 is not one of the 4 children"):
        plan.position(SearchSpace(2, ("a", "b", "c", "d")).child("143"))


@pytest.mark.parametrize("make", [share_all, share_none, lambda children, cells: share_prefix(children, cells, 1)])
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


@pytest.mark.parametrize("site", [Site(Place.EDGE, 4, 0), Site(Place.EDGE, 0, 3), Site(Place.PRE, 9)])
def test_private_sites_outside_the_network(site):
    with pytest.raises(UsageError, match=rf"site {site.name} is not in a network of 4 cells"):
        SharingPlan(GROUP, 4, frozenset([site]))
