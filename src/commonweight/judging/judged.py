"""What a judgement found: its numbers, its tables, its report."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from commonweight.elsewhere import FromElsewhere, worth_of
from commonweight.judging.judged_children import JudgedChildren
from commonweight.judging.judgement_tables import stability_table, statistics_table
from commonweight.own import SharingFound
from commonweight.paper import Made, Table
from commonweight.paper.tables import Number
from commonweight.report import About, Run, to_text, write_report
from commonweight.seeds import Stream
from commonweight.space import Chosen


@dataclass(frozen=True, eq=False, repr=False)
class Judged:
    """What the ranks of a user's super-net are worth.

    `accuracy` `[instance, moment, child]` in [0, 1] after `step` `[moment]` mini-batches, which trained the children of
    `trained` `[instance, moment, child]`; `by_batch` `[instance, child]`: at the end, by statistics of validation batches,
    None without batch norm. `population` are the children, with their ground truth where it is known. `untrained` are ranks
    that need no training, by name.
    `modules` are the trained modules, `[instance][group]`. `print` shows all tables; `report` writes them and the figures.
    """

    population: JudgedChildren
    accuracy: np.ndarray
    step: np.ndarray
    trained: np.ndarray
    by_batch: np.ndarray | None
    untrained: Mapping[str, np.ndarray]
    sharing: SharingFound
    modules: tuple[tuple[nn.Module, ...], ...]
    told: tuple[str, ...]
    command: str
    seed: int = 1

    @property
    def children(self) -> tuple[Chosen, ...]:
        return self.population.children

    @property
    def truth(self) -> np.ndarray | None:
        """Ground truth `[child]`, higher is better; None where it is not known."""
        return None if self.population.truth is None else self.population.truth.mean

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(child.name for child in self.children)

    def scores(self) -> dict[str, float]:
        """Each child's accuracy at the last moment, mean over instances, by its name.

        Of children trained alone (`groups` as many as there are children) this is their ground truth.
        """
        return dict(zip(self.names, self.accuracy[:, -1].mean(axis=0).tolist(), strict=True))

    def made(self) -> list[Made]:
        """Every table, figure and claim that the accuracies allow: with ground truth, what `rank` makes of them."""

        def randomness(*purpose: str) -> np.random.Generator:
            return Stream(self.seed).fork("judged", *purpose).generator()

        final = self.accuracy[:, -1]
        statistics = [] if self.by_batch is None else [statistics_table(final, self.by_batch, self.truth, randomness)]
        if (truth := self.population.truth) is None:
            return [stability_table(self.accuracy, self.untrained, randomness), *statistics]
        known = bool(self.trained.any(axis=2).all())  # at each moment: of a large space, others are trained than judged
        found = FromElsewhere(
            self.names,
            self.accuracy,
            truth.mean,
            self.step,
            self.trained if known else None,
            seeds=truth.several,
            known=self.population.size,
            chosen=self.population.chosen,
            baselines=self.untrained,
        )
        ranks, *others = worth_of(found, self.seed)
        return [ranks, *statistics, *others]

    def report(self, out: Path | str) -> Path:
        """Write the report below `out`, and what `commonweight rank` reads beside it; returns the page's path.

        That is `instance-0.csv` and so on, moments by children, and `scores.csv`: ground truth for others, if children were
        trained alone.
        """
        out = Path(out)
        about = About("A super-net of your own, judged", (*self.told,), f"{self.sharing}\n")
        page = write_report(about, self.made(), out, Run(self.command))[0]
        for number, moments in enumerate(self.accuracy):
            with (out / f"instance-{number}.csv").open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(["step", *self.names])
                writer.writerows([step, *row] for step, row in zip(self.step.tolist(), moments.tolist(), strict=True))
        with (out / "scores.csv").open("w", newline="", encoding="utf-8") as file:
            csv.writer(file).writerows([("child", "accuracy"), *self.scores().items()])
        return page

    def __repr__(self) -> str:
        instances, moments, children = self.accuracy.shape
        shape = f"{children:,} children, {instances} instances, {moments} moments"
        tables = {one.name: one for one in self.made() if isinstance(one, Table)}
        first = tables["stability" if self.truth is None else "ranks"]
        numbers = [f"{row.name} {_told(number)}" for row in first.rows for number in row.numbers[:1] if number]
        what = "S-Tau; GT-Tau is not known" if self.truth is None else "GT-Tau"
        return f"Judged({shape}; {what}: {', '.join(numbers)})"

    def __str__(self) -> str:
        texts = [to_text(one) for one in self.made()]
        return "\n\n".join([*self.told, *(text.strip() for text in texts if text), repr(self)])


def _told(number: Number) -> str:
    if np.isnan(number.value):
        return "undefined"
    interval = f" [{number.interval.low:.2f}, {number.interval.high:.2f}]" if number.interval else ""
    return f"{number.value:.2f}{interval}"
