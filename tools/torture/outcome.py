"""What became of a fault, and the table of all faults."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

import numpy as np

from tools.torture.world import World

COLUMNS = ("fault", "tries", "survived", "noticed", "lost")


class Fate(Enum):
    """What became of it.

    `SURVIVED`: the same command goes on, and every compared byte is that of an undisturbed run. `NOTICED`: the fault was
    named, with a documented exit code, and then the same. `LOST`: anything else, such as a wrong number, a traceback, a
    hang, a process left over. Of files that people give: read, refused in one line, anything else.
    """

    SURVIVED = "survived"
    NOTICED = "noticed"
    LOST = "lost"


@dataclass(frozen=True)
class Outcome:
    """The fate of one try, and when it is lost what happened."""

    fate: Fate
    told: str = ""

    @classmethod
    def lost(cls, why: str) -> "Outcome":
        return cls(Fate.LOST, why)

    @classmethod
    def of(cls, why: str, *, noticed: bool = False) -> "Outcome":
        """Lost when something is wrong."""
        return cls.lost(why) if why else cls(Fate.NOTICED if noticed else Fate.SURVIVED)


Attack = Callable[[World, int, np.random.Generator], list[Outcome]]
"""One attack on fresh copies, by its number and with its own random numbers; the outcome of each of its tries."""


@dataclass(frozen=True)
class Fault:
    """A kind of fault, under the word of `--kind` and the words of the table; by default `attacks` are made."""

    kind: str
    words: str
    attack: Attack
    attacks: int


@dataclass
class Tally:
    """Fates counted by fault."""

    counts: dict[str, Counter[Fate]] = field(default_factory=dict)

    def add(self, fault: Fault, outcomes: Sequence[Outcome]) -> None:
        self.counts.setdefault(fault.words, Counter()).update(outcome.fate for outcome in outcomes)

    def told(self, fault: Fault) -> str:
        """What became of a fault's tries, in words."""
        counter = self.counts.get(fault.words, Counter())
        return ", ".join(f"{counter[fate]} {fate.value}" for fate in Fate)

    @property
    def lost(self) -> int:
        """How many tries were lost."""
        return sum(counter[Fate.LOST] for counter in self.counts.values())

    def table(self) -> str:
        """A table in Markdown, with a line for each fault that was tried."""
        lines = [COLUMNS, ("---", *["---:"] * 4)]
        for words, counter in self.counts.items():
            numbers = (counter.total(), *(counter[fate] for fate in Fate))
            lines.append((words, *(f"{number:,}" for number in numbers)))
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
