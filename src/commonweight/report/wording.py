"""How names and numbers are put: titles, a number with its interval, and text that Markdown shows as it is."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence

from commonweight.paper import Made, Number


def called(name: str) -> str:
    """The name of something made, as a reader says it: `figure-5a` is Figure 5a."""
    return name.replace("-", " ").capitalize()


def heading(made: Made) -> str:
    """The name and the title; the title alone where it begins with the name."""
    name = called(made.name)
    return made.title if made.title.startswith(name) else f"{name}. {made.title}"


def statistic(number: Number | None, digits: int, break_with: str = " ") -> str:
    """`mean ± std [low, high]`; a dash for what was not measured or is undefined."""
    if number is None or number.value != number.value:
        return "–"
    text = f"{number.value:.{digits}f}"
    if number.std is not None:
        text += f" ± {number.std:.{digits}f}"
    if number.interval is not None:
        text += f"{break_with}[{number.interval.low:.{digits}f}, {number.interval.high:.{digits}f}]"
    return text


def short(name: str, letters: int) -> str:
    """A name of no more letters than this: a longer one loses its middle, since long names often begin alike."""
    if len(name) <= letters:
        return name
    return f"{name[: letters // 2]}…{name[len(name) - (letters - 1) // 2 :]}"


def escaped(text: str) -> str:
    """Text on one line that Markdown shows as it is; an underscore inside a word needs no help (CommonMark 6.2)."""
    text = " ".join(text.splitlines())
    return re.sub(r"[\\|*`<>\[\]#]|(?<![^\W_])_|_(?![^\W_])", r"\\\g<0>", text)


def fenced(language: str, text: str) -> list[str]:
    """Lines of a Markdown code block that shows the text as it is; the fence is longer than any that stands in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return [f"{fence}{language}", text, fence, ""]


def row(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def bullets(notes: Iterable[str]) -> list[str]:
    """Notes as a Markdown list, which ends with a line's end."""
    return ["", *(f"- {escaped(note)}" for note in notes), ""]


def comma_separated(columns: Mapping[str, Sequence[str | int | float | None]]) -> str:
    """Columns as CSV under their names, numbers with full precision; nothing for None."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    for cells in zip(*columns.values(), strict=True):
        writer.writerow(["" if one is None else repr(one) if isinstance(one, float) else one for one in cells])
    return out.getvalue()
