"""A report below `<out>/report`: tables, claims, figures, and all of them on one page, as HTML and as Markdown."""

from collections.abc import Sequence
from pathlib import Path

from commonweight.paper import Answer, Boxes, Claims, Curves, Made
from commonweight.report.forest import NAME, draw_answer
from commonweight.report.forms import figure_files, to_files, to_text
from commonweight.report.interactive import picture
from commonweight.report.latex import BIBLIOGRAPHY, SETTINGS, bibliography, settings_to_latex
from commonweight.report.page import Run, page
from commonweight.report.preface import About
from commonweight.report.static import draw
from commonweight.report.style import Style
from commonweight.report.wording import bullets, called, escaped, fenced, heading, row
from commonweight.study.durable import write_whole


def write_report(  # noqa: PLR0917
    about: About,
    made: Sequence[Made],
    out: Path,
    run: Run,
    answer: Answer | None = None,
    style: Style = Style.CLEAR,
) -> list[Path]:
    """Write everything that was made; returns the paths, the page first. The page shows the figures that the files hold."""
    folder = out / "report"
    figures = [item for item in made if isinstance(item, Curves | Boxes)]
    drawn = {item.name: draw(item, style) for item in figures}
    pictures = {item.name: picture(item, drawn[item.name], style) for item in figures}
    contents = {
        folder / "index.html": page(about, made, run, pictures, answer).encode(),
        folder / "report.md": to_document(about, made, run, answer).encode(),
        folder / BIBLIOGRAPHY: bibliography().encode(),
    }
    if about.values:
        contents[folder / "tables" / SETTINGS] = settings_to_latex(about.name, about.values).encode()
    for item in made:
        contents |= {folder / name: content for name, content in to_files(item, drawn).items()}
    if answer is not None:
        contents |= {folder / name: content for name, content in figure_files(NAME, draw_answer(answer)).items()}
    for path, content in contents.items():
        write_whole(path, content)
    return list(contents)


def to_document(about: About, made: Sequence[Made], run: Run, answer: Answer | None = None) -> str:
    """The whole report as one Markdown document beside its `figures/`: the answer, claims, then tables, then figures."""
    ordered = sorted(made, key=lambda item: (not isinstance(item, Claims), to_text(item) is None))
    sections = [to_text(item) or _figure(item) for item in ordered]
    facts = [row(["", ""]), row(["---", "---"]), *(row(map(escaped, fact)) for fact in run.facts.items())]
    settings = ["## Settings", "", *fenced("yaml", about.settings.rstrip())] if about.settings else []
    return "\n".join(
        [
            f"# {escaped(about.name)}",
            "",
            *(_answer(answer) if answer else []),
            *(line for sentence in about.sentences for line in (escaped(sentence), "")),
            *([*facts, ""] if run.facts else []),
            *["Made by:", "", *fenced("sh", run.command)],
            *(
                ["## Not made", *bullets(f"{called(name)}: {why}" for name, why in run.lacking.items())]
                if run.lacking
                else []
            ),
            *sections,
            *settings,
        ]
    )


def _answer(answer: Answer) -> list[str]:
    """The verdict, its numbers and picture, and what to do about it."""
    picture = f"![{escaped(answer.verdict)}](figures/{NAME}.png)"
    said = [f"**{escaped(answer.verdict)}**", "", escaped(answer.sentence), "", picture, *bullets(answer.notes)]
    return [*said, "## What to do about it", *bullets(answer.advice), ""] if answer.advice else [*said, ""]


def _figure(made: Made) -> str:
    picture = f"![{escaped(made.title)}](figures/{made.name}.png)"
    return "\n".join([f"### {escaped(heading(made))}", "", picture, *bullets(made.notes)])
