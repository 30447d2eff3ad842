"""The report of a study below `<out>/report`: tables, figures, and one page that shows them all offline."""

import base64
from collections.abc import Sequence
from pathlib import Path

import jinja2

from commonweight.paper import Made, Table
from commonweight.report.figures import FORMATS, draw, render
from commonweight.report.preface import preface
from commonweight.report.tables import cell, to_csv, to_markdown
from commonweight.study.experiments import Setting
from commonweight.study.load import dump_study
from commonweight.study.store import write_whole


def write_report(setting: Setting, made: Sequence[Made], out: Path, command: str) -> list[Path]:
    """Write everything that was made; returns the paths, the page first. `command` is what makes it again."""
    folder = out / "report"
    files: dict[Path, bytes] = {}
    tables = [item for item in made if isinstance(item, Table)]
    figures = []
    for table in tables:
        files[folder / "tables" / f"{table.name}.md"] = to_markdown(table).encode()
        files[folder / "tables" / f"{table.name}.csv"] = to_csv(table).encode()
    for item in made:
        if not isinstance(item, Table):
            figure = draw(item)
            drawn = {kind: render(figure, kind) for kind in FORMATS}
            files |= {folder / "figures" / f"{item.name}.{kind}": content for kind, content in drawn.items()}
            figures.append({"made": item, "png": base64.b64encode(drawn["png"]).decode()})
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("commonweight.report", "."), autoescape=True, undefined=jinja2.StrictUndefined
    )
    page = environment.get_template("page.html.j2").render(
        study=setting.study,
        preface=preface(setting),
        command=command,
        tables=tables,
        figures=figures,
        settings=dump_study(setting.study),
        cell=cell,
    )
    files = {folder / "index.html": page.encode(), **files}
    for path, content in files.items():
        write_whole(path, content)
    return list(files)
