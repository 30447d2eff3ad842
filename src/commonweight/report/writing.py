"""The report of a study below `<out>/report`: tables, claims, figures, and one page that shows them all offline."""

from collections.abc import Sequence
from pathlib import Path

from commonweight.paper import Made
from commonweight.report.forms import to_files
from commonweight.report.page import Run, page
from commonweight.study.experiments import Setting
from commonweight.study.store import write_whole


def write_report(setting: Setting, made: Sequence[Made], out: Path, run: Run) -> list[Path]:
    """Write everything that was made; returns the paths, the page first."""
    folder = out / "report"
    contents = {folder / "index.html": page(setting, made, run).encode()}
    for item in made:
        contents |= {folder / name: content for name, content in to_files(item).items()}
    for path, content in contents.items():
        write_whole(path, content)
    return list(contents)
