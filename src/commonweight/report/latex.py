"""Tables, claims and a study's settings for somebody's paper: LaTeX with booktabs, and what to cite as BibTeX."""

from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version

from commonweight.paper import Check, Claims, Table, published
from commonweight.report.wording import heading, statistic

BIBLIOGRAPHY = "commonweight.bib"
SETTINGS = "settings.tex"


def to_latex(made: Table | Claims) -> str:
    """A `table` environment with title, rows and notes, its label `tab:<name>`; the packages that it needs stand above it."""
    match made:
        case Table():
            header = ["", "ranks", *(column.title for column in made.columns)]
            digits = [column.digits for column in made.columns]
            rows = [
                [
                    text(row.name),
                    str(row.ranks),
                    *(_number(statistic(*one)) for one in zip(row.numbers, digits, strict=True)),
                ]
                for row in made.rows
            ]
            columns = f"l{'r' * (len(header) - 1)}"
        case Claims():
            header = ["", "claim and checks", "here", "expected", "outcome"]
            rows = []
            for claim in made.claims:
                rows.append([str(claim.number), rf"\textbf{{{text(claim.text)}}}", "", "", text(claim.verdict.value)])
                rows += map(_check, claim.checks)
            columns = r"rp{.4\linewidth}rp{.2\linewidth}l"
    return _table(made.name, heading(made), columns, header, rows, notes=made.notes)


def settings_to_latex(name: str, settings: Mapping[str, str]) -> str:
    """A study's settings, every one of them, as a table for an appendix."""
    rows = [[rf"\texttt{{{text(key)}}}", text(value)] for key, value in settings.items()]
    columns = r"lp{.6\linewidth}"
    return _table("settings", f"Settings of the study {name}", columns, ["setting", "value"], rows)


def bibliography() -> str:
    """BibTeX of the paper whose study this is, and of this program."""
    paper = {
        "title": f"{{{published.TITLE}}}",
        "author": " and ".join(published.AUTHORS),
        "year": "2020",
        "journal": "arXiv preprint arXiv:2001.01431",
        "url": published.ADDRESS,
    }
    ours = {
        "title": "{commonweight: can a weight-sharing ranking of architectures be trusted?}",
        "author": "{The commonweight developers}",
        "year": "2026",
        "note": f"Version {version('commonweight')}",
    }
    return _entry("article", "zhang2020deeper", paper) + "\n" + _entry("misc", "commonweight", ours)


def text(words: str) -> str:
    """Words on one line that LaTeX sets as they are."""
    return "".join(_SPECIAL.get(letter, letter) for letter in " ".join(words.splitlines()))


_SPECIAL = {
    **{letter: f"\\{letter}" for letter in "{}$&%#_"},
    **{letter: f"{{{letter}}}" for letter in "[]*"},  # after a row's end they would be its arguments
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}", '"': r"\textquotedbl{}"},
    **{"–": "--", "…": r"\dots{}", "“": "``", "”": "''"},
    **{letter: rf"\ensuremath{{{command}}}" for letter, command in
       {"×": r"\times", "±": r"\pm", "≤": r"\le", "≥": r"\ge", "−": "-", "τ": r"\tau", "·": r"\cdot", "→": r"\to"}.items()},
}  # fmt: skip


def _number(shown: str) -> str:
    if shown == "–":
        return "--"
    spaced = shown.replace("±", r"\pm").replace(" [", r"\;[")
    return f"${spaced}$"


def _check(check: Check) -> list[str]:
    here = _number(statistic(check.statistic, 3))
    return ["", text(check.text), here, text(check.expected), text(check.verdict.value)]


def _table(
    name: str,
    title: str,
    columns: str,
    header: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    notes: Sequence[str] = (),
) -> str:
    below = [r"\begin{itemize}", *(rf"\item {text(note)}" for note in notes), r"\end{itemize}"] if notes else []
    lines = [
        r"% \usepackage{booktabs}; if too wide: \usepackage{graphicx}, \resizebox{\linewidth}{!}{...} around tabular",
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{text(title)}}}",
        rf"\label{{tab:{name}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        rf"{' & '.join(map(text, header))} \\",
        r"\midrule",
        *(rf"{' & '.join(row)} \\" for row in rows),
        r"\bottomrule",
        r"\end{tabular}",
        *([r"\par\footnotesize", *below] if below else []),
        r"\end{table}",
    ]
    return "\n".join([*lines, ""])


def _entry(kind: str, key: str, fields: Mapping[str, str]) -> str:
    return "\n".join([f"@{kind}{{{key},", *(f"  {name} = {{{value}}}," for name, value in fields.items()), "}", ""])
