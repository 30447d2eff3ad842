"""Of which children a judgement is: a sample, names, or those that ground truth knows."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from commonweight.elsewhere.accuracy_tables import INSTANCE_WORDS, ROW_WORDS, column_word
from commonweight.elsewhere.given import given_truth
from commonweight.elsewhere.grids import word
from commonweight.elsewhere.truth_tables import read_truth_grid, truth_of
from commonweight.errors import UsageError
from commonweight.ranking import sampling_deviation
from commonweight.space import MOST_COUNTED, Choices, Chosen

LEAST = 3  # children that a rank worth asking about has


def judged_children(
    space: Choices, children: int | Sequence[Chosen | str], truth: Any, rng: np.random.Generator
) -> tuple[tuple[Chosen, ...], np.ndarray | None, tuple[str, ...]]:
    """The children to judge, their ground truth `[child]` (higher is better) or None, and in sentences how they were found.

    `truth` is a file (CSV, JSON or Parquet), or a mapping from names to numbers. `children` are names or children, or how
    many to draw at random: of the space, or of the children that ground truth knows. Raises `UsageError` and `DataError`
    for a name of ground truth that is no child of the space, a child without ground truth, and less than 3 children.
    """
    known, told = None, []
    if truth is not None:
        known = _known(space, truth)
        if len(known) < (every := _size(space)):
            told.append(f"Ground truth is known of {len(known):,} of {every:,} children; no others are judged.")
    if isinstance(children, int):
        judged = _drawn(space, children, known, rng)
        every = len(known) if known is not None else _size(space)
        if len(judged) < every:
            told.append(
                f"Judged are {len(judged):,} children drawn at random of {every:,}; a tau of such a sample deviates by "
                f"about {sampling_deviation(len(judged), every):.3f}."
            )
    else:
        judged = tuple(space.child(one) if isinstance(one, str) else one for one in children)
        if len(set(judged)) < len(judged):
            raise UsageError("a child stands twice among those to judge; expected each once")
        strangers = [child for child in judged if child.space != space]
        if strangers:
            raise UsageError(f"child {strangers[0]} is of another space; expected children of the net's")
    if len(judged) < LEAST:
        raise UsageError(f"{len(judged)} children to judge; a rank worth asking about has at least {LEAST}")
    if truth is None:
        return judged, None, tuple(told)
    names = [child.name for child in judged]
    values, how = _values(truth, names)
    return judged, values, (*told, f"{how[:1].upper()}{how[1:]}.") if how else tuple(told)


def _drawn(space: Choices, count: int, known: Sequence[Chosen] | None, rng: np.random.Generator) -> tuple[Chosen, ...]:
    if known is None:
        return space.sample(min(count, _size(space)), rng)
    if count >= len(known):
        return tuple(sorted(known))
    places = rng.choice(len(known), count, replace=False)
    return tuple(sorted(known[place] for place in places))


def _known(space: Choices, truth: Any) -> list[Chosen]:
    """The children that ground truth names; raises `UsageError` for a name that is no child of the space."""
    where = f"{truth}: " if isinstance(truth, str | Path) else ""
    found = []
    for name in dict.fromkeys(_names(space, truth)):
        try:
            found.append(space.child(name))
        except UsageError as error:
            raise UsageError(f"{where}ground truth of an unknown child: {error}") from None
    return found


def _names(space: Choices, truth: Any) -> list[str]:
    """The names in a mapping, or in that column or first row of a file that has the most children of the space."""
    if isinstance(truth, str | Path):
        grid = read_truth_grid(Path(truth))
        columns = [grid.column(place) for place in range(len(grid.rows[0]) if grid.rows else 0)]
        heads = list(grid.names or (map(word, grid.rows[0]) if grid.rows else ()))
        named = max([*columns, heads], key=lambda words: sum(_is_child(space, one) for one in words))
        if not any(_is_child(space, one) for one in named):
            example = space.sample(1, np.random.default_rng(0))[0].name
            raise UsageError(
                f"{truth}: no child of the space; expected a column of names such as {example!r}, and numbers"
            )
        if named is heads:
            return [one for one in heads if column_word(one) not in (*INSTANCE_WORDS, *ROW_WORDS)]
        return named[1:] if grid.names is None and not _is_child(space, named[0]) else named  # without its title
    if hasattr(truth, "keys"):
        return [str(one) for one in truth.keys()]  # noqa: SIM118  (a Series iterates over its values)
    raise UsageError(
        f"truth is a {type(truth).__name__}; expected a file, or a mapping from the names of children to numbers"
    )


def _is_child(space: Choices, name: str) -> bool:
    try:
        space.child(name)
    except UsageError:
        return False
    return True


def _values(truth: Any, names: Sequence[str]) -> tuple[np.ndarray, str]:
    if isinstance(truth, str | Path):
        return truth_of(read_truth_grid(Path(truth)), names)
    return given_truth(truth, names, lower_is_better=False)


def _size(space: Choices) -> int:
    """Children of the space; of one whose valid children are too many to count, all combinations."""
    return space.size if space.valid is None or space.combinations <= MOST_COUNTED else space.combinations
