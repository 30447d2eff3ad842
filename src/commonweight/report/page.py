"""The page: everything that was made, in one file that opens without a network."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

import jinja2
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from commonweight.paper import Boxes, Claim, Claims, Curves, Made, Table, Verdict
from commonweight.report import claim_forms
from commonweight.report.interactive import interactive
from commonweight.report.preface import About
from commonweight.report.static import FORMATS
from commonweight.report.table_forms import cell
from commonweight.report.wording import called, heading
from commonweight.values import brief


@dataclass(frozen=True)
class Run:
    """What a reader wants to know of how a report came to be.

    `command` makes the whole report again; `commands` has for the name of each table or figure the command that makes this
    one. `facts` (machine, cost, time) are shown in their order. `lacking` are the targets that could not be made, with the
    reason of each.
    """

    __repr__ = brief

    command: str
    commands: Mapping[str, str] = field(default_factory=dict)
    facts: Mapping[str, str] = field(default_factory=dict)
    lacking: Mapping[str, str] = field(default_factory=dict)


def page(about: About, made: Sequence[Made], run: Run) -> str:
    """The HTML of these things, kind after kind, each kind in the order given; every name in it is escaped."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("commonweight.report", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        about=about,
        run=run,
        claims=[item for item in made if isinstance(item, Claims)],
        tables=[item for item in made if isinstance(item, Table)],
        figures=[item for item in made if isinstance(item, Curves | Boxes)],
        formats=FORMATS,
        called=called,
        heading=heading,
        cell=cell,
        json=_json,
        tally=claim_forms.tally,
        badge=claim_forms.badge,
        source=claim_forms.source,
        why=claim_forms.why,
        check_header=claim_forms.HEADER,
        check_cells=claim_forms.cells,
        outcomes=_outcomes,
        css=_file("page.css"),
        script=_file("page.js"),
        plotly=Markup(get_plotlyjs()),
    )


def _json(made: Curves | Boxes) -> Markup:
    """A figure as JSON that cannot end its script element, whatever stands in its names."""
    text = json.dumps(interactive(made), allow_nan=False, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _outcomes(claim: Claim) -> str:
    """A claim's checks counted by their verdicts: `2 supported, 1 undecided`."""
    counts = Counter(check.verdict for check in claim.checks)
    return ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])


def _file(name: str) -> Markup:
    return Markup(files("commonweight.report").joinpath(name).read_text(encoding="utf-8"))
