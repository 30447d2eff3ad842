"""A report below `<out>/report`: tables, claims, figures, and all of them on one page, as HTML and as Markdown."""

from collections.abc import Sequence
from pathlib import Path

from commonweight.paper import Claims, Made
from commonweight.report.forms import to_files, to_text
from commonweight.report.page import Run, page
from commonweight.report.preface import About
from commonweight.report.wording import bullets, called, escaped, fenced, heading, row
from commonweight.study.durable import write_whole


def write_report(about: About, made: Sequence[Made], out: Path, run: Run) -> list[Path]:
    """Write everything that was made; returns the paths, the page first."""
    folder = out / "report"
    contents = {
        folder / "index.html": page(about, made, run).encode(),
        folder / "report.md": to_document(about, made, run).encode(),
    }
    for item in made:
        contents |= {folder / name: content for name, content in to_files(item).items()}
    for path, content in contents.items():
        write_whole(path, content)
    return list(contents)


def to_document(about: About, made: Sequence[Made], run: Run) -> str:
    """The whole report as one Markdown document beside its `figures/`: claims, then tables, then figures."""
    ordered = sorted(made, key=lambda item: (not isinstance(item, Claims), to_text(item) is None))
    sections = [to_text(item) or _figure(item) for item in ordered]
    facts = [row(["", ""]), row(["---", "---"]), *(row(map(escaped, fact)) for fact in run.facts.items())]
    settings = ["## Settings", "", *fenced("yaml", about.settings.rstrip())] if about.settings else []
    return "\n".join(
        [
            f"# {escaped(about.name)}",
            "",
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


def _figure(made: Made) -> str:
    picture = f"![{escaped(made.title)}](figures/{made.name}.png)"
    return "\n".join([f"### {escaped(heading(made))}", "", picture, *bullets(made.notes)])
