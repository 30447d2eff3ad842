"""The page: everything that was made, in one file that opens without a network."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import jinja2
from markupsafe import Markup

from commonweight.paper import Answer, Boxes, Claim, Claims, Curves, Made, Verdict, published
from commonweight.report import claim_forms
from commonweight.report.forest import NAME, draw_answer
from commonweight.report.glossary import TERMS, explainer
from commonweight.report.interactive import Picture, Spec
from commonweight.report.page_svg import page_svg
from commonweight.report.preface import About
from commonweight.report.static import FORMATS, render
from commonweight.report.table_forms import cell
from commonweight.report.wording import called, heading
from commonweight.values import brief

REST = "Results"  # the chapter of what is in no other


@dataclass(frozen=True)
class Run:
    """What a reader wants to know of how a report came to be.

    `command` makes the whole report again; `commands` has for the name of each table or figure the command that makes this
    one. `facts` (machine, cost, time) are shown in their order. `lacking` are the targets that could not be made, with the
    reason of each; `chapters` has for the name of each table or figure the chapter of the page that it stands in.
    """

    __repr__ = brief

    command: str
    commands: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)
    chapters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chapter:
    """Tables and figures that belong together, in the order in which they were made."""

    number: int
    title: str
    made: tuple[Made, ...]


def page(
    about: About, made: Sequence[Made], run: Run, pictures: Mapping[str, Picture], answer: Answer | None = None
) -> str:
    """The HTML of these things: the answer, the claims, then chapter after chapter; every name in it is escaped.

    `pictures` are of the figures, by their names.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("commonweight.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["explained"] = explainer()
    claims = [item for item in made if isinstance(item, Claims)]
    return environment.get_template("page.html.j2").render(
        about=about,
        answer=answer,
        forest=answer and page_svg(render(draw_answer(answer), "svg"), NAME, answer.sentence),
        run=run,
        paper=published,
        claims=claims,
        chapters=list(_chapters(made, run)),
        names={item.name for item in made},
        resting=lambda name: [one for each in claims for one in each.claims if name in one.shown],
        svg={item.name: page_svg(pictures[item.name].svg, item.name, item.title) for item in made if _is_figure(item)},
        json={name: _json(one.spec) for name, one in pictures.items()},
        formats=FORMATS,
        terms=TERMS,
        called=called,
        heading=heading,
        cell=cell,
        verdicts=_by_verdict,
        badge=claim_forms.badge,
        tally=claim_forms.tally,
        source=claim_forms.source,
        why=claim_forms.why,
        check_header=claim_forms.HEADER,
        check_cells=claim_forms.cells,
        outcomes=_outcomes,
        css=_file("page.css"),
        script=_file("page.js"),
    )


def _is_figure(made: Made) -> bool:
    return isinstance(made, Curves | Boxes)


def _chapters(made: Sequence[Made], run: Run) -> Iterable[Chapter]:
    """In the order in which their first things were made."""
    found: dict[str, list[Made]] = {}
    for item in made:
        if not isinstance(item, Claims):
            found.setdefault(run.chapters.get(item.name, REST), []).append(item)
    return (Chapter(number, title, tuple(items)) for number, (title, items) in enumerate(found.items(), 1))


def _by_verdict(claims: Claims) -> dict[Verdict, list[Claim]]:
    """The claims by their verdicts, those without any left out."""
    by_verdict = {verdict: [one for one in claims.claims if one.verdict is verdict] for verdict in Verdict}
    return {verdict: some for verdict, some in by_verdict.items() if some}


def _json(spec: Spec) -> Markup:
    """A figure as JSON that cannot end its script element, whatever stands in its names."""
    text = json.dumps(spec, allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _outcomes(claim: Claim) -> str:
    """A claim's checks counted by their verdicts: `2 supported, 1 undecided`."""
    counts = Counter(check.verdict for check in claim.checks)
    return ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])


def _file(name: str) -> Markup:
    return Markup(files("commonweight.report").joinpath(name).read_text(encoding="utf-8"))
