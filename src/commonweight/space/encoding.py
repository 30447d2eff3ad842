"""Children as numbers, for whoever predicts one child from others: blocks `[child, feature]` of what they choose."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from commonweight.errors import UsageError
from commonweight.space.search_space import Child, SearchSpace

MOST_PATHS = 64  # of one cell; with more, paths tell little that choices do not

Block = NDArray[np.float64]


def encoded(choices: Sequence[Sequence[str]]) -> list[Block]:
    """What each child chooses at each of its sites `[child][site]` → one-hot choices, and how often it chooses each option.

    Options that no child chooses, and counts of options that stand at one site alone, tell nothing and are left out. Example:
    of `ab` and `bb` the first block has a column for a and one for b at the first site, and one for b at the second; the
    second block counts a and b. Raises `UsageError` for children of different numbers of sites.
    """
    table = _table(choices)
    options = [np.unique(column) for column in table.T]
    one_hot = [column[:, None] == known for column, known in zip(table.T, options, strict=True)]
    several = sorted({option for known in options for option in known if sum(option in other for other in options) > 1})
    blocks = [np.concatenate(one_hot, axis=1)]
    if several:
        blocks.append(np.stack([(table == option).sum(axis=1) for option in several], axis=1))
    return [block.astype(np.float64) for block in blocks]


def path_counts(children: Sequence[Child]) -> Block | None:
    """How often each sequence of primitives leads from the cell's input to one of its nodes, `[child, sequence]`.

    The path encoding of White et al. (BANANAS, 2021). Example: `143` has 1 on edge (0,1), 4 on (0,2), 3 on (1,2), hence the
    paths 1, 4 and 1-3. None for a cell of more than `MOST_PATHS` paths.
    """
    space = children[0].space
    paths = _paths(space)
    if paths is None:
        return None
    walked = [[tuple(child.digits[edge] for edge in path) for path in paths] for child in children]
    place = {words: column for column, words in enumerate(sorted({words for one in walked for words in one}))}
    counts = np.zeros((len(children), len(place)))
    for row, one in enumerate(walked):
        for words in one:
            counts[row, place[words]] += 1
    return counts


def features(children: Sequence[Child]) -> list[Block]:
    """All blocks of children of one space: choices, counts, and paths where there are not too many."""
    paths = path_counts(children)
    return encoded([child.primitives for child in children]) + ([] if paths is None else [paths])


def choices_in_names(names: Sequence[str]) -> list[tuple[str, ...]] | None:
    """What children of these names choose, if the names say it: None if they do not.

    A name is read as its words, split at anything but letters, digits and `_`; a name that is one word, as its characters.
    They say it if all have as many words, more than one child is told from another by them, and options repeat. Examples:
    `143` is 1, 4, 3; `|conv~0|+|skip~0|pool~1|` is conv, 0, skip, 0, pool, 1; names `1`, `2`, `3` say nothing.
    """
    words = [tuple(_words(name)) for name in names]
    if all(len(one) == 1 for one in words):
        words = [tuple(one[0]) for one in words]
    if len({len(one) for one in words}) != 1 or len(set(words)) < len(names):
        return None
    options = [len(set(column)) for column in zip(*words, strict=True)]
    return words if len(words[0]) > 1 and max(options) <= len(names) // 2 else None


def _words(name: str) -> list[str]:
    return "".join(letter if letter.isalnum() or letter == "_" else " " for letter in name).split()


def _table(choices: Sequence[Sequence[str]]) -> NDArray[np.str_]:
    sites = {len(one) for one in choices}
    if len(sites) != 1 or 0 in sites:
        raise UsageError(f"children choose at {sorted(sites)} sites; expected as many for every child, at least one")
    return np.array([list(one) for one in choices])


def _paths(space: SearchSpace) -> list[tuple[int, ...]] | None:
    """Every path from x0 to a node as the indexes of its edges; None if they are more than `MOST_PATHS`."""
    if 2**space.nodes - 1 > MOST_PATHS:
        return None
    to: list[list[tuple[int, ...]]] = [[()], *([] for _ in range(space.nodes))]
    for index, (source, target) in enumerate(space.edges):
        to[target] += [(*path, index) for path in to[source]]
    return [path for paths in to[1:] for path in paths]
