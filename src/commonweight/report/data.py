"""Tables, figures and claims as plain data, for JSON and for programs."""

import math
from typing import Any

import numpy as np

from commonweight.paper import Boxes, Check, Claim, Claims, Curves, Identity, Made, Number, Series, Table


def to_data(made: Made) -> dict[str, Any]:
    """Names, numbers and notes as dicts and lists; None where a number is undefined."""
    common = {"name": made.name, "title": made.title, "notes": list(made.notes)}
    match made:
        case Table():
            rows = [
                {
                    "name": row.name,
                    "ranks": row.ranks,
                    **{c.key: _number(n) for c, n in zip(made.columns, row.numbers, strict=True)},
                }
                for row in made.rows
            ]
            return {**common, "rows": rows}
        case Curves():
            return {**common, "x": made.x, "y": made.y, "series": [_series(one) for one in made.series]}
        case Boxes():
            boxes = [{**_identity(box.identity), "values": box.values.tolist()} for box in made.boxes]
            return {**common, "x": made.x, "y": made.y, "boxes": boxes}
        case Claims():
            return {**common, "claims": [_claim(claim) for claim in made.claims]}


def _claim(claim: Claim) -> dict[str, Any]:
    data: dict[str, Any] = {
        "number": claim.number,
        "verdict": claim.verdict.value,
        "enough": claim.enough,
        "text": claim.text,
        "paper": claim.paper,
        "checks": [_check(check) for check in claim.checks],
    }
    return data | {"reason": claim.reason} if claim.reason else data


def _check(check: Check) -> dict[str, Any]:
    return {
        "text": check.text,
        "statistic": _number(check.statistic),
        "expected": check.expected,
        "instances": check.instances,
        "verdict": check.verdict.value,
        "p": check.p,
        "enough": check.enough,
    }


def _series(series: Series) -> dict[str, Any]:
    data: dict[str, Any] = {"name": series.name, "at": series.at.tolist(), "values": _finites(series.values)}
    if series.names is not None:
        data["names"] = list(series.names)
    if series.identity is not None:
        data |= _identity(series.identity)
    if series.marked is not None:
        data["just trained at"] = series.at[series.marked].tolist()
    if series.dotted:
        data["dotted"] = True
    if series.low is not None and series.high is not None:
        data |= {"low": _finites(series.low), "high": _finites(series.high)}
    return data


def _identity(identity: Identity) -> dict[str, Any]:
    return {
        "child": identity.child,
        "primitives": list(identity.primitives),
        "ground-truth rank": identity.rank,
        "ground-truth accuracy": identity.accuracy,
    }


def _number(number: Number | None) -> dict[str, float | None] | None:
    if number is None:
        return None
    data = {"value": _finite(number.value)}
    if number.std is not None:
        data["std"] = _finite(number.std)
    if number.interval is not None:
        data |= {"low": number.interval.low, "high": number.interval.high, "level": number.interval.level}
    return data


def _finite(value: float) -> float | None:
    """The number as Python's float, or None for nan, which JSON does not have."""
    return None if math.isnan(value) else float(value)


def _finites(values: np.ndarray) -> list[float | None]:
    return [_finite(value) for value in values.tolist()]
