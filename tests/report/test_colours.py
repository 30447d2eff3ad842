"""Colours and lines say what they should, to every eye."""

import re
from itertools import combinations, pairwise

import numpy as np
import pytest
from report.made_up import boxes, children_curves, crowd, reading_curves, survival_curves, two_lines, whole_report

from commonweight.paper import Curves, Series
from commonweight.report.colours import INK, OKABE_ITO, box_colours, child_colours, few_children, looks, rank_colours


def lightness(colour):
    """CIE L* of a hexadecimal colour, in [0, 100]."""
    parts = [int(colour[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    luminance = float(np.dot([0.2126, 0.7152, 0.0722], linear))
    return 116 * luminance ** (1 / 3) - 16 if luminance > 0.008856 else 903.3 * luminance


@pytest.mark.parametrize("children", [1, 2, 4, 8, 64])
def test_a_better_rank_is_lighter(children):
    colours = rank_colours(children)
    assert len(colours) == children
    assert all(re.fullmatch("#[0-9a-f]{6}", colour) for colour in colours)
    light = [lightness(colour) for colour in colours]
    assert all(better > worse for better, worse in pairwise(light))
    assert light[0] < 92  # seen on white


def test_the_colour_of_a_curve_is_its_childs_rank():
    made = children_curves(tuned=True)
    assert not few_children(made)
    expected = rank_colours(64)
    assert child_colours(made) == [expected[series.identity.rank - 1] for series in made.series]
    few = children_curves(shown=4)
    assert few_children(few)
    ranks = {series.identity.rank: colour for series, colour in zip(few.series, child_colours(few), strict=True)}
    light = [lightness(ranks[rank]) for rank in sorted(ranks)]
    assert light == sorted(light, reverse=True)
    assert all(abs(a - b) > 12 for a, b in combinations(light, 2))  # four curves are told apart even in grey
    assert box_colours(boxes(count=8)) == rank_colours(8)


@pytest.mark.parametrize("made", [survival_curves(), reading_curves(), two_lines(), crowd(instances=2)])
def test_every_curve_has_a_look_of_its_own(made):
    found = looks(made)
    assert len({(look.colour, look.dash) for look in found}) == len(made.series)
    assert [look.label for look in found] == [series.name for series in made.series]


def test_dotted_is_what_the_series_says():
    made = survival_curves()
    assert [look.dash is None for look in looks(made)] == [series.dotted for series in made.series]
    top1, *_ = found = looks(made)
    assert top1.colour == found[4].colour  # 'top 1, all instances' is of the same family


def test_a_crowd_is_one_line_of_the_legend():
    found = looks(crowd(instances=10))
    assert {look.label for look in found} == {"BN momentum 0.1 (10 curves)", "BN momentum 0.9 (10 curves)"}
    assert len({look.colour for look in found}) == 2
    assert {look.dash for look in found} == {0}


TOPS, ORDERS = ("top 1", "top 3", "top 5", "top 10"), ("fixed", "shuffled")
STATISTICS = ("mean", "median", "maximum", "last moment", "just after training")
FINE_TUNED = {"shared": (0, 0, False), "fine-tuned": (1, None, False)}
WHOLE_REPORT = {  # text in the legend: (number of the colour, dash, whether it is a crowd's), as when names were cut
    "figure-4c": FINE_TUNED,
    "figure-4d": FINE_TUNED,
    "insight-2-curves": FINE_TUNED,
    "figure-8": {"BN momentum 0.1 (10 curves)": (0, 0, True), "BN momentum 0.9 (10 curves)": (1, 0, True)},
    "insight-1-curves": {
        **{f"{top}, epochs of one instance": (colour, 0, False) for colour, top in enumerate(TOPS)},
        **{f"{top}, all instances": (colour, None, False) for colour, top in enumerate(TOPS)},
        "by chance": (4, 0, False),
    },
    "readings-curves": {
        f"{statistic} ({order})": (colour, dash, False)
        for dash, order in enumerate(ORDERS)
        for colour, statistic in enumerate(STATISTICS)
    },
    "recipe-cost": {
        **{name: (colour, 0, False) for colour, name in ((0, "super-nets"), (1, "groups"), (4, "ground truth"))},
        **{f"the {which}": (len(OKABE_ITO), 0, False) for which in ("best", "worst")},  # numbered: black
    },
}


def test_every_curve_of_a_whole_report_looks_as_ever():
    drawn = [made for made in whole_report() if isinstance(made, Curves) and not made.children]
    assert {made.name for made in drawn} == WHOLE_REPORT.keys()
    for made in drawn:
        found = {look.label: ((*OKABE_ITO, INK).index(look.colour), look.dash, look.crowd) for look in looks(made)}
        assert found == WHOLE_REPORT[made.name]


@pytest.mark.parametrize("name", ["alike, {}", "alike ({})", "alike {}"])
def test_a_family_is_what_the_series_says_and_not_what_its_name_looks_like(name):
    at = np.arange(2)
    names = [name.format(number) for number in range(5)]
    alone, alike = (
        looks(Curves("f", "t", "x", "y", tuple(Series(one, at, at, family=family) for one in names), ()))
        for family in (None, "of five")
    )
    assert [(look.label, look.colour, look.crowd) for look in alone] == [
        (name, colour, False) for name, colour in zip(names, OKABE_ITO, strict=False)
    ]
    assert {(look.label, look.colour, look.crowd) for look in alike} == {("of five (5 curves)", OKABE_ITO[0], True)}


def test_many_names_without_families():
    at = np.arange(2)
    made = Curves("f", "t", "x", "y", tuple(Series(f"curve {number}", at, at) for number in range(20)), ())
    assert len({(look.colour, look.dash) for look in looks(made)}) == 20
