"""Tables and figures as plain data, for JSON and for programs."""

import math
from typing import Any

from commonweight.paper import Curves, Number, Table


def to_data(made: Table | Curves) -> dict[str, Any]:
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
            series = [
                {
                    "name": one.name,
                    "ranks": one.ranks,
                    "at": one.at.tolist(),
                    "values": [_finite(value) for value in one.values.tolist()],
                }
                for one in made.series
            ]
            return {**common, "x": made.x, "y": made.y, "series": series}


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
