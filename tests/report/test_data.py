"""Plain data: the same numbers, and nothing lost."""

import json

import numpy as np
from report.made_up import boxes, children_curves, claims, points, survival_curves, table, two_lines

from commonweight.report import to_data


def read_back(made):
    """As another program reads it."""
    return json.loads(json.dumps(to_data(made), allow_nan=False))


def test_a_table():
    data = read_back(table())
    assert (data["name"], data["title"], data["notes"]) == ("table-1", "Stability", list(table().notes))
    first, second = data["rows"]
    assert (first["name"], first["ranks"]) == ("different seeds", 10)
    assert first["s_tau"] == {"value": 0.43219, "std": 0.1, "low": 0.3, "high": 0.5, "level": 0.95}
    assert first["paper_s_tau"] == {"value": 0.54}
    assert second["paper_s_tau"] is None
    assert second["t1r"] == {"value": None}


def test_curves_of_children():
    made = children_curves(shown=5, children=8, points=16, tuned=True)
    data = read_back(made)
    assert len(data["series"]) == len(made.series) == 10
    for one, series in zip(data["series"], made.series, strict=True):
        identity = series.identity
        assert (one["child"], one["primitives"]) == (identity.child, list(identity.primitives))
        assert (one["ground-truth rank"], one["ground-truth accuracy"]) == (identity.rank, identity.accuracy)
        assert one["at"] == series.at.tolist()
        assert one["values"] == series.values.tolist()
        assert one.get("dotted", False) == series.dotted
        if series.marked is not None:
            assert one["just trained at"] == series.at[series.marked].tolist()


def test_bands_and_gaps():
    made = survival_curves()
    for one, series in zip(read_back(made)["series"], made.series, strict=True):
        assert (one.get("low"), one.get("high")) == (
            (None, None) if series.low is None else (series.low.tolist(), series.high.tolist())
        )
    made = two_lines()
    made.series[0].values[3] = np.nan
    values = read_back(made)["series"][0]["values"]
    assert values[3] is None
    assert None not in values[:3] + values[4:]


def test_what_points_are():
    made = points()
    names = [one.get("names") for one in read_back(made)["series"]]
    assert names == [series.names and list(series.names) for series in made.series]


def test_boxes():
    made = boxes()
    data = read_back(made)
    assert len(data["boxes"]) == 64
    for one, box in zip(data["boxes"], made.boxes, strict=True):
        assert one["child"] == box.identity.child
        assert one["values"] == box.values.tolist()


def test_claims():
    made = claims()
    data = read_back(made)
    assert [one["verdict"] for one in data["claims"]] == ["supported", "against", "undecided", "not measured"]
    assert data["claims"][3]["reason"] == "the study has one cell"
    assert "reason" not in data["claims"][0]
    check = data["claims"][1]["checks"][1]
    assert check == {
        "text": "T1R",
        "statistic": {"value": 4.0, "std": 1.5, "low": 1, "high": 6, "level": 0.9},
        "expected": "below 0",
        "instances": 10,
        "verdict": "against",
        "p": 0.003,
        "enough": None,
    }
    assert [len(one["checks"]) for one in data["claims"]] == [2, 2, 2, 0]
    assert [one["enough"] for one in data["claims"]] == [None, None, 23, None]
    assert [one["enough"] for one in data["claims"][2]["checks"]] == [23, 9]
    assert [one["verdict"] for one in data["claims"][2]["checks"]] == ["undecided", "undecided"]
