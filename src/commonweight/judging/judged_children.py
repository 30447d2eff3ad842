"""Of which children a judgement is: a sample, names, or those that ground truth knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from commonweight.elsewhere.accuracy_tables import INSTANCE_WORDS, ROW_WORDS, column_word
from commonweight.elsewhere.given import given_truth
from commonweight.elsewhere.grids import word
from commonweight.elsewhere.truth_tables import Truth, read_truth_grid, truth_of
from commonweight.errors import UsageError
from commonweight.ranking import sampling_deviation
from commonweight.ranking.populations import LEAST
from commonweight.space import MOST_COUNTED, Choices, Chosen


@dataclass(frozen=True, eq=False)
class JudgedChildren:
    """The children to judge, `chosen` as it says in words out of `size`, and their ground truth where it is known."""

    children: tuple[Chosen, ...]
    truth: Truth | None
    size: int
    chosen: str

    @property
    def told(self) -> str:
        """A sentence of who is judged."""
        deviation = ""
        if len(self.children) < self.size:
            deviation = (
                f"; a tau of such a sample deviates by about {sampling_deviation(len(self.children), self.size):.3f}"
            )
        return f"Judged are {len(self.children):,} children: {self.chosen}{deviation}."


def judged_children(
    space: Choices, children: int | Sequence[Chosen | str], truth: Any, rng: np.random.Generator
) -> JudgedChildren:
    """Who is judged: `children` by name, or so many, drawn at random of the space or of those that ground truth knows.

    `truth` is a file (CSV, JSON or Parquet), or a mapping from names to numbers; higher is better. Raises
    `UsageError` and `DataError` for a name of ground truth that is no child of the space, a child without ground truth, and
    less than 3 children.
    """
    known = None if truth is None else _known(space, truth)
    every = _size(space)
    size = every if known is None else len(known)
    source = "of the space" if size == every else f"that ground truth has, of {every:,} in the space"
    if isinstance(children, int):
        judged = _drawn(space, children, known, rng)
        chosen = f"all {source}" if len(judged) == size else f"drawn at random of {size:,} {source}"
    else:
        judged = tuple(space.child(one) if isinstance(one, str) else one for one in children)
        if len(set(judged)) < len(judged):
            raise UsageError("a child stands twice among those to judge; expected each once")
        strangers = [child for child in judged if child.space != space]
        if strangers:
            raise UsageError(f"child {strangers[0]} is of another space; expected children of the net's")
        chosen = f"chosen by their names, of {size:,} {source}"
    if len(judged) < LEAST:
        raise UsageError(f"{len(judged)} children to judge; a rank worth asking about has at least {LEAST}")
    names = [child.name for child in judged]
    return JudgedChildren(judged, None if truth is None else _values(truth, names), size, chosen)


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
    if hasattr(truth, "keys") and not hasattr(truth, "columns"):
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


def _values(truth: Any, names: Sequence[str]) -> Truth:
    if isinstance(truth, str | Path):
        return truth_of(read_truth_grid(Path(truth)), names)
    return given_truth(truth, names, lower_is_better=False)


def _size(space: Choices) -> int:
    """Children of the space; of one whose valid children are too many to count, all combinations."""
    return space.size if space.valid is None or space.combinations <= MOST_COUNTED else space.combinations
