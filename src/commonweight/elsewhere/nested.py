"""JSON that other programs wrote, and the same as Python's dicts and lists: grids, by method where they are nested by one.

Example: `{"112": 0.5, "143": 0.6}` is one rank, `{"112": [0.5, 0.55], "143": [0.6, 0.62]}` has two rows, and
`{"one-shot": {"112": 0.5, "143": 0.6}, "fine-tuned": {"112": 0.7, "143": 0.6}}` two methods of one rank each.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from commonweight.elsewhere.grids import Grid, listed
from commonweight.errors import TableError

Methods = dict[str, list[Grid]]
"""For each method, "" where there is none, a grid for each of its instances or one for all."""

EXPECTED = "expected {child: number}, {child: [numbers]}, rows of numbers or of {name: value}, or these for each method"


def json_grids(where: str, content: bytes, *, by_method: bool) -> Methods:
    """The grids of this JSON; raises `TableError`. See `nested_grids`."""
    try:
        found = json.loads(content.decode("utf-8-sig"), object_pairs_hook=_once)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        raise TableError(f"{where}: cannot be read as JSON ({error}); {EXPECTED}") from None
    return nested_grids(where, found, by_method=by_method)


def nested_grids(where: str, found: Any, *, by_method: bool) -> Methods:
    """The grids of these dicts and lists; what is nested once more is by method, or else its parts are rows or instances.

    Raises `TableError` for anything else, and where children or lengths differ.
    """
    if not isinstance(found, Mapping):
        return {"": _instances(where, found)}
    if not found:
        raise TableError(f"{where}: {{}} holds nothing; {EXPECTED}")
    parts = {str(name): part for name, part in found.items()}
    deeper = [isinstance(part, Mapping) or _depth(part) > 1 for part in parts.values()]
    if not any(deeper):
        return {"": [_columns(where, parts)]}
    if not all(deeper):
        odd = list(parts)[deeper.index(False)]
        raise TableError(f"{where}: {odd!r} holds less than {list(parts)[deeper.index(True)]!r} does; {EXPECTED}")
    if by_method:
        return {name: _only(f"{where}, {name!r}", part) for name, part in parts.items()}
    inner = list(parts.values())
    if all(isinstance(part, Mapping) and not any(map(_depth, part.values())) for part in inner):
        grid = _records(where, inner)
        rows = [(name, *row) for name, row in zip(parts, grid.rows, strict=True)]
        return {"": [replace(grid, names=("instance", *(grid.names or ())), rows=rows)]}
    return {"": [grid for name, part in parts.items() for grid in _only(f"{where}, {name!r}", part)]}


def _only(where: str, part: Any) -> list[Grid]:
    grids = nested_grids(where, part, by_method=True)
    if list(grids) != [""]:
        raise TableError(f"{where}: nested too deep; {EXPECTED}")
    return grids[""]


def _instances(where: str, found: Any) -> list[Grid]:
    """The grids of a list: of numbers, of rows, of records, or of instances that are lists of rows."""
    if not isinstance(found, Sequence) or isinstance(found, str) or not len(found):
        raise TableError(f"{where}: {found!r} at the top; {EXPECTED}")
    if all(isinstance(row, Mapping) for row in found):
        return [_records(where, found)]
    depths = {_depth(row) for row in found}
    if depths == {0}:
        return [Grid(where, (), [found], ("a list of numbers",))]
    if depths == {1}:
        _require_lengths(where, {f"row {number}": row for number, row in enumerate(found, start=1)})
        return [Grid(where, (), found, ("lists of numbers",))]
    if depths == {2}:
        return [grid for number, part in enumerate(found) for grid in _instances(f"{where}, instance {number}", part)]
    raise TableError(f"{where}: numbers, lists and names are mixed; {EXPECTED}")


def _records(where: str, rows: Sequence[Mapping[Any, Any]]) -> Grid:
    """Rows of {name: value} with the same names, in any order."""
    names = list(rows[0])
    for number, row in enumerate(rows, start=1):
        if row.keys() != rows[0].keys():
            odd = listed(row.keys() ^ rows[0].keys())
            raise TableError(f"{where}, row {number}: it or row 1 has no {odd}; expected the same names in each")
    return Grid(
        where, tuple(map(str, names)), [[row[name] for name in names] for row in rows], ("rows of names and values",)
    )


def _columns(where: str, parts: Mapping[str, Any]) -> Grid:
    """{name: value} or {name: [values]}."""
    lists = {name: part for name, part in parts.items() if _depth(part)}
    if not lists:
        return Grid(where, tuple(parts), [list(parts.values())], ("names and numbers",))
    if len(lists) < len(parts):
        odd = next(name for name in parts if name not in lists)
        raise TableError(f"{where}: {odd!r} is one value and {next(iter(lists))!r} a list; {EXPECTED}")
    _require_lengths(where, lists)
    return Grid(where, tuple(parts), list(zip(*parts.values(), strict=True)), ("names and lists of numbers",))


def _require_lengths(where: str, lists: Mapping[str, Sequence[Any]]) -> None:
    first, expected = next((name, len(values)) for name, values in lists.items())
    if not expected:
        raise TableError(f"{where}: {first!r} holds no numbers; {EXPECTED}")
    for name, values in lists.items():
        if len(values) != expected:
            raise TableError(
                f"{where}: {name!r} has {len(values)} values and {first!r} {expected}; expected as many in each"
            )


def _depth(part: Any) -> int:
    """0 for a value, 1 for a list of values, 2 for a list of lists or of dicts, and so on down its first elements."""
    if isinstance(part, Mapping):
        return 1
    if isinstance(part, str) or not isinstance(part, Sequence):
        return 0
    return 1 + (_depth(part[0]) if len(part) else 0)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """A JSON object each of whose names stands once."""
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice!r} stands {names.count(twice)} times in one object, expected once")
    return found
